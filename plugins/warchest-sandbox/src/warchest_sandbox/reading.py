"""What the sandbox's messages mean, in the words of Warchest's contract."""

from __future__ import annotations

from datetime import date, datetime

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.payments import (
    DisputeReport,
    DisputeStanding,
    Instrument,
    LineKind,
    Report,
    SettlementLine,
    SettlementReport,
    Standing,
)
from warchest_sandbox.wire import (
    Amount,
    CardShown,
    DisputeAnswer,
    PaymentAnswer,
    RefundAnswer,
    SettlementTold,
)


class Unclear(Exception):
    """Nothing that says how the payment stands: no answer, none that can be read, or one about something else."""

    def __init__(self, reason: str, raw: str = "", *, never_sent: bool = False) -> None:
        self.report = Report(Standing.UNKNOWN, reason=reason, raw=raw, never_sent=never_sent)
        super().__init__(reason)


class Refused(Exception):
    """The sandbox understood and said no."""

    def __init__(self, reason: str, raw: str) -> None:
        self.report = Report(Standing.FAILED, reason=reason, raw=raw)
        super().__init__(reason)


def payment_report(answer: PaymentAnswer, raw: str, *, reference: str) -> Report:
    if answer.reference != reference:
        raise Unclear("reference_differs", raw)
    standing, redirect_url = Standing.PENDING, ""
    match answer.status:
        case "open":
            redirect_url = answer.page_url
        case "pending":
            pass
        case "authorised":
            standing = Standing.AUTHORISED
        case "succeeded":
            standing = Standing.SUCCEEDED
        case "failed":
            standing = Standing.FAILED
        case "cancelled" | "expired":
            standing = Standing.CANCELLED
        case _:
            # A status of a newer sandbox. Guessing "failed" would let the player pay twice, "succeeded" would give
            # money away; pending asks again until somebody teaches the plug-in the new word.
            standing = Standing.PENDING
    return Report(
        standing,
        provider_reference=answer.id,
        amount=_money(answer.taken, raw),
        redirect_url=redirect_url,
        reason=answer.reason,
        raw=raw,
        instrument=_instrument(answer.card) if answer.card else None,
        fee=_money(answer.fee, raw),
    )


def refund_report(answer: RefundAnswer, raw: str, *, refund_reference: str) -> Report:
    if answer.refund_reference != refund_reference:
        raise Unclear("reference_differs", raw)
    match answer.status:
        case "succeeded":
            standing = Standing.SUCCEEDED
        case "failed":
            standing = Standing.FAILED
        case _:
            # As above: an unheard-of status is neither money returned nor a refusal.
            standing = Standing.PENDING
    return Report(
        standing,
        provider_reference=answer.id,
        amount=_money(answer.amount, raw),
        reason=answer.reason,
        raw=raw,
    )


def dispute_report(answer: DisputeAnswer, raw: str) -> DisputeReport:
    try:
        return DisputeReport(
            id=answer.id,
            standing=DisputeStanding(answer.status),
            amount=answer.amount.money(),
            fee=answer.fee.money(),
            reason=answer.reason,
            evidence_until=datetime.fromisoformat(answer.evidence_until) if answer.evidence_until else None,
        )
    except (UnableTo, ValueError):
        raise Unclear("unreadable", raw) from None


def settlement_report(told: SettlementTold) -> SettlementReport:
    """Raises UnableToReadAmount, UnableToFindCurrency and ValueError for what cannot be read."""
    return SettlementReport(
        id=told.id,
        currency=told.currency,
        settled_on=date.fromisoformat(told.settled_on),
        paid_out=Money.parse(told.paid_out, told.currency),
        payout_reference=told.payout_reference,
        lines=tuple(
            SettlementLine(
                id=line.id,
                kind=_line_kind(line.kind),
                gross=Money.parse(line.gross, told.currency),
                fee=Money.parse(line.fee, told.currency),
                occurred_at=datetime.fromisoformat(line.occurred_at),
                reference=line.reference,
                provider_reference=line.provider_reference,
                description=line.description,
            )
            for line in told.lines
        ),
    )


def _line_kind(kind: str) -> LineKind:
    # The sandbox's words are the contract's; one that a newer sandbox invents has no better word here.
    return LineKind(kind) if kind in set(LineKind) else LineKind.ADJUSTMENT


def _instrument(card: CardShown) -> Instrument:
    return Instrument(
        method=card.brand.lower(),
        label=f"{card.brand} •••• {card.number[-4:]}",
        fingerprint=card.fingerprint,
        country=card.country,
        expires=card.expires,
        token=card.token,
    )


def _money(amount: Amount | None, raw: str) -> Money | None:
    if amount is None:
        return None
    try:
        return amount.money()
    except UnableTo:
        raise Unclear("unreadable", raw) from None
