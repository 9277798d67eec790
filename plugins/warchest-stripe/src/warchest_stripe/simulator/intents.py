"""Taking money: PaymentIntents, their charges, and the methods and customers that they leave behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from warchest_stripe import minor_units
from warchest_stripe.simulator import balance
from warchest_stripe.simulator.book import Book, Object
from warchest_stripe.simulator.cards import CARD_ENDING, TestCard
from warchest_stripe.simulator.parameters import required, whole
from warchest_stripe.simulator.refusing import StripeSays, declined, invalid, missing

_AMOUNT_MOST = 99_999_999
_LEAST = {"eur": 50, "usd": 50, "gbp": 30, "jpy": 50}
OPEN = {"requires_payment_method", "requires_confirmation", "requires_action"}


class Intents:
    """``url`` is where browsers find the pages. ``follow`` lets a session stand as its PaymentIntent does."""

    def __init__(self, book: Book, *, url: str) -> None:
        self.book = book
        self.url = url
        self.follow: Callable[[Object], Object] = lambda intent: intent
        self.open_dispute: Callable[[Object, str], Object] | None = None

    def create_intent(self, given: dict[str, Any]) -> Object:
        amount = self.checked_amount(required(given, "amount"), required(given, "currency"))
        if given.get("confirm") != "true":
            raise invalid("Only PaymentIntents that are confirmed at once are simulated.", param="confirm")
        method = self.book.find(required(given, "payment_method"), "payment_method")
        if method is None:
            raise missing("PaymentMethod", given["payment_method"], param="payment_method")
        customer = self.known_customer(given.get("customer"))
        if method["customer"] is None or method["customer"] != customer:
            raise invalid(
                "The provided PaymentMethod cannot be attached, or belongs to another customer.",
                param="payment_method",
            )
        off_session = given.get("off_session") == "true"
        if not given.get("return_url") and not off_session:
            raise invalid("A `return_url` must be specified.", param="return_url")
        intent = self.new_intent(
            amount,
            given["currency"],
            capture_method=given.get("capture_method", "automatic_async"),
            customer=customer,
            description=given.get("description"),
            metadata=given.get("metadata") or {},
            setup_future_usage=None,
            _return_url=given.get("return_url"),
        )
        card = CARD_ENDING[method["card"]["last4"]]
        challenged = card.proves == "always" or bool(self.book.switch("challenge"))
        if challenged and off_session:
            self.fail(intent, method, "authentication_required", "authentication_required")
        else:
            self.attempt(intent, method, card, challenge=challenged, when_saved=True)
        if intent["last_payment_error"]:
            error = intent["last_payment_error"]
            raise declined(error["code"], self.shown(intent), decline_code=error.get("decline_code") or "")
        return intent

    def intent(self, number: str) -> Object:
        found = self.book.find(number, "payment_intent")
        if found is None:
            raise missing("payment_intent", number, param="intent")
        return found

    def capture(self, number: str, given: dict[str, Any]) -> Object:
        intent = self.intent(number)
        if intent["status"] != "requires_capture":
            raise self._unexpected(intent, "captured")
        amount = whole(given.get("amount_to_capture", intent["amount_capturable"]), "amount_to_capture")
        if not 0 < amount <= intent["amount_capturable"]:
            raise invalid(
                "The amount to capture exceeds what is capturable.",
                code="amount_too_large",
                param="amount_to_capture",
            )
        charge = self.book.find(intent["latest_charge"]) or {}
        self._book_charge(intent, charge, amount)
        self.follow(intent)
        return intent

    def cancel(self, number: str) -> Object:
        intent = self.intent(number)
        session = self.book.find(intent["_session"]) if intent.get("_session") else None
        if intent["status"] not in OPEN | {"requires_capture"} or (session and session["status"] == "open"):
            raise self._unexpected(intent, "canceled")
        return self.let_go(intent)

    def prove(self, number: str, *, succeeded: bool) -> str:
        """The player proved who they are at the bank, or did not. Answers where the browser goes."""
        intent = self.intent(number)
        if intent["status"] == "requires_action":
            method = self.book.find(intent["payment_method"]) or {}
            card = CARD_ENDING[method["card"]["last4"]]
            intent["next_action"] = None
            if succeeded:
                self.attempt(intent, method, card, challenge=False, when_saved=not intent.get("_session"))
            else:
                self.fail(intent, method, "payment_intent_authentication_failure", "")
            self.follow(intent)
        session = self.book.find(intent["_session"]) if intent.get("_session") else None
        if session is not None:
            return str(session["url"] or session["success_url"])
        end = "succeeded" if intent["status"] in {"succeeded", "requires_capture"} else "failed"
        query = {
            "payment_intent": intent["id"],
            "payment_intent_client_secret": intent["client_secret"],
            "redirect_status": end,
        }
        return with_query(intent["_return_url"], query)

    def new_intent(self, amount: int, code: str, **fields: Any) -> Object:
        intent = self.book.new(
            "payment_intent",
            "pi",
            amount=amount,
            amount_capturable=0,
            amount_received=0,
            canceled_at=None,
            cancellation_reason=None,
            confirmation_method="automatic",
            currency=code,
            last_payment_error=None,
            latest_charge=None,
            next_action=None,
            payment_method=None,
            payment_method_types=["card"],
            receipt_email=None,
            shipping=None,
            status="requires_payment_method",
            **fields,
        )
        intent["client_secret"] = f"{intent['id']}_secret_{intent['id'][-8:]}"
        return self.book.keep(intent)

    def attempt(
        self, intent: Object, method: Object, card: TestCard, *, challenge: bool, when_saved: bool
    ) -> None:
        intent |= {"payment_method": method["id"], "last_payment_error": None}
        if challenge:
            url = f"{self.url}/3d_secure/{intent['id']}"
            intent["status"] = "requires_action"
            intent["next_action"] = {
                "type": "redirect_to_url",
                "redirect_to_url": {"url": url, "return_url": intent.get("_return_url")},
            }
            self.book.keep(intent)
            self.announce("payment_intent.requires_action", intent)
        elif card.fails_with:
            self.fail(intent, method, card.fails_with, card.declined_as)
        elif card.fails_once_saved and when_saved:
            self.fail(intent, method, "card_declined", "generic_decline")
        else:
            self.take(intent, method)
            if card.disputed_as and intent["status"] == "succeeded" and self.open_dispute:
                self.open_dispute(intent, card.disputed_as)

    def take(self, intent: Object, method: Object) -> None:
        kind = method["type"]
        details = {
            name: method[kind][name]
            for name in ("brand", "country", "exp_month", "exp_year", "fingerprint", "last4", "bank_code")
            if name in method[kind]
        }
        charge = self.book.new(
            "charge",
            "ch",
            amount=intent["amount"],
            amount_captured=0,
            amount_refunded=0,
            balance_transaction=None,
            billing_details={
                "address": None,
                "email": "player@example.com",
                "name": "A. Player",
                "phone": None,
            },
            captured=False,
            currency=intent["currency"],
            customer=intent["customer"],
            description=intent["description"],
            disputed=False,
            failure_code=None,
            metadata=intent["metadata"],
            paid=True,
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details={"type": kind, kind: details},
            receipt_email=None,
            refunded=False,
            status="succeeded",
        )
        intent["latest_charge"] = charge["id"]
        if intent["setup_future_usage"]:
            self.book.keep(method | {"customer": intent["customer"]})
        if intent["capture_method"] == "manual":
            intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
            self.book.keep(intent)
            self.announce("charge.succeeded", charge)
            self.announce("payment_intent.amount_capturable_updated", intent)
        else:
            self._book_charge(intent, charge, intent["amount"])

    def _book_charge(self, intent: Object, charge: Object, amount: int) -> None:
        code = intent["currency"]
        if self.book.switch("wrong_amount"):
            amount -= 1
        if other := self.book.switch("wrong_currency"):
            code = str(other).lower()
        fee = balance.fee_of(amount, code)
        moved = balance.move(
            self.book, "charge", charge, amount, code, fee=fee, description=intent["description"] or ""
        )
        told = amount
        if self.book.switch("negative_amount"):
            told = -amount
        if self.book.switch("zero_amount"):
            told = 0
        charge |= {
            "amount_captured": told,
            "balance_transaction": moved["id"],
            "captured": True,
            "currency": code,
            "_taken": amount,
        }
        self.book.keep(charge)
        intent |= {"status": "succeeded", "amount_received": told, "amount_capturable": 0, "currency": code}
        self.book.keep(intent)
        self.announce(
            "charge.captured" if intent["capture_method"] == "manual" else "charge.succeeded", charge
        )
        self.announce("payment_intent.succeeded", intent)

    def fail(self, intent: Object, method: Object, code: str, decline_code: str) -> None:
        error = {"code": code, "message": "Your card was declined.", "type": "card_error"}
        if decline_code:
            error["decline_code"] = decline_code
        intent |= {
            "last_payment_error": error,
            "next_action": None,
            "payment_method": None,
            "status": "requires_payment_method",
        }
        self.book.keep(intent)
        self.announce("payment_intent.payment_failed", intent)

    def let_go(self, intent: Object) -> Object:
        intent |= {
            "amount_capturable": 0,
            "canceled_at": int(time.time()),
            "next_action": None,
            "status": "canceled",
        }
        self.book.keep(intent)
        self.announce("payment_intent.canceled", intent)
        return intent

    def _unexpected(self, intent: Object, wanted: str) -> StripeSays:
        return invalid(
            f"This PaymentIntent could not be {wanted} because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
            keeps=True,
        )

    def method(self, number: str) -> Object:
        found = self.book.find(number, "payment_method")
        if found is None:
            raise missing("PaymentMethod", number, param="payment_method")
        return found

    def detach(self, number: str) -> Object:
        method = self.method(number)
        if method["customer"] is None:
            raise invalid("The payment method you provided is not attached to a customer.", keeps=True)
        method["customer"] = None
        self.book.keep(method)
        self.announce("payment_method.detached", method)
        return method

    def create_customer(self, given: dict[str, Any]) -> Object:
        return self.book.new("customer", "cus", email=None, metadata=given.get("metadata") or {}, name=None)

    def known_customer(self, number: str | None) -> str | None:
        if number is not None and self.book.find(number, "customer") is None:
            raise missing("customer", number, param="customer")
        return number

    def checked_amount(self, given: Any, code: str) -> int:
        amount = whole(given, "amount")
        if code != code.lower() or code.upper() not in minor_units.CURRENCIES:
            raise invalid(f"Invalid currency: {code}.", param="currency")
        if amount > _AMOUNT_MOST:
            raise invalid("Amount must be no more than 999999.99", code="amount_too_large", param="amount")
        if amount < (_LEAST.get(code, 1) if self.book.switch("least_amounts") else 1):
            raise invalid(
                "Amount must convert to at least 50 cents.", code="amount_too_small", param="amount"
            )
        whole_units = minor_units.decimals(code.upper()) == 3 and amount % 10
        if whole_units or (code in {"isk", "ugx"} and amount % 100):
            raise invalid("Invalid amount for this currency.", param="amount")
        return amount

    def announce(self, kind: str, about: Object) -> None:
        self.book.announce(kind, self.shown(about))

    def shown(self, about: Object) -> Object:
        """The object as Stripe shows it."""
        seen = {name: value for name, value in about.items() if not name.startswith("_")}
        if self.book.switch("unlisted_status") and seen["object"] in {"checkout.session", "payment_intent"}:
            seen["status"] = "reconsidering"
            if "payment_status" in seen:
                seen["payment_status"] = "reconsidering"
        return seen


def with_query(url: str, query: dict[str, str]) -> str:
    parts = urlsplit(url)
    ours = urlencode(query)
    return urlunsplit(parts._replace(query=f"{parts.query}&{ours}" if parts.query else ours))
