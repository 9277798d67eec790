"""Tables of the catalogue. Prices are append-only, as the first migration tells the database."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.catalogue.contract import OfferState
from warchest.kernel.ids import new_id
from warchest.kernel.period import TermUnit

_STATES = [state.value for state in OfferState]


class OnlineService(models.Model):
    """What players use: a game, a league. Names and texts by language tag."""

    id = models.UUIDField(primary_key=True, default=new_id)
    code = models.CharField(max_length=40)
    names = models.JSONField()
    texts = models.JSONField(default=dict)
    picture = models.CharField(max_length=200, blank=True)
    order = models.IntegerField(default=0)
    countries = ArrayField(models.CharField(max_length=2), default=list)
    state = models.CharField(max_length=10, default=OfferState.OFFERED)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["code"], name="online_service_code_once"),
            CheckConstraint(name="online_service_state_known", condition=Q(state__in=_STATES)),
        ]

    def __str__(self) -> str:
        return self.code


class Plan(models.Model):
    """An online service for a term: one month, one year."""

    id = models.UUIDField(primary_key=True, default=new_id)
    online_service = models.ForeignKey(OnlineService, on_delete=models.PROTECT, related_name="plans")
    code = models.CharField(max_length=40)
    names = models.JSONField()
    term_count = models.SmallIntegerField()
    term_unit = models.CharField(max_length=8)
    order = models.IntegerField(default=0)
    state = models.CharField(max_length=10, default=OfferState.OFFERED)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["online_service", "code"], name="plan_code_once"),
            CheckConstraint(name="plan_state_known", condition=Q(state__in=_STATES)),
            CheckConstraint(name="plan_term_positive", condition=Q(term_count__gte=1)),
            CheckConstraint(
                name="plan_term_unit_known", condition=Q(term_unit__in=[unit.value for unit in TermUnit])
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Price(models.Model):
    """What one term costs in one currency, tax included, from a moment on. Never changed, only followed."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="prices")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    valid_from = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["plan", "currency", "valid_from"], name="price_once"),
            CheckConstraint(name="price_positive", condition=Q(amount_minor__gt=0)),
        ]


class Tournament(models.Model):
    """An event of an online service that players enter with a pass."""

    id = models.UUIDField(primary_key=True, default=new_id)
    online_service = models.ForeignKey(OnlineService, on_delete=models.PROTECT, related_name="tournaments")
    code = models.CharField(max_length=40)
    names = models.JSONField()
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    # Places for so many passes; 0: for all who come.
    capacity = models.IntegerField(default=0)
    state = models.CharField(max_length=10, default=OfferState.OFFERED)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["code"], name="tournament_code_once"),
            CheckConstraint(name="tournament_state_known", condition=Q(state__in=_STATES)),
            CheckConstraint(name="tournament_is_period", condition=Q(ends_at__gt=F("begins_at"))),
            CheckConstraint(name="tournament_capacity_not_negative", condition=Q(capacity__gte=0)),
        ]

    def __str__(self) -> str:
        return self.code


class PassPrice(models.Model):
    """What a pass costs in one currency, tax included, from a moment on. Never changed, only followed."""

    tournament = models.ForeignKey(Tournament, on_delete=models.PROTECT, related_name="prices")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    valid_from = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["tournament", "currency", "valid_from"], name="pass_price_once"),
            CheckConstraint(name="pass_price_positive", condition=Q(amount_minor__gt=0)),
        ]
