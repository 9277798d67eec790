"""Dated rates, what was taken over from older systems, and what is settled with other clusters. Rows are only ever added,
except that a netting statement is answered and booked."""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now


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
