"""Checkout: sessions, what the player does on their page, and how they follow their PaymentIntents."""

from __future__ import annotations

import time
from typing import Any

from warchest_stripe.simulator.book import Book, Object
from warchest_stripe.simulator.cards import TestCard
from warchest_stripe.simulator.intents import OPEN, Intents
from warchest_stripe.simulator.parameters import required, whole
from warchest_stripe.simulator.refusing import invalid, missing

_SESSION_S_LEAST, _SESSION_S_MOST = 30 * 60, 24 * 3600


class Checkout:
    def __init__(self, book: Book, intents: Intents) -> None:
        self.book = book
        self._intents = intents
        intents.follow = self.follow

    def create_session(self, given: dict[str, Any]) -> Object:
        if required(given, "mode") != "payment":
            raise invalid("Only payments are simulated.", param="mode")
        if given.get("ui_mode", "hosted_page") != "hosted_page":
            raise invalid("Only Stripe's own page is simulated.", param="ui_mode")
        reference = given.get("client_reference_id")
        if reference is not None and not 0 < len(reference) <= 200:
            raise invalid("Invalid client_reference_id.", param="client_reference_id")
        amount, code, name = self._items(required(given, "line_items"))
        expires_at = self._expiry(given.get("expires_at"))
        kinds = given.get("allowed_payment_method_types") or ["card"]
        about = given.get("payment_intent_data") or {}
        customer = self._intents.known_customer(given.get("customer"))
        if about.get("setup_future_usage") and not customer:
            raise invalid("A customer is simulated only where one is given.", param="customer")
        session = self.book.new(
            "checkout.session",
            "cs_live" if self.book.is_live else "cs_test",
            amount_subtotal=amount,
            amount_total=amount,
            cancel_url=given.get("cancel_url"),
            client_reference_id=reference,
            currency=code,
            customer=customer,
            customer_details=None,
            expires_at=expires_at,
            locale=given.get("locale"),
            metadata=given.get("metadata") or {},
            mode="payment",
            payment_intent=None,
            payment_method_types=kinds,
            payment_status="unpaid",
            status="open",
            success_url=required(given, "success_url"),
            ui_mode="hosted_page",
            _about=about,
            _name=name,
            _alert="",
        )
        session["url"] = f"{self._intents.url}/c/pay/{session['id']}"
        return self.book.keep(session)

    def session(self, number: str) -> Object:
        found = self.book.find(number, "checkout.session")
        if found is None:
            raise missing("checkout.session", number, param="session")
        if found["status"] == "open" and found["expires_at"] <= time.time():
            return self._end(found)
        return found

    def expire_session(self, number: str) -> Object:
        session = self.session(number)
        if session["status"] != "open":
            raise invalid(
                f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status '
                f"of {session['status']}.",
                keeps=True,
            )
        return self._end(session)

    def _end(self, session: Object) -> Object:
        session |= {"status": "expired", "url": None}
        self.book.keep(session)
        if session["payment_intent"]:
            intent = self._intents.intent(session["payment_intent"])
            # Left as it is where the bank said no, so that the reason stays to be read.
            if intent["status"] in OPEN and not intent["last_payment_error"]:
                self._intents.let_go(intent)
        self._intents.announce("checkout.session.expired", session)
        return session

    def pay_session(self, session: Object, card: TestCard) -> Object:
        """What the player entered on the page. Answers the PaymentIntent: succeeded, declined, or to be proved."""
        intent = self._intent_of(session)
        challenged = card.proves != "never"
        self._intents.attempt(intent, self._card(card), card, challenge=challenged, when_saved=False)
        return self.follow(intent)

    def pay_session_by_debit(self, session: Object, iban: str) -> Object:
        """A SEPA debit: under way until ``decide``."""
        intent = self._intent_of(session)
        method = self.book.new(
            "payment_method",
            "pm",
            billing_details={"address": None, "email": None, "name": None, "phone": None},
            customer=intent["customer"],
            metadata={},
            sepa_debit={
                "bank_code": "19043",
                "country": iban[:2],
                "fingerprint": "sepa" + iban[-6:],
                "last4": iban[-4:],
            },
            type="sepa_debit",
        )
        intent |= {
            "payment_method": method["id"],
            "payment_method_types": ["sepa_debit"],
            "last_payment_error": None,
            "status": "processing",
        }
        self.book.keep(intent)
        self._intents.announce("payment_intent.processing", intent)
        return self.follow(intent)

    def decide(self, number: str, *, succeeded: bool) -> Object:
        """The debit's end."""
        intent = self._intents.intent(number)
        if intent["status"] != "processing":
            raise invalid("This payment is not under way.")
        method = self.book.find(intent["payment_method"]) or {}
        if succeeded:
            self._intents.take(intent, method)
        else:
            self._intents.fail(intent, method, "payment_method_provider_decline", "")
        self.follow(intent, decided=True)
        return intent

    def _intent_of(self, session: Object) -> Object:
        if session["payment_intent"]:
            return self._intents.intent(session["payment_intent"])
        about = session["_about"]
        intent = self._intents.new_intent(
            session["amount_total"],
            session["currency"],
            capture_method=about.get("capture_method", "automatic_async"),
            customer=session["customer"],
            description=about.get("description"),
            metadata=about.get("metadata") or {},
            setup_future_usage=about.get("setup_future_usage"),
            _session=session["id"],
        )
        session["payment_intent"] = intent["id"]
        self.book.keep(session)
        return intent

    def follow(self, intent: Object, *, decided: bool = False) -> Object:
        """The session stands as its PaymentIntent does."""
        session = self.book.find(intent["_session"]) if intent.get("_session") else None
        if session is None:
            return intent
        done = {"succeeded", "requires_capture", "processing"}
        if intent["status"] in done and session["status"] == "open":
            session |= {"status": "complete", "url": None}
            session["customer_details"] = {"address": None, "email": "player@example.com", "name": None}
        if intent["status"] == "succeeded":
            session["payment_status"] = "paid"
            if intent["capture_method"] != "manual":
                session |= {"amount_total": intent["amount_received"], "currency": intent["currency"]}
        error = intent["last_payment_error"]
        session["_alert"] = error["message"] if error else ""
        self.book.keep(session)
        if decided:
            end = "succeeded" if intent["status"] == "succeeded" else "failed"
            self._intents.announce(f"checkout.session.async_payment_{end}", session)
        elif intent["status"] in done and session["status"] == "complete":
            self._intents.announce("checkout.session.completed", session)
        return intent

    def _card(self, card: TestCard) -> Object:
        return self.book.new(
            "payment_method",
            "pm",
            billing_details={"address": None, "email": None, "name": None, "phone": None},
            card={
                "brand": card.brand,
                "country": card.country,
                "exp_month": 12,
                "exp_year": 2034,
                "fingerprint": card.fingerprint,
                "last4": card.number[-4:],
            },
            customer=None,
            metadata={},
            type="card",
        )

    def _items(self, items: Any) -> tuple[int, str, str]:
        if not isinstance(items, list) or len(items) != 1:
            raise invalid("One line item is simulated.", param="line_items")
        price = items[0].get("price_data") or {}
        code = required(price, "currency")
        amount = self._intents.checked_amount(required(price, "unit_amount"), code)
        if whole(items[0].get("quantity"), "line_items[0][quantity]") != 1:
            raise invalid("One of each is simulated.", param="line_items[0][quantity]")
        name = required(price.get("product_data") or {}, "name")
        return amount, code, name

    def _expiry(self, given: Any) -> int:
        now = int(time.time())
        if given is None:
            return now + _SESSION_S_MOST
        expires_at = whole(given, "expires_at")
        if not now + _SESSION_S_LEAST - 5 <= expires_at <= now + _SESSION_S_MOST + 5:
            raise invalid(
                "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
                param="expires_at",
            )
        return expires_at
