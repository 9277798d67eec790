"""Tables of subscriptions. What keeps terms apart, triggers and rights are in ``sql/constraints.sql``."""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id
from warchest.subscriptions.contract import ConsentKind, GrantSource, SubscriptionState

_SOURCES = [source.value for source in GrantSource]


class Subscription(models.Model):
    """One player's agreement on one online service, and its latest stretch of time without a gap."""

    id = models.UUIDField(primary_key=True, default=new_id)
    player = models.UUIDField()
    online_service = models.UUIDField()
    plan = models.UUIDField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    anchor_day = models.SmallIntegerField()
    state = models.CharField(max_length=10, default=SubscriptionState.ACTIVE)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["player", "online_service"], name="subscription_once"),
            CheckConstraint(
                name="subscription_state_known",
                condition=Q(state__in=[state.value for state in SubscriptionState]),
            ),
            CheckConstraint(name="subscription_ends_later", condition=Q(ends_at__gte=F("starts_at"))),
            CheckConstraint(
                name="subscription_anchor_day", condition=Q(anchor_day__gte=1, anchor_day__lte=31)
            ),
        ]
        # None on its term: a sale that moves it on writes the row anew beside the old one, and no index learns of it.


class Grant(models.Model):
    """A term added to a subscription, and why; terms of one subscription never overlap. Its unserved end may be cut off."""

    id = models.UUIDField(primary_key=True, default=new_id)
    # The index of ``terms_apart`` begins with it.
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="grants", db_index=False
    )
    source = models.CharField(max_length=12)
    plan = models.UUIDField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    entry_id = models.UUIDField(null=True)
    reference = models.CharField(max_length=80, blank=True)
    granted_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="grant_source_known", condition=Q(source__in=_SOURCES)),
            # Nothing is left of one that was taken back whole.
            CheckConstraint(name="grant_ends_later", condition=Q(ends_at__gte=F("starts_at"))),
        ]
        # A sale's entry names the grant in its key: no sale has to be found by its entry, and none pays for the index.
        indexes = [
            models.Index(fields=["entry_id"], condition=~Q(source=GrantSource.PAID.value), name="grant_entry")
        ]


class Consent(models.Model):
    """What the buyer of a grant was shown and agreed to, for it to begin within the period of withdrawal. Append-only."""

    # Without a foreign key: it is written before the grant's transaction ends, and no sale pays for the look.
    grant = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=8)
    wording = models.CharField(max_length=600, blank=True)
    given_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="consent_kind_known", condition=Q(kind__in=[kind.value for kind in ConsentKind])
            )
        ]


class Deferral(models.Model):
    """What was paid for a grant in one currency, without tax, and how much of it has been recognised as revenue.

    The term stands here again, so that the nightly run reads one table.
    """

    # The index of ``deferral_once`` begins with it.
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="deferrals", db_index=False)
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    recognised_minor = models.BigIntegerField(default=0)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            UniqueConstraint(fields=["grant", "currency"], name="deferral_once"),
            CheckConstraint(name="deferral_positive", condition=Q(net_minor__gte=0)),
            CheckConstraint(
                name="recognised_within_deferral",
                condition=Q(recognised_minor__gte=0, recognised_minor__lte=F("net_minor")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["starts_at"], condition=Q(recognised_minor__lt=F("net_minor")), name="deferral_open"
            )
        ]


class Withholding(models.Model):
    """Time that was cut off a grant for a refund, and what had been paid for it without tax: held, then taken or given back.

    ``reference`` names what it is withheld for.
    """

    id = models.UUIDField(primary_key=True, default=new_id)
    reference = models.UUIDField()
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="withholdings")
    seconds = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    state = models.CharField(max_length=8, default="held")
    held_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    entry_key = models.CharField(max_length=80, blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="withheld_positive", condition=Q(seconds__gte=0, net_minor__gte=0)),
            CheckConstraint(
                name="withheld_state_known", condition=Q(state__in=["held", "taken", "returned"])
            ),
            CheckConstraint(
                name="withheld_decided",
                condition=Q(state="held", decided_at__isnull=True)
                | ~Q(state="held") & Q(decided_at__isnull=False),
            ),
        ]
        indexes = [models.Index(name="withholding_reference", fields=["reference"])]


class Pass(models.Model):
    """A player's right to take part in a tournament. Append-only.

    The tournament's term and what was paid in each currency stand here again, so that the nightly run reads one table more.
    """

    id = models.UUIDField(primary_key=True, default=new_id)
    player = models.UUIDField()
    tournament = models.UUIDField()
    online_service = models.UUIDField()
    source = models.CharField(max_length=12)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    entry_id = models.UUIDField(null=True)
    reference = models.CharField(max_length=80, blank=True)
    issued_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "passes"
        constraints = [
            UniqueConstraint(fields=["player", "tournament"], name="pass_once"),
            CheckConstraint(name="pass_source_known", condition=Q(source__in=_SOURCES)),
            CheckConstraint(name="pass_ends_later", condition=Q(ends_at__gt=F("starts_at"))),
        ]
        indexes = [models.Index(fields=["tournament"], name="pass_tournament")]


class PassDeferral(models.Model):
    """What was paid for a pass in one currency, without tax: earned as a whole when the tournament has ended."""

    held = models.ForeignKey(Pass, on_delete=models.PROTECT, related_name="deferrals", db_index=False)
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    recognised_minor = models.BigIntegerField(default=0)
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            UniqueConstraint(fields=["held", "currency"], name="pass_deferral_once"),
            CheckConstraint(name="pass_deferral_positive", condition=Q(net_minor__gt=0)),
            CheckConstraint(
                name="pass_recognised_whole",
                condition=Q(recognised_minor=0) | Q(recognised_minor=F("net_minor")),
            ),
        ]
        indexes = [
            models.Index(fields=["ends_at"], condition=Q(recognised_minor=0), name="pass_deferral_open")
        ]


class Recognition(models.Model):
    """What one run recognised in one currency, over all grants and passes. Append-only."""

    pk = models.CompositePrimaryKey("day", "run", "currency")
    day = models.DateField()
    run = models.SmallIntegerField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [CheckConstraint(name="recognition_positive", condition=Q(amount_minor__gt=0))]


class EntitlementChange(models.Model):
    """The feed for game servers. ``transaction`` orders readers behind open ones, as in the outbox. Append-only."""

    id = models.BigAutoField(primary_key=True)
    transaction = models.BigIntegerField(db_default=models.Value(0))
    player = models.UUIDField()
    online_service = models.UUIDField()
    starts_at = models.DateTimeField()
    until = models.DateTimeField()
    source = models.CharField(max_length=12)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["transaction", "id"], name="entitlement_change_order"),
            models.Index(fields=["player", "online_service", "transaction"], name="entitlement_change_place"),
        ]
