"""The plug-in: how Warchest asks PayPal.

An order is opened, the player approves it at PayPal, and then we capture it: when the browser returns, or when we ask. Being
approved is no payment: the money is taken by the capture, and only what the capture says counts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import quote

from msgspec import Struct

from warchest.kernel.clock import Clock, SystemClock
from warchest.kernel.money import Money
from warchest.sdk.payments import (
    Ability,
    Description,
    Evidence,
    Health,
    Notice,
    PaymentProvider,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Standing,
)
from warchest_paypal import disputes, notices, orders, refunds, standings
from warchest_paypal.talk import Paypal, PaypalSettings, Refused, Talk, Unclear
from warchest_paypal.wire import CURRENCIES, Amount, Authorization, Capture, Order

_ORDER_LIVES_S = 24 * 3600
"""An order that PayPal no longer knows, and that is older, was never approved: it lives for hours, at most for days."""

_LOCALE = re.compile(r"[a-z]{2}(-[A-Z]{2})?", re.ASCII)


class PaypalProvider(PaymentProvider):
    """PayPal by redirect: capture at once, or authorisation first; refunds, disputes, notices."""

    settings_type: ClassVar[type[PaypalSettings]] = PaypalSettings

    def __init__(self, settings: PaypalSettings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._paypal = Paypal(settings)

    def close(self) -> None:
        self._paypal.close()

    @property
    def description(self) -> Description:
        return Description(
            label="PayPal",
            methods=("paypal",),
            currencies=CURRENCIES & (self._settings.currencies or CURRENCIES),
            abilities=frozenset(
                {
                    Ability.INQUIRE,
                    Ability.REFUND,
                    Ability.PARTIAL_REFUND,
                    Ability.CAPTURE,
                    Ability.VOID,
                    Ability.DISPUTES,
                }
            ),
        )

    def start(self, payment: PaymentRequest) -> Report:
        talk = self._paypal.talk()
        try:
            if orders.number_of(payment):
                return self._stands(talk, payment, orders.number_of(payment))
            return self._open(talk, payment)
        except Unclear as unclear:
            return unclear.report

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        talk = self._paypal.talk()
        try:
            if number := orders.number_of(payment) or provider_reference:
                return self._stands(talk, payment, number)
            # Whether it was ever opened was not answered. Asked again under the same id, PayPal repeats its answer, or opens
            # the order now; nobody was given the address of another.
            return self._open(talk, payment)
        except Unclear as unclear:
            return unclear.report

    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        authorization = payment.kept.get("authorization", "")
        if not authorization or payment.kept.get("capture", ""):
            return self.inquire(payment, provider_reference=provider_reference)
        talk = self._paypal.talk()
        try:
            asked = {
                "amount": Amount.of(amount),
                "invoice_id": payment.reference,
                "final_capture": True,
            }
            path = f"/v2/payments/authorizations/{quote(authorization, safe='')}/capture"
            try:
                captured, raw = talk.change(path, Capture, asked, under=f"capture-{payment.reference}")
            except Refused as refused:
                return self._after_refusal(talk, payment, provider_reference, refused)
            return replace(standings.of_capture(captured, raw), provider_reference=provider_reference)
        except Unclear as unclear:
            return unclear.report
        except ValueError:
            return Report(Standing.AUTHORISED, reason="amount_invalid")

    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        """An authorisation is voided. An order cannot be: it is pending until PayPal lets it lapse."""
        stands = self.inquire(payment, provider_reference=provider_reference)
        authorization = payment.kept.get("authorization", "") or stands.keep.get("authorization", "")
        if stands.standing is not Standing.AUTHORISED or not authorization:
            return stands
        talk = self._paypal.talk()
        try:
            path = f"/v2/payments/authorizations/{quote(authorization, safe='')}/void"
            talk.change(path, _Nothing, under=f"void-{payment.reference}")
        except Refused:
            return self.inquire(payment, provider_reference=provider_reference)
        except Unclear as unclear:
            return unclear.report
        return replace(stands, standing=Standing.CANCELLED)

    def refund(self, refund: RefundRequest) -> Report:
        return refunds.instruct(self._paypal, refund, now=self._now())

    def inquire_refund(self, refund: RefundRequest) -> Report:
        return refunds.inquire(self._paypal, refund, now=self._now())

    def answer_dispute(
        self, payment: PaymentRequest, *, provider_reference: str, dispute: str, evidence: Evidence
    ) -> Report:
        return disputes.answer(self._paypal, dispute=dispute, evidence=evidence)

    asks_about_notices: ClassVar[bool] = True

    def read_notice(self, notice: RawNotice) -> Notice:
        return notices.read(self._paypal, notice)

    def health(self) -> Health:
        try:
            self._paypal.talk().fetch_token()
        except Unclear as unclear:
            if unclear.report.reason == "unauthorized":
                return Health(False, "PayPal answers, but does not accept the client's id and secret.")
            return Health(False, f"PayPal does not answer as it should ({unclear.report.reason}).")
        return Health(True, "PayPal answers and accepts the client's id and secret.")

    def _open(self, talk: Talk, payment: PaymentRequest) -> Report:
        try:
            asked = orders.asked(payment, brand_name=self._settings.brand_name, locale=_locale(payment))
        except ValueError:
            return Report(Standing.FAILED, reason="amount_invalid")
        if payment.saved_method or payment.amount.currency.code not in self.description.currencies:
            return Report(Standing.FAILED, reason="not_supported")
        try:
            order, raw = talk.change("/v2/checkout/orders", Order, asked, under=f"order-{payment.reference}")
        except Refused as refused:
            return Report(Standing.FAILED, reason=refused.reason[:80], raw=refused.raw)
        orders.check(order, payment, raw)
        keep = {"order": order.id, "opened_at": str(int(self._now()))}
        return self._numbered(standings.of_order(order, raw), order, keep)

    def _stands(self, talk: Talk, payment: PaymentRequest, number: str) -> Report:
        """How the payment stands; what the player has approved is captured, or authorised, on the way."""
        path = f"/v2/checkout/orders/{quote(number, safe='')}"
        try:
            order, raw = talk.ask(path, Order)
        except Refused as refused:
            return self._gone(payment, refused)
        orders.check(order, payment, raw)
        if order.status == "APPROVED":
            verb = "authorize" if payment.capture_later else "capture"
            try:
                order, raw = talk.change(f"{path}/{verb}", Order, under=_once(verb, payment, order))
            except Refused as refused:
                return self._numbered(self._not_captured(talk, path, payment, refused), order)
            orders.check(order, payment, raw)
        captured = order.purchase_units[0].payments.captures
        authorizations = order.purchase_units[0].payments.authorizations
        report = standings.of_order(order, raw)
        if authorizations and not captured and payment.capture_later:
            # The order's copy may be old; the authorisation itself knows whether it was captured or voided.
            report = self._of_authorization(talk, authorizations[-1].id)
        return self._numbered(report, order)

    def _of_authorization(self, talk: Talk, number: str) -> Report:
        try:
            found, raw = talk.ask(f"/v2/payments/authorizations/{quote(number, safe='')}", Authorization)
        except Refused as refused:
            raise Unclear(refused.reason, refused.raw) from None
        return standings.of_authorization(found, raw)

    def _gone(self, payment: PaymentRequest, refused: Refused) -> Report:
        opened_at = payment.kept.get("opened_at", "")
        never_paid = "capture" not in payment.kept and "authorization" not in payment.kept
        old = opened_at and self._now() - int(opened_at) > _ORDER_LIVES_S
        if refused.status == 404 and never_paid and old:
            return Report(Standing.CANCELLED, reason="order_expired", raw=refused.raw)
        # What was refused is the question, not the payment.
        return Report(Standing.UNKNOWN, reason=refused.reason[:80], raw=refused.raw)

    def _not_captured(self, talk: Talk, path: str, payment: PaymentRequest, refused: Refused) -> Report:
        reason = refused.reason[:80]
        if reason in standings.REFUSED_CAPTURES:
            return Report(Standing.FAILED, reason=reason, raw=refused.raw)
        if reason in standings.TRY_AGAIN:
            # The player may approve once more, with something else, at the same address.
            order, _ = self._asked_again(talk, path)
            return Report(
                Standing.PENDING,
                reason=reason,
                redirect_url=standings.approve_link(order),
                raw=refused.raw,
            )
        if reason in {"ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED"}:
            order, raw = self._asked_again(talk, path)
            orders.check(order, payment, raw)
            return standings.of_order(order, raw)
        if reason == "DUPLICATE_INVOICE_ID":
            # Our reference was paid under another order, which we do not know.
            return Report(Standing.UNKNOWN, reason=reason, raw=refused.raw)
        return Report(Standing.PENDING, reason=reason, raw=refused.raw)

    def _asked_again(self, talk: Talk, path: str) -> tuple[Order, str]:
        try:
            return talk.ask(path, Order)
        except Refused as refused:
            raise Unclear(refused.reason, refused.raw) from None

    def _after_refusal(self, talk: Talk, payment: PaymentRequest, number: str, refused: Refused) -> Report:
        """A capture that was refused leaves the authorisation as it is: reserved, captured before, or gone."""
        stands = self._stands(talk, payment, number or orders.number_of(payment))
        return replace(stands, reason=stands.reason or refused.reason[:80])

    def _numbered(self, report: Report, order: Order, keep: Mapping[str, str] | None = None) -> Report:
        return replace(
            report, provider_reference=order.id, keep={"order": order.id, **(keep or {}), **report.keep}
        )

    def _now(self) -> float:
        return self._clock.now().timestamp()


class _Nothing(Struct):
    """An answer in which nothing is read."""


def _once(verb: str, payment: PaymentRequest, order: Order) -> str:
    """The id of a capture: the same for all who ask after one approval, another after the player approved anew."""
    approval = hashlib.sha256(order.update_time.encode()).hexdigest()[:8]
    return f"{verb}-{payment.reference}-{approval}"


def _locale(payment: PaymentRequest) -> str:
    language = payment.language[:2].lower()
    wanted = f"{language}-{payment.country.upper()}" if payment.country else language
    return wanted if _LOCALE.fullmatch(wanted) else "en-US"
