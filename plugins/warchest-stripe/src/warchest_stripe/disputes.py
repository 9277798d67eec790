"""Disputes: how they stand by Stripe's words, and how evidence is written."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from warchest.kernel.money import Money
from warchest.sdk.payments import DisputeReport, DisputeStanding, Evidence
from warchest_stripe.answers import BalanceTransaction, money
from warchest_stripe.asking import Unclear

_FIELD_CHARACTERS_MAX = 20_000


class EvidenceDetails(Struct, frozen=True):
    due_by: int | None = None
    has_evidence: bool = False
    submission_count: int = 0


class Dispute(Struct, frozen=True):
    """A Dispute. Its balance transactions show what was withdrawn, what came back, and the fee."""

    id: str
    amount: int
    currency: str
    status: str
    reason: str = ""
    payment_intent: str | None = None
    balance_transactions: list[BalanceTransaction] = []
    evidence_details: EvidenceDetails | None = None

    @property
    def is_decided(self) -> bool:
        return self.status in {"won", "lost", "warning_closed", "prevented"}

    @property
    def is_handed_in(self) -> bool:
        return self.status in {"under_review", "warning_under_review", "appeal_under_review"}

    @property
    def took_money(self) -> bool:
        return sum(transaction.amount for transaction in self.balance_transactions) < 0


def told(dispute: Dispute, raw: str) -> DisputeReport | None:
    """How the dispute stands; None for an inquiry, which takes no money, and for one that was prevented.

    Raises Unclear where an amount cannot be read.
    """
    match dispute.status:
        case "needs_response":
            standing = DisputeStanding.OPENED
        case "under_review":
            standing = DisputeStanding.UNDER_REVIEW
        case "won":
            standing = DisputeStanding.WON
        case "lost" | "appeal_needs_response" | "appeal_under_review":
            # An appeal begins after it was lost, and the money is away until it is won.
            standing = DisputeStanding.LOST
        case "warning_needs_response" | "warning_under_review" | "warning_closed" | "prevented":
            return None
        case _ if dispute.took_money:
            standing = DisputeStanding.OPENED
        case _:
            return None
    amount = money(dispute.amount, dispute.currency, raw)
    if amount is None:
        raise Unclear("amount_unreadable", raw)
    details = dispute.evidence_details
    return DisputeReport(
        id=dispute.id,
        standing=standing,
        amount=amount,
        fee=_fees(dispute, raw),
        reason=dispute.reason,
        evidence_until=datetime.fromtimestamp(details.due_by, UTC) if details and details.due_by else None,
    )


def written(evidence: Evidence, *, description: str) -> dict[str, str]:
    """The fields of Stripe's evidence: the person's words, and what the house knows in the places made for it."""
    facts = [f"Paid at {_moment(evidence.paid_at)}."]
    said = {"product_description": (description or "Credits for an online community")[:_FIELD_CHARACTERS_MAX]}
    if evidence.delivered_at:
        facts.append(f"Delivered at {_moment(evidence.delivered_at)}.")
        said["service_date"] = f"{evidence.delivered_at.astimezone(UTC):%Y-%m-%d}"
    if evidence.used_at:
        facts.append(f"Used at {_moment(evidence.used_at)}.")
        said["access_activity_log"] = f"{_moment(evidence.used_at)}: the customer used what was bought."
    said["uncategorized_text"] = "\n".join([evidence.text, *facts])[:_FIELD_CHARACTERS_MAX]
    return said


def _fees(dispute: Dispute, raw: str) -> Money | None:
    fees = [money(each.fee, each.currency, raw) for each in dispute.balance_transactions]
    told_fees = [fee for fee in fees if fee is not None]
    if not told_fees or len({fee.currency for fee in told_fees}) > 1:
        return None
    return sum(told_fees[1:], start=told_fees[0])


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
