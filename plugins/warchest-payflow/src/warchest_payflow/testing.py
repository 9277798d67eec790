"""A gateway simulator in a process of its own, for tests and demonstrations::

with RunningPayflow(folder) as payflow:
    provider = PayflowProvider(msgspec.convert(payflow.settings, PayflowSettings))
    ...
    payflow.pay(reference)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import httpx

from warchest.sdk.testing import SimulatorProcess, kept_secret


class RunningPayflow(SimulatorProcess):
    """Keeps its secrets and its log in ``folder``, its books in its memory; ends with the process that started it."""

    module: ClassVar[str] = "warchest_payflow.simulator"

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        super().__init__(folder, port=port)
        self._password = kept_secret(folder / "password")
        self._control_secret = kept_secret(folder / "control-secret")

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

    def arguments(self) -> list[str]:
        files = {"--password-file": "password", "--control-secret-file": "control-secret"}
        return [part for option, file in files.items() for part in (option, str(self.folder / file))]

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
