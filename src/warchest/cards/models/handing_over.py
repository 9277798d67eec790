"""Codes on their way out of the house."""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.cards.models.batches import Batch
from warchest.kernel.ids import new_id


class PrintFile(models.Model):
    """A part of the file of a batch's codes, encrypted: until the hand-over under the deployment's key, each part by itself; then
    to the print house's public key, the parts being one file together."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    part = models.IntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [UniqueConstraint(fields=["batch", "part"], name="print_file_part_once")]


class Printer(models.Model):
    """A print house and the public key that its files are encrypted to. ``kind`` is ``age`` or ``openpgp``."""

    id = models.UUIDField(primary_key=True, default=new_id)
    name = models.CharField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=8)
    key = models.TextField()
    fingerprint = models.CharField(max_length=64)
    added_by = models.UUIDField()
    added_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [CheckConstraint(name="printer_kind_known", condition=Q(kind__in=["age", "openpgp"]))]

    def __str__(self) -> str:
        return self.name


class HandOver(models.Model):
    """That a batch's codes shall leave the house, asked by one and confirmed by another, to the holder of one key.

    ``kind`` and ``key`` are the printer's at the moment of asking. Once it is confirmed, ``control_digest`` is the SHA-256 of
    the plain file, which its receiver compares.
    """

    id = models.UUIDField(primary_key=True, default=new_id)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    recipient = models.CharField(max_length=120)
    kind = models.CharField(max_length=8)
    key = models.TextField()
    fingerprint = models.CharField(max_length=64)
    asked_by = models.UUIDField()
    asked_at = models.DateTimeField()
    withdrawn_by = models.UUIDField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    confirmed_by = models.UUIDField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    cards = models.IntegerField(default=0)
    file_bytes = models.BigIntegerField(default=0)
    control_digest = models.CharField(max_length=64, blank=True, default="")
    fetched_by = models.UUIDField(null=True)
    fetched_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="hand_over_by_two", condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("asked_by"))
            ),
            CheckConstraint(name="hand_over_one_end", condition=Q(confirmed_at=None) | Q(withdrawn_at=None)),
            CheckConstraint(
                name="hand_over_confirmed_whole",
                condition=Q(confirmed_at=None, confirmed_by=None, fetched_at=None)
                | (Q(confirmed_at__isnull=False, confirmed_by__isnull=False) & ~Q(control_digest="")),
            ),
            UniqueConstraint(fields=["batch"], condition=Q(withdrawn_at=None), name="hand_over_once_a_batch"),
        ]
