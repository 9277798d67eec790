"""Codes that were none, and whoever tried them."""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint, Value
from django.db.models.functions import Now


class Guess(models.Model):
    """A code that was none. Append-only. ``network`` is the address it came from, ``wider`` the network around that."""

    player_id = models.UUIDField()
    network = models.CharField(max_length=45, blank=True)
    wider = models.CharField(max_length=45, blank=True, default="", db_default="")
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "guesses"
        indexes = [
            models.Index(fields=["player_id", "-occurred_at"], name="guess_by_player"),
            models.Index(
                fields=["network", "-occurred_at"], condition=~Q(network=""), name="guess_by_network"
            ),
            models.Index(fields=["wider", "-occurred_at"], condition=~Q(wider=""), name="guess_by_wider"),
            models.Index(fields=["-occurred_at"], name="guess_by_time"),
        ]


class Guesser(models.Model):
    """A player, an address or a network that guessed: since when guesses count, and until when nothing more may be tried."""

    pk = models.CompositePrimaryKey("who", "identity")
    who = models.CharField(max_length=8)
    identity = models.CharField(max_length=45)
    guesses = models.IntegerField(default=0)
    counted_from = models.DateTimeField(null=True)
    locked_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            CheckConstraint(name="guesser_known", condition=Q(who__in=["player", "address", "network"]))
        ]
        indexes = [models.Index(fields=["locked_until"], name="guesser_locked_until")]


class GuessAlarm(models.Model):
    """From when until when so many codes were guessed, by whoever, that the alarm rang."""

    began_at = models.DateTimeField()
    guesses = models.IntegerField()
    ended_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(Value(1), condition=Q(ended_at=None), name="guess_alarm_one_rings"),
            CheckConstraint(
                name="guess_alarm_ends_later", condition=Q(ended_at=None) | Q(ended_at__gte=F("began_at"))
            ),
        ]
