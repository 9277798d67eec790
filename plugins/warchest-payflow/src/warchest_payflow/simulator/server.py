"""The simulator's HTTP: the gateway at ``POST /``, the hosted page under ``/pay``, and strings to pull under ``/control``."""

from __future__ import annotations

import argparse
import hmac
import os
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from warchest.kernel.clock import SystemClock
from warchest_payflow.results import RESULTS
from warchest_payflow.simulator import pages
from warchest_payflow.simulator.book import Book, Page, Refused, Switches, Transaction
from warchest_payflow.simulator.desk import Account, Desk

_BODY_BYTES_MAX = 64 * 1024
_HANG_S_MAX = 120
_DRIP_S = 0.1
_CARELESS_CARD = "4111111111111111"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "text/namevalue"
    headers: Mapping[str, str] = field(default_factory=dict)
    changes: bool = False


class PayAsked(Struct, forbid_unknown_fields=True):
    reference: str
    card: str = "4111111111111111"
    expiry: str = "1239"
    result: int | None = None


class ReviewAsked(Struct, forbid_unknown_fields=True):
    reference: str
    accepted: bool


class Simulator:
    """What is answered to each request; knows nothing of sockets."""

    def __init__(self, book: Book, desk: Desk, *, control_secret: str) -> None:
        self.book = book
        self._desk = desk
        self._control_secret = control_secret

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        address = urlsplit(target)
        if address.path == "/" and method == "POST":
            answer, changes = self._desk.answer(body, headers)
            return Answer(200, answer, changes=changes)
        if address.path == "/pay" and method in ("GET", "POST"):
            return self._page(_form(address.query if method == "GET" else body.decode()))
        if address.path == "/pay/card" and method == "POST":
            return self._submit(_form(body.decode()))
        if address.path.startswith("/control"):
            return self._control(method, address.path, headers, body, _form(address.query))
        return Answer(404)

    def _page(self, fields: Mapping[str, str]) -> Answer:
        try:
            with self.book.lock:
                page = self.book.page(fields.get("SECURETOKEN", ""), fields.get("SECURETOKENID", ""))
                self.book.check_open(page)
                return _html(pages.pay(page))
        except Refused as refused:
            return _html(pages.closed(f"{refused.message} ({refused.code})"), status=410)

    def _submit(self, fields: Mapping[str, str]) -> Answer:
        with self.book.lock:
            try:
                page = self.book.page(fields.get("SECURETOKEN", ""), fields.get("SECURETOKENID", ""))
            except Refused as refused:
                return _html(pages.closed(refused.message), status=410)
            if fields.get("action") == "cancel":
                return _back(page, "CANCELURL", pages.brought_back(page, None, code=0, message="Cancelled"))
            try:
                number = "".join(symbol for symbol in fields.get("ACCT", "") if symbol.isdecimal())
                made = self.book.pay(page, card=number, expiry=fields.get("EXPDATE", "").strip())
            except Refused as refused:
                told = pages.brought_back(page, None, code=refused.code, message=refused.message)
                return _back(page, "ERRORURL", told)
            return self._after(page, made)

    def _after(self, page: Page, made: Transaction) -> Answer:
        message = RESULTS[made.result].text if made.result in RESULTS else "Declined"
        told = pages.brought_back(page, made, code=made.result, message=message)
        if page.paid:
            return _back(page, "RETURNURL", told)
        if page.uses < self.book.switches.page_uses:
            return _html(pages.pay(page, problem=f"{message}. Try another card."), status=422)
        return _back(page, "ERRORURL", told)

    def _control(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, str]
    ) -> Answer:
        told = headers.get("authorization", "")
        if not hmac.compare_digest(told.encode(), f"Bearer {self._control_secret}".encode()):
            return Answer(401)
        with self.book.lock:
            match method, path:
                case "PUT", "/control":
                    given: dict[str, Any] = msgspec.json.decode(body)
                    now = msgspec.structs.asdict(self.book.switches)
                    self.book.switches = msgspec.convert(now | given, Switches)
                case "POST", "/control/pay":
                    asked = msgspec.json.decode(body, type=PayAsked)
                    self.book.switches.result_next = asked.result
                    try:
                        page = self.book.page_of(asked.reference)
                        made = self.book.pay(page, card=asked.card, expiry=asked.expiry)
                    except Refused as refused:
                        return _json({"code": refused.code, "message": refused.message}, status=409)
                    return _json(pages.brought_back(page, made, code=made.result, message=""))
                case "POST", "/control/review":
                    decision = msgspec.json.decode(body, type=ReviewAsked)
                    self.book.review(decision.reference, accepted=decision.accepted)
                case "POST", "/control/settle":
                    self.book.settle()
                case "GET", "/control/truth":
                    return _json(self.book.truth(query.get("reference", "")))
                case _:
                    return Answer(404)
        return _json(self.book.switches)


