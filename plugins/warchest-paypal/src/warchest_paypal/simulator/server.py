"""The simulator's HTTP: PayPal's interface, the page where the player approves, and strings to pull under ``/control``."""

from __future__ import annotations

import argparse
import hmac
import os
import threading
import time
import traceback
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from warchest.kernel.clock import SystemClock
from warchest_paypal.simulator import pages
from warchest_paypal.simulator.book import Book, Order, Refused, Switches
from warchest_paypal.simulator.desk import Answer, Desk, as_json, problem
from warchest_paypal.simulator.hooks import Hooks
from warchest_paypal.simulator.shapes import Shapes

_BODY_BYTES_MAX = 256 * 1024
_HANG_S_MAX = 120
_DRIP_S = 0.1
_CARELESS_CARD = "4111111111111111"
_OURS = ("/control", "/checkoutnow")


class Asked(Struct, forbid_unknown_fields=True):
    reference: str
    instrument: str = "balance"
    succeeded: bool = True
    outcome: str = ""


class Simulator:
    """What is answered to each request; knows nothing of sockets."""

    def __init__(self, book: Book, desk: Desk, hooks: Hooks, *, control_secret: str) -> None:
        self.book = book
        self._desk = desk
        self._hooks = hooks
        self._control_secret = control_secret

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        address = urlsplit(target)
        if address.path == "/checkoutnow":
            fields = _form(address.query if method == "GET" else body.decode())
            with self.book.lock:
                return self._page(method, fields)
        if address.path.startswith("/control"):
            return self._control(method, address.path, headers, body, _form(address.query))
        return self._desk.answer(method, address.path, headers, body)

    def _page(self, method: str, fields: Mapping[str, str]) -> Answer:
        try:
            order = self.book.order(fields.get("token", ""))
        except Refused:
            return _html(pages.closed("This order is not there any more."), status=404)
        if method == "GET":
            if order.status != "PAYER_ACTION_REQUIRED":
                return _html(pages.closed("This order needs nothing from you now."))
            return _html(pages.approve(order))
        brought = {"token": order.id}
        if fields.get("with") == "cancel":
            return _back(str(order.context.get("cancel_url", "")), brought)
        try:
            self.book.approve(order, fields.get("with", "balance"))
        except Refused as refused:
            return _html(pages.closed(refused.issue), status=409)
        return _back(str(order.context.get("return_url", "")), brought | {"PayerID": "SIMULATED1"})

    def _control(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, str]
    ) -> Answer:
        told = headers.get("authorization", "")
        if not hmac.compare_digest(told.encode(), f"Bearer {self._control_secret}".encode()):
            return Answer(401)
        with self.book.lock:
            try:
                return self._pull(method, path, body, query)
            except Refused as refused:
                return problem(refused)

    def _pull(self, method: str, path: str, body: bytes, query: Mapping[str, str]) -> Answer:
        book = self.book
        if (method, path) == ("PUT", "/control"):
            given: dict[str, Any] = msgspec.json.decode(body)
            book.switches = msgspec.convert(msgspec.structs.asdict(book.switches) | given, Switches)
            return as_json(book.switches)
        if (method, path) == ("PUT", "/control/webhook"):
            self._hooks.url = msgspec.json.decode(body)["url"]
            return as_json({})
        if (method, path) == ("POST", "/control/revoke-tokens"):
            self._desk.revoke_tokens()
            return as_json({})
        if (method, path) == ("GET", "/control/truth"):
            return as_json(book.truth(query.get("reference", "")))
        if (method, path) == ("GET", "/control/notices"):
            written = self._hooks.written(query.get("reference", ""))
            return as_json([{"headers": head, "body": text.decode()} for head, text in written])
        asked = msgspec.json.decode(body, type=Asked)
        if path == "/control/forget":
            book.forget(asked.reference)
            return as_json({})
        order = book.of_reference(asked.reference)
        self._do(path, order, asked)
        return as_json({})

    def _do(self, path: str, order: Order, asked: Asked) -> None:
        match path:
            case "/control/approve":
                self.book.approve(order, asked.instrument)
            case "/control/decide":
                self.book.decide(order, succeeded=asked.succeeded)
            case "/control/finish-refund":
                for refund in order.refunds:
                    if refund.status == "PENDING":
                        self.book.finish_refund(order, refund, confirmed=asked.succeeded)
            case "/control/dispute":
                self.book.open_dispute(order)
            case "/control/end-dispute":
                self.book.end_dispute(order, asked.outcome)
            case "/control/refund":
                # As the merchant does it at PayPal's own desk.
                self.book.refund(order.captures[-1].id, {})
            case "/control/send-again":
                self._hooks.send_again(asked.reference)
            case _:
                raise Refused("NOT_FOUND", status=404, name="RESOURCE_NOT_FOUND")


def _form(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _back(url: str, brought: Mapping[str, str]) -> Answer:
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(brought)) if part)
    return Answer(303, headers={"Location": urlunsplit(parts._replace(query=query))})


def _html(text: str, *, status: int = 200) -> Answer:
    return Answer(status, text.encode(), "text/html; charset=utf-8", {"Cache-Control": "no-store"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    simulator: Simulator


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "paypal-simulator"
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
        mood = "" if self.path.startswith(_OURS) else self.server.simulator.book.switches.mood
        match mood:
            case "hang":
                return self._hang()
            case "server_error":
                return self._send(Answer(500, b"<html><h1>500</h1></html>", "text/html"))
            case "malformed":
                return self._send(Answer(200, self._careless(body), "text/html"))
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

    def _careless(self, body: bytes) -> bytes:
        return f"<html>{_CARELESS_CARD} {self.headers} {body.decode(errors='replace')}".encode()

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if answer.status != 204:
            self.wfile.write(answer.body)

    def _hang(self) -> None:
        self.close_connection = True
        self.connection.settimeout(_HANG_S_MAX)
        self.connection.recv(1)

    def _drip(self) -> None:
        """A byte at a time behind the status line, and never to the end."""
        self.close_connection = True
        until = time.monotonic() + _HANG_S_MAX
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Filler: ")
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
        """Silent: numbers of orders stand in the addresses."""


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def serve(options: argparse.Namespace) -> None:
    server = _Server((options.host, options.port), _Handler)
    url = f"http://{options.host}:{server.server_port}"
    book = Book(clock=SystemClock())
    shapes = Shapes(book, url=url)
    hooks = Hooks(book, shapes, webhook_id=options.webhook_id, url=options.webhook_url)
    book.tell = hooks.tell
    desk = Desk(
        book,
        shapes,
        hooks,
        client_id=options.client_id,
        client_secret=options.client_secret_file.read_text().strip(),
    )
    server.simulator = Simulator(
        book, desk, hooks, control_secret=options.control_secret_file.read_text().strip()
    )
    if options.with_parent:
        threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    print(f"The PayPal simulator listens on {url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        os._exit(0)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="warchest-paypal-simulator", description="A pretended PayPal. It takes no money."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8442, help="0 takes a free one and prints it")
    parser.add_argument("--client-id", default="simulated-client")
    parser.add_argument("--client-secret-file", type=Path, required=True, metavar="FILE")
    parser.add_argument("--webhook-id", default="1JE4291016473214C")
    parser.add_argument("--webhook-url", default="", help="where webhooks are sent; none are without it")
    parser.add_argument("--control-secret-file", type=Path, required=True, metavar="FILE")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent process ends")
    serve(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
