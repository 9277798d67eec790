"""The books' tables. Their triggers, functions and rights, and the tables that have months, are in ``sql/``."""

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
    """A book for one owner and currency, with the sums of what was posted to it up to the watermark."""

    # Every leg carries the number, so it has 32 bits: enough for two thousand million accounts a cluster.
    id = models.AutoField(primary_key=True)
    # No index on the book alone: a plan made while the table was small would prefer it for ever, and read a whole book
    # for each account. The unique index begins with the book.
    book = models.ForeignKey(Book, on_delete=models.PROTECT, db_index=False)
    owner = models.CharField(max_length=64, blank=True, db_collation="C")
    currency = models.CharField(max_length=3)
    opened_at = models.DateTimeField(db_default=Now())
    # Sums outgrow the 64 bits of an amount: a full one would keep all the books from being folded.
    debit_minor = models.DecimalField(max_digits=30, decimal_places=0)
    credit_minor = models.DecimalField(max_digits=30, decimal_places=0)

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
    # Set and cleared again within ``ledger_post``: nobody else ever sees it set.
    short = models.BooleanField()
    # Blanks until the first change: ``sql/balance_changes.sql``.
    room = models.CharField(max_length=60, null=True)

    class Meta:
        constraints = [
            CheckConstraint(name="balance_not_below_floor", condition=Q(posted_minor__gte=F("held_minor"))),
            CheckConstraint(name="held_not_negative", condition=Q(held_minor__gte=0)),
        ]


class PostedKey(models.Model):
    """Which entry was posted under which key: ``sql/keys.sql``."""

    digest = models.UUIDField(primary_key=True)
    entry_id = models.UUIDField()

    class Meta:
        managed = False  # its table's rules are in SQL
        db_table = "ledger_postedkey"


class JournalEntry(models.Model):
    """One entry, its legs packed in arrays: the source of truth. Immutable. Its tables are in ``sql/journal.sql``."""

    id = models.UUIDField(primary_key=True)
    position = models.BigIntegerField()
    key = models.CharField(max_length=120)
    cluster = models.CharField(max_length=20)
    kind = models.CharField(max_length=40)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    reference = models.CharField(max_length=80, blank=True)
    details = models.JSONField(null=True)
    reverses = models.ForeignKey("self", null=True, on_delete=models.DO_NOTHING, db_constraint=False)
    sides = models.TextField()
    currencies = models.TextField()
    accounts = ArrayField(models.IntegerField())
    amounts = ArrayField(models.BigIntegerField())

    class Meta:
        managed = False
        db_table = "ledger_journalentry"
        verbose_name_plural = "journal entries"


class Reversed(models.Model):
    """What of an entry has been reversed, by account and side. Only the journal's own trigger writes here."""

    pk = models.CompositePrimaryKey("entry_id", "account_id", "side")
    entry_id = models.UUIDField()
    account_id = models.IntegerField()
    side = models.CharField(max_length=1)
    entry_minor = models.BigIntegerField()
    reversed_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            CheckConstraint(
                name="reversed_within_entry",
                condition=Q(reversed_minor__gte=0, reversed_minor__lte=F("entry_minor")),
            )
        ]


class Watermark(models.Model):
    """How far the journal is folded into postings, sums and the index of references: one row."""

    id = models.SmallIntegerField(primary_key=True, db_default=1)
    position = models.BigIntegerField()
    settled_position = models.BigIntegerField()
    marked_position = models.BigIntegerField(null=True)
    marked_transaction = models.BigIntegerField(null=True)
    folded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [CheckConstraint(name="watermark_one", condition=Q(id=1))]


class DaySum(models.Model):
    """What was posted to a book in a currency on a day (UTC, by when it occurred): the trial balance's roll-up."""

    pk = models.CompositePrimaryKey("book_id", "currency", "day")
    book = models.ForeignKey(Book, on_delete=models.PROTECT, db_index=False)
    currency = models.CharField(max_length=3)
    day = models.DateField()
    debit_minor = models.DecimalField(max_digits=30, decimal_places=0)
    credit_minor = models.DecimalField(max_digits=30, decimal_places=0)


class Reference(models.Model):
    """Entries by the business document that they refer to."""

    pk = models.CompositePrimaryKey("reference", "entry_id")
    reference = models.CharField(max_length=80)
    entry_id = models.UUIDField()


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


class Seal(models.Model):
    """A block of the chain: the digests of so many entries of the journal, bound to the block before by its hash.

    Only ``ledger_seal_next`` writes here (``sql/seal.sql``). ``entries`` counts all that are sealed up to this block's end.
    """

    number = models.BigIntegerField(primary_key=True)
    first_position = models.BigIntegerField()
    last_position = models.BigIntegerField()
    entries = models.BigIntegerField()
    sealed_at = models.DateTimeField()
    previous = models.BinaryField()
    hash = models.BinaryField()
    ids = ArrayField(models.UUIDField())
    digests = models.BinaryField()

    class Meta:
        constraints = [
            CheckConstraint(
                name="seal_range", condition=Q(number__gt=0, last_position__gte=F("first_position"))
            ),
        ]


class SealHead(models.Model):
    """A head of the chain, as it was signed and written to a file outside: ``line`` is the file's line."""

    pk = models.CompositePrimaryKey("file", "number")
    file = models.CharField(max_length=120)
    number = models.BigIntegerField()
    line = models.TextField()
