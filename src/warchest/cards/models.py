"""Tables of batches, cards and guesses. Triggers and rights are in ``sql/constraints.sql``."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id


class Batch(models.Model):
    """An order of cards and what became of it. What was ordered stays as it is from the first moment."""

    id = models.UUIDField(primary_key=True, default=new_id)
    state = models.CharField(max_length=12, default="ordered")

    quantity = models.IntegerField()
    gives = models.JSONField()
    face_minor = models.BigIntegerField()
    face_currency = models.CharField(max_length=3)
    code_length = models.SmallIntegerField()
    serial_prefix = models.CharField(max_length=6, blank=True)
    series = models.SmallIntegerField()
    expires_at = models.DateTimeField(null=True)
    regions = ArrayField(models.CharField(max_length=2), default=list)
    reseller = models.CharField(max_length=64, blank=True)
    margin_bps = models.IntegerField(default=0)
    needs_sale = models.BooleanField(default=False)
    virtual = models.BooleanField(default=False, db_default=False)
    product = models.CharField(max_length=100, blank=True, default="", db_default="")
    ordered_by = models.UUIDField()
    ordered_at = models.DateTimeField()
    digest = models.BinaryField(max_length=32)

    approved_by = models.UUIDField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_digest = models.BinaryField(max_length=32, null=True)
    refused_by = models.UUIDField(null=True)
    refused_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=300, blank=True)
    generated_at = models.DateTimeField(null=True)
    handed_over_by = models.UUIDField(null=True)
    handed_over_at = models.DateTimeField(null=True)
    recipient = models.CharField(max_length=120, blank=True)
    file_until = models.DateTimeField(null=True)
    blocked_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "batches"
        constraints = [
            UniqueConstraint(fields=["serial_prefix", "series"], name="series_once"),
            CheckConstraint(
                name="batch_state_known",
                condition=Q(
                    state__in=[
                        "ordered",
                        "approved",
                        "refused",
                        "generated",
                        "handed_over",
                        "closed",
                        "cancelled",
                    ]
                ),
            ),
            CheckConstraint(
                name="batch_quantity_in_range", condition=Q(quantity__gte=1, quantity__lte=5_000_000)
            ),
            CheckConstraint(name="batch_face_not_negative", condition=Q(face_minor__gte=0)),
            # 13 characters, the last of them the check character, have 60 random bits.
            CheckConstraint(
                name="batch_entropy_floor", condition=Q(code_length__gte=13, code_length__lte=32)
            ),
            CheckConstraint(name="batch_series_in_range", condition=Q(series__gte=1, series__lte=9999)),
            CheckConstraint(
                name="batch_margin_in_range",
                condition=Q(margin_bps__gte=0, margin_bps__lte=10_000) & (~Q(reseller="") | Q(margin_bps=0)),
            ),
            CheckConstraint(
                name="approval_by_another", condition=Q(approved_by=None) | ~Q(approved_by=F("ordered_by"))
            ),
            CheckConstraint(
                name="approval_of_what_was_ordered",
                condition=Q(approved_by=None, approved_at=None, approved_digest=None)
                | Q(
                    approved_by__isnull=False,
                    approved_at__isnull=False,
                    approved_digest__isnull=False,  # since a comparison with nothing is not false
                    approved_digest=F("digest"),
                ),
            ),
            CheckConstraint(
                name="made_only_when_approved",
                condition=~Q(state__in=["approved", "generated", "handed_over", "closed"])
                | Q(approved_by__isnull=False),
            ),
            CheckConstraint(
                name="refused_by_someone",
                condition=Q(state="refused", refused_by__isnull=False, refused_at__isnull=False)
                | (~Q(state="refused") & Q(refused_by=None, refused_at=None)),
            ),
            CheckConstraint(
                name="generated_at_known",
                condition=~Q(state__in=["generated", "handed_over", "closed"])
                | Q(generated_at__isnull=False),
            ),
            CheckConstraint(
                name="handed_over_by_someone",
                condition=~Q(state__in=["handed_over", "closed"])
                | Q(handed_over_at__isnull=False, handed_over_by__isnull=False),
            ),
            CheckConstraint(
                name="virtual_never_made_together",
                condition=Q(virtual=False) | Q(generated_at=None, handed_over_at=None),
            ),
        ]
        indexes = [
            models.Index(fields=["ordered_at"], condition=Q(state="ordered"), name="batch_awaiting"),
        ]

    def __str__(self) -> str:
        return f"{self.serial_prefix}{self.series:04}"


class Card(models.Model):
    """One card. ``state`` is its own where it has one; ``as_batch`` is as far as its batch, so that to hand over a
    million cards is to change one row. A batch's cards are found by their range of serials, so that no further index
    slows their making."""

    serial = models.CharField(primary_key=True, max_length=20)
    # A trigger checks it once a statement; a foreign key would check it a million times.
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    number = models.IntegerField()
    code_hash = models.BinaryField(max_length=32)
    last_four = models.CharField(max_length=4)
    state = models.CharField(max_length=12, default="as_batch", db_default="as_batch")
    blocked_at = models.DateTimeField(null=True)
    player_id = models.UUIDField(null=True)
    activated_at = models.DateTimeField(null=True)
    activated_in = models.CharField(max_length=2, default="", db_default="", blank=True)
    units_minor = models.BigIntegerField(null=True)
    entry_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["code_hash"], name="code_once"),
            CheckConstraint(
                name="card_state_known",
                condition=Q(state__in=["as_batch", "shipped", "sold", "returned", "activated", "void"]),
            ),
            CheckConstraint(
                name="activated_by_player",
                condition=Q(
                    state="activated",
                    player_id__isnull=False,
                    activated_at__isnull=False,
                    units_minor__isnull=False,
                )
                | (
                    ~Q(state="activated")
                    & Q(player_id=None, activated_at=None, units_minor=None, entry_id=None)
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["player_id", "-activated_at"],
                condition=Q(player_id__isnull=False),
                name="card_activated_by",
            ),
            # What differs from its batch is little at first: counts need not read the rest.
            models.Index(
                fields=["batch", "state", "activated_at"],
                condition=~Q(state="as_batch") | Q(blocked_at__isnull=False),
                name="card_apart_from_batch",
            ),
        ]

    def __str__(self) -> str:
        return self.serial


class CardEvent(models.Model):
    """Something that happened to some cards of a batch, the first and the last number included. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    first_number = models.IntegerField()
    last_number = models.IntegerField()
    what = models.CharField(max_length=24)
    actor = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="event_range_whole", condition=Q(first_number__gte=1, last_number__gte=F("first_number"))
            )
        ]
        indexes = [models.Index(fields=["batch", "first_number"], name="card_event_range")]


