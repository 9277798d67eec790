"""The sandbox beside the demo: the one payment plug-in that it knows by name, on a free port, with secrets of its own."""

from __future__ import annotations

import random
import secrets
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from warchest.cli.supervisor import Child
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest_sandbox.wire import Amount, CardShown, NoticeBody, PaymentAnswer, signature

PROVIDER = "sandbox"

_PORTS = range(20_000, 30_000)
"""Below those from which the system gives ports to outgoing connections (32768 and up)."""


class Sandbox:
    """Its files lie in ``<home>/sandbox``; the configuration refers to them by name."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "sandbox"

    def prepare(self) -> None:
        """Have its secrets, and a port that is free now: the one of the last start where it still is."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for file in (self._api_secret, self._notice_secret):
            if not file.exists():
                file.touch(mode=0o600)
                file.write_text(secrets.token_urlsafe(32))
        if not self._base_url.exists() or not is_free(self.port):
            port = random.choice(_PORTS)
            while not is_free(port):
                port = random.choice(_PORTS)
            self._base_url.write_text(f"http://127.0.0.1:{port}")

    @property
    def port(self) -> int:
        return int(self._base_url.read_text().rsplit(":", 1)[1])

    def child(self, *, merchant: str) -> Child:
        return Child(
            "sandbox",
            [
                *("-m", "warchest_sandbox", "serve", "--with-parent", "--host", "127.0.0.1"),
                *("--port", str(self.port), "--merchant", merchant),
                *("--state", str(self._folder / "sandbox.sqlite")),
                *(
                    "--api-secret-file",
                    str(self._api_secret),
                    "--notice-secret-file",
                    str(self._notice_secret),
                ),
            ],
        )

    def notice(
        self, *, reference: str, asked: Money, status: str, taken: Money | None, reason: str, at: datetime
    ) -> tuple[Mapping[str, str], bytes]:
        """A notice as the sandbox would have sent it at that moment: its headers, signed, and its body."""
        number = new_id().hex
        payment = PaymentAnswer(
            id=f"pay_{number}",
            reference=reference,
            status=status,
            asked=Amount.of(asked),
            page_url=f"{self._base_url.read_text()}/pay/{number}",
            taken=Amount.of(taken) if taken else None,
            reason=reason,
            card=CardShown("visa", "411111******1111") if taken else None,
        )
        body = msgspec.json.encode(NoticeBody(f"ntc_{number}", f"payment.{status}", payment))
        timestamp = str(int(at.timestamp()))
        signed = signature(
            self._notice_secret.read_text().strip(), notice_id=f"ntc_{number}", timestamp=timestamp, body=body
        )
        return {
            "sandbox-id": f"ntc_{number}",
            "sandbox-timestamp": timestamp,
            "sandbox-signature": signed,
        }, body

    @property
    def _api_secret(self) -> Path:
        return self._folder / "api-secret"

    @property
    def _notice_secret(self) -> Path:
        return self._folder / "notice-secret"

    @property
    def _base_url(self) -> Path:
        return self._folder / "base-url"


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the loopback interface."""
    with socket.socket() as probe:
        # As servers do, so that connections which are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
