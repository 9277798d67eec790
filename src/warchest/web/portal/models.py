"""The portal's own table: failed tries at its doors, so that a lock holds in every process."""

from __future__ import annotations

from django.db import models


class SignInFailure(models.Model):
    """How often an account or an address failed lately. ``subject`` is a keyed hash: nobody's name stands here."""

    subject = models.CharField(primary_key=True, max_length=64)
    failures = models.IntegerField()
    last_at = models.DateTimeField(db_index=True)
    locked_until = models.DateTimeField(null=True)
