"""The simulator in a process of its own, for tests and demonstrations::

with RunningSimulator(folder, webhook_url=url) as simulator:
    provider = StripeProvider(StripeSettings(**simulator.settings))
    report = provider.start(payment)
    simulator.pay(report.redirect_url)
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import httpx

from warchest.sdk.testing import SimulatorProcess, kept_secret
from warchest_stripe.simulator.cards import GOOD_CARD, TEST_IBAN


class RunningSimulator(SimulatorProcess):
    """Keeps objects and secrets in ``folder``; ends with the process that started it.

    ``webhook_url`` is the endpoint that all events go to: the simulated account has one.
    """

    module: ClassVar[str] = "warchest_stripe.simulator"
    log_name: ClassVar[str] = "stripe.log"

    def __init__(self, folder: Path, *, webhook_url: str = "", port: int = 0) -> None:
        super().__init__(folder, port=port)
        self._webhook_url = webhook_url
        self._api_key = kept_secret(folder / "api-key", made="rk_test_" + secrets.token_hex(24))
        self._webhook_secret = kept_secret(folder / "webhook-secret", made="whsec_" + secrets.token_hex(24))

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of the plug-in's settings."""
        return {
            "base_url": self.url,
            "api_key": self._api_key,
            "webhook_secret": self._webhook_secret,
            "methods": ["card", "sepa_debit"],
        }

    def arguments(self) -> list[str]:
        told = {
            "--state": str(self.folder / "stripe.sqlite"),
            "--webhook-url": self._webhook_url,
            "--api-key-file": str(self.folder / "api-key"),
            "--webhook-secret-file": str(self.folder / "webhook-secret"),
        }
        return [part for option, value in told.items() for part in (option, value)]

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


def query_of(url: str) -> dict[str, str]:
    """What the browser brings back."""
    return dict(parse_qsl(urlsplit(url).query))
