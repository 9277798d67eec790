"""A sandbox in a process of its own, for tests and demonstrations::

with RunningSandbox(folder) as sandbox:
    provider = SandboxProvider(SandboxSettings(**sandbox.settings))
    ...
    sandbox.pay(reference)
"""

from __future__ import annotations

import secrets
import selectors
import subprocess
import sys
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

_START_S_MAX = 20
_STOP_S_MAX = 5


class RunningSandbox:
    """Keeps payments and secrets in ``folder``; ends with the process that started it."""

    def __init__(self, folder: Path, *, port: int = 0, merchant: str = "Warchest") -> None:
        self._folder = folder
        self._port = port
        self._merchant = merchant
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._api_secret = _kept_secret(folder / "api-secret")
        self._notice_secret = _kept_secret(folder / "notice-secret")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of the plug-in's settings."""
        return {
            "base_url": self.url,
            "api_secret": self._api_secret,
            "notice_secret": self._notice_secret,
        }

    def __enter__(self) -> RunningSandbox:
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
        """Starts it, on the port that it had before if it ran already."""
        command = [sys.executable, "-m", "warchest_sandbox", "serve", "--with-parent"]
        command += ["--port", str(self._port), "--merchant", self._merchant]
        command += ["--state", str(self._folder / "sandbox.sqlite")]
        command += ["--api-secret-file", str(self._folder / "api-secret")]
        command += ["--notice-secret-file", str(self._folder / "notice-secret")]
        with (self._folder / "sandbox.log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self._first_line(self._process)
        if "listens on " not in line:
            self.kill()
            log_text = (self._folder / "sandbox.log").read_text()
            raise RuntimeError(f"the sandbox did not start: {log_text[-2000:]}")
        self._port = int(line.rsplit(":", 1)[1])

    def stop(self) -> None:
        """Ends it gently; waits until it is gone."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._gone(self._process)

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._gone(self._process)

    def pay(self, reference: str, card: str = "4111111111111111") -> dict[str, Any]:
        """What the player would do on the hosted page."""
        return self._call("POST", "/v1/control/pay", {"reference": reference, "card": card})

    def decide(self, reference: str, outcome: str = "succeeded") -> dict[str, Any]:
        """The later decision about a payment that stays pending: succeeded or failed."""
        return self._call("POST", "/v1/control/decide", {"reference": reference, "outcome": outcome})

    def cancel(self, reference: str) -> dict[str, Any]:
        """The player cancels on the hosted page."""
        return self._call("POST", "/v1/control/cancel", {"reference": reference})

    def decide_refund(self, refund_reference: str, outcome: str = "succeeded") -> dict[str, Any]:
        """The later decision about a refund that waits: succeeded or failed."""
        body = {"refund_reference": refund_reference, "outcome": outcome}
        return self._call("POST", "/v1/control/decide-refund", body)

    def dispute(self, reference: str, status: str = "opened") -> dict[str, Any]:
        """The payer's bank opens a dispute about a payment, or says how it goes on: under_review, won or lost."""
        return self._call("POST", "/v1/control/dispute", {"reference": reference, "status": status})

    def settle(self) -> list[dict[str, Any]]:
        """Pays out everything that was not paid out yet: one settlement for each currency."""
        settlements: list[dict[str, Any]] = self._call("POST", "/v1/control/settle")["settlements"]
        return settlements

    def release_reserve(self) -> None:
        """Lets go of what was kept back; the next settlement pays it out."""
        self._call("POST", "/v1/control/release-reserve")

    def settlement_file(self, day: date) -> bytes:
        """The file of all settlements of a day, UTC."""
        return self._ask("GET", f"/v1/settlements/file?day={day.isoformat()}").content

    def desk(self, reference: str) -> dict[str, Any] | None:
        """A payment as the sandbox's own books have it, whatever it says outside; None where it holds none."""
        response = self._ask("GET", f"/v1/control/payments/{reference}", allow={404})
        answer: dict[str, Any] = response.json()
        return None if response.status_code == 404 else answer

    def control(self, **switches: Any) -> dict[str, Any]:
        """Turns switches; without any, tells how they stand."""
        return self._call("PUT", "/v1/control", switches)

    def reset(self) -> dict[str, Any]:
        return self._call("DELETE", "/v1/control")

    def notices(self, payment: str) -> list[dict[str, Any]]:
        """Each copy of the notices about a payment, named by its number or reference, and what became of it."""
        copies: list[dict[str, Any]] = self._call("GET", f"/v1/control/notices/{payment}")["copies"]
        return copies

    def send_notice_again(self, payment: str) -> str:
        """Sends the last notice about a payment (its number or reference) once more."""
        return str(self._call("POST", f"/v1/control/notices/{payment}")["notice"])

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self._ask(method, path, body).json()
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        allow: Collection[int] = (),
    ) -> httpx.Response:
        with httpx.Client(base_url=self.url, timeout=10, trust_env=False) as client:
            headers = {"authorization": f"Bearer {self._api_secret}"}
            response = client.request(method, path, json=body, headers=headers)
        if response.is_error and response.status_code not in allow:
            raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
        return response

    def _gone(self, process: subprocess.Popen[str]) -> None:
        process.wait()
        if process.stdout:
            process.stdout.close()
        self._process = None

    @staticmethod
    def _first_line(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            return process.stdout.readline() if selector.select(_START_S_MAX) else ""


def _kept_secret(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text().strip()
