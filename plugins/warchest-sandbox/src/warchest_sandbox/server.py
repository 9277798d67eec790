"""The sandbox's HTTP server: its API, its control API and its hosted page, in a process of its own."""

from __future__ import annotations

import argparse
import hmac
import os
import re
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from warchest.kernel.clock import Clock, SystemClock
from warchest_sandbox import pages
from warchest_sandbox.book import Book, Payment, SwitchesAsked, UnableToServe
from warchest_sandbox.cards import TEST_CARDS
from warchest_sandbox.notices import NoticeSender
from warchest_sandbox.wire import PaymentAsked, Problem, RefundAsked, Refusal

_BODY_BYTES_MAX = 64 * 1024
_HANG_S_MAX = 120
_STATUS_OF_REASON = {
    "request_malformed": 400,
    "payment_not_found": 404,
    "notice_not_found": 404,
    "reference_reused": 409,
    "payment_not_open": 409,
    "payment_not_pending": 409,
}
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_Body = TypeVar("_Body")


class PayAsked(Struct, frozen=True, forbid_unknown_fields=True):
    reference: str
    card: str = "4111111111111111"


class DecideAsked(Struct, frozen=True, forbid_unknown_fields=True):
    reference: str
    outcome: Literal["succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    may_be_withheld: bool = False
    """Whether the switch ``timeout_after_success`` swallows it."""


@dataclass(frozen=True, slots=True)
class Asked:
    query: dict[str, list[str]]
    body: bytes

    def read(self, into: type[_Body]) -> _Body:
        try:
            return msgspec.json.decode(self.body, type=into)
        except (msgspec.MsgspecError, UnicodeDecodeError) as failure:
            raise UnableToServe("request_malformed", why=str(failure)[:200]) from None

    def form(self) -> dict[str, str]:
        try:
            fields = parse_qs(self.body.decode(), keep_blank_values=True, max_num_fields=20)
        except ValueError:
            raise UnableToServe("request_malformed") from None
        return {name: values[0] for name, values in fields.items()}


class Sandbox:
    """What the sandbox answers to each request; knows nothing of sockets."""

    def __init__(
        self, book: Book, notices: NoticeSender, *, api_secret: str, merchant: str, clock: Clock
    ) -> None:
        self.book = book
        self._notices = notices
        self._api_secret = api_secret
        self._merchant = merchant
        self._clock = clock
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
            (method, re.compile(path), handler)
            for method, path, handler in (
                ("POST", r"/v1/payments", self.open),
                ("GET", r"/v1/payments", self.find),
                ("GET", r"/v1/payments/([^/]+)", self.show),
                ("POST", r"/v1/payments/([^/]+)/refunds", self.refund),
                ("GET", r"/v1/control", self.show_switches),
                ("PUT", r"/v1/control", self.set_switches),
                ("DELETE", r"/v1/control", self.reset_switches),
                ("POST", r"/v1/control/pay", self.pay_without_browser),
                ("POST", r"/v1/control/decide", self.decide),
                ("GET", r"/v1/control/notices/([^/]+)", self.show_notices),
                ("POST", r"/v1/control/notices/([^/]+)", self.send_notice_again),
                ("GET", r"/v1/health", self.health),
                ("GET", r"/pay/([^/]+)", self.page),
                ("POST", r"/pay/([^/]+)", self.submit_page),
                ("GET", r"/assets/sandbox\.css", self.style_sheet),
            )
        ]

    def answer(self, method: str, path: str, authorization: str, asked: Asked) -> Answer:
        is_api = path.startswith("/v1/")
        if is_api and not self._is_allowed(path, authorization):
            return _problem(401, "unauthorized", "The API secret is missing or wrong.")
        if path.startswith("/v1/payments") and self.book.takes_server_error():
            return _problem(500, "server_error", "A server error, as ordered.")
        known_path = False
        for route_method, pattern, handler in self._routes:
            if found := pattern.fullmatch(path):
                known_path = True
                if route_method == method:
                    return self._answer_or_refuse(handler, found.groups(), asked)
        if known_path:
            return _problem(405, "method_not_allowed")
        return _problem(404, "path_unknown") if is_api else _html(404, pages.not_found())

    def _is_allowed(self, path: str, authorization: str) -> bool:
        # A health check may come without the secret, but then says nothing about the secret.
        if path == "/v1/health" and not authorization:
            return True
        return hmac.compare_digest(authorization.encode(), f"Bearer {self._api_secret}".encode())

    def _answer_or_refuse(
        self, handler: Callable[..., Answer], groups: tuple[str, ...], asked: Asked
    ) -> Answer:
        try:
            return handler(asked, *groups)
        except UnableToServe as unable:
            if handler in (self.page, self.submit_page):
                return _html(404, pages.not_found())
            return _problem(_STATUS_OF_REASON.get(unable.reason, 422), unable.reason, str(unable))

    # The API

    def open(self, asked: Asked) -> Answer:
        payment = self.book.open(asked.read(PaymentAsked))
        return _json(201, self.book.answer(payment), may_be_withheld=True)

    def find(self, asked: Asked) -> Answer:
        references = asked.query.get("reference", [])
        if len(references) != 1:
            raise UnableToServe("request_malformed", why="one reference is needed")
        return _json(200, self.book.answer(self.book.payment(reference=references[0])))

    def show(self, asked: Asked, payment_id: str) -> Answer:
        return _json(200, self.book.answer(self.book.payment(id=payment_id)))

    def refund(self, asked: Asked, payment_id: str) -> Answer:
        return _json(201, self.book.refund(payment_id, asked.read(RefundAsked)), may_be_withheld=True)

    def health(self, asked: Asked) -> Answer:
        return _json(200, {"status": "ok"})

    # The control API

    def show_switches(self, asked: Asked) -> Answer:
        return _json(200, self.book.switches())

    def set_switches(self, asked: Asked) -> Answer:
        return _json(200, self.book.set_switches(asked.read(SwitchesAsked)))

    def reset_switches(self, asked: Asked) -> Answer:
        return _json(200, self.book.reset_switches())

    def pay_without_browser(self, asked: Asked) -> Answer:
        wanted = asked.read(PayAsked)
        card = TEST_CARDS.get(wanted.card)
        if card is None:
            raise UnableToServe("card_unknown")
        payment = self.book.payment(reference=wanted.reference)
        if payment.status != "open":
            raise UnableToServe("payment_not_open", status=payment.status)
        return self._settled(self.book.pay(payment.id, card))

    def decide(self, asked: Asked) -> Answer:
        wanted = asked.read(DecideAsked)
        return self._settled(self.book.decide(wanted.reference, wanted.outcome))

    def _settled(self, payment: Payment) -> Answer:
        self._notices.nudge()
        return _json(200, self.book.answer(payment))

    def show_notices(self, asked: Asked, payment: str) -> Answer:
        return _json(200, {"copies": self.book.deliveries(payment)})

    def send_notice_again(self, asked: Asked, payment: str) -> Answer:
        notice_id = self.book.send_notice_again(payment)
        self._notices.nudge()
        return _json(202, {"notice": notice_id})

    # The hosted page

    def page(self, asked: Asked, token: str) -> Answer:
        payment = self.book.payment(token=token)
        if payment.status != "open":
            return self._finished_page(payment)
        prefilled = TEST_CARDS.get(asked.query.get("card", [""])[0])
        form = pages.CardForm.of(prefilled, today=self._clock.now().date()) if prefilled else pages.CardForm()
        return self._pay_page(200, payment, form)

    def submit_page(self, asked: Asked, token: str) -> Answer:
        """A payment that is already finished leads back to the merchant with its outcome, whatever is submitted."""
        payment = self.book.payment(token=token)
        fields = asked.form()
        if payment.status == "open" and fields.get("action") == "cancel":
            payment = self.book.cancel(payment.id)
        elif payment.status == "open":
            form = pages.CardForm.read(fields, today=self._clock.now().date())
            if form.errors:
                return self._pay_page(422, payment, form)
            payment = self.book.pay(payment.id, TEST_CARDS[form.card_number])
        self._notices.nudge()
        return Answer(303, headers={"Location": _return_address(payment), "Cache-Control": "no-store"})

    def _pay_page(self, status: int, payment: Payment, form: pages.CardForm) -> Answer:
        return _html(status, pages.pay(payment, form, merchant=self._merchant))

    def _finished_page(self, payment: Payment) -> Answer:
        page = pages.finished(payment, merchant=self._merchant, back_url=_return_address(payment))
        return _html(200, page)

    def style_sheet(self, asked: Asked) -> Answer:
        return Answer(200, pages.STYLE_SHEET, "text/css; charset=utf-8", {"Cache-Control": "max-age=300"})


