"""Codes that were none, and whoever tried them."""

from django.db import models
from django.db.models import CheckConstraint, Q
from django.db.models.functions import Now


class Guess(models.Model):
    """A code that was none. Append-only."""

    player_id = models.UUIDField()
    network = models.CharField(max_length=45, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "guesses"
        indexes = [
            models.Index(fields=["player_id", "-occurred_at"], name="guess_by_player"),
            models.Index(
                fields=["network", "-occurred_at"], condition=~Q(network=""), name="guess_by_network"
            ),
        ]


class Guesser(models.Model):
    """A player or an address that guessed: since when guesses count, and until when nothing more may be tried."""

    pk = models.CompositePrimaryKey("who", "identity")
    who = models.CharField(max_length=8)
    identity = models.CharField(max_length=45)
    guesses = models.IntegerField(default=0)
    counted_from = models.DateTimeField(null=True)
    locked_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [CheckConstraint(name="guesser_known", condition=Q(who__in=["player", "address"]))]
        indexes = [models.Index(fields=["locked_until"], name="guesser_locked_until")]
