"""Refunds and disputes: money that goes back to the payer, because we send it or because it is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.payments import DisputeReport, Evidence, Report


class UnableToRefund(UnableTo):
    """No refund was made."""

    reasons = frozenset(
        {
            "refund_exceeds_payment",  # together with what went back, is going, or is disputed
            "payment_not_refundable",  # it was never credited
            "refunds_not_supported",  # by its provider, or not in part
            "refund_unknown",
            "refund_decided",  # its provider has confirmed or refused it
            "amount_not_positive",
            "currency_differs",  # a refund is in the payment's own currency
            "reason_missing",
        }
    )


class UnableToAnswerDispute(UnableTo):
    reasons = frozenset(
        {
            "dispute_unknown",
            "dispute_decided",
            "evidence_not_supported",
            "evidence_too_late",
            "reason_missing",
        }
    )


class RefundState(StrEnum):
    HELD = "held"  # units and time are set apart; the provider was not told, or its answer was lost
    INSTRUCTED = "instructed"  # the provider works on it
    CONFIRMED = "confirmed"  # the money went back, and everything that it had brought
    REFUSED = "refused"  # the provider refused: all that was set apart is free again


class RefundKind(StrEnum):
    ASKED = "asked"  # by a person here
    SURPLUS = (
        "surplus"  # the payer paid twice; what came second goes back, and nothing was ever credited for it
    )
    OUTSIDE = "outside"  # somebody made it at the provider's own desk


@dataclass(frozen=True, slots=True)
class Refund:
    """``units`` are set apart in the wallet, ``debt`` is what the player owes once it is confirmed. ``reference`` is the
    idempotency key towards the provider. ``reason`` is why it was asked for, ``refusal`` the provider's code for its no."""

    id: UUID
    payment: UUID
    attempt: int
    kind: RefundKind
    state: RefundState
    amount: Money
    units: Money
    debt: Money
    reason: str
    refusal: str
    reference: str
    provider_reference: str
    asked_by: str
    asked_at: datetime
    decided_at: datetime | None
    next_try_at: datetime | None
    tries: int
    journal_entry: UUID | None


class DisputeState(StrEnum):
    OPEN = "open"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Dispute:
    """``provider_dispute`` is the provider's own id. ``excess`` is what was disputed beyond what the payment had left."""

    id: UUID
    payment: UUID
    provider: str
    provider_dispute: str
    state: DisputeState
    amount: Money
    excess: Money
    fee: Money
    units: Money
    debt: Money
    reason: str
    evidence_until: datetime | None
    evidence_at: datetime | None
    opened_at: datetime
    decided_at: datetime | None
    opened_entry: UUID | None
    decided_entry: UUID | None


class PartKind(StrEnum):
    WALLET = "wallet"  # units that are still in the wallet
    TIME = "time"  # time that is not served yet
    DEBT = "debt"  # what was used up, or is out of reach


@dataclass(frozen=True, slots=True)
class Part:
    """What a refund or dispute takes, for so much of its money. Of time: the slice of the spend that bought it, the sale's
    journal entry, the grant and its seconds, and the amount cut into net and tax, the latter owed to ``tax_owner``."""

    kind: PartKind
    amount: Money
    units: Money | None = None
    slice: UUID | None = None
    sale_entry: UUID | None = None
    grant: UUID | None = None
    seconds: int = 0
    net: Money | None = None
    tax: Money | None = None
    tax_owner: str = ""


class RefundVerdict(StrEnum):
    NOTHING = "nothing"
    NOTED = "noted"
    CONFIRM = "confirm"  # the money went back as asked: to be booked now, in this transaction
    RELEASE = "release"  # refused for good: to be let go now, in this transaction


@dataclass(frozen=True, slots=True)
class WeighedRefund:
    verdict: RefundVerdict
    refund: Refund


@dataclass(frozen=True, slots=True)
class HeardOfRefund:
    """A provider's answer about a refund, kept under ``message`` before it is acted on."""

    message: UUID
    refund: Refund
    report: Report


