"""The plug-in: how Warchest asks Stripe.

A top-up is a Checkout Session: the browser goes to Stripe's page, and no card number comes near us. A saved method is
charged by a PaymentIntent. Whatever it was, the payment's number is the PaymentIntent's; the session's is kept beside it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID

import msgspec

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
    SettlementReport,
    Standing,
    UnableToTellSettlement,
)
from warchest_stripe import disputes, minor_units, notices, settlement
from warchest_stripe.answers import (
    CHECKOUT,
    REFERENCE,
    REFUND_REFERENCE,
    SAVES,
    VIA,
    Account,
    Detached,
    Intent,
    Numbered,
    Page,
    Refund,
    RefundPage,
    Session,
    of_intent,
    of_refund,
    of_session,
    split_token,
)
from warchest_stripe.asking import Declined, Missing, Refused, Stripe, Unable, Unclear
from warchest_stripe.disputes import Dispute
from warchest_stripe.settings import StripeSettings

_WITH_CHARGE = ["latest_charge.balance_transaction"]
_WITH_INTENT = ["payment_intent.latest_charge.balance_transaction"]

_KEY_SURELY_KNOWN_S = 20 * 3600
"""Stripe forgets idempotency keys after a day at the earliest. An older reference is looked for before it is used again."""

_STILL_ON_ITS_WAY_S = 600
"""What was sent so long ago has arrived by now, or never will."""

_OPENED_WITHIN_S = 3900
"""A page is opened within so many seconds after its reference was made."""

_OPEN_AT_LEAST_S = 1860
"""Stripe's pages are open for half an hour at least."""

_PAGES_MAX = 20
"""So many pages of a hundred are looked through for a session whose number never came."""

_LEFT = "cancel"
_LANGUAGES = (
    "bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl sv"
    " th tr vi zh zh-HK zh-TW"
)
_LOCALES = frozenset(_LANGUAGES.split())


