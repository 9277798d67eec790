"""The simulator as the conformance kit wants it: ``warchest plugin test paypal``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import httpx

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.sdk.conformance import (
    SAVED_METHOD_STEPS,
    SETTLEMENT_FILE_STEPS,
    SETTLEMENT_REPORT_STEPS,
    Act,
    Flaw,
    Misbehaviour,
    Rig,
    Truth,
    skip,
)
from warchest.sdk.payments import DisputeStanding, PaymentRequest, RefundRequest, Report
from warchest_paypal.testing import RunningPaypal

_WITH = {Act.APPROVE: "balance", Act.DECLINE: "declined", Act.WAIT: "check", Act.CANCEL: "cancel"}


class PaypalRig(Rig):
    provider: ClassVar[str] = "paypal"
    skips: ClassVar[Mapping[str, str]] = {
        **skip(
            SAVED_METHOD_STEPS,
            "PayPal's vault is outside of this plug-in: the player approves each payment at PayPal.",
        ),
        **skip(
            (*SETTLEMENT_REPORT_STEPS, *SETTLEMENT_FILE_STEPS),
            "PayPal's reports of settlements are outside of this plug-in; captures tell the fee of each payment.",
        ),
        "void_lets_go_what_was_opened": "PayPal offers no way to cancel an order that nobody approved: it lapses by itself.",
    }

    def start(self, folder: Path, *, notice_url: str) -> None:
        self._paypal = RunningPaypal(folder)
        self._paypal.start()
        self._paypal.webhook_to(notice_url)

    def stop(self) -> None:
        if hasattr(self, "_paypal"):
            self._paypal.stop()

    def settings(self, flaw: Flaw | None = None) -> Mapping[str, Any]:
        # So long after it was sent a notice is trusted; shorter than an operator has it, since the kit plays day-old ones.
        limits = {"timeout_s": self.timeout_s, "notice_timeout_s": self.timeout_s, "notice_tolerance_s": 600}
        settings = {**self._paypal.settings, **limits}
        match flaw:
            case Flaw.CREDENTIALS:
                settings["client_secret"] = "another secret, of enough length".replace(" ", "-")
            case Flaw.NOBODY_THERE:
                settings["base_url"] = "http://127.0.0.1:9"
        return settings

    def behave(self) -> None:
        self._paypal.behave()

    def misbehave(self, how: Misbehaviour) -> None:
        switches: Mapping[Misbehaviour, Mapping[str, Any]] = {
            Misbehaviour.UNLISTED_STATUS: {"status_told": "PONDERED"},
            Misbehaviour.WRONG_AMOUNT: {"take_less_minor": 1},
            Misbehaviour.WRONG_CURRENCY: {"take_in": self.other_currency},
            Misbehaviour.NEGATIVE_AMOUNT: {"amount_told": "negative"},
            Misbehaviour.ZERO_AMOUNT: {"amount_told": "zero"},
            Misbehaviour.WRONG_SIGNATURE: {"wrong_signature": True},
            Misbehaviour.REFUSE_REFUNDS: {"refuse_refunds": "REFUND_FAILED_INSUFFICIENT_FUNDS"},
            Misbehaviour.DELAY_REFUNDS: {"delay_refunds": True},
        }
        self._paypal.control(**switches.get(how, {"mood": how.value}))

    def act(self, payment: PaymentRequest, report: Report, act: Act) -> Mapping[str, str]:
        """At the page, as a browser does it."""
        shown = httpx.get(report.redirect_url, trust_env=False)
        if shown.status_code != 200 or "<form" not in shown.text:
            raise RuntimeError(f"the page is not shown: {shown.status_code} {shown.text}")
        token = dict(parse_qsl(urlsplit(report.redirect_url).query))["token"]
        sent = httpx.post(
            f"{self._paypal.url}/checkoutnow", data={"token": token, "with": _WITH[act]}, trust_env=False
        )
        return dict(parse_qsl(urlsplit(sent.headers.get("location", "")).query))

    def truth(self, payment: PaymentRequest) -> Truth:
        told = self._paypal.truth(payment.reference)
        taken, returned = (_money(told[name]) for name in ("taken", "returned"))
        return Truth(told["payments"], taken, returned, told["refunds"])

    def decide(self, payment: PaymentRequest, report: Report, *, succeeded: bool) -> None:
        self._paypal.decide(payment.reference, succeeded=succeeded)

    def send_again(self, payment: PaymentRequest) -> None:
        self._paypal.send_again(payment.reference)

    def finish_refund(self, refund: RefundRequest, *, confirmed: bool) -> None:
        self._paypal.finish_refunds(refund.payment.reference, confirmed=confirmed)

    def dispute(self, payment: PaymentRequest, report: Report, standing: DisputeStanding) -> None:
        match standing:
            case DisputeStanding.OPENED:
                self._paypal.dispute(payment.reference)
            case DisputeStanding.WON:
                self._paypal.end_dispute(payment.reference, "RESOLVED_SELLER_FAVOUR")
            case DisputeStanding.LOST:
                self._paypal.end_dispute(payment.reference, "RESOLVED_BUYER_FAVOUR")
            case DisputeStanding.UNDER_REVIEW:
                raise NotImplementedError(standing)


def _money(told: Mapping[str, Any] | None) -> Money | None:
    return None if told is None else Money(told["minor"], currency(told["currency"]))
