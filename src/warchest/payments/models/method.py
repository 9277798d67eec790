"""Saved methods, top-ups by themselves, and what payments are for."""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id
from warchest.payments.contract.auto_top_ups import Occasion
from warchest.payments.contract.methods import MethodState
from warchest.payments.contract.purposes import PurposeState
from warchest.payments.models.payment import Payment, texts


class MethodConsent(models.Model):
    """That a player wants saved what a payment is paid with: when, and which wording they read. Append-only."""

    payment = models.OneToOneField(
        Payment, on_delete=models.PROTECT, primary_key=True, related_name="method_consent"
    )
    player = models.UUIDField()
    wording = models.CharField(max_length=20)
    language = models.CharField(max_length=10)
    agreed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.wording


class SavedMethod(models.Model):
    """What can be charged again. ``token`` is sealed, and erased when the provider has let it go."""

    id = models.UUIDField(primary_key=True, default=new_id)
    player = models.UUIDField()
    provider = models.CharField(max_length=40)
    # What the provider knows the player by; tells nobody who it is.
    payer = models.CharField(max_length=64)
    state = models.CharField(max_length=10, default=MethodState.USABLE.value)
    method = models.CharField(max_length=40)
    label = models.CharField(max_length=60)
    last_four = models.CharField(max_length=4, blank=True)
    expires = models.CharField(max_length=7, blank=True)
    country = models.CharField(max_length=2, blank=True)
    # Keyed hashes, as of fraud rules.
    card_hash = models.BinaryField(default=b"")
    token_hash = models.BinaryField()
    token = models.BinaryField(null=True)
    consent = models.ForeignKey(MethodConsent, on_delete=models.PROTECT, related_name="methods")
    saved_at = models.DateTimeField()
    warned_of = models.CharField(max_length=7, blank=True, default="")
    forget_asked_at = models.DateTimeField(null=True)
    forgotten_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    tries = models.IntegerField(default=0)
    problem = models.CharField(max_length=80, blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="method_token_as_long_as_needed",
                condition=Q(
                    state="usable",
                    token__isnull=False,
                    forget_asked_at__isnull=True,
                    forgotten_at__isnull=True,
                    next_try_at__isnull=True,
                )
                | Q(
                    state="forgetting",
                    token__isnull=False,
                    forget_asked_at__isnull=False,
                    forgotten_at__isnull=True,
                    next_try_at__isnull=False,
                )
                | Q(
                    state="forgotten",
                    token__isnull=True,
                    forgotten_at__isnull=False,
                    next_try_at__isnull=True,
                ),
            ),
            UniqueConstraint(fields=["provider", "token_hash"], name="method_token_once"),
            UniqueConstraint(
                fields=["player", "provider", "card_hash"],
                condition=Q(state="usable") & ~Q(card_hash=b""),
                name="method_card_once",
            ),
        ]
        indexes = [
            models.Index(fields=["player", "-id"], name="method_player"),
            models.Index(
                fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="method_forgetting_due"
            ),
            models.Index(
                fields=["expires"], condition=Q(state="usable") & ~Q(expires=""), name="method_ending"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class MethodUse(models.Model):
    """That an attempt charges a saved method. Append-only."""

    payment = models.OneToOneField(
        Payment, on_delete=models.PROTECT, primary_key=True, related_name="method_use"
    )
    attempt = models.SmallIntegerField()
    method = models.ForeignKey(SavedMethod, on_delete=models.PROTECT, related_name="uses")
    player_present = models.BooleanField()
    recorded_at = models.DateTimeField(db_default=Now())


class AutoTopUp(models.Model):
    """A player's order; one for each player, and its lock is what runs begin behind."""

    player = models.UUIDField(primary_key=True)
    enabled = models.BooleanField()
    below_minor = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    cap_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    method = models.ForeignKey(SavedMethod, on_delete=models.PROTECT, related_name="orders")
    wording = models.CharField(max_length=20)
    agreed_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    declines = models.SmallIntegerField(default=0)
    paused_at = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=20, blank=True, default="")
    not_before = models.DateTimeField(null=True)
    problem = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        constraints = [
            CheckConstraint(
                name="auto_top_up_bounds",
                condition=Q(below_minor__gt=0, amount_minor__gt=0, cap_minor__gte=F("amount_minor")),
            ),
            CheckConstraint(
                name="auto_top_up_paused_for_reason",
                condition=Q(paused_at__isnull=True, pause_reason="")
                | (Q(paused_at__isnull=False) & ~Q(pause_reason="")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["player"],
                condition=Q(enabled=True, paused_at__isnull=True),
                name="auto_top_up_on",
            )
        ]


class AutoRun(models.Model):
    """One top-up that an order has begun. The database refuses a second one that is open, and one beyond the cap."""

    id = models.UUIDField(primary_key=True, default=new_id)
    order = models.ForeignKey(AutoTopUp, on_delete=models.PROTECT, related_name="runs")
    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="auto_run")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # The first day of the month, by the player's calendar, in whose cap it counts.
    month = models.DateField()
    occasion = models.CharField(max_length=12)
    begun_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(
                fields=["order"], condition=Q(closed_at__isnull=True), name="auto_run_one_at_a_time"
            ),
            CheckConstraint(name="auto_run_occasion_known", condition=Q(occasion__in=texts(Occasion))),
        ]
        indexes = [models.Index(fields=["order", "month"], name="auto_run_month")]


class Purpose(models.Model):
    """What a payment is for, and what came of it; decided once, with the credit."""

    payment = models.OneToOneField(
        Payment, on_delete=models.PROTECT, primary_key=True, related_name="purpose"
    )
    kind = models.CharField(max_length=20)
    # As JSON of the kind's own.
    asked = models.TextField()
    state = models.CharField(max_length=8, default=PurposeState.WAITING.value)
    reason = models.CharField(max_length=80, blank=True, default="")
    details = models.TextField(blank=True, default="")
    result = models.TextField(blank=True, default="")
    decided_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="purpose_decided",
                condition=Q(state="waiting", decided_at__isnull=True, reason="")
                | Q(state="done", decided_at__isnull=False, reason="")
                | (Q(state="refused", decided_at__isnull=False) & ~Q(reason="")),
            )
        ]

    def __str__(self) -> str:
        return self.kind
