"""What is to leave the house, and what became of it."""

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id


class Endpoint(models.Model):
    """What we learned about a configured address. A row appears with its first trouble."""

    url = models.CharField(primary_key=True, max_length=500)
    disabled_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event for one endpoint. Its id grows in the order of the outbox, so it orders the deliveries of a key."""

    id = models.BigAutoField(primary_key=True)
    endpoint = models.CharField(max_length=500)
    event_id = models.BigIntegerField()
    topic = models.CharField(max_length=60)
    key = models.CharField(max_length=80)
    # Written once, so that every attempt sends and signs the same bytes.
    body = models.TextField()
    state = models.CharField(max_length=10, default="waiting")
    attempts = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    last_status = models.SmallIntegerField(null=True)
    last_error = models.CharField(max_length=200, blank=True)
    delivered_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            UniqueConstraint(fields=["event_id", "endpoint"], name="delivery_once"),
            CheckConstraint(
                name="delivery_state_known",
                condition=Q(state__in=["waiting", "delivered", "failed", "disabled"]),
            ),
            CheckConstraint(
                name="delivered_has_moment",
                condition=Q(state="delivered", delivered_at__isnull=False)
                | (~Q(state="delivered") & Q(delivered_at__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "key", "id"], condition=Q(state="waiting"), name="delivery_head_of_key"
            ),
            models.Index(
                fields=["endpoint", "next_attempt_at", "id"],
                condition=Q(state="waiting"),
                name="delivery_due",
            ),
            models.Index(fields=["state", "-id"], name="delivery_by_state"),
            models.Index(fields=["key", "-id"], name="delivery_by_key"),
        ]


class Mail(models.Model):
    """A mail to a player: whose it is, never where it goes. ``key`` names it for ever."""

    id = models.UUIDField(primary_key=True, default=new_id)
    key = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=24)
    player = models.UUIDField()
    language = models.CharField(max_length=10, blank=True)
    context = models.JSONField(default=dict)
    state = models.CharField(max_length=8, default="waiting")
    attempts = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)
    queued_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            CheckConstraint(
                name="mail_state_known",
                condition=Q(state__in=["waiting", "sending", "sent", "unknown", "failed"]),
            ),
            CheckConstraint(
                name="sent_has_moment",
                condition=Q(state="sent", sent_at__isnull=False)
                | (~Q(state="sent") & Q(sent_at__isnull=True)),
            ),
            CheckConstraint(
                name="sending_has_claim",
                condition=~Q(state="sending") | Q(claimed_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(state__in=["waiting", "sending"]),
                name="mail_due",
            ),
            models.Index(fields=["player", "-id"], name="mail_by_player"),
            models.Index(fields=["state", "-id"], name="mail_by_state"),
        ]


class MailEngine(models.Model):
    """The one switch of the e-mail engine; plugged in where there is no row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    plugged_in = models.BooleanField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [CheckConstraint(name="one_mail_engine", condition=Q(id=1))]
