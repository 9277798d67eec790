"""Credits: one for each reference of ours, and together never more than was taken.

In the vendor's test mode every credit is approved, so the plug-in counts as well: what it instructed before stands in what
it asked to keep of the payment. The gateway keeps the last word where two credits are instructed at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from warchest.kernel.clock import Clock
from warchest.kernel.money import Money
from warchest.sdk.payments import PaymentRequest, RefundRequest, Report, Standing
from warchest_payflow.found import transaction
from warchest_payflow.gateway import Gateway, Talk, Unclear, customer_reference, request_id
from warchest_payflow.namevalue import plain
from warchest_payflow.results import Meaning

_REPEATED_DAYS_MAX = 25
"""The gateway remembers request ids for 30 days at least. Later, a repetition could be a second credit."""


_REFUNDS_MAX = 25
"""So many are counted for one payment; Warchest keeps 40 values of it for us."""


class Refunds:
    def __init__(self, gateway: Gateway, *, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock

    def instruct(self, refund: RefundRequest) -> Report:
        if refund.provider_reference or _asked_at(refund) is not None:
            return self.inquire(refund)
        if _beyond_payment(refund):
            return Report(Standing.FAILED, reason="refund_exceeds_payment")
        if len(_remembered(refund.payment.kept)) >= _REFUNDS_MAX:
            return Report(Standing.FAILED, reason="too_many_refunds")
        return self._keeping(refund, self._talked(refund, self._credit))

    def inquire(self, refund: RefundRequest) -> Report:
        """By its number, by our own mark of it, and at last under the id under which it was instructed."""
        return self._keeping(refund, self._talked(refund, self._ask))

    def _talked(self, refund: RefundRequest, speak: _Speaking) -> Report:
        try:
            return speak(self._gateway.talk(), refund)
        except Unclear as unclear:
            return unclear.report

    def _ask(self, talk: Talk, refund: RefundRequest) -> Report:
        if refund.provider_reference:
            report = self._found(talk, refund, ORIGID=refund.provider_reference)
            return report or Report(Standing.UNKNOWN, reason="refund_not_found")
        report = self._found(talk, refund, CUSTREF=customer_reference("refund", refund.reference))
        if report is not None:
            return report
        asked_at = _asked_at(refund)
        if asked_at is not None and self._now() - asked_at > _REPEATED_DAYS_MAX * 86_400:
            return Report(Standing.UNKNOWN, reason="too_late_to_repeat")
        if _beyond_payment(refund):
            return Report(Standing.FAILED, reason="refund_exceeds_payment")
        return self._credit(talk, refund)

    def _credit(self, talk: Talk, refund: RefundRequest) -> Report:
        number = _transaction_of(refund)
        if not number:
            return Report(Standing.UNKNOWN, reason="payment_not_found")
        reply = talk.change(
            # The amount is no part of it: one reference is one refund, whatever it is repeated with.
            request_id("refund", refund.reference),
            TRXTYPE="C",
            TENDER="C",
            ORIGID=number,
            AMT=refund.amount.major,
            CURRENCY=refund.amount.currency.code,
            INVNUM=refund.payment.reference,
            CUSTREF=customer_reference("refund", refund.reference),
            COMMENT1=plain(refund.reason, characters_max=128),
        )
        credit = reply.fields.get("PNREF", "")
        if reply.result.meaning is Meaning.REFUSED:
            return Report(Standing.FAILED, reason=reply.result.reason, raw=reply.raw)
        if reply.result.meaning is not Meaning.APPROVED or not credit:
            raise Unclear(reply.result.reason, reply.raw)
        # How much went back is asked: an answer that is repeated may be that to another amount.
        try:
            found = self._found(talk, refund, ORIGID=credit)
        except Unclear as unclear:
            found = replace(unclear.report, standing=Standing.PENDING)
        return replace(found or Report(Standing.PENDING, raw=reply.raw), provider_reference=credit)

    def _found(self, talk: Talk, refund: RefundRequest, **by: str) -> Report | None:
        found = transaction(
            talk.inquire(**by),
            reference=refund.payment.reference,
            currency=refund.amount.currency.code,
            must_name_us="CUSTREF" in by,
        )
        if found is None:
            return None
        report = replace(found.report, provider_reference=found.pnref, instrument=None)
        if report.standing is Standing.CANCELLED:
            # A credit that was voided gives nothing back.
            return replace(report, standing=Standing.FAILED)
        return report

    def _keeping(self, refund: RefundRequest, report: Report) -> Report:
        """With what is to be remembered: how much is given back by it, and when it was first asked for."""
        minor = 0 if report.standing is Standing.FAILED else refund.amount.minor
        asked_at = _asked_at(refund)
        at = int(self._now()) if asked_at is None else asked_at
        return replace(report, keep={_name(refund): f"{minor}@{at}"})

    def _now(self) -> float:
        return self._clock.now().timestamp()


class _Speaking(Protocol):
    def __call__(self, talk: Talk, refund: RefundRequest) -> Report: ...


def _transaction_of(refund: RefundRequest) -> str:
    """What took the money: the capture of an authorisation, or the sale."""
    kept = refund.payment.kept
    return kept.get("capture", "") or kept.get("pnref", "") or refund.payment_reference


def _name(refund: RefundRequest) -> str:
    return f"refund_{refund.reference}"


def _remembered(kept: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """By its name, what each refund gives back, in minor units, and when it was first asked for."""
    told = {name: value.split("@") for name, value in kept.items() if name.startswith("refund_")}
    return {name: (int(minor), int(at)) for name, (minor, at) in told.items()}


def _asked_at(refund: RefundRequest) -> int | None:
    known = _remembered(refund.payment.kept).get(_name(refund))
    return known[1] if known else None


def _beyond_payment(refund: RefundRequest) -> bool:
    payment = refund.payment
    if refund.amount.currency != payment.amount.currency or refund.amount.minor <= 0:
        return True
    others = sum(minor for name, (minor, _) in _remembered(payment.kept).items() if name != _name(refund))
    return others + refund.amount.minor > _taken(payment).minor


def _taken(payment: PaymentRequest) -> Money:
    told = payment.kept.get("taken_minor", "")
    return Money(int(told), payment.amount.currency) if told else payment.amount
