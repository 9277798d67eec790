"""The simulator in a process of its own, for tests and demonstrations::

with RunningSimulator(folder, webhook_url=url) as simulator:
    provider = StripeProvider(StripeSettings(**simulator.settings))
    report = provider.start(payment)
    simulator.pay(report.redirect_url)
"""

from __future__ import annotations

import secrets
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from warchest_stripe.simulator.cards import GOOD_CARD, TEST_IBAN

_START_S_MAX = 20
_STOP_S_MAX = 5


class RunningSimulator:
    """Keeps objects and secrets in ``folder``; ends with the process that started it.

    ``webhook_url`` is the endpoint that all events go to: the simulated account has one.
    """

    def __init__(self, folder: Path, *, webhook_url: str = "", port: int = 0) -> None:
        self._folder = folder
        self._port = port
        self._webhook_url = webhook_url
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._api_key = _kept(folder / "api-key", "rk_test_" + secrets.token_hex(24))
        self._webhook_secret = _kept(folder / "webhook-secret", "whsec_" + secrets.token_hex(24))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of the plug-in's settings."""
        return {
            "base_url": self.url,
            "api_key": self._api_key,
            "webhook_secret": self._webhook_secret,
            "methods": ["card", "sepa_debit"],
        }

    def __enter__(self) -> RunningSimulator:
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
        command = [
            sys.executable,
            "-m",
            "warchest_stripe.simulator",
            "--with-parent",
            "--port",
            str(self._port),
        ]
        command += ["--state", str(self._folder / "stripe.sqlite"), "--webhook-url", self._webhook_url]
        command += ["--api-key-file", str(self._folder / "api-key")]
        command += ["--webhook-secret-file", str(self._folder / "webhook-secret")]
        with (self._folder / "stripe.log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self._first_line(self._process)
        if "listens on " not in line:
            self.stop()
            log_text = (self._folder / "stripe.log").read_text()
            raise RuntimeError(f"the simulator did not start: {log_text[-2000:]}")
        self._port = int(line.rsplit(":", 1)[1])

    def stop(self) -> None:
        """Ends it, and waits until it is gone."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._process = None

    # What the player does, as the browser would

    def pay(self, page: str, card: str = GOOD_CARD, *, prove: bool = True) -> str:
        """Pay at Checkout's page. Answers where the browser went in the end: the page itself where the card was declined."""
        where = self._submit(page, {"number": card, "expiry": "12/34", "cvc": "123", "action": "pay"})
        return self.prove(where, succeeded=prove) if "/3d_secure/" in where else where

    def pay_by_debit(self, page: str) -> str:
        return self._submit(page, {"iban": TEST_IBAN, "action": "debit"})

    def prove(self, page: str, *, succeeded: bool = True) -> str:
        """Answer the bank's question on its page."""
        return self._submit(page, {"action": "complete" if succeeded else "fail"})

    # What the simulator is told

    def control(self, **switches: Any) -> dict[str, Any]:
        """Turns switches; answers how all of them stand."""
        answer: dict[str, Any] = self.tell("PUT", "switches", switches)
        return answer

    def reset(self) -> None:
        self.tell("DELETE", "switches")

    def forget_keys(self) -> None:
        """As Stripe does with keys that are a day old."""
        self.tell("DELETE", "keys")

    def decide(self, reference: str, *, succeeded: bool) -> None:
        self.tell("POST", "decide", {"reference": reference, "succeeded": succeeded})

    def finish_refund(self, number: str, *, succeeded: bool) -> None:
        self.tell("POST", "refund", {"refund": number, "succeeded": succeeded})

    def dispute(self, reference: str, status: str) -> dict[str, Any]:
        """Open a dispute (``needs_response``, ``warning_needs_response``), or let it stand otherwise."""
        answer: dict[str, Any] = self.tell("POST", "dispute", {"reference": reference, "status": status})
        return answer

    def settle(self, day: date) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.tell("POST", "settle", {"day": day.isoformat()})
        return answer

    def truth(self, reference: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.tell("GET", f"truth?reference={reference}")
        return answer

    def events(self, reference: str) -> list[dict[str, Any]]:
        """The events about our reference, and what became of each copy."""
        answer: list[dict[str, Any]] = self.tell("GET", f"events?reference={reference}")
        return answer

    def wait_until_sent(self, reference: str, *, within_s: float = 3) -> None:
        """Wait until each event about our reference was taken, or is lost."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            copies = [copy for event in self.events(reference) for copy in event["copies"]]
            if not any(copy["is_due"] for copy in copies):
                return
            time.sleep(0.02)

    def event(self, number: str) -> dict[str, Any]:
        """One event as it is sent, or would have been."""
        found: dict[str, Any] = self.ask("GET", f"/v1/events/{number}")
        return found

    def send_again(self, event: str) -> None:
        self.tell("POST", "send_again", {"event": event})

    def tell(self, method: str, what: str, body: Mapping[str, Any] | None = None) -> Any:
        return self.ask(method, f"/_simulator/{what}", json=body)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        with httpx.Client(base_url=self.url, timeout=10, trust_env=False) as client:
            response = client.request(
                method, path, headers={"authorization": f"Bearer {self._api_key}"}, **more
            )
        if response.is_error:
            raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json()

    @staticmethod
    def _submit(page: str, form: Mapping[str, str]) -> str:
        with httpx.Client(timeout=10, trust_env=False, follow_redirects=False) as browser:
            response = browser.post(page, data=form)
        if response.status_code >= 500 or response.status_code == 404:
            raise RuntimeError(f"{page}: {response.status_code}")
        return str(response.headers.get("location", page))

    @staticmethod
    def _first_line(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            return process.stdout.readline() if selector.select(_START_S_MAX) else ""


def query_of(url: str) -> dict[str, str]:
    """What the browser brings back."""
    return dict(parse_qsl(urlsplit(url).query))


def _kept(path: Path, made: str) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(made)
    return path.read_text().strip()
