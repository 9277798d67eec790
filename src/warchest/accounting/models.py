"""Dated rates, what was taken over from older systems, what is settled with other clusters, and documents. Rows are only ever
added, except that a netting statement is answered and booked, and that it is noted how far documents have come."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.accounting.erp.models import (
    ErpAnswer,
    ErpAttempt,
    ErpBatch,
    ErpCustomer,
    ErpDocument,
    ErpEntry,
    ErpExport,
    ErpMapping,
    ErpTotal,
    ErpTreatment,
)

__all__ = [  # of the files beside this one
    "ErpAnswer",
    "ErpAttempt",
    "ErpBatch",
    "ErpCustomer",
    "ErpDocument",
    "ErpEntry",
    "ErpExport",
    "ErpMapping",
    "ErpTotal",
    "ErpTreatment",
]


class UnitRate(models.Model):
    """Units of the inner currency for one major unit of a real one, from a moment on."""

    currency = models.CharField(max_length=3)
    units_per_major = models.DecimalField(max_digits=20, decimal_places=8)
    valid_from = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["currency", "valid_from"], name="rate_once"),
            CheckConstraint(name="rate_positive", condition=Q(units_per_major__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.units_per_major}"


class TaxRate(models.Model):
    """The standard rate of value added tax of a country, in hundredths of a per cent of the net, from a moment on."""

    country = models.CharField(max_length=2)
    rate_bps = models.IntegerField()
    valid_from = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["country", "valid_from"], name="tax_rate_once"),
            CheckConstraint(name="tax_rate_sane", condition=Q(rate_bps__gte=0, rate_bps__lte=5000)),
        ]

    def __str__(self) -> str:
        return f"{self.country} {self.rate_bps}"


class CurrencyRate(models.Model):
    """What one ``base`` was in ``quote`` from a day on. Of several for the same day the last recorded counts: rates are
    typed by people, and what was known when stays to be seen."""

    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    quote_per_base = models.DecimalField(max_digits=24, decimal_places=10)
    rate_date = models.DateField()
    source = models.CharField(max_length=40)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="currency_rate_positive", condition=Q(quote_per_base__gt=0)),
            CheckConstraint(name="currency_rate_of_two", condition=~Q(base=F("quote"))),
        ]
        indexes = [models.Index(fields=["base", "quote", "rate_date", "id"], name="currency_rate_by_day")]

    def __str__(self) -> str:
        return f"{self.base} {self.quote_per_base} {self.quote}"


class MoveIn(models.Model):
    """An older system whose books were opened here. Only ``finished_at`` is set later, once."""

    system = models.CharField(primary_key=True, max_length=20)
    cutover_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="move_in_system_named", condition=Q(system__regex=r"^[a-z0-9][a-z0-9-]*$"))
        ]

    def __str__(self) -> str:
        return self.system


class TakenOver(models.Model):
    """A row of an older system, and what was made of it here. Append-only."""

    move_in = models.ForeignKey(MoveIn, on_delete=models.PROTECT, db_index=False)
    kind = models.CharField(max_length=12)
    external_id = models.CharField(max_length=160, db_collation="C")
    here = models.UUIDField()
    fingerprint = models.BinaryField(max_length=32)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["move_in", "kind", "external_id"], name="taken_over_once"),
            CheckConstraint(
                name="taken_kind_known",
                condition=Q(kind__in=["player", "lot", "subscription", "balance"]),
            ),
        ]


class NettingStatement(models.Model):
    """What is settled at once with another cluster's entity. The figures never change; it is answered once, booked once."""

    id = models.UUIDField(primary_key=True)
    cluster = models.CharField(max_length=40)
    currency = models.CharField(max_length=3)
    until = models.DateTimeField()
    payable_minor = models.BigIntegerField()
    receivable_minor = models.BigIntegerField()
    state = models.CharField(max_length=8)
    drawn_up_by = models.CharField(max_length=40, blank=True, default="")
    drawn_up_at = models.DateTimeField()
    their_payable_minor = models.BigIntegerField(null=True)
    their_receivable_minor = models.BigIntegerField(null=True)
    booked_by = models.CharField(max_length=40, blank=True, default="")
    reference = models.CharField(max_length=80, blank=True, default="")
    entry_id = models.UUIDField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="netting_state_known",
                condition=Q(state__in=["drawn_up", "agreed", "disputed"], entry_id__isnull=True)
                | Q(state="booked", entry_id__isnull=False),
            ),
            CheckConstraint(
                name="netting_by_two", condition=~Q(state="booked") | ~Q(booked_by=F("drawn_up_by"))
            ),
            UniqueConstraint(
                name="netting_open_once", fields=["cluster", "currency"], condition=Q(state="drawn_up")
            ),
        ]
        indexes = [models.Index(fields=["cluster", "currency"], name="netting_cluster")]

    def __str__(self) -> str:
        return f"{self.cluster} {self.currency} {self.until:%Y-%m-%d}"


