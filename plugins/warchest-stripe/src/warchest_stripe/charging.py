"""Taking money: pages that are opened, saved methods that are charged, and how each payment stands.

A top-up is a Checkout Session: the browser goes to Stripe's page, and no card number comes near us. A saved method is
charged by a PaymentIntent. Whatever it was, the payment's number is the PaymentIntent's; the session's is kept beside it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from warchest.kernel.money import Money
from warchest.sdk.payments import PaymentRequest, Report, Standing
from warchest_stripe import minor_units
from warchest_stripe.answers import (
    CHECKOUT,
    REFERENCE,
    SAVES,
    VIA,
    Intent,
    Numbered,
    Page,
    Session,
    of_intent,
    of_session,
    split_token,
)
from warchest_stripe.asking import Declined, Missing, Refused, Stripe, Unclear
from warchest_stripe.references import age_s, keyed, look_through, made_at
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

_LEFT = "cancel"
_LANGUAGES = (
    "bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl sv"
    " th tr vi zh zh-HK zh-TW"
)
_LOCALES = frozenset(_LANGUAGES.split())


class Charging:
    """What the plug-in does with payments. Its methods raise what ``Stripe.ask`` raises."""

    def __init__(self, stripe: Stripe, settings: StripeSettings) -> None:
        self._stripe = stripe
        self._settings = settings

    def start(self, payment: PaymentRequest) -> Report:
        amount = written(payment.amount)
        age = age_s(payment.reference)
        if (age is None or age > _KEY_SURELY_KNOWN_S) and (found := self._find(payment)):
            return found
        return (
            self._charge_saved(payment, amount) if payment.saved_method else self._open_page(payment, amount)
        )

    def inquire(self, payment: PaymentRequest, number: str) -> Report:
        session = payment.kept.get("session") or (number if number.startswith("cs_") else "")
        if session:
            found, raw = self._stripe.look(
                lambda: self._stripe.api.checkout.sessions.retrieve(session, {"expand": _WITH_INTENT}),
                Session,
            )
            return of_session(found, raw, reference=payment.reference)
        if number:
            intent, raw = self._stripe.look(
                lambda: self._stripe.api.payment_intents.retrieve(number, {"expand": _WITH_CHARGE}), Intent
            )
            report = of_intent(intent, raw, reference=payment.reference)
            if (intent.metadata or {}).get(VIA) != CHECKOUT or report.standing is not Standing.PENDING:
                return report
            # Whether the player may still try on Checkout's page is told by the session that it belongs to.
            listed = self._stripe.api.checkout.sessions.list
            page = look_through(self._stripe, listed, {"payment_intent": number}, payment.reference)
            return self.inquire(payment, page) if page else report
        if looked_for := self._find(payment):
            return looked_for
        age = age_s(payment.reference)
        if payment.saved_method and (age is None or age < _STILL_ON_ITS_WAY_S):
            # The charge may be on its way; what never arrived is told from it by waiting.
            raise Unclear("not_found_yet")
        # A page whose address nobody was told cannot be paid on, and a charge that never arrived took nothing.
        return Report(Standing.FAILED, reason="payment_not_found")

    def resume(self, payment: PaymentRequest, number: str, query: Mapping[str, str]) -> Report:
        """Who came back by Checkout's back button has left: the page is closed behind them."""
        report = self.inquire(payment, number)
        session = report.keep.get("session", "")
        if query.get(CHECKOUT) == _LEFT and session and report.redirect_url:
            return self._expire(session, payment)
        return report

    def capture(self, payment: PaymentRequest, number: str, amount: Money) -> Report:
        intent_number = self.intent_number(payment, number)
        params: Any = {"amount_to_capture": written(amount), "expand": _WITH_CHARGE}
        key = f"{payment.reference}:capture"
        try:
            intent, raw = self._stripe.ask(
                lambda: self._stripe.api.payment_intents.capture(intent_number, params, keyed(key)), Intent
            )
        except Refused as refused:
            # Captured already, or let go by time: how it stands is the answer.
            return replace(self.inquire(payment, intent_number), reason=refused.report.reason)
        return of_intent(intent, raw, reference=payment.reference)

    def void(self, payment: PaymentRequest, number: str) -> Report:
        report = self.inquire(payment, number)
        session = report.keep.get("session", "")
        if report.standing is Standing.PENDING and session and report.redirect_url:
            report = self._expire(session, payment)
        elif report.provider_reference and report.standing in {Standing.PENDING, Standing.AUTHORISED}:
            report = self._cancel(report.provider_reference, payment)
        if report.standing is Standing.FAILED:
            # Nothing was taken, and nothing can be any more.
            return replace(report, standing=Standing.CANCELLED)
        return report

    def intent_number(self, payment: PaymentRequest, number: str) -> str:
        """The PaymentIntent's number. Raises Unclear where Stripe has none for this payment yet."""
        if number.startswith("pi_"):
            return number
        found = self.inquire(payment, number)
        if not found.provider_reference:
            raise Unclear("payment_not_found", found.raw)
        return found.provider_reference

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
        expires_at = (made_at(payment.reference) or 0) + self._settings.checkout_minutes * 60
        if expires_at > time.time() + _OPEN_AT_LEAST_S:
            params["expires_at"] = expires_at
        if payment.save_method and payment.payer:
            params["customer"] = self._customer(payment.payer)
            params["metadata"][SAVES] = about["metadata"][SAVES] = "1"
            about["setup_future_usage"] = "off_session"
        asked: Any = params
        session, raw = self._stripe.ask(
            lambda: self._stripe.api.checkout.sessions.create(asked, keyed(payment.reference)), Session
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
                lambda: self._stripe.api.payment_intents.create(asked, keyed(payment.reference)), Intent
            )
        except Declined as declined:
            return replace(declined.report, provider_reference=_number(declined.intent))
        except Missing as missing:
            # Of method or customer: then no payment was made of it.
            return replace(missing.report, standing=Standing.FAILED)
        return of_intent(intent, raw, reference=payment.reference)

    def _find(self, payment: PaymentRequest) -> Report | None:
        """The payment of this reference where Stripe has one, though its number never came."""
        since = made_at(payment.reference)
        if payment.saved_method:
            customer, _ = split_token(payment.saved_method)
            params: dict[str, Any] = {"customer": customer}
            if since is not None:
                params["created"] = {"gte": since - 300}
            number = look_through(
                self._stripe, self._stripe.api.payment_intents.list, params, payment.reference
            )
            return self.inquire(payment, number) if number else None
        if since is not None:
            created = {"gte": since - 300, "lte": since + _OPENED_WITHIN_S}
        else:
            # A page is open for a day at most.
            created = {"gte": int(time.time()) - 25 * 3600}
        listed = self._stripe.api.checkout.sessions.list
        number = look_through(self._stripe, listed, {"created": created}, payment.reference)
        return self.inquire(payment, number) if number else None

    def _expire(self, session: str, payment: PaymentRequest) -> Report:
        params: Any = {"expand": _WITH_INTENT}
        try:
            expired, raw = self._stripe.ask(
                lambda: self._stripe.api.checkout.sessions.expire(
                    session, params, keyed(f"{payment.reference}:void")
                ),
                Session,
            )
        except Refused:
            # Paid, or expired, in this very moment.
            return self.inquire(payment, session)
        return of_session(expired, raw, reference=payment.reference)

    def _cancel(self, number: str, payment: PaymentRequest) -> Report:
        params: Any = {"expand": _WITH_CHARGE}
        try:
            intent, raw = self._stripe.ask(
                lambda: self._stripe.api.payment_intents.cancel(
                    number, params, keyed(f"{payment.reference}:void")
                ),
                Intent,
            )
        except Refused:
            return self.inquire(payment, number)
        return of_intent(intent, raw, reference=payment.reference)

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
        customer, _ = self._stripe.ask(lambda: customers.create(made, keyed(f"customer:{payer}")), Numbered)
        return customer.id


def written(amount: Money) -> int:
    """Raises Refused where Stripe cannot be asked for this amount."""
    try:
        return minor_units.written(amount)
    except minor_units.UnableToWriteAmount as unable:
        raise Refused(unable.reason) from None


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