def _return_address(payment: Payment) -> str:
    """The merchant's address with our two parameters behind those that it already has."""
    parts = urlsplit(payment.asked.return_url)
    ours = urlencode({"reference": payment.asked.reference, "status": payment.status})
    query = f"{parts.query}&{ours}" if parts.query else ours
    return urlunsplit(parts._replace(query=query))


def _json(status: int, body: Any, *, may_be_withheld: bool = False) -> Answer:
    return Answer(status, msgspec.json.encode(body), may_be_withheld=may_be_withheld)


def _problem(status: int, code: str, message: str = "") -> Answer:
    return _json(status, Refusal(Problem(code, message)))


def _html(status: int, page: str) -> Answer:
    headers = _PAGE_HEADERS | {"Cache-Control": "no-store"}
    return Answer(status, page.encode(), "text/html; charset=utf-8", headers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self.sandbox: Sandbox


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "warchest-sandbox"
    sys_version = ""
    timeout = 60
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > _BODY_BYTES_MAX:
            # What follows on this connection cannot be told from the body, so it ends here.
            self.close_connection = True
            return self._send(_problem(413, "body_too_large_or_of_unknown_length"))
        body = self.rfile.read(int(length))
        address = urlsplit(self.path)
        sandbox = self.server.sandbox
        try:
            asked = Asked(parse_qs(address.query, max_num_fields=50), body)
            answer = sandbox.answer(self.command, address.path, self.headers.get("Authorization", ""), asked)
        except Exception:
            traceback.print_exc()
            answer = _problem(500, "server_error")
        if answer.may_be_withheld and (how := sandbox.book.switches().timeout_after_success):
            return self._never_answer(how)
        self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def _never_answer(self, how: bool | str) -> None:
        self.close_connection = True
        if how == "close":
            return
        # Ends when the other side gives up and closes.
        self.connection.settimeout(_HANG_S_MAX)
        self.connection.recv(1)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            # The other side is gone; there is nobody left to tell.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: tokens stand in the addresses."""


def _secret(path: Path) -> str:
    secret = path.read_text().strip()
    if len(secret) < 16:
        raise SystemExit(f"{path}: a secret has at least 16 characters")
    return secret


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def serve(options: argparse.Namespace) -> None:
    clock = SystemClock()
    server = _Server((options.host, options.port))
    url = f"http://{options.host}:{server.server_port}"
    public_url = (options.public_url or url).rstrip("/")
    book = Book(options.state, clock=clock, public_url=public_url)
    notices = NoticeSender(book, secret=_secret(options.notice_secret_file), clock=clock)
    server.sandbox = Sandbox(
        book,
        notices,
        api_secret=_secret(options.api_secret_file),
        merchant=options.merchant,
        clock=clock,
    )
    if options.with_parent:
        threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    notices.start()
    print(f"The sandbox listens on {url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        # Every change is already committed; waiting for notices under way would only delay the end.
        os._exit(0)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="warchest-sandbox", description="A pretended payment provider. It takes no money."
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("serve", help="run the sandbox until it is stopped")
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=int, default=8430, help="0 takes a free one and prints it")
    command.add_argument("--state", type=Path, required=True, metavar="FILE.sqlite")
    command.add_argument("--api-secret-file", type=Path, required=True, metavar="FILE")
    command.add_argument("--notice-secret-file", type=Path, required=True, metavar="FILE")
    command.add_argument("--public-url", default="", help="where browsers find the hosted page")
    command.add_argument("--merchant", default="Warchest", help="the name on the hosted page")
    command.add_argument("--with-parent", action="store_true", help="end when the parent process ends")
    command.set_defaults(run=serve)
    options = parser.parse_args(arguments)
    options.run(options)


if __name__ == "__main__":
    main()
