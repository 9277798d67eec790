"""The simulator as the conformance kit wants it: ``warchest plugin test payflow``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import httpx

from warchest.kernel.money import Money
from warchest.sdk.conformance import (
    DISPUTE_STEPS,
    NOTICE_STEPS,
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
from warchest.sdk.payments import PaymentRequest, Report
from warchest_payflow.testing import RunningPayflow

_GOOD_CARD, _EXPIRY = "4111111111111111", "1239"
_FOREIGN_CARD = "4000000000000002"  # none of the vendor's test cards: RESULT 23
_IN_REVIEW = 126
_UNLISTED_STATE = 77


class PayflowRig(Rig):
    provider: ClassVar[str] = "payflow"
    skips: ClassVar[Mapping[str, str]] = {
        **skip(
            NOTICE_STEPS,
            "Payflow signs nothing that it sends: its silent post is not read, and asking is all there is.",
        ),
        **skip(DISPUTE_STEPS, "Payflow tells of chargebacks by no message that could be trusted."),
        **skip(
            SAVED_METHOD_STEPS,
            "Reference transactions are outside of this plug-in: Payflow's cards are paid on its hosted page.",
        ),
        **skip(
            (*SETTLEMENT_REPORT_STEPS, *SETTLEMENT_FILE_STEPS),
            "Payflow settles at the merchant's own bank; its protocol has neither a settlement report nor a file.",
        ),
        "currency_without_minor_units": "Payflow's AMT is written with two decimals; what it makes of yen is documented"
        " nowhere, so the plug-in offers no currency without them.",
        "late_refund_is_pending_first": "Payflow decides on a credit in its answer; there is no undecided one.",
        "void_lets_go_what_was_opened": "A secure token cannot be called back: a page stays open until its time is up.",
    }

    def start(self, folder: Path, *, notice_url: str) -> None:
        self._payflow = RunningPayflow(folder)
        self._payflow.start()

    def stop(self) -> None:
        if hasattr(self, "_payflow"):
            self._payflow.stop()

    def settings(self, flaw: Flaw | None = None) -> Mapping[str, Any]:
        settings = {**self._payflow.settings, "timeout_s": self.timeout_s}
        match flaw:
            case Flaw.CREDENTIALS:
                settings["password"] = "another password"
            case Flaw.NOBODY_THERE:
                settings["base_url"] = "http://127.0.0.1:9"
        return settings

    def behave(self) -> None:
        self._payflow.behave()

    def misbehave(self, how: Misbehaviour) -> None:
        match how:
            case Misbehaviour.LOSE_ANSWERS | Misbehaviour.HANG | Misbehaviour.DRIP:
                self._payflow.control(mood=how.value)
            case Misbehaviour.SERVER_ERROR | Misbehaviour.MALFORMED:
                self._payflow.control(mood=how.value)
            case Misbehaviour.UNLISTED_STATUS:
                self._payflow.control(state_told=_UNLISTED_STATE)
            case Misbehaviour.WRONG_AMOUNT:
                self._payflow.control(charge_less_minor=1)
            case Misbehaviour.WRONG_CURRENCY:
                self._payflow.control(charge_in=self.other_currency)
            case Misbehaviour.NEGATIVE_AMOUNT:
                self._payflow.control(amount_told="negative")
            case Misbehaviour.ZERO_AMOUNT:
                self._payflow.control(amount_told="zero")
            case Misbehaviour.REFUSE_REFUNDS:
                self._payflow.control(refuse_credits=True)
            case _:
                raise NotImplementedError(how)

    def act(self, payment: PaymentRequest, report: Report, act: Act) -> Mapping[str, str]:
        """At the page, as a browser does it."""
        if act is Act.WAIT:
            return self._payflow.pay(payment.reference, result=_IN_REVIEW)
        address = urlsplit(report.redirect_url)
        shown = httpx.get(report.redirect_url, trust_env=False)
        if shown.status_code != 200:
            raise RuntimeError(f"the page is not shown: {shown.status_code} {shown.text}")
        fields = dict(parse_qsl(address.query))
        filled = fields | {
            "ACCT": _FOREIGN_CARD if act is Act.DECLINE else _GOOD_CARD,
            "EXPDATE": _EXPIRY,
            "action": "cancel" if act is Act.CANCEL else "pay",
        }
        sent = httpx.post(f"{self._payflow.url}/pay/card", data=filled, trust_env=False)
        return dict(parse_qsl(urlsplit(sent.headers.get("location", "")).query))

    def decide(self, payment: PaymentRequest, report: Report, *, succeeded: bool) -> None:
        self._payflow.review(payment.reference, accepted=succeeded)

    def truth(self, payment: PaymentRequest) -> Truth:
        told = self._payflow.truth(payment.reference)
        taken, returned = (_money(told[name]) for name in ("taken", "returned"))
        return Truth(told["payments"], taken, returned, told["refunds"])


def _money(told: Mapping[str, Any] | None) -> Money | None:
    if told is None:
        return None
    return replace(Money.parse("0", told["currency"]), minor=told["minor"])
