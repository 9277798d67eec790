"""The simulator as the conformance kit tries the plug-in against it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from warchest.kernel.money import Money
from warchest.sdk.conformance import SETTLEMENT_FILE_STEPS, Act, Flaw, Misbehaviour, Rig, Truth, skip
from warchest.sdk.payments import DisputeStanding, PaymentRequest, RefundRequest, Report
from warchest_stripe import minor_units
from warchest_stripe.simulator.cards import BAD_CARD
from warchest_stripe.testing import RunningSimulator, query_of

_SWITCHES: Mapping[Misbehaviour, Mapping[str, Any]] = {
    Misbehaviour.LOSE_ANSWERS: {"lose_answers": True},
    Misbehaviour.HANG: {"hang": True},
    Misbehaviour.DRIP: {"drip": True},
    Misbehaviour.SERVER_ERROR: {"server_error": True},
    Misbehaviour.MALFORMED: {"malformed": True},
    Misbehaviour.UNLISTED_STATUS: {"unlisted_status": True},
    Misbehaviour.WRONG_AMOUNT: {"wrong_amount": True},
    Misbehaviour.WRONG_CURRENCY: {"wrong_currency": "USD"},
    Misbehaviour.NEGATIVE_AMOUNT: {"negative_amount": True},
    Misbehaviour.ZERO_AMOUNT: {"zero_amount": True},
    Misbehaviour.WRONG_SIGNATURE: {"wrong_signature": True},
    Misbehaviour.REFUSE_REFUNDS: {"refuse_refunds": True},
    Misbehaviour.DELAY_REFUNDS: {"delay_refunds": True},
    Misbehaviour.CHALLENGE: {"challenge": True},
}
_WORDS = {
    DisputeStanding.OPENED: "needs_response",
    DisputeStanding.UNDER_REVIEW: "under_review",
    DisputeStanding.WON: "won",
    DisputeStanding.LOST: "lost",
}


class StripeRig(Rig):
    provider = "stripe"
    timeout_s = 2.5
    skips = skip(
        SETTLEMENT_FILE_STEPS, "Stripe sends no settlement files: it is asked what a payout is made up of."
    )

    def start(self, folder: Path, *, notice_url: str) -> None:
        self._simulator = RunningSimulator(folder, webhook_url=notice_url)
        self._simulator.start()

    def stop(self) -> None:
        self._simulator.stop()

    def settings(self, flaw: Flaw | None = None) -> Mapping[str, Any]:
        right = self._simulator.settings | {"timeout_s": 1.0}
        match flaw:
            case Flaw.CREDENTIALS:
                return right | {"api_key": "rk_test_that_nobody_gave_us"}
            case Flaw.NOBODY_THERE:
                return right | {"base_url": "http://127.0.0.1:9"}
            case None:
                return right

    def behave(self) -> None:
        self._simulator.reset()
        # The kit pays 0.29, and Stripe takes no euros below 0.50: that is another matter than exactness.
        self._simulator.control(least_amounts=False)

    def misbehave(self, how: Misbehaviour) -> None:
        self._simulator.control(**_SWITCHES[how])

    def act(self, payment: PaymentRequest, report: Report, act: Act) -> Mapping[str, str]:
        """What the player does on Checkout's page, or on the bank's."""
        brought = self._act(payment, report, act)
        # One payment is told by three events: whoever counts them counts whole payments.
        self._simulator.wait_until_sent(payment.reference)
        return brought

    def _act(self, payment: PaymentRequest, report: Report, act: Act) -> Mapping[str, str]:
        page = report.redirect_url
        left = query_of(payment.return_url) | {"checkout": "cancel"}
        match act:
            case Act.APPROVE if "/3d_secure/" in page:
                return query_of(self._simulator.prove(page))
            case Act.APPROVE:
                return query_of(self._simulator.pay(page))
            case Act.DECLINE:
                # The page stays, for another card; this player goes back.
                self._simulator.pay(page, BAD_CARD)
                return left
            case Act.CANCEL:
                return left
            case Act.WAIT:
                return query_of(self._simulator.pay_by_debit(page))

    def truth(self, payment: PaymentRequest) -> Truth:
        told = self._simulator.truth(payment.reference)
        taken = [minor_units.read(amount, code) for amount, code in told["taken"]]
        total = sum(taken[1:], start=taken[0]) if taken else None
        returned = Money(told["returned"], total.currency) if total and told["returned"] else None
        return Truth(payments=told["payments"], taken=total, returned=returned, refunds=told["refunds"])

    def decide(self, payment: PaymentRequest, report: Report, *, succeeded: bool) -> None:
        self._simulator.decide(payment.reference, succeeded=succeeded)

    def send_again(self, payment: PaymentRequest) -> None:
        self._simulator.send_again(self._simulator.events(payment.reference)[-1]["id"])

    def finish_refund(self, refund: RefundRequest, *, confirmed: bool) -> None:
        self._simulator.finish_refund(refund.provider_reference, succeeded=confirmed)

    def dispute(self, payment: PaymentRequest, report: Report, standing: DisputeStanding) -> None:
        self._simulator.dispute(payment.reference, _WORDS[standing])

    def settle(self) -> bytes:
        self._simulator.settle(self.settlement_day())
        return b""

    def settlement_day(self) -> date:
        """Stripe tells of a day when it is over, so the simulator pays out as if it were yesterday."""
        return datetime.now(UTC).date() - timedelta(days=1)
