"""Resellers, and the cards that go to them and come back."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.cards.models.batches import Batch
from warchest.kernel.ids import new_id


class Reseller(models.Model):
    """Who sells our cards: for us, or for its ``parent``. ``top`` is whom of its chain we deal with: itself where it has no
    parent. ``name`` is also the owner of what it owes in the books. The trigger ``keep`` holds a child within its parent."""

    id = models.UUIDField(primary_key=True, default=new_id)
    name = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=120)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    top_id = models.UUIDField()
    regions = ArrayField(models.CharField(max_length=2), default=list)
    margin_bps = models.IntegerField()
    credit_limit_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    payment_days = models.SmallIntegerField()
    contract = models.CharField(max_length=60, blank=True, default="")
    suspended_at = models.DateTimeField(null=True)
    suspension = models.CharField(max_length=300, blank=True, default="")
    taken_on_by = models.CharField(max_length=80)
    taken_on_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="reseller_margin_in_range", condition=Q(margin_bps__gte=0, margin_bps__lte=10_000)
            ),
            CheckConstraint(
                name="reseller_credit_limit_not_negative", condition=Q(credit_limit_minor__gte=0)
            ),
            CheckConstraint(
                name="reseller_payment_days_in_range", condition=Q(payment_days__gte=0, payment_days__lte=365)
            ),
            CheckConstraint(
                name="reseller_top_known",
                condition=Q(parent=None, top_id=F("id")) | (Q(parent__isnull=False) & ~Q(top_id=F("id"))),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ResellerPerson(models.Model):
    """A player who acts for a reseller, for one at a time."""

    id = models.UUIDField(primary_key=True, default=new_id)
    reseller = models.ForeignKey(Reseller, on_delete=models.PROTECT)
    player_id = models.UUIDField()
    added_by = models.CharField(max_length=80)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            UniqueConstraint(
                fields=["player_id"], condition=Q(removed_at=None), name="person_of_one_reseller"
            )
        ]


class Till(models.Model):
    """An API client that sells for one reseller only, for ever: who wants it for another makes another key. Append-only."""

    client_id = models.UUIDField(primary_key=True)
    reseller = models.ForeignKey(Reseller, on_delete=models.PROTECT)
    title = models.CharField(max_length=60)
    bound_by = models.CharField(max_length=80)
    bound_at = models.DateTimeField()


class Shipment(models.Model):
    """Cards of a batch, by their numbers, on their way from a ``sender`` to a ``receiver``; nobody there is the house.

    A reseller's goods come from its parent, or from the house where it has none, and go back the same way: the trigger
    ``keep`` sees to it. ``face_minor`` and ``margin_minor``, the receiver's (of what goes back: 0), are of one card.
    """

    id = models.UUIDField(primary_key=True, default=new_id)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT)
    first_number = models.IntegerField()
    last_number = models.IntegerField()
    sender = models.ForeignKey(Reseller, on_delete=models.PROTECT, null=True, related_name="sent")
    receiver = models.ForeignKey(Reseller, on_delete=models.PROTECT, null=True, related_name="received")
    state = models.CharField(max_length=10, default="draft")
    consignment = models.BooleanField(default=False)
    face_minor = models.BigIntegerField()
    margin_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=60, blank=True, default="")
    # How many were sent: what is void or activated within the numbers does not travel.
    cards = models.IntegerField(default=0)
    drafted_by = models.CharField(max_length=80)
    drafted_at = models.DateTimeField()
    sent_by = models.CharField(max_length=80, blank=True, default="")
    sent_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=80, blank=True, default="")
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="shipment_state_known",
                condition=Q(state__in=["draft", "sent", "received", "cancelled", "lost"]),
            ),
            CheckConstraint(
                name="shipment_range_whole",
                condition=Q(first_number__gte=1, last_number__gte=F("first_number")),
            ),
            CheckConstraint(
                name="shipment_between_two", condition=Q(sender__isnull=False) | Q(receiver__isnull=False)
            ),
            CheckConstraint(
                name="shipment_margin_within_face",
                condition=Q(face_minor__gte=0, margin_minor__gte=0, margin_minor__lte=F("face_minor")),
            ),
            CheckConstraint(
                name="shipment_sent_by_someone",
                condition=(Q(sent_at=None) & Q(state__in=["draft", "cancelled"]))
                | (Q(sent_at__isnull=False, cards__gte=1) & ~Q(state="draft")),
            ),
            CheckConstraint(
                name="shipment_ended",
                condition=(Q(ended_at=None) & Q(state__in=["draft", "sent"]))
                | (Q(ended_at__isnull=False) & Q(state__in=["received", "cancelled", "lost"])),
            ),
        ]
        indexes = [
            models.Index(fields=["receiver", "-id"], name="shipment_to"),
            models.Index(fields=["sender", "-id"], name="shipment_from"),
        ]


class ShipmentPart(models.Model):
    """A part of a shipment's numbers, and where it is. All parts of a shipment together are its numbers, each once; and no
    number of a batch is away twice (the constraint ``number_away_once``, in ``sql/distribution.sql``)."""

    id = models.UUIDField(primary_key=True, default=new_id)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    first_number = models.IntegerField()
    last_number = models.IntegerField()
    state = models.CharField(max_length=10, default="away")
    # How many of the cards arrived, and who says so.
    cards = models.IntegerField(default=0)
    actor = models.CharField(max_length=80, blank=True, default="")
    occurred_at = models.DateTimeField(null=True)
    entry_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            CheckConstraint(
                name="part_state_known", condition=Q(state__in=["away", "received", "lost", "back"])
            ),
            CheckConstraint(
                name="part_range_whole", condition=Q(first_number__gte=1, last_number__gte=F("first_number"))
            ),
            CheckConstraint(
                name="part_ended",
                condition=Q(state="away", occurred_at=None, cards=0, entry_id=None)
                | (~Q(state="away") & Q(occurred_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["batch", "first_number"], condition=Q(state="received"), name="part_received"
            )
        ]


class Sale(models.Model):
    """A card sold at a till, or, where ``by_activation``, on consignment to the player who activated it. What was sold stays
    as it was written; it is only reversed, once. ``margin_minor`` is the top reseller's, 0 where nothing was booked."""

    id = models.UUIDField(primary_key=True, default=new_id)
    serial = models.CharField(max_length=20)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT)
    reseller = models.ForeignKey(Reseller, on_delete=models.PROTECT)
    by_activation = models.BooleanField(default=False)
    actor = models.CharField(max_length=80)
    sold_at = models.DateTimeField()
    occurred_at = models.DateTimeField()
    # Where it was before: what a reversal brings back.
    state_before = models.CharField(max_length=12)
    face_minor = models.BigIntegerField()
    margin_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    entry_id = models.UUIDField(null=True)
    reversed_at = models.DateTimeField(null=True)
    reversed_by = models.CharField(max_length=80, blank=True, default="")
    reversal_entry_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["serial"], condition=Q(reversed_at=None), name="card_sold_once"),
            CheckConstraint(
                name="sale_reversed_whole",
                condition=(Q(reversed_at=None, reversal_entry_id=None, reversed_by=""))
                | (
                    Q(reversed_at__isnull=False, by_activation=False)
                    & ~Q(reversed_by="")
                    & (
                        Q(entry_id=None, reversal_entry_id=None)
                        | Q(entry_id__isnull=False, reversal_entry_id__isnull=False)
                    )
                ),
            ),
            CheckConstraint(
                name="sale_within_face",
                condition=Q(margin_minor__gte=0, margin_minor__lte=F("face_minor"))
                & Q(tax_minor__gte=0, tax_minor__lte=F("face_minor")),
            ),
        ]
        indexes = [
            models.Index(fields=["reseller", "-occurred_at"], name="sale_of_reseller"),
            models.Index(fields=["serial"], name="sale_of_card"),
        ]


