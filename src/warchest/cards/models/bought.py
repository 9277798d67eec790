"""Virtual cards that players bought, and the gifts that some of them are."""

from django.db import models
from django.db.models import CheckConstraint, Q
from django.db.models.functions import Now

from warchest.cards.models.batches import Batch


class BoughtCard(models.Model):
    """A card that a player bought out of our stock: for so many units of the wallet, for which so much had been paid.

    Its code is an issued one; the id is the order's there.
    """

    id = models.UUIDField(primary_key=True)
    serial = models.CharField(max_length=20, unique=True)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    buyer_id = models.UUIDField()
    units_minor = models.BigIntegerField()
    paid_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    entry_id = models.UUIDField()
    bought_at = models.DateTimeField()
    # By the rule of its day.
    cancel_until = models.DateTimeField()
    shown = models.IntegerField(default=0)
    first_shown_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="bought_for_something",
                condition=Q(units_minor__gt=0, paid_minor__gte=0, tax_minor__gte=0, shown__gte=0),
            ),
            CheckConstraint(
                name="bought_shown_whole",
                condition=Q(shown=0, first_shown_at=None) | Q(shown__gt=0, first_shown_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["buyer_id", "-bought_at"], name="bought_by"),
            models.Index(fields=["batch"], name="bought_of_batch"),
        ]

    def __str__(self) -> str:
        return self.serial


class CardGift(models.Model):
    """Whom a bought card is for. ``sealed`` holds the recipient's address, name and the message, until some time after the
    delivery. ``sends`` is the number of the mail that is due, queued or done."""

    bought = models.OneToOneField(BoughtCard, on_delete=models.PROTECT, primary_key=True)
    sealed = models.BinaryField(null=True)
    language = models.CharField(max_length=10)
    deliver_at = models.DateTimeField()
    state = models.CharField(max_length=10, default="waiting")
    sends = models.SmallIntegerField(default=1)
    began_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=60, blank=True, default="")
    changed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="gift_state_known",
                condition=Q(state__in=["waiting", "sending", "delivered", "bounced", "unknown", "stopped"]),
            ),
            CheckConstraint(name="gift_sends_counted", condition=Q(sends__gte=1)),
            CheckConstraint(
                name="gift_delivered_whole",
                condition=Q(state="delivered", delivered_at__isnull=False)
                | (~Q(state="delivered") & Q(delivered_at=None)),
            ),
            # What is still to be sent is still known.
            CheckConstraint(
                name="gift_kept_until_sent",
                condition=Q(sealed__isnull=False)
                | Q(state__in=["delivered", "stopped", "bounced", "unknown"]),
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "deliver_at"],
                condition=Q(state__in=["waiting", "sending", "unknown"]),
                name="gift_under_way",
            ),
        ]


class DeskIssue(models.Model):
    """Cards that an administrator sold at the desk for cash. Their codes are shown once, and forgotten with that."""

    id = models.UUIDField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    clerk_id = models.UUIDField()
    quantity = models.SmallIntegerField()
    note = models.CharField(max_length=200, blank=True, default="")
    issued_at = models.DateTimeField()
    shown_at = models.DateTimeField(null=True)
    taken_back_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [CheckConstraint(name="desk_few", condition=Q(quantity__gte=1, quantity__lte=20))]
        indexes = [models.Index(fields=["-issued_at"], name="desk_newest")]
