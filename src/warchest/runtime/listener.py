"""A small listener for processes that serve no pages of their own: ``/healthz``, ``/readyz``, ``/metrics``, and no more.

Meant for this machine and for who watches it; it tells no secret and takes no orders.
"""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import structlog
from django.db import connections

from warchest.runtime import health, metrics

log = structlog.get_logger(__name__)

Answer = tuple[HTTPStatus, str, bytes]
JSON = "application/json"


def healthz() -> Answer:
    """200 while everything moves that should; 503 names what does not."""
    stuck = health.stuck()
    told = {"status": "stuck", "stuck": stuck} if stuck else {"status": "ok"}
    return _status(not stuck), JSON, json.dumps(told).encode()


def readyz() -> Answer:
    """200 when everything is there that a request needs, else 503 with what is missing."""
    missing = health.missing()
    told = {"status": "not ready" if missing else "ready", "missing": missing}
    return _status(not missing), JSON, json.dumps(told).encode()


def exposition() -> Answer:
    return HTTPStatus.OK, metrics.CONTENT_TYPE, metrics.exposition()


def _status(well: bool) -> HTTPStatus:
    return HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE


class _Handler(BaseHTTPRequestHandler):
    answers: ClassVar = {"/healthz": healthz, "/readyz": readyz, "/metrics": exposition}
    server_version, sys_version = "warchest", ""
    timeout = 10
    """Seconds that a silent client may keep a thread."""

    def do_GET(self) -> None:
        answer = self.answers.get(self.path.partition("?")[0])
        try:
            status, kind, body = answer() if answer else (HTTPStatus.NOT_FOUND, JSON, b"{}")
        finally:
            # A thread for each request, so that a database which does not answer does not hold up /healthz.
            connections.close_all()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Who watches looks every few seconds: not worth a line each."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def start(*, host: str, port: int) -> int:
    """Listen in a thread of this process until it ends; answers the port. 0 does not listen, and answers 0.

    A port that is taken is logged and not fatal: the work of a process does not depend on its being watched.
    """
    if not port:
        return 0
    try:
        server = _Server((host, port), _Handler)
    except OSError as error:
        log.error("watching_port_not_free", host=host, port=port, cause=type(error).__name__)
        return 0
    threading.Thread(target=server.serve_forever, name="watching", daemon=True).start()
    return int(server.server_address[1])
