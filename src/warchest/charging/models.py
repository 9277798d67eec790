"""Wallets and their funding lots."""

from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.db.models.functions import Now

from warchest.kernel.ids import new_id


class Wallet(models.Model):
    """One row a player: what everything that spends from the wallet locks first."""

    player_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=8, default="open")
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [CheckConstraint(name="wallet_state_known", condition=Q(state__in=["open", "frozen"]))]


class Lot(models.Model):
    """Units that came in together, and what was paid for them. ``…_left`` only ever shrink; the rest never changes."""

    id = models.UUIDField(primary_key=True)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="lots")
    source = models.CharField(max_length=16)
    reference = models.CharField(max_length=80)
    issued_minor = models.BigIntegerField()
    units_left_minor = models.BigIntegerField()
    consideration_minor = models.BigIntegerField()
    consideration_left_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    refundable = models.BooleanField()
    transferable = models.BooleanField()
    payable_out = models.BooleanField()
    expires_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="lot_units_within",
                condition=Q(
                    issued_minor__gt=0, units_left_minor__gte=0, units_left_minor__lte=F("issued_minor")
                ),
            ),
            CheckConstraint(
                name="lot_consideration_within",
                condition=Q(
                    consideration_left_minor__gte=0, consideration_left_minor__lte=F("consideration_minor")
                ),
            ),
            # The last unit takes the last of what was paid along.
            CheckConstraint(
                name="lot_empty_of_both",
                condition=Q(units_left_minor__gt=0) | Q(consideration_left_minor=0),
            ),
        ]
        indexes = [models.Index(fields=["wallet"], condition=Q(units_left_minor__gt=0), name="lot_open")]


class LotSlice(models.Model):
    """What one spend took of one lot. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="slices")
    reference = models.CharField(max_length=80)
    units_minor = models.BigIntegerField()
    consideration_minor = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="slice_positive", condition=Q(units_minor__gt=0, consideration_minor__gte=0))
        ]
        indexes = [models.Index(fields=["reference"], name="slice_reference")]
