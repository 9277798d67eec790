"""A PayPal simulator in a process of its own, for tests and demonstrations::

with RunningPaypal(folder) as paypal:
    provider = PaypalProvider(msgspec.convert(paypal.settings, PaypalSettings))
    ...
    paypal.approve(reference)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import httpx
import msgspec

from warchest.sdk.testing import SimulatorProcess, kept_secret
from warchest_paypal.simulator.book import Switches


class RunningPaypal(SimulatorProcess):
    """Keeps its secrets and its log in ``folder``, its books in its memory; ends with the process that started it."""

    module: ClassVar[str] = "warchest_paypal.simulator"

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        super().__init__(folder, port=port)
        self._client_secret = kept_secret(folder / "client-secret")
        self._control_secret = kept_secret(folder / "control-secret")

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of the plug-in's settings."""
        return {
            "base_url": self.url,
            "client_id": "simulated-client",
            "client_secret": self._client_secret,
            "webhook_id": "1JE4291016473214C",
        }

    def arguments(self) -> list[str]:
        files = {"--client-secret-file": "client-secret", "--control-secret-file": "control-secret"}
        return [part for option, file in files.items() for part in (option, str(self.folder / file))]

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
