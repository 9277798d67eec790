"""Tables of referrals. Their triggers and rights are in ``sql/constraints.sql``."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id
from warchest.referrals.contract import LEVELS_MAX, CommissionState


class Node(models.Model):
    """A player's place in the tree. The sponsor stood there before and stays."""

    player = models.UUIDField(primary_key=True)
    sponsor = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="invited")
    sponsor_code = models.CharField(max_length=8)
    joined_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["sponsor_code"], name="sponsor_code_once"),
            CheckConstraint(
                name="sponsor_is_another", condition=Q(sponsor__isnull=True) | ~Q(sponsor=F("player"))
            ),
        ]

    def __str__(self) -> str:
        return self.sponsor_code


class CommissionPlan(models.Model):
    """A version of the rates by level, in force until a later one begins. Append-only."""

    version = models.AutoField(primary_key=True)
    rates_bps = ArrayField(models.IntegerField())
    valid_from = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [UniqueConstraint(fields=["valid_from"], name="commission_plan_once")]


class Commission(models.Model):
    """What one sponsor earns from one purchase on one level in one currency. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id)
    sponsor = models.UUIDField()
    buyer = models.UUIDField()
    sale = models.UUIDField()
    entry_id = models.UUIDField()
    level = models.SmallIntegerField()
    # Plans are never deleted. A foreign key would lock the one row of the plan in force five times a sale, for all sales at
    # once; the check ``commissions_by_plans`` looks at more than it would. Nobody asks for a plan's commissions.
    plan = models.ForeignKey(CommissionPlan, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    base_minor = models.BigIntegerField()
    rate_bps = models.IntegerField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=10, default=CommissionState.ON_HOLD)
    earned_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["entry_id", "level", "currency"], name="commission_once"),
            CheckConstraint(name="commission_not_own", condition=~Q(sponsor=F("buyer"))),
            CheckConstraint(name="commission_level", condition=Q(level__gte=1, level__lte=LEVELS_MAX)),
            CheckConstraint(name="commission_rate", condition=Q(rate_bps__gte=1, rate_bps__lte=10_000)),
            CheckConstraint(
                name="commission_within_base",
                condition=Q(amount_minor__gt=0, amount_minor__lte=F("base_minor")),
            ),
            CheckConstraint(
                name="commission_state_known",
                condition=Q(state__in=[CommissionState.ON_HOLD.value]),
            ),
        ]
        # A row is written five times a sale, so it has no index that nobody needs.
        indexes = [models.Index(fields=["sponsor", "-id"], name="commission_sponsor")]


class CommissionReversal(models.Model):
    """Part of a commission that was taken back because the buyer got part of the price back. Append-only.

    ``base_minor`` is that part of the base, ``reference`` the key of the journal entry.
    """

    id = models.UUIDField(primary_key=True, default=new_id)
    commission = models.ForeignKey(Commission, on_delete=models.PROTECT, related_name="reversals")
    base_minor = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    reference = models.CharField(max_length=80)
    reversed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["commission", "reference"], name="commission_reversed_once"),
            CheckConstraint(name="reversal_positive", condition=Q(base_minor__gt=0, amount_minor__gte=0)),
        ]
        indexes = [models.Index(fields=["reference"], name="reversal_reference")]
