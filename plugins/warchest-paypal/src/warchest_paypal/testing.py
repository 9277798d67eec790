"""A PayPal simulator in a process of its own, for tests and demonstrations::

with RunningPaypal(folder) as paypal:
    provider = PaypalProvider(msgspec.convert(paypal.settings, PaypalSettings))
    ...
    paypal.approve(reference)
"""

from __future__ import annotations

import secrets
import selectors
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import msgspec

from warchest_paypal.simulator.book import Switches

_START_S_MAX = 20
_STOP_S_MAX = 5


class RunningPaypal:
    """Keeps its secrets and its log in ``folder``, its books in its memory; ends with the process that started it."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self._folder = folder
        self._port = port
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._client_secret = _kept_secret(folder / "client-secret")
        self._control_secret = _kept_secret(folder / "control-secret")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of the plug-in's settings."""
        return {
            "base_url": self.url,
            "client_id": "simulated-client",
            "client_secret": self._client_secret,
            "webhook_id": "1JE4291016473214C",
        }

    def __enter__(self) -> RunningPaypal:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", "warchest_paypal.simulator", "--with-parent"]
        command += ["--port", str(self._port)]
        command += ["--client-secret-file", str(self._folder / "client-secret")]
        command += ["--control-secret-file", str(self._folder / "control-secret")]
        with (self._folder / "simulator.log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = _first_line(self._process)
        if "listens on " not in line:
            self.stop()
            log_text = (self._folder / "simulator.log").read_text()
            raise RuntimeError(f"the simulator did not start: {log_text[-2000:]}")
        self._port = int(line.rsplit(":", 1)[1])

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def approve(self, reference: str, instrument: str = "balance") -> None:
        """What the player does at PayPal: with ``balance``, a ``declined`` card, or a ``check`` that is decided later."""
        self._pull("approve", reference=reference, instrument=instrument)

    def decide(self, reference: str, *, succeeded: bool) -> None:
        """What becomes of a check."""
        self._pull("decide", reference=reference, succeeded=succeeded)

    def finish_refunds(self, reference: str, *, confirmed: bool) -> None:
        """What becomes of the refunds of a payment that are undecided."""
        self._pull("finish-refund", reference=reference, succeeded=confirmed)

    def refund_at_desk(self, reference: str) -> None:
        """What somebody does in the merchant's account at PayPal: give it all back."""
        self._pull("refund", reference=reference)

    def dispute(self, reference: str) -> None:
        self._pull("dispute", reference=reference)

    def end_dispute(self, reference: str, outcome: str) -> None:
        self._pull("end-dispute", reference=reference, outcome=outcome)

    def send_again(self, reference: str) -> None:
        """The last webhook about a payment once more, under its old id, also where it was lost."""
        self._pull("send-again", reference=reference)

    def forget(self, reference: str) -> None:
        """Let its orders lapse, as PayPal does when nobody approved them in time."""
        self._pull("forget", reference=reference)

    def revoke_tokens(self) -> None:
        self._call("POST", "/control/revoke-tokens")

    def webhook_to(self, url: str) -> None:
        """Where webhooks are sent from now on; nowhere where it is empty."""
        self._call("PUT", "/control/webhook", {"url": url})

    def notices(self, reference: str) -> list[tuple[dict[str, str], bytes]]:
        """All webhooks about a payment, each with the headers of a transmission, to be carried by hand."""
        told: Any = self._call("GET", f"/control/notices?reference={reference}")
        return [(one["headers"], one["body"].encode()) for one in told]

    def control(self, **switches: Any) -> dict[str, Any]:
        """Turns switches (``simulator.book.Switches``); those not named stay."""
        return self._call("PUT", "/control", switches)

    def behave(self) -> None:
        """Turns every switch back."""
        self.control(**msgspec.structs.asdict(Switches()))

    def truth(self, reference: str) -> dict[str, Any]:
        return self._call("GET", f"/control/truth?reference={reference}")

    def _pull(self, what: str, **asked: Any) -> None:
        self._call("POST", f"/control/{what}", asked)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        with httpx.Client(base_url=self.url, timeout=10, trust_env=False) as client:
            headers = {"authorization": f"Bearer {self._control_secret}"}
            response = client.request(method, path, json=body, headers=headers)
        if response.is_error:
            raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
        answer: dict[str, Any] = response.json()
        return answer


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(_START_S_MAX) else ""


def _kept_secret(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text().strip()