@dataclass(frozen=True, slots=True)
class DisputeStep:
    """What a provider's word makes of a dispute. ``opened``, ``won``, ``lost`` and ``fee``, what the provider keeps more than it
    had said before, are to be booked now."""

    dispute: Dispute
    opened: bool
    won: bool
    lost: bool
    fee: Money


class Refunds(Protocol):
    # Within a journey's transaction.

    def open_refund(
        self,
        *,
        refund_id: UUID,
        payment_id: UUID,
        amount: Money | None,
        kind: RefundKind,
        reason: str,
        asked_by: str,
        at: datetime,
        attempt: int = 0,
        provider_reference: str = "",
    ) -> Refund:
        """Lock the payment and write the refund down, before its provider hears of it. ``amount`` None: all that is left.

        All refunds and open or lost disputes of a payment together never exceed it. ``attempt`` 0: the one that was credited.
        Raises UnableToFindPayment, UnableToRefund.
        """
        ...

    def keep_parts(self, *, of: UUID, parts: Sequence[Part], units: Money, debt: Money) -> None:
        """What a refund or dispute takes, decided when it is opened."""
        ...

    def parts(self, *, of: UUID) -> tuple[Part, ...]:
        """What a refund or dispute takes."""
        ...

    def parts_of_sale(self, *, sale_entry: UUID, undecided: bool = False) -> tuple[Part, ...]:
        """Time of one sale that is being taken back or was, for refunds and disputes of whatever payments; nothing that was let
        go. ``undecided``: only what is being decided now."""
        ...

    def weigh_refund(self, *, refund_id: UUID, report: Report, at: datetime) -> WeighedRefund:
        """Lock payment and refund and let the refund follow what the provider said; CONFIRM and RELEASE leave it as it was.

        Raises UnableToRefund (``refund_unknown``).
        """
        ...

    def confirm_refund(self, *, refund_id: UUID, journal_entry: UUID, report: Report, at: datetime) -> Refund:
        """The money went back, and the journey books it in this entry."""
        ...

    def refuse_refund(self, *, refund_id: UUID, report: Report, at: datetime) -> Refund:
        """The provider refused; the amount may be asked for again."""
        ...

    def hear_dispute(
        self, *, payment_id: UUID, provider: str, dispute_id: UUID, report: DisputeReport, at: datetime
    ) -> DisputeStep:
        """Lock the payment and let the dispute, opened under ``dispute_id`` where it is new, follow what the provider said.

        What is decided stays: money that comes back after a loss is a difference in the settlement, for a person to book. Raises
        UnableToFindPayment.
        """
        ...

    def book_dispute(
        self, *, dispute_id: UUID, opened_entry: UUID | None, decided_entry: UUID | None
    ) -> Dispute:
        """The journal entries of what ``hear_dispute`` said was to be booked."""
        ...

    # Outside any transaction: these speak with providers.

    def instruct_refund(self, *, refund_id: UUID, at: datetime) -> HeardOfRefund:
        """Tell the provider, or ask it again: one refund under one reference. Raises UnableToRefund, UnableToUseProvider."""
        ...

    @at_most_once
    def answer_dispute(self, *, dispute_id: UUID, evidence: Evidence, at: datetime) -> Dispute:
        """Hand evidence in at the provider. Raises UnableToAnswerDispute, UnableToUseProvider."""
        ...

    # Reads.

    def refund(self, *, refund_id: UUID) -> Refund:
        """Raises UnableToRefund (``refund_unknown``)."""
        ...

    def refunds(self, *, payment_id: UUID) -> tuple[Refund, ...]:
        """All refunds of a payment, oldest first."""
        ...

    def due_refunds(self, *, at: datetime, limit: int) -> tuple[UUID, ...]:
        """Refunds without an end that are to be instructed or asked about now, the longest due first."""
        ...

    def open_refunds(self, *, limit: int = 200) -> tuple[Refund, ...]:
        """Refunds without an end, the oldest first."""
        ...

    def dispute(self, *, dispute_id: UUID) -> Dispute:
        """Raises UnableToAnswerDispute (``dispute_unknown``)."""
        ...

    def disputes(self, *, payment_id: UUID | None = None, limit: int = 200) -> tuple[Dispute, ...]:
        """Of one payment or of all, the newest first."""
        ...
