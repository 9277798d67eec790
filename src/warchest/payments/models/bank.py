"""The bank's tables: statements, their entries, and orders to pay. What an entry says of people is sealed."""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id
from warchest.payments.models.payment import Payment

_STATES = ["matched", "new", "resolved", "waiting"]
_SETTLED = ["matched", "resolved"]


class BankStatement(models.Model):
    """A statement of our account, kept whole. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id)
    provider = models.CharField(max_length=40)
    iban = models.CharField(max_length=34)
    statement_id = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    opening_minor = models.BigIntegerField()
    closing_minor = models.BigIntegerField()
    closed_on = models.DateField()
    entry_count = models.IntegerField()
    digest = models.BinaryField(max_length=32)
    imported_by = models.CharField(max_length=80)
    imported_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # One that is told again in another version is kept beside the first, and only its new entries count.
            UniqueConstraint(fields=["iban", "statement_id", "digest"], name="bank_statement_once"),
            CheckConstraint(name="bank_statement_counted", condition=Q(entry_count__gte=0)),
        ]
        indexes = [models.Index(fields=["iban", "-closed_on"], name="bank_statement_day")]

    def __str__(self) -> str:
        return self.statement_id


class BankEntry(models.Model):
    """Money that came in or went out. What the bank said stays; whose it was is added once."""

    id = models.UUIDField(primary_key=True, default=new_id)
    statement = models.ForeignKey(BankStatement, on_delete=models.PROTECT, related_name="entries")
    # Of its statement once more, since these and the bank's reference name an entry.
    iban = models.CharField(max_length=34)
    statement_name = models.CharField(max_length=80)
    reference = models.CharField(max_length=80)
    # What it said, hashed: told again under this name, it must say the same.
    digest = models.BinaryField(max_length=32)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    incoming = models.BooleanField()
    booked_on = models.DateField()
    creditor_reference = models.CharField(max_length=35, blank=True)
    end_to_end_id = models.CharField(max_length=35, blank=True)
    reversal = models.BooleanField(default=False)
    # JSON of name, iban and text of the other side, encrypted.
    sealed = models.BinaryField()
    state = models.CharField(max_length=10, default="new")
    reason = models.CharField(max_length=30, blank=True)
    resolution = models.CharField(max_length=20, blank=True)
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, null=True, related_name="bank_entries", db_index=False
    )
    # What of ours it carried out.
    payout = models.OneToOneField(
        "payments.Payout", on_delete=models.PROTECT, null=True, related_name="told_by"
    )
    journal_entry = models.UUIDField(null=True, unique=True)
    note = models.CharField(max_length=300, blank=True)
    settled_by = models.CharField(max_length=80, blank=True)
    settled_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "bank entries"
        constraints = [
            UniqueConstraint(fields=["iban", "statement_name", "reference"], name="bank_entry_once"),
            CheckConstraint(name="bank_entry_positive", condition=Q(amount_minor__gt=0)),
            CheckConstraint(name="bank_entry_state_known", condition=Q(state__in=_STATES)),
            CheckConstraint(
                name="bank_entry_settled_and_booked",
                condition=(
                    Q(state__in=_SETTLED, journal_entry__isnull=False, settled_at__isnull=False)
                    & ~Q(resolution="")
                )
                | (~Q(state__in=_SETTLED) & Q(journal_entry=None, settled_at=None, resolution="")),
            ),
            CheckConstraint(name="bank_entry_waits_for_a_reason", condition=~Q(state="waiting", reason="")),
        ]
        indexes = [
            models.Index(fields=["state", "-id"], name="bank_entry_state"),
            models.Index(fields=["payment"], condition=Q(payment__isnull=False), name="bank_entry_payment"),
            models.Index(fields=["reference", "booked_on"], name="bank_entry_reference"),
        ]

    def __str__(self) -> str:
        return self.reference


class PayoutFile(models.Model):
    """Orders that were put into one file for the bank. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id)
    provider = models.CharField(max_length=40)
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField()
    order_count = models.IntegerField()
    execute_on = models.DateField()
    made_by = models.CharField(max_length=80)
    made_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="payout_file_filled", condition=Q(order_count__gt=0, total_minor__gt=0))
        ]

    def __str__(self) -> str:
        return str(self.id)


class Payout(models.Model):
    """Money that is to be transferred. Whom to is sealed; when it left, a statement tells."""

    id = models.UUIDField(primary_key=True, default=new_id)
    provider = models.CharField(max_length=40)
    purpose = models.CharField(max_length=12)
    reference = models.CharField(max_length=35, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    sealed = models.BinaryField()
    wanted_at = models.DateTimeField()
    file = models.ForeignKey(PayoutFile, on_delete=models.PROTECT, null=True, related_name="orders")
    done_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="payout_positive", condition=Q(amount_minor__gt=0)),
            CheckConstraint(name="payout_purpose_known", condition=Q(purpose__in=["refund", "send_back"])),
            CheckConstraint(
                name="payout_done_when_ordered", condition=Q(done_at=None) | Q(done_at__gte=F("wanted_at"))
            ),
        ]
        indexes = [
            models.Index(fields=["provider", "id"], condition=Q(file=None), name="payout_wanted"),
        ]

    def __str__(self) -> str:
        return self.reference
