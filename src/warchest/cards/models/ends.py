"""How cards end that nobody used, and how they are limited to one for each player."""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.cards.models.batches import Batch
from warchest.kernel.ids import new_id


class CampaignUse(models.Model):
    """A player activated a card of a campaign: the one that they get. Append-only."""

    campaign = models.CharField(max_length=60)
    player_id = models.UUIDField()
    serial = models.CharField(max_length=20, unique=True)
    used_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [UniqueConstraint(fields=["campaign", "player_id"], name="campaign_once_a_player")]

    def __str__(self) -> str:
        return f"{self.campaign}: {self.serial}"


class ExpiryWalk(models.Model):
    """How far a batch whose end has come was gone through; cards that have an end of their own are found by that."""

    batch = models.OneToOneField(Batch, on_delete=models.PROTECT, primary_key=True)
    next_number = models.IntegerField(default=1)
    done_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())


class ExpiredPart(models.Model):
    """Cards of a batch that expired together, and what the books had owed for them in one currency. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id)
    run = models.UUIDField()
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT)
    first_number = models.IntegerField()
    last_number = models.IntegerField()
    cards = models.IntegerField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    entry_id = models.UUIDField(null=True)
    expired_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["run", "currency"], name="expired_part_once"),
            CheckConstraint(
                name="expired_part_range",
                condition=Q(first_number__gte=1, last_number__gte=F("first_number")),
            ),
            CheckConstraint(
                name="expired_part_booked",
                condition=Q(amount_minor=0, entry_id=None) | Q(amount_minor__gt=0, entry_id__isnull=False),
            ),
        ]


class ExpiryWarning(models.Model):
    """Somebody was told that cards end so many days ahead: the house and its resellers of a batch (no ``serial``), or the player
    who bought the card. Append-only."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    serial = models.CharField(max_length=20, blank=True, default="", db_default="")
    ends_at = models.DateTimeField()
    days = models.SmallIntegerField()
    cards = models.IntegerField()
    warned_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["batch", "serial", "ends_at", "days"], name="expiry_warned_once"),
            CheckConstraint(name="expiry_warned_ahead", condition=Q(days__gte=1, cards__gte=1)),
        ]