def _form(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _back(page: Page, name: str, fields: Mapping[str, str]) -> Answer:
    url = page.fields.get(name) or page.fields.get("RETURNURL", "")
    if not url:
        return _html(pages.closed(fields["RESPMSG"]))
    method = page.fields.get("RETURNURLMETHOD" if name == "RETURNURL" else "URLMETHOD", "POST")
    if method == "GET":
        return Answer(303, headers={"Location": pages.with_query(url, fields)})
    return _html(pages.go_on(url, fields))


def _html(text: str, *, status: int = 200) -> Answer:
    return Answer(status, text.encode(), "text/html; charset=utf-8", {"Cache-Control": "no-store"})


def _json(body: Any, *, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(body), "application/json")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    simulator: Simulator


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "payflow-simulator"
    sys_version = ""
    timeout = 60
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _BODY_BYTES_MAX:
            self.close_connection = True
            return self._send(Answer(413))
        body = self.rfile.read(int(length))
        mood = "" if self.path.startswith(("/control", "/pay")) else self.server.simulator.book.switches.mood
        match mood:
            case "hang":
                return self._hang()
            case "server_error":
                return self._send(Answer(500, b"<html><h1>500</h1></html>", "text/html"))
            case "malformed":
                careless = f"<html>{_CARELESS_CARD} {escape(body.decode(errors='replace'))} " + body.decode()
                return self._send(Answer(200, careless.encode(), "text/html"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            answer = self.server.simulator.answer(self.command, self.path, headers, body)
        except Exception:
            traceback.print_exc()
            answer = Answer(500)
        if mood == "lose_answers" and answer.changes:
            self.close_connection = True
            return
        if mood == "drip":
            return self._drip()
        self._send(answer)

    do_GET = do_POST = do_PUT = _serve

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

    def _hang(self) -> None:
        self.close_connection = True
        self.connection.settimeout(_HANG_S_MAX)
        self.connection.recv(1)

    def _drip(self) -> None:
        """From the status line on, a byte at a time, and never to the end."""
        self.close_connection = True
        begun = b"HTTP/1.1 200 OK\r\nContent-Type: text/namevalue\r\nX-Filler: "
        until = time.monotonic() + _HANG_S_MAX
        for byte in begun:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
        while time.monotonic() < until:
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(_DRIP_S)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            # The other side is gone; there is nobody left to tell.
            self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent: tokens stand in the addresses."""


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def serve(options: argparse.Namespace) -> None:
    book = Book(clock=SystemClock())
    account = Account(
        partner=options.partner,
        vendor=options.vendor,
        user=options.user or options.vendor,
        password=options.password_file.read_text().strip(),
    )
    server = _Server((options.host, options.port), _Handler)
    server.simulator = Simulator(
        book, Desk(book, account), control_secret=options.control_secret_file.read_text().strip()
    )
    if options.with_parent:
        threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    print(f"The gateway simulator listens on http://{options.host}:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        os._exit(0)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="warchest-payflow-simulator", description="A pretended Payflow gateway. It takes no money."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8441, help="0 takes a free one and prints it")
    parser.add_argument("--partner", default="PayPal")
    parser.add_argument("--vendor", default="warchest")
    parser.add_argument("--user", default="")
    parser.add_argument("--password-file", type=Path, required=True, metavar="FILE")
    parser.add_argument("--control-secret-file", type=Path, required=True, metavar="FILE")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent process ends")
    serve(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
