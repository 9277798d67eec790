"""Published events with no story behind them, and services that hear them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.builders.people import NOW, a_command
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


def publish(topic: str, *, key: str = "nobody", at: datetime = NOW, **payload: Any) -> None:
    """One event, committed."""
    _publish(a_command(at=at), topic=topic, event_key=key, payload=payload)


@journey("tests.publish")
def _publish(tx: Transaction, *, topic: str, event_key: str, payload: dict[str, Any]) -> None:
    tx.announce(topic, key=event_key, **payload)


@dataclass(frozen=True)
class Heard:
    """A request as a game server received it."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class GameServer:
    """A real HTTP server. ``answers`` are given in turn, each a status or a function of the request; then 204."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def a_game_server() -> Iterator[GameServer]:
    """Listens on loopback until the block ends."""
    server = GameServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard = Heard(self.path, {name.lower(): text for name, text in self.headers.items()}, body)
            with server.lock:
                server.heard.append(heard)
                answer = server.answers.pop(0) if server.answers else 204
            answer = answer(heard) if callable(answer) else answer
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listener.server_address[1]}/webhooks"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
