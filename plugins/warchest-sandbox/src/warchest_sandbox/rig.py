"""The sandbox as the conformance kit tries it: it has everything that a provider can have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.sdk.conformance import Act, Flaw, Misbehaviour, Rig, Truth
from warchest.sdk.payments import DisputeStanding, PaymentRequest, RefundRequest, Report
from warchest_sandbox.testing import RunningSandbox

_SWITCHES: Mapping[Misbehaviour, Mapping[str, Any]] = {
    Misbehaviour.LOSE_ANSWERS: {"timeout_after_success": True},
    Misbehaviour.HANG: {"answers": "hang"},
    Misbehaviour.DRIP: {"answers": "drip"},
    Misbehaviour.SERVER_ERROR: {"answers": "server_error"},
    Misbehaviour.MALFORMED: {"answers": "malformed"},
    Misbehaviour.UNLISTED_STATUS: {"unlisted_status": True},
    Misbehaviour.WRONG_AMOUNT: {"wrong_amount_minor": 1998},
    Misbehaviour.WRONG_CURRENCY: {"wrong_currency": "USD"},
    Misbehaviour.NEGATIVE_AMOUNT: {"amounts_told": "negative"},
    Misbehaviour.ZERO_AMOUNT: {"amounts_told": "zero"},
    Misbehaviour.WRONG_SIGNATURE: {"wrong_signature": True},
    Misbehaviour.REFUSE_REFUNDS: {"refunds": "refused"},
    Misbehaviour.DELAY_REFUNDS: {"refunds": "wait"},
    Misbehaviour.CHALLENGE: {"challenge": True},
}
_CARDS = {
    Act.APPROVE: "4111111111111111",
    Act.DECLINE: "4000000000000002",
    Act.WAIT: "4000000000000036",
}


class SandboxRig(Rig):
    provider = "sandbox"
    timeout_s = 1.5

    def start(self, folder: Path, *, notice_url: str) -> None:
        self._sandbox = RunningSandbox(folder)
        self._sandbox.start()

    def stop(self) -> None:
        self._sandbox.stop()

    def settings(self, flaw: Flaw | None = None) -> Mapping[str, Any]:
        right = self._sandbox.settings | {"timeout_s": self.timeout_s}
        match flaw:
            case Flaw.CREDENTIALS:
                return right | {"api_secret": "a secret that nobody gave us"}
            case Flaw.NOBODY_THERE:
                return right | {"base_url": "http://127.0.0.1:9"}
            case None:
                return right

    def behave(self) -> None:
        self._sandbox.reset()

    def misbehave(self, how: Misbehaviour) -> None:
        self._sandbox.control(**_SWITCHES[how])

    def act(self, payment: PaymentRequest, report: Report, act: Act) -> Mapping[str, str]:
        """What a browser does: send the page's form, and follow it back to the address that we gave."""
        form = {"action": "cancel"} if act is Act.CANCEL else _filled_in(_CARDS[act])
        answer = httpx.post(report.redirect_url, data=form, trust_env=False, timeout=10)
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def truth(self, payment: PaymentRequest) -> Truth:
        told = self._sandbox.desk(payment.reference)
        if told is None:
            return Truth(payments=0, taken=None)
        returned = [refund for refund in told["refunds"] if refund["status"] == "succeeded"]
        amounts = [Money.parse(one["amount"]["amount"], one["amount"]["currency"]) for one in returned]
        taken = told["taken"]
        # Its table allows one payment for a reference; what is asked for is found under it.
        return Truth(
            payments=1,
            taken=_money(taken) if taken else None,
            returned=sum(amounts[1:], amounts[0]) if amounts else None,
            refunds=len(amounts),
        )

    def decide(self, payment: PaymentRequest, report: Report, *, succeeded: bool) -> None:
        self._sandbox.decide(payment.reference, "succeeded" if succeeded else "failed")

    def send_again(self, payment: PaymentRequest) -> None:
        self._sandbox.send_notice_again(payment.reference)

    def finish_refund(self, refund: RefundRequest, *, confirmed: bool) -> None:
        self._sandbox.decide_refund(refund.reference, "succeeded" if confirmed else "failed")

    def dispute(self, payment: PaymentRequest, report: Report, standing: DisputeStanding) -> None:
        self._sandbox.dispute(payment.reference, str(standing))

    def settle(self) -> bytes:
        self._sandbox.settle()
        return self._sandbox.settlement_file(self.settlement_day())


def _filled_in(card: str) -> dict[str, str]:
    return {"action": "pay", "number": card, "expiry": "12/39", "cvc": "123"}


def _money(told: Mapping[str, Any]) -> Money:
    return Money(told["amount_minor"], currency(told["currency"]))