class StripeProvider(PaymentProvider):
    """Payments through Stripe: Checkout, saved methods with 3-D Secure, delayed capture, refunds, disputes, settlements."""

    settings_type: ClassVar[type[StripeSettings]] = StripeSettings

    def __init__(self, settings: StripeSettings) -> None:
        self._settings = settings
        self._stripe = Stripe(settings)

    def close(self) -> None:
        self._stripe.close()

    @property
    def description(self) -> Description:
        return Description(
            label="Stripe",
            methods=self._settings.methods,
            currencies=minor_units.CURRENCIES,
            abilities=frozenset(
                {
                    Ability.INQUIRE,
                    Ability.REFUND,
                    Ability.PARTIAL_REFUND,
                    Ability.CAPTURE,
                    Ability.VOID,
                    Ability.SAVED_METHODS,
                    Ability.DISPUTES,
                    Ability.SETTLEMENT_REPORT,
                }
            ),
        )

    # Paying

    def start(self, payment: PaymentRequest) -> Report:
        return self._told(lambda: self._start(payment))

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        return self._told(lambda: self._inquire(payment, provider_reference), asking=True)

    def resume(self, payment: PaymentRequest, *, provider_reference: str, query: Mapping[str, str]) -> Report:
        """The player's browser is back. Who came by Checkout's back button has left: the page is closed behind them."""

        def asked() -> Report:
            report = self._inquire(payment, provider_reference)
            session = report.keep.get("session", "")
            if query.get(CHECKOUT) == _LEFT and session and report.redirect_url:
                return self._expire(session, payment)
            return report

        return self._told(asked, asking=True)

    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        def asked() -> Report:
            number = self._intent_number(payment, provider_reference)
            params: Any = {"amount_to_capture": _written(amount), "expand": _WITH_CHARGE}
            key = f"{payment.reference}:capture"
            try:
                intent, raw = self._stripe.ask(
                    lambda: self._stripe.api.payment_intents.capture(number, params, _keyed(key)), Intent
                )
            except Refused as refused:
                # Captured already, or let go by time: how it stands is the answer.
                return replace(self._inquire(payment, number), reason=refused.report.reason)
            return of_intent(intent, raw, reference=payment.reference)

        return self._told(asked)

    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        def asked() -> Report:
            report = self._inquire(payment, provider_reference)
            session = report.keep.get("session", "")
            if report.standing is Standing.PENDING and session and report.redirect_url:
                report = self._expire(session, payment)
            elif report.provider_reference and report.standing in {Standing.PENDING, Standing.AUTHORISED}:
                report = self._cancel(report.provider_reference, payment)
            if report.standing is Standing.FAILED:
                # Nothing was taken, and nothing can be any more.
                return replace(report, standing=Standing.CANCELLED)
            return report

        return self._told(asked)

    # Giving back

    def refund(self, refund: RefundRequest) -> Report:
        def asked() -> Report:
            amount = _written(refund.amount)
            number = self._intent_number(refund.payment, refund.payment_reference)
            if made := self._refund_made(refund, number):
                return made
            params: Any = {
                "payment_intent": number,
                "amount": amount,
                "metadata": {
                    REFERENCE: refund.payment.reference,
                    REFUND_REFERENCE: refund.reference,
                },
            }
            if refund.reason in {"duplicate", "fraudulent", "requested_by_customer"}:
                params["reason"] = refund.reason
            answer, raw = self._stripe.ask(
                lambda: self._stripe.api.refunds.create(params, _keyed(refund.reference)), Refund
            )
            return of_refund(answer, raw, reference=refund.reference)

        return self._told(asked)

    def answer_dispute(
        self, payment: PaymentRequest, *, provider_reference: str, dispute: str, evidence: Evidence
    ) -> Report:
        def asked() -> Report:
            theirs = self._stripe.api.disputes
            found, raw = self._stripe.ask(lambda: theirs.retrieve(dispute), Dispute)
            if found.is_decided:
                return Report(
                    Standing.FAILED, provider_reference=dispute, reason=f"dispute_{found.status}", raw=raw
                )
            if not found.is_handed_in:
                said = disputes.written(evidence, description=payment.description)
                digest = hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()[:32]
                params: Any = {"evidence": said, "submit": True}
                found, raw = self._stripe.ask(
                    lambda: theirs.update(dispute, params, _keyed(f"{dispute}:{digest}")), Dispute
                )
            standing = Standing.SUCCEEDED if found.is_handed_in or found.is_decided else Standing.PENDING
            return Report(standing, provider_reference=dispute, raw=raw)

        return self._told(asked)

    # Saved methods

    def forget_method(self, *, payer: str, token: str) -> Report:
        def asked() -> Report:
            _, method = split_token(token)
            methods = self._stripe.api.payment_methods
            try:
                known, raw = self._stripe.ask(lambda: methods.retrieve(method), Detached)
                if known.customer is not None:
                    known, raw = self._stripe.ask(lambda: methods.detach(method), Detached)
            except Missing as gone:
                return replace(gone.report, standing=Standing.SUCCEEDED, reason="")
            if known.customer is not None:
                return Report(Standing.UNKNOWN, reason="still_attached", raw=raw)
            return Report(Standing.SUCCEEDED, provider_reference=method, raw=raw)

        return self._told(asked)

    # What Stripe says by itself

    def read_notice(self, notice: RawNotice) -> Notice:
        return notices.read(notice, settings=self._settings, raw=self._stripe.raw)

    def settlement_report(self, *, day: date) -> tuple[SettlementReport, ...]:
        with self._stripe.in_time():
            try:
                return settlement.of_day(self._stripe, day)
            except Unable as unable:
                raise UnableToTellSettlement("provider_silent", explanation=unable.report.reason) from None

    def health(self) -> Health:
        with self._stripe.in_time():
            try:
                account, _ = self._stripe.ask(self._stripe.api.balance.retrieve, Account)
            except Unable as unable:
                return Health(
                    False, _UNWELL.get(unable.report.reason, f"Stripe answers with “{unable.report.reason}”.")
                )
        if account.livemode != self._settings.is_live:
            return Health(
                False,
                "Stripe answers, but for test payments where live ones are set, or the other way round.",
            )
        mode = "live" if account.livemode else "test"
        return Health(True, f"Stripe answers and accepts the API key, which is a {mode} one.")

    # How it is done

    def _told(self, ask: Callable[[], Report], *, asking: bool = False) -> Report:
        """The report, whatever came of it. ``asking``: what Stripe refused is the question, and not the payment."""
        with self._stripe.in_time():
            try:
                return ask()
            except Refused as refused:
                return replace(refused.report, standing=Standing.UNKNOWN) if asking else refused.report
            except Unable as unable:
                return unable.report

    def _start(self, payment: PaymentRequest) -> Report:
        amount = _written(payment.amount)
        age_s = _age_s(payment.reference)
        if (age_s is None or age_s > _KEY_SURELY_KNOWN_S) and (found := self._find(payment)):
            return found
        return (
            self._charge_saved(payment, amount) if payment.saved_method else self._open_page(payment, amount)
        )

    def _open_page(self, payment: PaymentRequest, amount: int) -> Report:
        about: dict[str, Any] = {
            "metadata": {REFERENCE: payment.reference, VIA: CHECKOUT},
            "description": payment.description[:500],
            "capture_method": "manual" if payment.capture_later else "automatic",
        }
        params: dict[str, Any] = {
            "mode": "payment",
            "ui_mode": "hosted_page",
            "client_reference_id": payment.reference,
            "metadata": {REFERENCE: payment.reference},
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": payment.amount.currency.code.lower(),
                        "unit_amount": amount,
                        "product_data": {"name": payment.description[:200] or payment.reference},
                    },
                }
            ],
            "payment_intent_data": about,
            "allowed_payment_method_types": [payment.method]
            if payment.method
            else list(self._settings.methods),
            # The player pays in the currency that the units are priced in, and no other.
            "adaptive_pricing": {"enabled": False},
            "locale": _locale(payment.language),
            "success_url": payment.return_url,
            "cancel_url": _with_query(payment.return_url, CHECKOUT, _LEFT),
        }
        # The same each time that it is asked: an idempotency key goes with one request, to the letter. Where the reference is
        # another's idea of one, or was made long ago, Stripe's own limit holds, which is a day.
        expires_at = (_made_at(payment.reference) or 0) + self._settings.checkout_minutes * 60
        if expires_at > time.time() + _OPEN_AT_LEAST_S:
            params["expires_at"] = expires_at
        if payment.save_method and payment.payer:
            params["customer"] = self._customer(payment.payer)
            params["metadata"][SAVES] = about["metadata"][SAVES] = "1"
            about["setup_future_usage"] = "off_session"
        asked: Any = params
        session, raw = self._stripe.ask(
            lambda: self._stripe.api.checkout.sessions.create(asked, _keyed(payment.reference)), Session
        )
        return of_session(session, raw, reference=payment.reference)

    def _charge_saved(self, payment: PaymentRequest, amount: int) -> Report:
        customer, method = split_token(payment.saved_method)
        params: dict[str, Any] = {
            "amount": amount,
            "currency": payment.amount.currency.code.lower(),
            "customer": customer,
            "payment_method": method,
            "confirm": True,
            "return_url": payment.return_url,
            "metadata": {REFERENCE: payment.reference, VIA: "saved"},
            "description": payment.description[:500],
            "capture_method": "manual" if payment.capture_later else "automatic",
            "expand": _WITH_CHARGE,
        }
        if not payment.player_present:
            params["off_session"] = True
        asked: Any = params
        try:
            intent, raw = self._stripe.ask(
                lambda: self._stripe.api.payment_intents.create(asked, _keyed(payment.reference)), Intent
            )
        except Declined as declined:
            return replace(declined.report, provider_reference=_number(declined.intent))
        except Missing as missing:
            # Of method or customer: then no payment was made of it.
            return replace(missing.report, standing=Standing.FAILED)
        return of_intent(intent, raw, reference=payment.reference)

    def _inquire(self, payment: PaymentRequest, number: str) -> Report:
        session = payment.kept.get("session") or (number if number.startswith("cs_") else "")
        if session:
            found, raw = self._stripe.ask(
                lambda: self._stripe.api.checkout.sessions.retrieve(session, {"expand": _WITH_INTENT}),
                Session,
            )
            return of_session(found, raw, reference=payment.reference)
        if number:
            intent, raw = self._stripe.ask(
                lambda: self._stripe.api.payment_intents.retrieve(number, {"expand": _WITH_CHARGE}), Intent
            )
            report = of_intent(intent, raw, reference=payment.reference)
            if (intent.metadata or {}).get(VIA) != CHECKOUT or report.standing is not Standing.PENDING:
                return report
            # Whether the player may still try on Checkout's page is told by the session that it belongs to.
            listed = self._stripe.api.checkout.sessions.list
            page = self._look_through(listed, {"payment_intent": number}, payment.reference)
            return self._inquire(payment, page) if page else report
        if looked_for := self._find(payment):
            return looked_for
        age_s = _age_s(payment.reference)
        if payment.saved_method and (age_s is None or age_s < _STILL_ON_ITS_WAY_S):
            # The charge may be on its way; what never arrived is told from it by waiting.
            raise Unclear("not_found_yet")
        # A page whose address nobody was told cannot be paid on, and a charge that never arrived took nothing.
        return Report(Standing.FAILED, reason="payment_not_found")

    def _find(self, payment: PaymentRequest) -> Report | None:
        """The payment of this reference where Stripe has one, though its number never came."""
        made_at = _made_at(payment.reference)
        if payment.saved_method:
            customer, _ = split_token(payment.saved_method)
            params: dict[str, Any] = {"customer": customer}
            if made_at is not None:
                params["created"] = {"gte": made_at - 300}
            number = self._look_through(self._stripe.api.payment_intents.list, params, payment.reference)
            return self._inquire(payment, number) if number else None
        now = int(time.time())
        since = now - 25 * 3600 if made_at is None else made_at - 300
        params = {
            "created": {"gte": since, "lte": now + 300 if made_at is None else made_at + _OPENED_WITHIN_S}
        }
        number = self._look_through(self._stripe.api.checkout.sessions.list, params, payment.reference)
        return self._inquire(payment, number) if number else None

    def _look_through(self, listed: Callable[[Any], Any], params: dict[str, Any], reference: str) -> str:
        """The number of the first in a list that is of our reference, empty where there is none. Raises Unclear."""
        wanted: dict[str, Any] = {**params, "limit": 100}
        for _ in range(_PAGES_MAX):
            page, _ = self._stripe.ask(lambda wanted=wanted: listed(wanted), Page)  # type: ignore[misc]
            for found in page.data:
                if reference in (found.client_reference_id, (found.metadata or {}).get(REFERENCE)):
                    return found.id
            if not page.has_more or not page.data:
                return ""
            wanted = {**wanted, "starting_after": page.data[-1].id}
        raise Unclear("too_many_to_look_through")

    def _intent_number(self, payment: PaymentRequest, number: str) -> str:
        """The PaymentIntent's number. Raises Unclear where Stripe has none for this payment yet."""
        if number.startswith("pi_"):
            return number
        found = self._inquire(payment, number)
        if not found.provider_reference:
            raise Unclear("payment_not_found", found.raw)
        return found.provider_reference

    def _expire(self, session: str, payment: PaymentRequest) -> Report:
        params: Any = {"expand": _WITH_INTENT}
        try:
            expired, raw = self._stripe.ask(
                lambda: self._stripe.api.checkout.sessions.expire(
                    session, params, _keyed(f"{payment.reference}:void")
                ),
                Session,
            )
        except Refused:
            # Paid, or expired, in this very moment.
            return self._inquire(payment, session)
        return of_session(expired, raw, reference=payment.reference)

    def _cancel(self, number: str, payment: PaymentRequest) -> Report:
        params: Any = {"expand": _WITH_CHARGE}
        try:
            intent, raw = self._stripe.ask(
                lambda: self._stripe.api.payment_intents.cancel(
                    number, params, _keyed(f"{payment.reference}:void")
                ),
                Intent,
            )
        except Refused:
            return self._inquire(payment, number)
        return of_intent(intent, raw, reference=payment.reference)

    def _refund_made(self, refund: RefundRequest, number: str) -> Report | None:
        """This refund, where Stripe has it: keys are forgotten after a day, and a refund is asked about for longer."""
        refunds = self._stripe.api.refunds
        if refund.provider_reference:
            known, raw = self._stripe.ask(lambda: refunds.retrieve(refund.provider_reference), Refund)
            return of_refund(known, raw, reference=refund.reference)
        wanted: dict[str, Any] = {"payment_intent": number, "limit": 100}
        for _ in range(_PAGES_MAX):
            page, raw = self._stripe.ask(lambda wanted=wanted: refunds.list(wanted), RefundPage)  # type: ignore[misc]
            for made in page.data:
                if (made.metadata or {}).get(REFUND_REFERENCE) == refund.reference:
                    return of_refund(made, raw, reference=refund.reference)
            if not page.has_more or not page.data:
                return None
            wanted = {**wanted, "starting_after": page.data[-1].id}
        raise Unclear("too_many_to_look_through")

    def _customer(self, payer: str) -> str:
        """Stripe's customer for this player, who is nothing to Stripe but a name that says nothing."""
        customers = self._stripe.api.customers
        if payer.replace("-", "").isalnum():
            params: Any = {"query": f"metadata['payer']:'{payer}'", "limit": 1}
            try:
                page, _ = self._stripe.ask(lambda: customers.search(params), Page)
                if page.data:
                    return page.data[0].id
            except (Missing, Refused):
                # Not every country has the search; then a second customer for the same player does no harm.
                pass
        made: Any = {"metadata": {"payer": payer}}
        # The search lags a minute behind, the key holds for a day: together they leave no gap.
        customer, _ = self._stripe.ask(lambda: customers.create(made, _keyed(f"customer:{payer}")), Numbered)
        return customer.id