class PrintFile(models.Model):
    """A part of the file of a batch's codes, encrypted: until the hand-over under the deployment's key, then under the
    one-time key of whoever fetches it."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    part = models.IntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [UniqueConstraint(fields=["batch", "part"], name="print_file_part_once")]


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


class IssuedCode(models.Model):
    """A card that was issued singly: for which line of whose order, and its code, encrypted while the order is open."""

    serial = models.CharField(primary_key=True, max_length=20)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    seller = models.CharField(max_length=64)
    order = models.CharField(max_length=100)
    line = models.CharField(max_length=100)
    # The how-manieth of its line.
    place = models.SmallIntegerField()
    product = models.CharField(max_length=100)
    sealed = models.BinaryField(null=True)
    issued_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    taken_back_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["seller", "order", "line", "place"], name="issued_once_a_line"),
            CheckConstraint(
                name="code_kept_while_open",
                condition=Q(sealed__isnull=False, closed_at=None, taken_back_at=None)
                | (Q(sealed=None) & (Q(closed_at__isnull=False) | Q(taken_back_at__isnull=False))),
            ),
        ]
        indexes = [
            models.Index(fields=["issued_at"], condition=Q(sealed__isnull=False), name="issued_code_open"),
            models.Index(fields=["batch"], name="issued_code_batch"),
        ]

    def __str__(self) -> str:
        return self.serial
