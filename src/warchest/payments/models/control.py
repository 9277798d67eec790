"""How the house has set payments up: providers' settings, its rules, what fraud rules found, who decided reviews."""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id
from warchest.payments.contract.configuring import Mode
from warchest.payments.contract.fraud import Stage
from warchest.payments.contract.house_rules import FraudVerdict, RuleKind
from warchest.payments.models.payment import Payment, texts


class ProviderSettings(models.Model):
    """A version of a provider's settings, sealed. Append-only: the newest counts."""

    id = models.UUIDField(primary_key=True, default=new_id)
    provider = models.CharField(max_length=40)
    number = models.IntegerField()
    sealed = models.BinaryField()
    mode = models.CharField(max_length=10)
    # The names of the fields that are new in it, as a JSON list; never what they hold.
    changed = models.JSONField()
    previous_until = models.DateTimeField(null=True)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=80)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["provider", "number"], name="provider_settings_once"),
            CheckConstraint(name="provider_settings_number", condition=Q(number__gte=1)),
            CheckConstraint(name="provider_settings_mode_known", condition=Q(mode__in=texts(Mode))),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.number}"


class ProviderSwitch(models.Model):
    """Whether a provider takes new payments, from a moment on. Append-only: the newest counts."""

    id = models.UUIDField(primary_key=True, default=new_id)
    provider = models.CharField(max_length=40)
    number = models.IntegerField()
    enabled = models.BooleanField()
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=80)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [UniqueConstraint(fields=["provider", "number"], name="provider_switch_once")]

    def __str__(self) -> str:
        return f"{self.provider} {'on' if self.enabled else 'off'}"


class ProviderHealth(models.Model):
    """What a provider last said of itself, whoever asked."""

    provider = models.CharField(max_length=40, primary_key=True)
    well = models.BooleanField()
    detail = models.CharField(max_length=300)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.provider


class HouseRule(models.Model):
    """A rule of the house, with its validity. Only its end is ever set later, and never moved back out."""

    id = models.UUIDField(primary_key=True, default=new_id)
    kind = models.CharField(max_length=10)
    name = models.CharField(max_length=80)
    # As JSON of the kind's own class in the contract.
    terms = models.TextField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=80)
    ended_by = models.CharField(max_length=80, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="house_rule_kind_known", condition=Q(kind__in=texts(RuleKind))),
            CheckConstraint(
                name="house_rule_ends_after_beginning",
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
            ),
        ]
        indexes = [models.Index(fields=["kind", "valid_from"], name="house_rule_kind")]

    def __str__(self) -> str:
        return self.name


class RiskAssessment(models.Model):
    """What the fraud rules made of a payment at one moment, and the keyed hashes by which payments are counted together.

    Append-only. ``payment`` is no reference: that of a blocked payment never came to be.
    """

    id = models.UUIDField(primary_key=True, default=new_id)
    payment = models.UUIDField()
    stage = models.CharField(max_length=10)
    verdict = models.CharField(max_length=6)
    # As JSON of a list of contract.Finding.
    findings = models.TextField(default="[]")
    player = models.UUIDField()
    units_minor = models.BigIntegerField()
    # HMAC-SHA-256, its first 16 bytes, under a key outside the database; empty where it is not known.
    address_hash = models.BinaryField(default=b"")
    network_hash = models.BinaryField(default=b"")
    card_hash = models.BinaryField(default=b"")
    card_label = models.CharField(max_length=60, blank=True)
    player_country = models.CharField(max_length=2, blank=True)
    address_country = models.CharField(max_length=2, blank=True)
    card_country = models.CharField(max_length=2, blank=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["payment", "stage", "card_hash"], name="risk_assessed_once"),
            CheckConstraint(name="risk_stage_known", condition=Q(stage__in=texts(Stage))),
            CheckConstraint(name="risk_verdict_known", condition=Q(verdict__in=texts(FraudVerdict))),
        ]
        indexes = [
            models.Index(fields=["player", "at"], name="risk_player"),
            models.Index(fields=["address_hash", "at"], condition=~Q(address_hash=b""), name="risk_address"),
            models.Index(fields=["network_hash", "at"], condition=~Q(network_hash=b""), name="risk_network"),
            models.Index(fields=["card_hash", "at"], condition=~Q(card_hash=b""), name="risk_card"),
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.verdict}"


class ReviewVote(models.Model):
    """What somebody decided about a payment under review. Append-only; each person once for each review."""

    id = models.UUIDField(primary_key=True, default=new_id)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="review_votes")
    # Which review of the payment: a payment may come under review again.
    round = models.IntegerField()
    decision = models.CharField(max_length=10)
    reason = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=400, blank=True)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=80)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["payment", "round", "made_by"], name="review_vote_once"),
            CheckConstraint(name="review_decision_known", condition=Q(decision__in=["approve", "refuse"])),
        ]

    def __str__(self) -> str:
        return self.decision


class BonusPromise(models.Model):
    """The units on top that a player was shown for a payment: fixed when it is opened, given when it is credited."""

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, primary_key=True, related_name="bonus")
    units_minor = models.BigIntegerField()
    # How long they last; 0: for ever.
    days = models.IntegerField()
    rule = models.CharField(max_length=80)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="bonus_positive", condition=Q(units_minor__gt=0, days__gte=0)),
        ]

    def __str__(self) -> str:
        return self.rule
