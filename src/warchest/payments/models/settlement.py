"""Settlements of providers and their lines, each beside what our books say of it."""

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id


class Settlement(models.Model):
    """What a provider settled at once, in one currency. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id)
    provider = models.CharField(max_length=40)
    number = models.CharField(max_length=200)
    currency = models.CharField(max_length=3)
    settled_on = models.DateField()
    gross_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    reserved_minor = models.BigIntegerField()
    paid_out_minor = models.BigIntegerField()
    payout_reference = models.CharField(max_length=200, blank=True)
    digest = models.BinaryField(max_length=32)
    # None where nothing was to be booked.
    journal_entry = models.UUIDField(null=True, unique=True)
    imported_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [UniqueConstraint(name="settlement_once", fields=["provider", "number", "currency"])]
        indexes = [models.Index(name="settlement_newest", fields=["-settled_on", "-id"])]


class PayoutArrival(models.Model):
    """The payout of a settlement came with an entry of the bank: once each, while an entry may bring several. Append-only."""

    settlement = models.OneToOneField(
        Settlement, on_delete=models.PROTECT, primary_key=True, related_name="arrival"
    )
    entry = models.ForeignKey("payments.BankEntry", on_delete=models.PROTECT, related_name="payouts_brought")
    journal_entry = models.UUIDField()
    # What came beyond all payouts that the entry brought.
    difference_minor = models.BigIntegerField()
    matched_by = models.CharField(max_length=80)
    matched_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())


class SettlementLine(models.Model):
    """One line. Only that it was resolved is written later, once."""

    id = models.UUIDField(primary_key=True, default=new_id)
    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, related_name="lines")
    provider = models.CharField(max_length=40)
    line = models.CharField(max_length=200)
    kind = models.CharField(max_length=12)
    state = models.CharField(max_length=8)
    gross_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    booked_fee_minor = models.BigIntegerField()
    ours_minor = models.BigIntegerField(null=True)
    difference_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    payment = models.UUIDField(null=True)
    reference = models.CharField(max_length=200, blank=True)
    provider_reference = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=300, blank=True)
    occurred_at = models.DateTimeField()
    resolved_entry = models.UUIDField(null=True, unique=True)
    resolved_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(name="settlement_line_once", fields=["provider", "line"]),
            CheckConstraint(
                name="settlement_line_state",
                condition=Q(state="matched", difference_minor=0, resolved_entry__isnull=True)
                | Q(state__in=["differs", "extra"], resolved_entry__isnull=True)
                | Q(state="resolved", resolved_entry__isnull=False, resolved_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                name="settlement_line_open", fields=["id"], condition=Q(state__in=["differs", "extra"])
            ),
            models.Index(
                name="settlement_line_payment", fields=["payment"], condition=Q(payment__isnull=False)
            ),
        ]
