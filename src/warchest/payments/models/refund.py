"""Refunds, disputes, and what each takes back."""

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id
from warchest.payments.models.payment import Payment


class Refund(models.Model):
    """Money that goes back to the payer. Its id is the reference towards the provider."""

    id = models.UUIDField(primary_key=True, default=new_id)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    attempt = models.SmallIntegerField()
    kind = models.CharField(max_length=8)
    state = models.CharField(max_length=10, default="held")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    units_minor = models.BigIntegerField(default=0)
    debt_minor = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=300, blank=True)
    refusal = models.CharField(max_length=80, blank=True, default="")
    provider_reference = models.CharField(max_length=200, blank=True, default="")
    asked_by = models.CharField(max_length=80)
    asked_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    tries = models.IntegerField(default=0)
    journal_entry = models.UUIDField(null=True, unique=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="refund_kind_known", condition=Q(kind__in=["asked", "surplus", "outside"])),
            CheckConstraint(
                name="refund_decided_once",
                condition=Q(
                    state__in=["held", "instructed"],
                    decided_at__isnull=True,
                    journal_entry__isnull=True,
                    next_try_at__isnull=False,
                )
                | Q(
                    state="refused",
                    decided_at__isnull=False,
                    journal_entry__isnull=True,
                    next_try_at__isnull=True,
                )
                | Q(
                    state="confirmed",
                    decided_at__isnull=False,
                    journal_entry__isnull=False,
                    next_try_at__isnull=True,
                ),
            ),
            CheckConstraint(
                name="refund_positive",
                condition=Q(amount_minor__gt=0, units_minor__gte=0, debt_minor__gte=0),
            ),
        ]
        indexes = [
            models.Index(name="refund_due", fields=["next_try_at"], condition=Q(next_try_at__isnull=False)),
            models.Index(
                name="refund_at_provider", fields=["provider_reference"], condition=~Q(provider_reference="")
            ),
        ]


class Dispute(models.Model):
    """A payer fetches the money back through the bank (chargeback)."""

    id = models.UUIDField(primary_key=True, default=new_id)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    provider = models.CharField(max_length=40)
    provider_dispute = models.CharField(max_length=200)
    state = models.CharField(max_length=12)
    amount_minor = models.BigIntegerField()
    excess_minor = models.BigIntegerField(default=0)
    fee_minor = models.BigIntegerField(default=0)
    fee_currency = models.CharField(max_length=3)
    currency = models.CharField(max_length=3)
    units_minor = models.BigIntegerField(default=0)
    debt_minor = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=80, blank=True)
    evidence_until = models.DateTimeField(null=True)
    evidence_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    opened_entry = models.UUIDField(null=True, unique=True)
    decided_entry = models.UUIDField(null=True, unique=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(name="dispute_once", fields=["provider", "provider_dispute"]),
            CheckConstraint(
                name="dispute_state_known", condition=Q(state__in=["open", "under_review", "won", "lost"])
            ),
            CheckConstraint(
                name="dispute_positive",
                condition=Q(amount_minor__gte=0, excess_minor__gte=0, fee_minor__gte=0),
            ),
        ]


class Part(models.Model):
    """What a refund or dispute (``of``) takes back for so much of its money. Append-only."""

    id = models.BigAutoField(primary_key=True)
    of = models.UUIDField()
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=8)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    units_minor = models.BigIntegerField(null=True)
    slice = models.UUIDField(null=True)
    sale_entry = models.UUIDField(null=True)
    grant = models.UUIDField(null=True)
    seconds = models.BigIntegerField(default=0)
    net_minor = models.BigIntegerField(null=True)
    tax_minor = models.BigIntegerField(null=True)
    tax_owner = models.CharField(max_length=40, blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="part_kind_known", condition=Q(kind__in=["wallet", "time", "debt"])),
            CheckConstraint(
                name="part_of_time_whole",
                condition=~Q(kind="time")
                | Q(
                    slice__isnull=False,
                    sale_entry__isnull=False,
                    grant__isnull=False,
                    net_minor__isnull=False,
                    tax_minor__isnull=False,
                ),
            ),
        ]
        indexes = [
            models.Index(name="part_of", fields=["of"]),
            models.Index(name="part_sale", fields=["sale_entry"], condition=Q(sale_entry__isnull=False)),
        ]
