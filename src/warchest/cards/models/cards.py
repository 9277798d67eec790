"""Cards, and what happens to them."""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.cards.models.batches import Batch
from warchest.kernel.ids import new_id


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
    # The reseller that has it; nobody: it is ours, or its batch's.
    holder_id = models.UUIDField(null=True)
    # The shipment by which it left the house, as long as it is away.
    delivery_id = models.UUIDField(null=True)
    # From when on the books owe for it by itself, and how much; a batch that was delivered whole is booked as one.
    paid_at = models.DateTimeField(null=True)
    owed_minor = models.BigIntegerField(null=True)
    owed_currency = models.CharField(max_length=3, default="", db_default="", blank=True)
    # Another end than its batch's.
    expires_at = models.DateTimeField(null=True)
    # The serial of the void card in whose place it was issued.
    replaces = models.CharField(max_length=20, null=True)
    player_id = models.UUIDField(null=True)
    activated_at = models.DateTimeField(null=True)
    activated_in = models.CharField(max_length=2, default="", db_default="", blank=True)
    units_minor = models.BigIntegerField(null=True)
    entry_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["code_hash"], name="code_once"),
            UniqueConstraint(
                fields=["replaces"], condition=Q(replaces__isnull=False), name="card_replaced_once"
            ),
            CheckConstraint(
                name="card_state_known",
                condition=Q(
                    state__in=[
                        "as_batch",
                        "spare",
                        "shipped",
                        "sold",
                        "returned",
                        "activated",
                        "expired",
                        "void",
                    ]
                ),
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
            CheckConstraint(
                name="card_owed_whole",
                condition=Q(paid_at=None, owed_minor=None, owed_currency="")
                | (Q(paid_at__isnull=False, owed_minor__gte=0) & ~Q(owed_currency="")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["holder_id", "batch"], condition=Q(holder_id__isnull=False), name="card_held_by"
            ),
            models.Index(
                fields=["player_id", "-activated_at"],
                condition=Q(player_id__isnull=False),
                name="card_activated_by",
            ),
            models.Index(
                fields=["batch", "expires_at"], condition=Q(expires_at__isnull=False), name="card_own_end"
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
