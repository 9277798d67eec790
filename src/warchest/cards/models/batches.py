"""Batches, and what belongs to them as wholes."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id


class Batch(models.Model):
    """An order of cards and what became of it.

    What was ordered stays as it is from its approval on: whoever changes it makes a further version and voids the approval.
    The trigger ``keep`` sees to both, and writes the version before into ``BatchVersion``.
    """

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
    stock = models.BooleanField(default=False, db_default=False)
    spares = models.IntegerField(default=0, db_default=0)
    alphabet = models.CharField(max_length=12, default="crockford", db_default="crockford")
    group_size = models.SmallIntegerField(default=4, db_default=4)
    serial_digits = models.SmallIntegerField(default=7, db_default=7)
    first_number = models.IntegerField(default=1, db_default=1)
    printer = models.CharField(max_length=60, blank=True, default="", db_default="")
    printer_key = models.CharField(max_length=64, blank=True, default="", db_default="")
    # Where it is not empty, the cards are single-purpose vouchers, taxed by this country at each transfer.
    tax_country = models.CharField(max_length=2, blank=True, default="", db_default="")
    campaign = models.CharField(max_length=60, blank=True, default="", db_default="")
    new_players_days = models.SmallIntegerField(default=0, db_default=0)
    online_service = models.UUIDField(null=True)
    # SHA-256 of the file of serials and hashes that an older system left.
    import_digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    # How that system hashed its codes, and from which account of ours comes what is owed for cards that it sold.
    import_scheme = models.CharField(max_length=30, blank=True, default="", db_default="")
    owed_from = models.CharField(max_length=40, blank=True, default="", db_default="")
    version = models.SmallIntegerField(default=1, db_default=1)
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
    # Of a single-purpose batch that was delivered whole: the tax in the face of one card, by the rate of that day.
    card_tax_minor = models.BigIntegerField(default=0, db_default=0)
    closed_by = models.UUIDField(null=True)
    closed_at = models.DateTimeField(null=True)
    cancelled_by = models.UUIDField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancellation = models.CharField(max_length=300, blank=True, default="", db_default="")
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
                | Q(generated_at__isnull=False)
                | Q(virtual=True, state="closed"),
            ),
            CheckConstraint(
                name="handed_over_by_someone",
                condition=~Q(state__in=["handed_over", "closed"])
                | Q(handed_over_at__isnull=False, handed_over_by__isnull=False)
                | Q(virtual=True, state="closed"),
            ),
            CheckConstraint(
                name="virtual_never_made_together",
                condition=Q(virtual=False) | Q(generated_at=None, handed_over_at=None),
            ),
            CheckConstraint(
                name="batch_spares_in_range",
                condition=Q(spares__gte=0, spares__lte=F("quantity")) & (Q(virtual=False) | Q(spares=0)),
            ),
            CheckConstraint(
                name="batch_group_size_in_range", condition=Q(group_size__gte=2, group_size__lte=8)
            ),
            CheckConstraint(
                name="batch_serial_in_range",
                condition=Q(serial_digits__gte=4, serial_digits__lte=9, first_number__gte=1),
            ),
            CheckConstraint(
                name="batch_alphabet_known", condition=Q(alphabet__in=["crockford", "letters", "digits"])
            ),
            # 60 random bits beside the check symbol, in each alphabet.
            CheckConstraint(
                name="batch_entropy_by_alphabet",
                condition=Q(alphabet="crockford")
                | Q(alphabet="letters", code_length__gte=16)
                | Q(alphabet="digits", code_length__gte=20),
            ),
            # What lies in our own stock is sold later and by many: by no reseller of the whole batch, and not for nothing.
            CheckConstraint(
                name="batch_stock_for_sale", condition=Q(stock=False) | Q(reseller="", face_minor__gt=0)
            ),
            CheckConstraint(
                name="batch_tax_within_face",
                condition=Q(card_tax_minor__gte=0, card_tax_minor__lte=F("face_minor")),
            ),
            CheckConstraint(
                name="batch_new_players_days_in_range",
                condition=Q(new_players_days__gte=0, new_players_days__lte=3650),
            ),
        ]
        indexes = [
            models.Index(fields=["ordered_at"], condition=Q(state="ordered"), name="batch_awaiting"),
        ]

    def __str__(self) -> str:
        return f"{self.serial_prefix}{self.series:04}"


class BatchVersion(models.Model):
    """An order as it was before somebody changed it, with the approval that the change made void. Append-only; written by
    the trigger ``keep`` of batches."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    version = models.SmallIntegerField()
    ordered_by = models.UUIDField()
    row = models.JSONField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [UniqueConstraint(fields=["batch", "version"], name="batch_version_once")]


class BatchProgress(models.Model):
    """How far the making of a batch has come, told from outside its transaction."""

    batch = models.OneToOneField(Batch, on_delete=models.PROTECT, primary_key=True)
    # Of which version of the order, and by whom it was asked for.
    version = models.SmallIntegerField(default=1, db_default=1)
    asked_by = models.UUIDField(null=True)
    done = models.IntegerField(default=0)
    total = models.IntegerField()
    problem = models.CharField(max_length=40, blank=True, default="")
    started_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "batches' progress"
