"""Payments, their attempts, the messages about them, and notices."""

from collections.abc import Iterable
from enum import StrEnum

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.kernel.ids import new_id
from warchest.payments.contract import Direction, Exchange, Status
from warchest.payments.rules import CREDITED
from warchest.sdk.payments import Standing


def texts(members: Iterable[StrEnum]) -> list[str]:
    # Plain text, so that migrations stand without today's classes.
    return sorted(member.value for member in members)


# A payment that settled a debt whole has no lot.
_CREDITED = Q(credited_at__isnull=False, journal_entry__isnull=False)
_NOT_CREDITED = Q(credited_at__isnull=True, journal_entry__isnull=True, lot__isnull=True)


class Payment(models.Model):
    """What a player pays, and how it stands. Its id is the reference of its first attempt."""

    id = models.UUIDField(primary_key=True, default=new_id)
    player = models.UUIDField()
    provider = models.CharField(max_length=40)
    status = models.CharField(max_length=20, default=Status.CREATED.value)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    units_minor = models.BigIntegerField()
    # As text: the quoted rate is shown and proved, never calculated with again.
    units_per_major = models.CharField(max_length=40)
    return_url = models.CharField(max_length=600)
    redirect_url = models.TextField(blank=True)
    provider_reference = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=80, blank=True)
    taken_minor = models.BigIntegerField(null=True)
    taken_currency = models.CharField(max_length=3, blank=True)
    language = models.CharField(max_length=10)
    country = models.CharField(max_length=2)
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    credited_at = models.DateTimeField(null=True)
    # What was asked, where a person has accepted what was taken instead: that is the amount from then on.
    asked_minor = models.BigIntegerField(null=True)
    asked_currency = models.CharField(max_length=3, blank=True, default="", db_default="")
    next_inquiry_at = models.DateTimeField(null=True)
    inquiries = models.IntegerField(default=0)
    journal_entry = models.UUIDField(null=True, unique=True)
    lot = models.UUIDField(null=True, unique=True)
    attempt = models.SmallIntegerField(default=1, db_default=1)
    set_off_minor = models.BigIntegerField(default=0, db_default=0)
    refunding_minor = models.BigIntegerField(default=0, db_default=0)
    refunded_minor = models.BigIntegerField(default=0, db_default=0)
    disputed_minor = models.BigIntegerField(default=0, db_default=0)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # No payment is refunded beyond itself, whoever asks how often at once.
            CheckConstraint(
                name="payment_goes_back_once",
                condition=Q(
                    refunding_minor__gte=0,
                    refunded_minor__gte=0,
                    disputed_minor__gte=0,
                    set_off_minor__gte=0,
                    set_off_minor__lte=F("amount_minor"),
                    amount_minor__gte=F("refunding_minor") + F("refunded_minor") + F("disputed_minor"),
                ),
            ),
            CheckConstraint(name="payment_status_known", condition=Q(status__in=texts(Status))),
            CheckConstraint(name="payment_positive", condition=Q(amount_minor__gt=0, units_minor__gt=0)),
            CheckConstraint(
                name="payment_credited_by_status",
                condition=(Q(status__in=texts(CREDITED)) & _CREDITED)
                | (~Q(status__in=texts(CREDITED)) & _NOT_CREDITED),
            ),
            UniqueConstraint(
                fields=["provider", "provider_reference"],
                condition=~Q(provider_reference=""),
                name="payment_once_at_provider",
            ),
        ]
        indexes = [
            models.Index(fields=["player", "-id"], name="payment_player"),
            models.Index(fields=["status", "-id"], name="payment_status"),
            models.Index(fields=["provider", "-id"], name="payment_provider"),
            models.Index(
                fields=["next_inquiry_at"],
                condition=Q(next_inquiry_at__isnull=False),
                name="payment_inquiry_due",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Attempt(models.Model):
    """One opening of a payment at a provider: all that is needed to open the very same thing there again."""

    id = models.UUIDField(primary_key=True, default=new_id)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="attempts")
    number = models.SmallIntegerField()
    provider = models.CharField(max_length=40)
    reference = models.CharField(max_length=36)
    notice_url = models.CharField(max_length=500)
    description = models.CharField(max_length=120)
    started_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    # What whoever opened the payment was told, as JSON of contract.Payment: a repeated request is told the same.
    answer = models.TextField(blank=True)
    method = models.CharField(max_length=40, blank=True, default="", db_default="")
    standing = models.CharField(max_length=10, blank=True, default="", db_default="")
    provider_reference = models.CharField(max_length=200, blank=True, default="", db_default="")
    # As JSON of sdk.payments.Instrument, without the token.
    instrument = models.TextField(blank=True, default="", db_default="")
    # What the player does where the provider has no page, as JSON of names and values.
    instructions = models.TextField(blank=True, default="", db_default="")
    # Sealed, as JSON: how it was asked (contract.AttemptOptions), and what the plug-in wants to remember.
    options = models.BinaryField(null=True)
    kept = models.BinaryField(null=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["payment", "number"], name="attempt_once"),
            UniqueConstraint(fields=["provider", "reference"], name="attempt_reference_once"),
            UniqueConstraint(
                fields=["provider", "provider_reference"],
                condition=~Q(provider_reference=""),
                name="attempt_once_at_provider",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Message(models.Model):
    """What was told to a provider or heard from it, masked. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id)
    # Empty where the provider speaks of a payment that is not ours.
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="messages")
    provider = models.CharField(max_length=40)
    direction = models.CharField(max_length=16)
    exchange = models.CharField(max_length=10)
    standing = models.CharField(max_length=10, blank=True)
    provider_reference = models.CharField(max_length=200, blank=True)
    amount_minor = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    reason = models.CharField(max_length=80, blank=True)
    text = models.TextField(blank=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="message_direction_known", condition=Q(direction__in=texts(Direction))),
            CheckConstraint(name="message_exchange_known", condition=Q(exchange__in=texts(Exchange))),
            CheckConstraint(name="message_standing_known", condition=Q(standing__in=["", *texts(Standing)])),
        ]
        indexes = [
            models.Index(fields=["payment", "id"], name="message_payment"),
            models.Index(fields=["provider", "-id"], name="message_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.exchange}"


class ReceivedNotice(models.Model):
    """A notice whose signature was right, stored before it is acted on; once for each of the provider's own ids."""

    id = models.UUIDField(primary_key=True, default=new_id)
    provider = models.CharField(max_length=40)
    notice_id = models.CharField(max_length=200)
    reference = models.CharField(max_length=200, blank=True)
    message = models.OneToOneField(Message, on_delete=models.PROTECT)
    # As JSON of sdk.payments.Report, its raw text apart in the message.
    report = models.TextField()
    subject = models.CharField(max_length=8, default="payment", db_default="payment")
    attempt = models.SmallIntegerField(default=1, db_default=1)
    refund = models.UUIDField(null=True)
    # As JSON of sdk.payments.DisputeReport.
    dispute = models.TextField(blank=True, default="", db_default="")
    received_at = models.DateTimeField()
    copies = models.IntegerField(default=1)
    processed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=60, blank=True)
    next_try_at = models.DateTimeField(null=True)
    tries = models.IntegerField(default=0)
    problem = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["provider", "notice_id"], name="notice_once"),
            CheckConstraint(
                name="notice_processed_or_due",
                condition=Q(processed_at__isnull=True, next_try_at__isnull=False)
                | Q(processed_at__isnull=False, next_try_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="notice_due")
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.notice_id}"


class NoticeRefusal(models.Model):
    """How many notices were refused: counted and not kept, since anybody can send them."""

    pk = models.CompositePrimaryKey("provider", "day", "reason")
    provider = models.CharField(max_length=40)
    day = models.DateField()
    reason = models.CharField(max_length=60)
    count = models.IntegerField()
    last_at = models.DateTimeField()
