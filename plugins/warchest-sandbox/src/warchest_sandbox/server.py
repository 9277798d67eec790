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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from warchest.kernel.clock import Clock, SystemClock
from warchest_sandbox import pages
from warchest_sandbox.api import Api
from warchest_sandbox.book import Book
from warchest_sandbox.control import Control
from warchest_sandbox.exchange import Answer, Asked, html, problem
from warchest_sandbox.hosted import HostedPage
from warchest_sandbox.notices import NoticeSender
from warchest_sandbox.store import UnableToServe

_BODY_BYTES_MAX = 64 * 1024
_HANG_S_MAX = 120
_DRIP_EVERY_S = 0.2
_STATUS_OF_REASON = {
    "request_malformed": 400,
    "payment_not_found": 404,
    "refund_not_found": 404,
    "dispute_not_found": 404,
    "notice_not_found": 404,
    "reference_reused": 409,
    "payment_not_open": 409,
    "payment_not_pending": 409,
    "payment_not_authorised": 409,
    "refund_not_pending": 409,
    "dispute_is_over": 409,
}


class Sandbox:
    """What the sandbox answers to each request; knows nothing of sockets."""

    def __init__(
        self, book: Book, notices: NoticeSender, *, api_secret: str, merchant: str, clock: Clock
    ) -> None:
        self.book = book
        self._api_secret = api_secret
        hosted = HostedPage(book, notices, merchant=merchant, clock=clock)
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
            (method, re.compile(path), handler)
            for part in (Api(book, notices), Control(book, notices), hosted)
            for method, path, handler in part.routes()
        ]

    def answer(self, method: str, path: str, authorization: str, asked: Asked) -> Answer:
        is_api = path.startswith("/v1/")
        is_control = path.startswith("/v1/control")
        if is_api and not is_control and (odd := self._odd_answer(authorization, asked)):
            return odd
        if is_api and not self._is_allowed(path, authorization):
            return problem(401, "unauthorized", "The API secret is missing or wrong.")
        if path.startswith("/v1/payments") and self.book.switches.takes_server_error():
            return problem(500, "server_error", "A server error, as ordered.")
        known_path = False
        for route_method, pattern, handler in self._routes:
            if found := pattern.fullmatch(path):
                known_path = True
                if route_method == method:
                    return self._answer_or_refuse(handler, found.groups(), asked, is_api=is_api)
        if known_path:
            return problem(405, "method_not_allowed")
        return problem(404, "path_unknown") if is_api else html(404, pages.not_found())

    def _odd_answer(self, authorization: str, asked: Asked) -> Answer | None:
        """What the switch ``answers`` makes of a call, which is then not carried out."""
        match self.book.switches.stand().answers:
            case "hang":
                return Answer(200, manner="hang")
            case "drip":
                return Answer(200, manner="drip")
            case "server_error":
                return html(500, "<!doctype html><title>500</title><p>A server error, as ordered.")
            case "malformed":
                # As careless as a debugging page: it repeats what it was sent, and somebody's card.
                text = f"It works! Authorization: {authorization}\n{asked.body.decode(errors='replace')}\n"
                return html(200, f"{text}card=4111111111111111 4111 1111 1111 1111")
            case _:
                return None

    def _is_allowed(self, path: str, authorization: str) -> bool:
        # A health check may come without the secret, but then says nothing about the secret.
        if path == "/v1/health" and not authorization:
            return True
        return hmac.compare_digest(authorization.encode(), f"Bearer {self._api_secret}".encode())

    def _answer_or_refuse(
        self, handler: Callable[..., Answer], groups: tuple[str, ...], asked: Asked, *, is_api: bool
    ) -> Answer:
        try:
            return handler(asked, *groups)
        except UnableToServe as unable:
            if not is_api:
                return html(404, pages.not_found())
            return problem(_STATUS_OF_REASON.get(unable.reason, 422), unable.reason, str(unable))


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
            return self._send(problem(413, "body_too_large_or_of_unknown_length"))
        body = self.rfile.read(int(length))
        address = urlsplit(self.path)
        sandbox = self.server.sandbox
        try:
            asked = Asked(parse_qs(address.query, max_num_fields=50), body)
            answer = sandbox.answer(self.command, address.path, self.headers.get("Authorization", ""), asked)
        except Exception:
            traceback.print_exc()
            answer = problem(500, "server_error")
        if answer.manner == "drip":
            return self._drip()
        how = "hang" if answer.manner else sandbox.book.switches.stand().timeout_after_success
        if how and (answer.manner or answer.may_be_withheld):
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

    def _drip(self) -> None:
        """Begin with the answer's head, and never come to its end."""
        self.close_connection = True
        ends_at = time.monotonic() + _HANG_S_MAX
        for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Slow: ":
            self.wfile.write(bytes([byte]))
            time.sleep(_DRIP_EVERY_S)
        while time.monotonic() < ends_at:
            self.wfile.write(b"z")
            time.sleep(_DRIP_EVERY_S)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            # The other side is gone; there is nobody left to tell.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
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
