"""Payments: what a player pays, how it stands, and what was told to its provider and heard from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.accounting.contract import Quote
from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.payments import Instrument, Report, Standing

RETURN_PATH = "/payments/{payment}/return"
"""Where on the public address the browser comes back to, when the caller named no address of its own."""


class UnableToTopUp(UnableTo):
    """No payment was made."""

    reasons = frozenset(
        {
            "player_not_active",  # frozen or closed
            "return_url_malformed",  # no absolute http or https address, or one that hides where it leads
            "quote_changed",  # the amount brings other units than the player was shown
            "payment_blocked",  # by the fraud rules
        }
    )


class UnableToTryAgain(UnableTo):
    """No further attempt was opened."""

    reasons = frozenset(
        {
            "attempt_open",  # the one before may still succeed: nobody pays twice
            "payment_over",  # it was credited, or is under review
            "attempts_too_many",
            "payment_too_old",  # the rate that was fixed for it holds no longer
        }
    )


class UnableToFindPayment(UnableTo):
    reasons = frozenset({"payment_unknown"})


class Status(StrEnum):
    """How a payment stands. The allowed steps from one to the next are the table in ``rules``."""

    CREATED = "created"  # written down; the provider was not asked yet, or its answer was lost
    PENDING = "pending"  # the player is paying, or the provider is working on it
    UNKNOWN = "unknown"  # the provider was asked, and there was no answer that could be read
    REVIEW = "review"  # the provider's word does not fit what was asked: a person decides, no units moved
    SUCCEEDED = "succeeded"  # paid and credited
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


class Exchange(StrEnum):
    """On what occasion a message went to or came from the provider."""

    START = "start"
    INQUIRY = "inquiry"
    RETURN = "return"
    NOTICE = "notice"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    DISPUTE = "dispute"
    FORGET = "forget"  # a saved method is let go


class Direction(StrEnum):
    TO_PROVIDER = "to_provider"
    FROM_PROVIDER = "from_provider"


class Verdict(StrEnum):
    """What a report makes of a payment."""

    NOTHING = "nothing"  # it says nothing new
    NOTED = "noted"  # the status followed it; no money moved
    CREDIT = "credit"  # paid as asked: to be credited now, in this transaction
    SURPLUS = "surplus"  # paid by a second attempt though it is credited: to be booked, and given back


@dataclass(frozen=True, slots=True)
class Payment:
    """``units`` is what ``amount`` brings, at ``units_per_major`` (units for one major unit of the currency, as text).

    ``reason`` says why it failed or is under review: the provider's code, or ours. ``taken`` is what the provider says
    that it took, where that differs from ``amount``. ``journal_entry`` is there once it was credited, and ``lot``, unless all of
    it settled a debt: ``set_off`` is how much did. ``attempt`` is the number of the one that counts, ``refunding``, ``refunded``
    and ``disputed`` are what is going back, went back, and is or was fetched back.
    """

    id: UUID
    player: UUID
    provider: str
    status: Status
    amount: Money
    units: Money
    units_per_major: str
    return_url: str
    redirect_url: str
    provider_reference: str
    reason: str
    taken: Money | None
    language: str
    country: str
    opened_at: datetime
    changed_at: datetime
    credited_at: datetime | None
    next_inquiry_at: datetime | None
    inquiries: int
    journal_entry: UUID | None
    lot: UUID | None
    attempt: int
    set_off: Money
    refunding: Money
    refunded: Money
    disputed: Money

    @property
    def refundable(self) -> Money:
        """What could still go back; nothing of a payment that was not credited."""
        if self.credited_at is None:
            return Money.zero(self.amount.currency)
        return self.amount - self.refunding - self.refunded - self.disputed


@dataclass(frozen=True, slots=True)
class AttemptOptions:
    """How a payment is opened at a provider, as in ``sdk.payments.PaymentRequest``; but ``saved_method`` is the id of one that
    we keep: its token is put in its place when the provider is told, and stands nowhere else."""

    method: str = ""
    payer: str = ""
    capture_later: bool = False
    save_method: bool = False
    saved_method: str = ""
    player_present: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """One opening of a payment at a provider. ``reference`` is the idempotency key towards it, ``standing`` what it said
    last (empty: nothing), ``instrument`` what was paid with, without its token."""

    number: int
    provider: str
    reference: str
    started_at: datetime
    answered_at: datetime | None
    method: str = ""
    standing: str = ""
    provider_reference: str = ""
    instrument: Instrument | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What was told to a provider or heard from it, secrets and card numbers masked.

    ``standing`` is what it said of the payment, None where we spoke.
    """

    id: UUID
    provider: str
    direction: Direction
    exchange: Exchange
    standing: Standing | None
    provider_reference: str
    amount: Money | None
    reason: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """A provider's answer about one attempt, kept under ``message`` before it is acted on."""

    message: UUID
    payment: Payment
    report: Report
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Weighed:
    verdict: Verdict
    payment: Payment


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """Which payments a list shows; what is left empty does not narrow it.

    ``opened_from`` is included, ``opened_before`` is not.
    """

    statuses: tuple[Status, ...] = ()
    provider: str = ""
    player: UUID | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many payments have no end yet; the oldest was opened at ``since``."""

    count: int = 0
    since: datetime | None = None


class PaymentLife(Protocol):
    # Within a journey's transaction.

    def open_payment(
        self,
        *,
        payment_id: UUID,
        player: UUID,
        provider: str,
        quote: Quote,
        return_url: str,
        language: str,
        country: str,
        at: datetime,
        options: AttemptOptions = ...,
        consent: str = "",
    ) -> Payment:
        """Write a payment and its first attempt down, before any provider hears of it.

        ``return_url`` empty: our own page. ``consent`` is the wording by which the player wants saved what is paid with; it
        holds for further attempts too. Raises UnableToUseProvider, UnableToTopUp (``return_url_malformed``),
        UnableToUseMethod (``saving_not_offered``, ``consent_malformed``).
        """
        ...

    def open_attempt(
        self, *, payment_id: UUID, provider: str, options: AttemptOptions, at: datetime
    ) -> Payment:
        """Begin again at another provider, or at the same by other means, after the attempt before has failed for certain.

        Raises UnableToFindPayment, UnableToTryAgain, UnableToUseProvider.
        """
        ...

    def weigh(self, *, payment_id: UUID, report: Report, at: datetime, attempt: int = 0) -> Weighed:
        """Lock the payment and let its status follow what was said of an attempt (0: the one that counts now).

        CREDIT only when the provider took exactly what was asked and the payment was not credited before; SURPLUS when it was,
        by another attempt. With both the payment stays as it was: who gets CREDIT calls ``credit`` in the same transaction.
        Raises UnableToFindPayment.
        """
        ...

    def credit(
        self,
        *,
        payment_id: UUID,
        lot: UUID | None,
        journal_entry: UUID,
        report: Report,
        at: datetime,
        attempt: int = 0,
        set_off: Money | None = None,
    ) -> Payment:
        """The payment succeeded by this attempt: its units are in this lot and this entry, less what ``set_off`` settled."""
        ...

    def answer_attempt(self, *, payment_id: UUID, at: datetime) -> Payment:
        """Keep how the payment stands now as the answer to whoever opened it; the first one stays."""
        ...

    # Outside any transaction: these speak with providers, and keep each message in a technical transaction.

    def start(self, *, payment_id: UUID, at: datetime) -> Heard:
        """Open the payment at its provider. Repeated, it is the same payment there. Raises UnableToUseProvider."""
        ...

    @at_most_once
    def inquire(self, *, payment_id: UUID, at: datetime) -> Heard:
        """Ask the provider how the payment stands, and move the next inquiry on by the schedule.

        Raises UnableToFindPayment, UnableToUseProvider.
        """
        ...

    @at_most_once
    def resume(self, *, payment_id: UUID, query: Mapping[str, str], at: datetime) -> Heard:
        """The browser came back with ``query``: ask the provider. Raises UnableToFindPayment, UnableToUseProvider."""
        ...

    # Reads.

    def payment(self, *, payment_id: UUID) -> Payment:
        """Raises UnableToFindPayment."""
        ...

    def answer_to(self, *, payment_id: UUID) -> Payment | None:
        """What whoever opened the payment was told, if they were."""
        ...

    def payments_of(
        self, *, player: UUID, before: UUID | None = None, limit: int = 50
    ) -> tuple[Payment, ...]:
        """A player's payments, newest first, those older than the payment ``before``."""
        ...

    def recent_payments(
        self, *, only: PaymentFilter = ..., before: UUID | None = None, limit: int = 50
    ) -> tuple[Payment, ...]:
        """Payments newest first, those older than the payment ``before``."""
        ...

    def payment_ids(self, *, after: UUID | None = None, limit: int = 10_000) -> tuple[UUID, ...]:
        """All payments' ids in their order, those behind ``after``: to compare whole houses."""
        ...

    def find_payments(self, *, text: str, limit: int = 20) -> tuple[Payment, ...]:
        """By any reference: of the payment, the provider, an attempt, a notice, the journal entry, the player."""
        ...

    def messages(self, *, payment_id: UUID) -> tuple[Message, ...]:
        """Everything told to the provider and heard from it about a payment, oldest first."""
        ...

    def instructions(self, *, payment_id: UUID) -> Mapping[str, str]:
        """What the player does where the provider has no page: of a transfer, where to and with which reference. Empty for
        all others."""
        ...

    def attempts(self, *, payment_id: UUID) -> tuple[Attempt, ...]: ...

    def counts(self) -> Mapping[Status, int]:
        """How many payments stand how; a status without any is missing."""
        ...

    def waiting(self) -> Mapping[Status, Waiting]:
        """The payments without an end, by how they stand; statuses without any are there too."""
        ...

    def due_payments(self, *, at: datetime, limit: int) -> tuple[UUID, ...]:
        """Open payments whose next inquiry is due, the longest due first."""
        ...
