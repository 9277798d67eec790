"""Wallets, their funding lots, and what was taken or reserved of them. Triggers and rights are in ``sql/``."""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
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
    """Units that came in together, and what was paid for them.

    ``…_left`` only ever shrink, ``reserved_minor`` follows the reservations; the rest never changes. ``reference`` is the
    key of the journal entry that brought them, as that of a slice is the key of the one that took it.
    """

    id = models.UUIDField(primary_key=True)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="lots")
    source = models.CharField(max_length=16)
    reference = models.CharField(max_length=80)
    issued_minor = models.BigIntegerField()
    units_left_minor = models.BigIntegerField()
    reserved_minor = models.BigIntegerField(default=0)
    consideration_minor = models.BigIntegerField()
    consideration_left_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    refundable = models.BooleanField()
    transferable = models.BooleanField()
    payable_out = models.BooleanField()
    expires_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    # The lot that the units came into the house by: this one, or the one that it was cut from.
    origin = models.ForeignKey("self", on_delete=models.PROTECT, related_name="+", db_index=False)
    from_slice = models.ForeignKey(
        "LotSlice", null=True, on_delete=models.PROTECT, related_name="lots", db_index=False
    )
    # Indexes ask for this and not for the units, so that a spend which leaves some touches no index.
    is_open = models.GeneratedField(
        expression=Q(units_left_minor__gt=0), output_field=models.BooleanField(), db_persist=True
    )

    class Meta:
        constraints = [
            CheckConstraint(
                name="lot_units_within",
                condition=Q(
                    issued_minor__gt=0, units_left_minor__gte=0, units_left_minor__lte=F("issued_minor")
                ),
            ),
            CheckConstraint(
                name="lot_reserved_within",
                condition=Q(reserved_minor__gte=0, reserved_minor__lte=F("units_left_minor")),
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
            UniqueConstraint(
                name="lot_given_once",
                fields=["from_slice", "reference"],
                condition=Q(from_slice__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="lot_reference", fields=["reference"]),
            models.Index(name="lot_open", fields=["wallet"], condition=Q(is_open=True)),
            models.Index(
                name="lot_term",
                fields=["expires_at"],
                condition=Q(is_open=True, expires_at__isnull=False),
            ),
        ]


class LotSlice(models.Model):
    """What was taken of one lot at once: by a spend, a refund, into another wallet or cluster, or when its term ended.
    Append-only.

    Only ``charging_take`` writes here, which shrinks the lot by the same: so no slice lacks its lot, and no foreign key
    has to look for it at every sale.
    """

    id = models.UUIDField(primary_key=True, default=new_id)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="slices", db_constraint=False)
    use = models.CharField(max_length=8)
    reference = models.CharField(max_length=80)
    units_minor = models.BigIntegerField()
    consideration_minor = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="slice_positive", condition=Q(units_minor__gt=0, consideration_minor__gte=0)
            ),
            CheckConstraint(name="slice_names_entry", condition=~Q(reference="")),
            CheckConstraint(
                name="slice_use_known",
                condition=Q(use__in=["spend", "transfer", "expiry", "leave", "refund"]),
            ),
        ]
        indexes = [models.Index(fields=["reference"], name="slice_reference")]


class Reservation(models.Model):
    """Units of a lot that an open hold keeps. The row goes when the hold closes."""

    pk = models.CompositePrimaryKey("hold_id", "lot_id")
    hold_id = models.UUIDField()
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="reservations", db_index=False)
    units_minor = models.BigIntegerField()

    class Meta:
        constraints = [CheckConstraint(name="reservation_positive", condition=Q(units_minor__gt=0))]


class Transfer(models.Model):
    """Units from one player to another. What it is never changes; one that is held is finished once, for ever.

    ``parts`` is contract data (``contract.TransferPart``), of transfers to and from other clusters; ``cluster`` and
    ``other_name`` are of the player there.
    """

    id = models.UUIDField(primary_key=True)
    direction = models.CharField(max_length=8)
    cluster = models.CharField(max_length=40, blank=True, default="")
    sender_id = models.UUIDField()
    recipient_id = models.UUIDField()
    other_name = models.CharField(max_length=80, blank=True, default="")
    units_minor = models.BigIntegerField()
    message = models.CharField(max_length=200, blank=True, default="")
    parts = models.JSONField(default=list)
    state = models.CharField(max_length=8)
    reason = models.CharField(max_length=60, blank=True, default="")
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    entry_id = models.UUIDField(null=True)
    # How it goes with asking the other cluster.
    tries = models.IntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=60, blank=True, default="")
    cancel_asked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            CheckConstraint(name="transfer_positive", condition=Q(units_minor__gt=0)),
            CheckConstraint(name="transfer_to_another", condition=~Q(sender_id=F("recipient_id"))),
            CheckConstraint(
                name="transfer_state_of_direction",
                condition=Q(direction="within", cluster="", state="done")
                | Q(direction="out", state__in=["held", "captured", "voided"]) & ~Q(cluster="")
                | Q(direction="in", state__in=["credited", "refused"]) & ~Q(cluster=""),
            ),
            CheckConstraint(
                name="transfer_entry_where_moved",
                condition=Q(state__in=["done", "captured", "credited"], entry_id__isnull=False)
                | Q(state__in=["held", "voided", "refused"], entry_id__isnull=True),
            ),
            CheckConstraint(
                name="transfer_finished_once",
                condition=Q(state="held", finished_at__isnull=True, next_try_at__isnull=False)
                | ~Q(state="held") & Q(finished_at__isnull=False, next_try_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(name="transfer_due", fields=["next_try_at"], condition=Q(state="held")),
            models.Index(name="transfer_across", fields=["cluster", "occurred_at"], condition=~Q(cluster="")),
            models.Index(name="transfer_sender", fields=["sender_id", "-occurred_at"]),
            models.Index(name="transfer_recipient", fields=["recipient_id", "-occurred_at"]),
        ]


class DebtMovement(models.Model):
    """A debt of a player came about (positive) or part of it is gone (negative). Append-only."""

    id = models.BigAutoField(primary_key=True)
    player_id = models.UUIDField()
    kind = models.CharField(max_length=12)
    minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=80)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="debt_kind_of_sign",
                condition=Q(kind="incurred", minor__gt=0)
                | Q(kind__in=["set_off", "written_off", "undone"], minor__lt=0),
            ),
            UniqueConstraint(name="debt_moved_once", fields=["reference", "kind", "player_id", "currency"]),
        ]
        indexes = [models.Index(name="debt_player", fields=["player_id", "id"])]
