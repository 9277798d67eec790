"""The API: who asks, whether the key was used before, what each path does, and how answers are expanded."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from warchest_stripe.simulator import balance, forms, parameters
from warchest_stripe.simulator.book import Book, Object
from warchest_stripe.simulator.checkout import Checkout
from warchest_stripe.simulator.intents import Intents
from warchest_stripe.simulator.parameters import check, whole
from warchest_stripe.simulator.refusing import StripeSays, invalid, missing
from warchest_stripe.simulator.returning import Returning

_EXPAND_LEVELS_MAX = 4
_SEARCHED = re.compile(r"metadata\['(\w+)'\]:'([\w-]+)'", re.ASCII)

Handler = Callable[..., Any]


class Api:
    def __init__(
        self, book: Book, intents: Intents, checkout: Checkout, returning: Returning, *, api_key: str
    ) -> None:
        self.book = book
        self._intents = intents
        self._api_key = api_key
        p = parameters
        number = r"([\w-]+)"
        self._routes: list[tuple[str, re.Pattern[str], dict[str, Any], Handler]] = [
            (method, re.compile(f"/v1/{path}"), known, handler)
            for method, path, known, handler in (
                ("POST", "checkout/sessions", p.CREATE_SESSION, checkout.create_session),
                ("GET", "checkout/sessions", p.LIST_SESSIONS, self._list("checkout.session")),
                ("GET", f"checkout/sessions/{number}", p.EXPAND, lambda given, n: checkout.session(n)),
                (
                    "POST",
                    f"checkout/sessions/{number}/expire",
                    p.EXPAND,
                    lambda given, n: checkout.expire_session(n),
                ),
                ("POST", "payment_intents", p.CREATE_INTENT, intents.create_intent),
                ("GET", "payment_intents", p.LIST_INTENTS, self._list("payment_intent")),
                ("GET", f"payment_intents/{number}", p.EXPAND, lambda given, n: intents.intent(n)),
                (
                    "POST",
                    f"payment_intents/{number}/capture",
                    p.CAPTURE,
                    lambda given, n: intents.capture(n, given),
                ),
                ("POST", f"payment_intents/{number}/cancel", p.CANCEL, lambda given, n: intents.cancel(n)),
                ("GET", f"payment_methods/{number}", p.EXPAND, lambda given, n: intents.method(n)),
                ("POST", f"payment_methods/{number}/detach", p.EXPAND, lambda given, n: intents.detach(n)),
                ("POST", "customers", p.CREATE_CUSTOMER, intents.create_customer),
                ("GET", "customers/search", p.SEARCH, self._search),
                ("POST", "refunds", p.CREATE_REFUND, returning.create_refund),
                ("GET", "refunds", p.LIST_REFUNDS, self._list("refund")),
                ("GET", f"refunds/{number}", p.EXPAND, lambda given, n: returning.refund(n)),
                ("GET", f"disputes/{number}", p.EXPAND, lambda given, n: returning.dispute(n)),
                (
                    "POST",
                    f"disputes/{number}",
                    p.UPDATE_DISPUTE,
                    lambda given, n: returning.update_dispute(n, given),
                ),
                ("GET", "balance", p.EXPAND, lambda given: balance.balance(book)),
                ("GET", "balance_transactions", p.LIST_TRANSACTIONS, self._list("balance_transaction")),
                ("GET", "payouts", p.LIST_PAYOUTS, self._list("payout")),
                ("GET", "events", p.LIST_EVENTS, self._list("event")),
                ("GET", f"events/{number}", p.EXPAND, lambda given, n: self._event(n)),
            )
        ]

    def answer(
        self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]
    ) -> tuple[int, str, dict[str, str]]:
        """Status, JSON, and headers of one request."""
        try:
            self._check_key(headers.get("authorization", ""))
            self._check_limits(path)
            key = headers.get("idempotency-key", "") if method == "POST" else ""
            return self._once(key, method, path, body if method == "POST" else query)
        except StripeSays as no:
            return no.status, json.dumps(no.body), {}

    def _once(self, key: str, method: str, path: str, form: str) -> tuple[int, str, dict[str, str]]:
        asked = hashlib.sha256(f"{method} {path} {form}".encode()).hexdigest()
        with self.book.alone():
            if key and (known := self.book.remembered(key)):
                if known[0] != asked:
                    raise StripeSays(
                        400,
                        "idempotency_error",
                        "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                    )
                return known[1], known[2], {"idempotent-replayed": "true"}
            status, body = self._carried_out(key, asked, method, path, form)
        return status, body, {}

    def _carried_out(self, key: str, asked: str, method: str, path: str, form: str) -> tuple[int, str]:
        """Carry a request out. Stripe's refusals are no reason to take back what they left behind: a declined payment
        is one that was made."""
        try:
            status, body = 200, json.dumps(self._do(method, path, forms.read(form)))
        except StripeSays as no:
            if not no.keeps:
                raise
            status, body = no.status, json.dumps(no.body)
        if key:
            self.book.remember(key, asked=asked, status=status, body=body)
        return status, body

    def _do(self, method: str, path: str, given: dict[str, Any]) -> Any:
        for wanted, pattern, known, handler in self._routes:
            found = pattern.fullmatch(path)
            if found and wanted == method:
                check(given, known)
                expand = given.pop("expand", [])
                answer = handler(given, *found.groups())
                shown = self._intents.shown(answer) if "object" in answer else answer
                return self._expanded(shown, expand)
        raise invalid(f"Unrecognized request URL ({method}: {path}).", status=404)

    def _check_key(self, authorization: str) -> None:
        kind, _, given = authorization.partition(" ")
        if kind == "Basic":
            try:
                given = base64.b64decode(given).decode().partition(":")[0]
            except (binascii.Error, ValueError):
                given = ""
        if not hmac.compare_digest(given.encode(), self._api_key.encode()):
            raise invalid("Invalid API Key provided", status=401)

    def _check_limits(self, path: str) -> None:
        if self.book.counts_down("rate_limit_next"):
            raise invalid("Too many requests", code="rate_limit", status=429)
        if self.book.counts_down("conflict_next"):
            raise StripeSays(
                409,
                "idempotency_error",
                "There is currently another in-progress request using this Stripe API Key and Idempotent Key.",
                code="idempotency_key_in_use",
            )
        forbidden = str(self.book.switch("forbidden"))
        if forbidden and path.startswith(f"/v1/{forbidden}"):
            raise invalid(
                "The provided key does not have the required permissions for this endpoint.", status=403
            )

    def _list(self, kind: str) -> Handler:
        def listed(given: dict[str, Any]) -> Object:
            limit = whole(given.get("limit", 10), "limit")
            if not 1 <= limit <= 100:
                raise invalid("Limit must be between 1 and 100.", param="limit")
            found = [each for each in self.book.all(kind) if _fits(each, given)]
            after = given.get("starting_after")
            if after:
                places = [place for place, each in enumerate(found) if each["id"] == after]
                if not places:
                    raise invalid(f"No such object: {after}", param="starting_after")
                found = found[places[0] + 1 :]
            data = [self._intents.shown(each) for each in found[:limit]]
            return {"object": "list", "data": data, "has_more": len(found) > limit, "url": f"/v1/{kind}s"}

        return listed

    def _event(self, number: str) -> Object:
        found = self.book.find(number, "event")
        if found is None:
            raise missing("event", number)
        return found

    def _search(self, given: dict[str, Any]) -> Object:
        asked = _SEARCHED.fullmatch(str(given.get("query", "")))
        if not asked:
            raise invalid("We were unable to parse your search query.", param="query")
        found = [each for each in self.book.all("customer") if each["metadata"].get(asked[1]) == asked[2]]
        return {
            "object": "search_result",
            "data": found[: whole(given.get("limit", 10), "limit")],
            "has_more": False,
            "next_page": None,
            "url": "/v1/customers/search",
        }

    def _expanded(self, answer: Any, paths: Any) -> Any:
        if not isinstance(paths, list):
            raise invalid("Invalid array", param="expand")
        for path in paths:
            steps = str(path).split(".")
            if len(steps) > _EXPAND_LEVELS_MAX:
                raise invalid("You cannot expand more than 4 levels of a property.", param="expand")
            self._expand(answer, steps)
        return answer

    def _expand(self, within: Any, steps: list[str]) -> None:
        if isinstance(within, list):
            for each in within:
                self._expand(each, steps)
            return
        name, *rest = steps
        if not isinstance(within, dict) or name not in within:
            raise invalid(f"This property cannot be expanded ({name}).", param="expand")
        if isinstance(within[name], str) and (found := self.book.find(within[name])):
            within[name] = self._intents.shown(found)
        if rest and within[name] is not None:
            self._expand(within[name], rest)


def _fits(each: Object, given: Mapping[str, Any]) -> bool:
    created = given.get("created")
    created = created if isinstance(created, dict) else {}
    at = each["created"]
    compares: dict[str, Callable[[int], bool]] = {
        "gt": lambda bound: at > bound,
        "gte": lambda bound: at >= bound,
        "lt": lambda bound: at < bound,
        "lte": lambda bound: at <= bound,
    }
    if not all(compares[name](whole(bound, "created")) for name, bound in created.items()):
        return False
    if given.get("payout", each.get("_payout")) != each.get("_payout"):
        return False
    fields = ("customer", "payment_intent", "status", "currency", "source", "type")
    return all(each.get(name) == given[name] for name in fields if name in given)
