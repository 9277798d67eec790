"""A gateway simulator in a process of its own, for tests and demonstrations::

with RunningPayflow(folder) as payflow:
    provider = PayflowProvider(msgspec.convert(payflow.settings, PayflowSettings))
    ...
    payflow.pay(reference)
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

_START_S_MAX = 20
_STOP_S_MAX = 5


class RunningPayflow:
    """Keeps its secrets and its log in ``folder``, its books in its memory; ends with the process that started it."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self._folder = folder
        self._port = port
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._password = _kept_secret(folder / "password")
        self._control_secret = _kept_secret(folder / "control-secret")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of the plug-in's settings."""
        return {
            "base_url": self.url,
            "page_url": f"{self.url}/pay",
            "partner": "PayPal",
            "vendor": "warchest",
            "password": self._password,
            "currencies": ["EUR", "USD", "GBP"],
        }

    def __enter__(self) -> RunningPayflow:
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
        command = [sys.executable, "-m", "warchest_payflow.simulator", "--with-parent"]
        command += ["--port", str(self._port)]
        command += ["--password-file", str(self._folder / "password")]
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

    def pay(self, reference: str, **how: Any) -> dict[str, Any]:
        """What the player would do on the hosted page, with ``card``, ``expiry`` or a forced ``result``.

        Answers what the browser brings back.
        """
        return self._call("POST", "/control/pay", {"reference": reference, **how})

    def review(self, reference: str, *, accepted: bool) -> None:
        """What the merchant decides about a payment that a fraud filter held."""
        self._call("POST", "/control/review", {"reference": reference, "accepted": accepted})

    def settle(self) -> None:
        self._call("POST", "/control/settle")

    def control(self, **switches: Any) -> dict[str, Any]:
        """Turns switches (``simulator.book.Switches``); those not named stay."""
        return self._call("PUT", "/control", switches)

    def behave(self) -> None:
        """Turns every misbehaviour off; how long pages live stays as it was set."""
        self.control(
            mood="",
            result_next=None,
            state_told=None,
            charge_less_minor=0,
            charge_in="",
            amount_told=None,
            terse=False,
            refuse_credits=False,
            credits_unguarded=False,
        )

    def truth(self, reference: str) -> dict[str, Any]:
        return self._call("GET", f"/control/truth?reference={reference}")

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
