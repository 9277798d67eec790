"""Where the simulator's notices arrive: a server on the loopback that keeps what it is sent, and says thank you."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from warchest.sdk.payments import RawNotice

_BODY_BYTES_MAX = 1024 * 1024


class NoticeReceiver:
    """Takes every notice and keeps it as it came, in the order of arrival."""

    def __init__(self) -> None:
        self._arrived: list[RawNotice] = []
        self._arrival = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                if not length.isdecimal() or int(length) > _BODY_BYTES_MAX:
                    self.close_connection = True
                    self.send_response(411)
                else:
                    body = self.rfile.read(int(length))
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    receiver._keep(RawNotice(headers, body, datetime.now(UTC)))
                    self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # The interval is how long the server takes to notice that it shall stop.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/notices"

    def arrived(self) -> list[RawNotice]:
        with self._arrival:
            return list(self._arrived)

    def wait(self, *, but: int, timeout_s: float) -> bool:
        """Wait until more notices than ``but`` have arrived."""
        with self._arrival:
            return self._arrival.wait_for(lambda: len(self._arrived) > but, timeout_s)

    def forget(self) -> None:
        with self._arrival:
            self._arrived.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _keep(self, notice: RawNotice) -> None:
        with self._arrival:
            self._arrived.append(notice)
            self._arrival.notify_all()
