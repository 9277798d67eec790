"""Pretended stores, one for each dialect: they sell, fetch codes from a key generator, and cancel. For tests and trials.

    store = PretendedStore("https://shop.example.org/api/v1/stores/softkey", dialect="fastspring", secret=…)
    codes = store.sell("A-1001", product="credits-10").codes
    store.cancel("A-1001")

They speak by HTTP, as a store does, or through a function, which tests give them. On the command line::

    warchest-store --url http://127.0.0.1:8000/api/v1/stores/softkey --dialect allsoft --secret-file secret sell A-1001 credits-10
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx

from warchest_softkey.dialects import Allsoft, Fastspring

DIALECTS = ("softkey", "softkey-get", "softkey-hmac", "softkey-get-hmac", "allsoft", "fastspring")
SIGNATURE_HEADER = "x-signature"


@dataclass(frozen=True, slots=True)
class Message:
    """What goes over the wire."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back. ``codes`` are empty where it was refused."""

    status: int
    text: str
    codes: tuple[str, ...]
    is_signed: bool


Send = Callable[[Message], tuple[int, Mapping[str, str], bytes]]


class PretendedStore:
    """One store. ``send`` replaces HTTP."""

    def __init__(self, url: str = "", *, dialect: str, secret: str, send: Send | None = None) -> None:
        self._url = url
        self.dialect = dialect
        self.secret = secret
        self._send = send or self._over_http

    @property
    def settings(self) -> dict[str, object]:
        """The plug-in's settings for this store."""
        with_header = {"signature_header": SIGNATURE_HEADER} if self.dialect.endswith("hmac") else {}
        return {"dialect": self.dialect.partition("-")[0], "secret": self.secret, **with_header}

    def sell(self, order: str, *, product: str, line: str = "1", quantity: int = 1) -> Heard:
        """Somebody bought: the codes are fetched."""
        return self.send(self.message("sale", order, line=line, product=product, quantity=quantity))

    def cancel(self, order: str, *, line: str = "") -> Heard:
        return self.send(self.message("cancel", order, line=line))

    def close(self, order: str) -> Heard:
        return self.send(self.message("close", order))

    def message(
        self, event: str, order: str, *, line: str = "", product: str = "", quantity: int = 1
    ) -> Message:
        """A call, rightly signed."""
        match self.dialect:
            case "allsoft":
                return self._allsoft(event, order, line, product, quantity)
            case "fastspring":
                fields = {
                    "reference": order,
                    "item_reference": line,
                    "product": product,
                    "quantity": str(quantity),
                    "event": event,
                    "email": "buyer@example.org",
                }
                fields[Fastspring.HASH] = Fastspring.signature(fields, self.secret)
                return _form(fields)
            case _:
                fields = {
                    "order_id": order,
                    "item_id": line,
                    "product_id": product,
                    "quantity": str(quantity),
                    "event": event,
                }
                return self._softkey(fields)

    def _softkey(self, fields: dict[str, str]) -> Message:
        if not self.dialect.endswith("hmac"):
            fields["secret"] = self.secret
        encoded = urlencode(fields)
        signature = hmac.new(self.secret.encode(), encoded.encode(), hashlib.sha256).hexdigest()
        headers = {SIGNATURE_HEADER: signature} if self.dialect.endswith("hmac") else {}
        if "get" in self.dialect:
            return Message("GET", encoded, headers, b"")
        return _form(fields, headers)

    def _allsoft(self, event: str, order: str, line: str, product: str, quantity: int) -> Message:
        events = {"sale": "order_paid", "cancel": "order_canceled", "close": "order_closed"}
        signed = {
            "event": events[event],
            "order_id": order,
            "create_date": "2026-03-15 12:00:00",
            "payment_method": "card",
            "currency": "EUR",
        }
        told = {
            **signed,
            "customer": {"email": "buyer@example.org", "name": "Käufer"},
            "product": {"id": product, "order_item_id": line, "quantity": quantity},
        }
        signature = Allsoft.signature({**signed, "customer.email": "buyer@example.org"}, self.secret)
        headers = {"content-type": "application/json", "signature": signature}
        return Message("POST", "", headers, json.dumps(told, ensure_ascii=False).encode())

    def send(self, message: Message) -> Heard:
        status, headers, body = self._send(message)
        text = body.decode()
        if self.dialect == "allsoft":
            codes = tuple(json.loads(text).get("keys", ())) if status == 200 else ()
        else:
            codes = tuple(filter(None, text.split("\n"))) if status == 200 and text != "OK" else ()
        expected = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        given = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE_HEADER, "")
        return Heard(status, text, codes, hmac.compare_digest(given, expected))

    def _over_http(self, message: Message) -> tuple[int, Mapping[str, str], bytes]:
        with httpx.Client(timeout=30, trust_env=False) as client:
            answer = client.request(
                message.method,
                self._url + (f"?{message.query}" if message.query else ""),
                content=message.body or None,
                headers=dict(message.headers),
            )
        return answer.status_code, dict(answer.headers), answer.content


def _form(fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Message:
    given = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
    return Message("POST", "", given, urlencode(fields).encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """``warchest-store``: a pretended store on the command line."""
    parser = argparse.ArgumentParser(prog="warchest-store", description="A pretended store.")
    parser.add_argument("--url", required=True, help="the key generator's address")
    parser.add_argument("--dialect", choices=DIALECTS, default="softkey")
    parser.add_argument("--secret-file", type=Path, required=True)
    does = parser.add_subparsers(dest="does", required=True)
    sell = does.add_parser("sell", help="sell a product, and print its codes")
    sell.add_argument("order")
    sell.add_argument("product")
    sell.add_argument("--line", default="1")
    sell.add_argument("--quantity", type=int, default=1)
    for name in ("cancel", "close"):
        does.add_parser(name, help=f"{name} an order").add_argument("order")
    said = parser.parse_args(arguments)
    store = PretendedStore(said.url, dialect=said.dialect, secret=said.secret_file.read_text().strip())
    match said.does:
        case "sell":
            heard = store.sell(said.order, product=said.product, line=said.line, quantity=said.quantity)
        case "cancel":
            heard = store.cancel(said.order)
        case _:
            heard = store.close(said.order)
    print("\n".join(heard.codes) if heard.codes else heard.text)
    sys.exit(0 if heard.status == 200 else 1)
