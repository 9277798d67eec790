"""Refunds of a capture: one for each reference of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from warchest.sdk.payments import RefundRequest, Report, Standing
from warchest_paypal import standings
from warchest_paypal.notices import REFUND_MARK
from warchest_paypal.talk import Paypal, Refused, Talk, Unclear
from warchest_paypal.wire import Amount, Order, Refund

_REPEATED_DAYS_MAX = 30
"""PayPal remembers the ids of requests for 45 days. Later, a repetition could be a second refund."""

_KEPT_MAX = 35


def instruct(paypal: Paypal, refund: RefundRequest, *, now: float) -> Report:
    if refund.provider_reference or _asked_at(refund) is not None:
        return inquire(paypal, refund, now=now)
    return _remembered(refund, _talked(paypal, refund, _instruct), now)


def inquire(paypal: Paypal, refund: RefundRequest, *, now: float) -> Report:
    """By its number, by our mark among the order's refunds, and at last under the id under which it was instructed."""

    def ask(talk: Talk, refund: RefundRequest) -> Report:
        if refund.provider_reference:
            return _of_number(talk, refund.provider_reference)
        order = _order(talk, refund)
        for one in order.purchase_units[0].payments.refunds if order and order.purchase_units else ():
            if one.custom_id == REFUND_MARK + refund.reference:
                return _of_number(talk, one.id)
        asked_at = _asked_at(refund)
        if asked_at is not None and now - asked_at > _REPEATED_DAYS_MAX * 86_400:
            return Report(Standing.UNKNOWN, reason="too_late_to_repeat")
        return _instruct(talk, refund)

    return _remembered(refund, _talked(paypal, refund, ask), now)


def _talked(paypal: Paypal, refund: RefundRequest, speak: Callable[[Talk, RefundRequest], Report]) -> Report:
    try:
        return speak(paypal.talk(), refund)
    except Unclear as unclear:
        return unclear.report


def _instruct(talk: Talk, refund: RefundRequest) -> Report:
    try:
        amount = Amount.of(refund.amount)
    except ValueError:
        return Report(Standing.FAILED, reason="amount_invalid")
    if not (capture := _capture_of(talk, refund)):
        return Report(Standing.UNKNOWN, reason="capture_not_found")
    asked = {
        "amount": amount,
        "invoice_id": refund.payment.reference,
        "custom_id": REFUND_MARK + refund.reference,
        "note_to_payer": refund.reason[:255],
    }
    path = f"/v2/payments/captures/{quote(capture, safe='')}/refund"
    try:
        made, raw = talk.change(path, Refund, asked, under=f"refund-{refund.reference}")
    except Refused as refused:
        reason = refused.reason[:80]
        # A refusal that is not listed is neither yes nor no; asked again, it is the same refund.
        clear = reason in standings.REFUSED_REFUNDS
        return Report(Standing.FAILED if clear else Standing.PENDING, reason=reason, raw=refused.raw)
    return standings.of_refund(made, raw)


def _of_number(talk: Talk, number: str) -> Report:
    try:
        found, raw = talk.ask(f"/v2/payments/refunds/{quote(number, safe='')}", Refund)
    except Refused as refused:
        return Report(Standing.UNKNOWN, reason=refused.reason[:80], raw=refused.raw)
    return standings.of_refund(found, raw)


def _capture_of(talk: Talk, refund: RefundRequest) -> str:
    if kept := refund.payment.kept.get("capture", ""):
        return kept
    order = _order(talk, refund)
    captures = order.purchase_units[0].payments.captures if order and order.purchase_units else ()
    return captures[-1].id if captures else ""


def _order(talk: Talk, refund: RefundRequest) -> Order | None:
    number = refund.payment.kept.get("order", "") or refund.payment_reference
    if not number:
        return None
    try:
        order, _ = talk.ask(f"/v2/checkout/orders/{quote(number, safe='')}", Order)
    except Refused:
        return None
    return order


def _remembered(refund: RefundRequest, report: Report, now: float) -> Report:
    """With when it was first asked for. Of many refunds only the first are remembered: Warchest keeps 40 values of a payment."""
    kept, name = refund.payment.kept, _name(refund)
    if name in kept or len(kept) >= _KEPT_MAX:
        return report
    return replace(report, keep={name: str(int(now))})


def _name(refund: RefundRequest) -> str:
    return f"refund_{refund.reference}"


def _asked_at(refund: RefundRequest) -> int | None:
    told = refund.payment.kept.get(_name(refund), "")
    return int(told) if told else None