class SaleShare(models.Model):
    """What one reseller of the chain keeps of a sale: its margin, less that of the next below. Append-only."""

    sale = models.ForeignKey(Sale, on_delete=models.PROTECT, db_index=False)
    reseller = models.ForeignKey(Reseller, on_delete=models.PROTECT, db_index=False)
    kept_minor = models.BigIntegerField()
    occurred_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["sale", "reseller"], name="share_once")]
        indexes = [models.Index(fields=["reseller", "occurred_at"], name="share_of_reseller")]


class TillRequest(models.Model):
    """What a till asked under an id of its own, and the sale that it was about. Append-only."""

    reseller = models.ForeignKey(Reseller, on_delete=models.PROTECT, db_index=False)
    request_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=8)
    sale = models.ForeignKey(Sale, on_delete=models.PROTECT, db_index=False)
    occurred_at = models.DateTimeField()

    class Meta:
        constraints = [
            UniqueConstraint(fields=["reseller", "request_id"], name="till_request_once"),
            UniqueConstraint(fields=["sale", "kind"], name="till_request_of_sale_once"),
            CheckConstraint(name="till_request_kind_known", condition=Q(kind__in=["sale", "reversal"])),
        ]


class ResellerLine(models.Model):
    """What a reseller came to owe its supplier, or owes it no more, for some cards: face, less its margin. Append-only.

    Of a reseller with a parent this is between the two; of one without, ``entry_id`` is where it is booked.
    """

    id = models.UUIDField(primary_key=True, default=new_id)
    reseller = models.ForeignKey(Reseller, on_delete=models.PROTECT)
    kind = models.CharField(max_length=14)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, null=True)
    sale = models.ForeignKey(Sale, on_delete=models.PROTECT, null=True)
    cards = models.IntegerField()
    face_minor = models.BigIntegerField()
    margin_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    entry_id = models.UUIDField(null=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="line_kind_known",
                condition=Q(kind__in=["delivery", "sale", "sale_reversed", "return"]),
            ),
            CheckConstraint(
                name="line_whole",
                condition=Q(
                    cards__gte=1, face_minor__gte=0, margin_minor__gte=0, margin_minor__lte=F("face_minor")
                ),
            ),
            UniqueConstraint(
                fields=["reseller", "sale", "kind"], condition=Q(sale__isnull=False), name="line_of_sale_once"
            ),
        ]
        indexes = [models.Index(fields=["reseller", "occurred_at"], name="line_of_reseller")]


class ResellerPayment(models.Model):
    """What a reseller noted to have had from one of its own, so that both see the same. Append-only. What a reseller pays to
    us comes by the bank, and stands in the books."""

    id = models.UUIDField(primary_key=True, default=new_id)
    reseller = models.ForeignKey(Reseller, on_delete=models.PROTECT)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=60)
    noted_by = models.CharField(max_length=80)
    occurred_at = models.DateTimeField()

    class Meta:
        constraints = [
            CheckConstraint(name="reseller_payment_positive", condition=Q(amount_minor__gt=0)),
            UniqueConstraint(fields=["reseller", "reference"], name="reseller_payment_once"),
        ]
