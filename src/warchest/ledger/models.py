"""The books' tables. Their constraints, triggers and rights are in ``sql/constraints.sql``."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now


class Book(models.Model):
    """An account of the chart."""

    code = models.CharField(primary_key=True, max_length=40)
    kind = models.CharField(max_length=12)
    side = models.CharField(max_length=1)
    floored = models.BooleanField()

    class Meta:
        constraints = [CheckConstraint(name="book_side_known", condition=Q(side__in=["D", "C"]))]

    def __str__(self) -> str:
        return self.code


class Account(models.Model):
    """A book for one owner and currency."""

    # No index on the book alone: a plan made while the table was small would prefer it for ever, and read a whole book
    # for each account. The unique index begins with the book.
    book = models.ForeignKey(Book, on_delete=models.PROTECT, db_index=False)
    owner = models.CharField(max_length=64, blank=True)
    currency = models.CharField(max_length=3)
    opened_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [UniqueConstraint(fields=["book", "owner", "currency"], name="account_once")]

    def __str__(self) -> str:
        return "/".join(filter(None, [self.book_id, self.owner, self.currency]))


class Balance(models.Model):
    """The exact balance of an account with a floor, in minor units, positive on its book's side (kept here as well)."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True)
    side = models.CharField(max_length=1)
    posted_minor = models.BigIntegerField()
    held_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            CheckConstraint(name="balance_not_below_floor", condition=Q(posted_minor__gte=F("held_minor"))),
            CheckConstraint(name="held_not_negative", condition=Q(held_minor__gte=0)),
        ]


class EntryKey(models.Model):
    """Keys are unique in a table of their own, since a unique key cannot span the journal's later partitions."""

    key = models.CharField(primary_key=True, max_length=120)
    entry_id = models.UUIDField()
    fingerprint = models.BinaryField(max_length=32)


class JournalEntry(models.Model):
    """One entry, its legs packed in arrays: the source of truth. Immutable."""

    id = models.UUIDField(primary_key=True)
    key = models.CharField(max_length=120)
    cluster = models.CharField(max_length=20)
    kind = models.CharField(max_length=40)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    reference = models.CharField(max_length=80, blank=True)
    details = models.JSONField(default=dict)
    reverses = models.ForeignKey("self", null=True, on_delete=models.PROTECT, db_index=False)
    accounts = ArrayField(models.BigIntegerField())
    sides = ArrayField(models.TextField())
    amounts = ArrayField(models.BigIntegerField())
    currencies = ArrayField(models.TextField())

    class Meta:
        verbose_name_plural = "journal entries"
        constraints = [UniqueConstraint(fields=["reverses"], name="entry_reversed_once")]
        indexes = [
            models.Index(fields=["-occurred_at"], name="entry_occurred_at"),
            models.Index(fields=["reference"], name="entry_reference"),
        ]


class Posting(models.Model):
    """A leg of the journal, unfolded and indexed for reading. Only the journal's own trigger writes here."""

    sequence = models.BigAutoField(primary_key=True)
    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="postings", db_index=False)
    leg = models.SmallIntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    side = models.CharField(max_length=1)
    amount_minor = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    balance_after_minor = models.BigIntegerField(null=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["entry", "leg"], name="posting_once")]
        indexes = [
            models.Index(fields=["account", "-sequence"], name="posting_statement"),
            models.Index(fields=["account", "occurred_at"], name="posting_moment"),
        ]


class Hold(models.Model):
    """Money set aside on an account with a floor, until captured, let go or lapsed."""

    id = models.UUIDField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    amount_minor = models.BigIntegerField()
    captured_minor = models.BigIntegerField(default=0)
    state = models.CharField(max_length=8, default="open")
    reason = models.CharField(max_length=120)
    expires_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            CheckConstraint(name="hold_positive", condition=Q(amount_minor__gt=0)),
            CheckConstraint(
                name="hold_state_known", condition=Q(state__in=["open", "captured", "voided", "lapsed"])
            ),
            CheckConstraint(
                name="capture_within_hold",
                condition=Q(captured_minor__gte=0, captured_minor__lte=F("amount_minor")),
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], condition=Q(state="open"), name="hold_open_expiry")]