class DocumentSeries(models.Model):
    """The last number that a series has given out; its id names entity, series and year.

    Only an inserted document moves it on: see ``sql/documents.sql``.
    """

    id = models.CharField(primary_key=True, max_length=40)
    entity = models.CharField(max_length=20)
    series = models.CharField(max_length=8)
    year = models.IntegerField()
    last = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "document series"
        constraints = [
            CheckConstraint(name="document_series_counts", condition=Q(last__gt=0)),
        ]


class DocumentWatermark(models.Model):
    """The position in the journal up to which every entry has its documents. One row; whoever issues locks it."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField()

    class Meta:
        constraints = [CheckConstraint(name="one_document_watermark", condition=Q(id=1, position__gte=0))]


class Document(models.Model):
    """A receipt, a tax invoice or a credit note. Append-only. ``running`` and ``number`` are given by the insert itself.

    Who bought it stands only in ``sealed_buyer``, under a key of that person's.
    """

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=12)
    entity = models.CharField(max_length=20)
    series = models.CharField(max_length=8)
    year = models.IntegerField()
    running = models.BigIntegerField(db_default=0)
    number = models.CharField(max_length=40, db_default="")
    entry_id = models.UUIDField()
    position = models.BigIntegerField()
    player = models.UUIDField(null=True)
    payment = models.UUIDField(null=True)
    corrects = models.UUIDField(null=True)
    also_corrects = ArrayField(models.UUIDField(), null=True)
    language = models.CharField(max_length=10)
    item = models.CharField(max_length=300)
    lines = models.JSONField()
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    gross_minor = models.BigIntegerField()
    units_minor = models.BigIntegerField()
    units_per_major = models.CharField(max_length=40, blank=True)
    place = models.CharField(max_length=2, blank=True)
    evidence = models.JSONField()
    seller = models.JSONField()
    sealed_buyer = models.BinaryField(null=True)
    layout = models.SmallIntegerField()
    occurred_at = models.DateTimeField()
    issued_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["entity", "series", "year", "running"], name="document_numbered_once"),
            UniqueConstraint(fields=["number", "entity"], name="document_number_once"),
            UniqueConstraint(fields=["entry_id", "kind", "currency"], name="document_of_entry_once"),
            CheckConstraint(
                name="document_kind_known", condition=Q(kind__in=["receipt", "tax_invoice", "credit_note"])
            ),
            CheckConstraint(
                name="document_amounts_add_up",
                condition=Q(
                    gross_minor=F("net_minor") + F("tax_minor"),
                    gross_minor__gt=0,
                    net_minor__gte=0,
                    tax_minor__gte=0,
                ),
            ),
            CheckConstraint(
                name="receipt_is_untaxed", condition=~Q(kind="receipt") | Q(tax_minor=0, place="")
            ),
            CheckConstraint(
                name="document_names_its_buyer",
                condition=Q(player__isnull=False) | Q(sealed_buyer__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["player", "-id"], name="document_of_player"),
            models.Index(fields=["payment"], name="document_of_payment", condition=Q(payment__isnull=False)),
            models.Index(fields=["position"], name="document_by_position"),
            models.Index(fields=["-issued_at"], name="document_issued"),
        ]

    def __str__(self) -> str:
        return self.number


class UndocumentedEntry(models.Model):
    """An entry whose document could not be made. It stays here for the record when it was made at last."""

    entry_id = models.UUIDField(primary_key=True)
    position = models.BigIntegerField()
    problem = models.CharField(max_length=200)
    since = models.DateTimeField()
    tried_at = models.DateTimeField()
    tries = models.IntegerField(default=1)
    solved_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "undocumented entries"
        indexes = [
            models.Index(fields=["tried_at"], name="undocumented", condition=Q(solved_at__isnull=True))
        ]