_UNWELL = {
    "timeout": "Stripe does not answer in time.",
    "unreachable": "Stripe cannot be reached.",
    "api_key_not_accepted": "Stripe answers, but does not accept the API key.",
    "api_key_lacks_permission": "Stripe answers, but the restricted API key may not read the balance.",
}


def _keyed(key: str) -> Any:
    return {"idempotency_key": key}


def _written(amount: Money) -> int:
    """Raises Refused where Stripe cannot be asked for this amount."""
    try:
        return minor_units.written(amount)
    except minor_units.UnableToWriteAmount as unable:
        raise Refused(unable.reason) from None


def _made_at(reference: str) -> int | None:
    """When our reference was made, Unix seconds: it is a UUIDv7. None where it is another's idea of a reference."""
    try:
        made = UUID(reference)
    except ValueError:
        return None
    return (made.int >> 80) // 1000 if made.version == 7 else None


def _age_s(reference: str) -> float | None:
    made_at = _made_at(reference)
    return None if made_at is None else time.time() - made_at


def _number(intent: Any) -> str:
    number = intent.get("id") if isinstance(intent, dict) else None
    return number if isinstance(number, str) else ""


def _locale(language: str) -> str:
    for candidate in (language, language.partition("-")[0]):
        if candidate in _LOCALES:
            return candidate
    return "auto"


def _with_query(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    ours = urlencode({name: value})
    return urlunsplit(parts._replace(query=f"{parts.query}&{ours}" if parts.query else ours))
