"""The simulator's process: its HTTP server, the pages behind it, and what it does wrong on purpose."""

from __future__ import annotations

import argparse
import hmac
import json
import os
import re
import threading
import time
import traceback
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from warchest_stripe.simulator import balance, pages
from warchest_stripe.simulator.api import Api
from warchest_stripe.simulator.book import SWITCHES, Book, Object
from warchest_stripe.simulator.cards import TEST_CARDS
from warchest_stripe.simulator.checkout import Checkout
from warchest_stripe.simulator.intents import Intents
from warchest_stripe.simulator.refusing import StripeSays, invalid
from warchest_stripe.simulator.returning import Returning
from warchest_stripe.simulator.sending import EventSender

_BODY_BYTES_MAX = 512 * 1024
_HANG_S_MAX = 120
_DRIP_S = 0.3
_CARELESS_NUMBER = "4111111111111111"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Answer = tuple[int, str, dict[str, str]]


class Simulator:
    """What is answered to each request; knows nothing of sockets."""

    def __init__(self, book: Book, sender: EventSender, *, api_key: str, url: str) -> None:
        self.book = book
        self._sender = sender
        self._api_key = api_key
        self._intents = Intents(book, url=url)
        self._checkout = Checkout(book, self._intents)
        self._returning = Returning(book, self._intents)
        self._api = Api(book, self._intents, self._checkout, self._returning, api_key=api_key)

    def answer(self, method: str, target: str, body: str, headers: dict[str, str]) -> Answer:
        address = urlsplit(target)
        try:
            if address.path.startswith("/v1/"):
                return self._api.answer(method, address.path, address.query, body, headers)
            if address.path.startswith("/_simulator/"):
                return self._controlled(method, address.path, address.query, body, headers)
            with self.book.alone():
                return self._page(method, address.path, address.query, body)
        finally:
            self._sender.nudge()

    # The pages

    def _page(self, method: str, path: str, query: str, body: str) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body, max_num_fields=20).items()}
        if found := re.fullmatch(r"/c/pay/(\w+)", path):
            return self._checkout_page(method, found[1], query, form)
        if found := re.fullmatch(r"/3d_secure/(\w+)", path):
            intent = self._intents.intent(found[1])
            if method == "POST":
                return _redirect(self._intents.prove(found[1], succeeded=form.get("action") == "complete"))
            return 200, pages.prove(intent), _PAGE_HEADERS
        return 404, pages.over("Not found"), _PAGE_HEADERS

    def _checkout_page(self, method: str, number: str, query: str, form: dict[str, str]) -> Answer:
        try:
            session = self._checkout.session(number)
        except StripeSays:
            return 404, pages.over("Not found"), _PAGE_HEADERS
        if session["status"] != "open":
            return 200, pages.over("You're all done here"), _PAGE_HEADERS
        if method != "POST":
            prefilled = parse_qs(query).get("card", [""])[0]
            return 200, pages.pay(session, number=prefilled), _PAGE_HEADERS
        if form.get("action") == "debit":
            self._checkout.pay_session_by_debit(session, re.sub(r"\s", "", form.get("iban", "")))
            return _redirect(session["success_url"])
        card = TEST_CARDS.get(re.sub(r"[\s-]", "", form.get("number", "")))
        if card is None:
            return 422, pages.pay(session, alert="Only Stripe's test cards are accepted here."), _PAGE_HEADERS
        intent = self._checkout.pay_session(session, card)
        if intent["status"] == "requires_action":
            return _redirect(intent["next_action"]["redirect_to_url"]["url"])
        if intent["last_payment_error"]:
            return 402, pages.pay(self._checkout.session(number)), _PAGE_HEADERS
        return _redirect(session["success_url"])

    # The control

    def _controlled(self, method: str, path: str, query: str, body: str, headers: dict[str, str]) -> Answer:
        if not hmac.compare_digest(
            headers.get("authorization", "").encode(), f"Bearer {self._api_key}".encode()
        ):
            return 401, "{}", {}
        try:
            given = json.loads(body) if body else {name: v[0] for name, v in parse_qs(query).items()}
            with self.book.alone():
                return 200, json.dumps(self._control(method, path.removeprefix("/_simulator/"), given)), {}
        except StripeSays as no:
            return no.status, json.dumps(no.body), {}
        except (KeyError, TypeError, ValueError) as error:
            return 400, json.dumps({"error": {"message": f"{type(error).__name__}: {error}"}}), {}

    def _control(self, method: str, what: str, given: dict[str, Any]) -> Any:
        match method, what:
            case "GET", "switches":
                return {name: self.book.switch(name) for name in SWITCHES}
            case "PUT", "switches":
                for name, value in given.items():
                    self.book.turn(name, value)
                return {name: self.book.switch(name) for name in SWITCHES}
            case "DELETE", "switches":
                self.book.reset()
                return {}
            case "DELETE", "keys":
                self.book.forget_keys()
                return {}
            case "POST", "decide":
                return self._checkout.decide(self._intent(given)["id"], succeeded=bool(given["succeeded"]))
            case "POST", "refund":
                return self._returning.finish_refund(given["refund"], succeeded=bool(given["succeeded"]))
            case "POST", "dispute":
                return self._dispute(given)
            case "POST", "settle":
                return balance.settle(self.book, date.fromisoformat(given["day"]))
            case "GET", "truth":
                return self._truth(given["reference"])
            case "GET", "events":
                return self._events(given.get("reference", ""))
            case "POST", "send_again":
                self.book.send_again(given["event"])
                return {}
            case "POST", "expire":
                return self._checkout.expire_session(given["session"])
            case _:
                raise invalid(f"No such control: {method} {what}", status=404)

    def _intent(self, given: dict[str, Any]) -> Object:
        """The PaymentIntent of our reference; of several the newest."""
        for intent in self.book.all("payment_intent"):
            if given["reference"] in (intent["metadata"].get("reference"), intent["id"]):
                return intent
        raise invalid(f"Nothing was paid for {given['reference']}.", status=404)

    def _dispute(self, given: dict[str, Any]) -> Object:
        intent = self._intent(given)
        known = [each for each in self.book.all("dispute") if each["payment_intent"] == intent["id"]]
        match given["status"]:
            case "needs_response" | "warning_needs_response" as status:
                inquiry = status.startswith("warning")
                return self._returning.open_dispute(
                    intent, given.get("reason", "fraudulent"), inquiry=inquiry
                )
            case "under_review":
                return self._returning.update_dispute(known[0]["id"], {"submit": "true"})
            case status:
                return self._returning.decide_dispute(known[0], won=status == "won")

    def _truth(self, reference: str) -> dict[str, Any]:
        """What was opened, taken and given back for our reference, by the books and not by what is told."""
        sessions = [
            each for each in self.book.all("checkout.session") if each["client_reference_id"] == reference
        ]
        intents = [
            each for each in self.book.all("payment_intent") if each["metadata"].get("reference") == reference
        ]
        charges = [
            charge for each in intents if (charge := self.book.find(each["latest_charge"] or "", "charge"))
        ]
        refunds = [
            each
            for each in self.book.all("refund")
            if each["payment_intent"] in {intent["id"] for intent in intents} and each["status"] != "failed"
        ]
        alone = [each for each in intents if not each.get("_session")]
        return {
            "payments": len(sessions) + len(alone),
            "taken": [(charge["_taken"], charge["currency"]) for charge in charges if charge["captured"]],
            "returned": sum(each["amount"] for each in refunds if each["status"] == "succeeded"),
            "refunds": len(refunds),
        }

    def _events(self, reference: str) -> list[Object]:
        """The events about our reference, oldest first, each with what became of its copies."""
        found = [each for each in reversed(self.book.all("event")) if reference in json.dumps(each["data"])]
        return [
            {"id": each["id"], "type": each["type"], "copies": self.book.deliveries(each["id"])}
            for each in found
        ]


def _redirect(url: str) -> Answer:
    return 303, "", _PAGE_HEADERS | {"Location": url}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    simulator: Simulator


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "warchest-stripe-simulator"
    sys_version = ""
    timeout = 60
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > _BODY_BYTES_MAX:
            # What follows on this connection cannot be told from the body, so it ends here.
            self.close_connection = True
            return self._send(413, "", {})
        body = self.rfile.read(int(length)).decode(errors="replace")
        headers = {name.lower(): value for name, value in self.headers.items()}
        is_api = self.path.startswith("/v1/")
        switch = self.server.simulator.book.switch
        if is_api and switch("hang"):
            return self._hang()
        if is_api and switch("drip"):
            return self._drip()
        if is_api and switch("server_error"):
            return self._send(
                500, "<html><h1>Internal Server Error</h1></html>", {"Content-Type": "text/html"}
            )
        if is_api and switch("malformed"):
            careless = f"All is well. {self.command} {self.path} {headers} {body} {_CARELESS_NUMBER}"
            return self._send(200, careless, {"Content-Type": "text/plain"})
        try:
            status, text, more = self.server.simulator.answer(self.command, self.path, body, headers)
        except Exception:
            traceback.print_exc()
            status, text, more = 500, '{"error": {"type": "api_error", "message": "simulator"}}', {}
        if is_api and self.command == "POST" and switch("lose_answers"):
            self.close_connection = True
            return None
        return self._send(status, text, {"Request-Id": f"req_{time.time_ns():x}"} | more)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _send(self, status: int, text: str, more: dict[str, str]) -> None:
        page = "Content-Security-Policy" in more
        kind = {"Content-Type": "text/html; charset=utf-8" if page else "application/json"}
        body = text.encode()
        self.send_response(status)
        for name, value in (kind | more).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _hang(self) -> None:
        self.close_connection = True
        # Ends when the other side gives up and closes.
        self.connection.settimeout(_HANG_S_MAX)
        self.connection.recv(1)

    def _drip(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        for _ in range(int(_HANG_S_MAX / _DRIP_S)):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(_DRIP_S)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            # The other side is gone; there is nobody left to tell.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: numbers of payments stand in the addresses."""


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def serve(options: argparse.Namespace) -> None:
    api_key = options.api_key_file.read_text().strip()
    secrets = tuple(options.webhook_secret_file.read_text().split())
    if len(api_key) < 16 or not secrets:
        raise SystemExit("An API key has at least 16 characters, and there is one webhook secret at least.")
    server = _Server((options.host, options.port), _Handler)
    url = f"http://{options.host}:{server.server_port}"
    book = Book(options.state, is_live="_live_" in api_key[:8])
    sender = EventSender(book, url=options.webhook_url, secrets=secrets)
    page_url = (options.public_url or url).rstrip("/")
    server.simulator = Simulator(book, sender, api_key=api_key, url=page_url)
    if options.with_parent:
        threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    sender.start()
    print(f"The simulator listens on {url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        # Every change is already committed; waiting for events under way would only delay the end.
        os._exit(0)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="warchest-stripe-simulator", description="A simulated Stripe. It takes no money."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8440, help="0 takes a free one and prints it")
    parser.add_argument("--state", type=Path, required=True, metavar="FILE.sqlite")
    parser.add_argument("--api-key-file", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--webhook-secret-file", type=Path, required=True, metavar="FILE", help="one or two secrets"
    )
    parser.add_argument("--webhook-url", default="", help="where all events are sent; without it, none are")
    parser.add_argument("--public-url", default="", help="where browsers find the pages")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent process ends")
    serve(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
