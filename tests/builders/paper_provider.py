"""The plug-in of the paper mill that does everything right; tests of the kit break it, a method at a time."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from tests.builders.paper_mill import MILLS, signed
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.calling import NoAnswer
from warchest.sdk.masking import mask_card_numbers, mask_secrets
from warchest.sdk.payments import (
    Ability,
    Description,
    DisputeReport,
    DisputeStanding,
    Evidence,
    Health,
    Instrument,
    LineKind,
    Notice,
    PaymentProvider,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Secret,
    SettlementLine,
    SettlementReport,
    Standing,
    Subject,
    UnableToRead,
    UnableToTrustNotice,
)

ABILITIES = frozenset(Ability) - {Ability.BANK_STATEMENT, Ability.PAYOUT_FILE}


@dataclass(frozen=True, slots=True)
class PaperSettings:
    address: str
    secret: Secret = field(repr=False)


class PaperProvider(PaymentProvider):
    settings_type = PaperSettings
    states: Mapping[str, Standing] = {
        "open": Standing.PENDING,
        "waiting": Standing.PENDING,
        "reserved": Standing.AUTHORISED,
        "paid": Standing.SUCCEEDED,
        "declined": Standing.FAILED,
        "cancelled": Standing.CANCELLED,
    }
    refund_states: Mapping[str, Standing] = {"done": Standing.SUCCEEDED, "refused": Standing.FAILED}
    unlisted = Standing.PENDING
    without_answer = Standing.UNKNOWN
    within_s = 0.03
    whole = True
    tolerance_s = 300
    abilities = ABILITIES
    label = "Paper mill"

    def __init__(self, settings: PaperSettings) -> None:
        self.settings = settings

    @property
    def description(self) -> Description:
        return Description(self.label, ("card",), frozenset({"EUR", "USD", "JPY"}), self.abilities)

    def start(self, payment: PaymentRequest) -> Report:
        return self.payment_report(
            payment,
            "open",
            key=self.key(payment),
            amount=payment.amount.major,
            currency=payment.amount.currency.code,
            saved_method=payment.saved_method,
            save=payment.save_method,
            present=payment.player_present,
        )

    def key(self, payment: PaymentRequest) -> str:
        return payment.reference

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        return self.payment_report(payment, "ask", key=payment.reference, number=provider_reference)

    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        return self.payment_report(payment, "take", key=payment.reference, amount=amount.major)

    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        report = self.payment_report(payment, "let_go", key=payment.reference)
        if report.reason == "too_late":
            return self.inquire(payment, provider_reference=provider_reference)
        return report

    def refund(self, refund: RefundRequest) -> Report:
        return self.refund_report(
            "give_back",
            key=refund.payment.reference,
            refund_key=refund.reference,
            amount=refund.amount.major,
        )

    def inquire_refund(self, refund: RefundRequest) -> Report:
        return self.refund_report("ask_refund", key=refund.payment.reference, refund_key=refund.reference)

    def forget_method(self, *, payer: str, token: str) -> Report:
        self.ask("forget", token=token)
        return Report(Standing.SUCCEEDED)

    def answer_dispute(
        self, payment: PaymentRequest, *, provider_reference: str, dispute: str, evidence: Evidence
    ) -> Report:
        self.ask("evidence", dispute=dispute, text=evidence.text)
        return Report(Standing.SUCCEEDED)

    def settlement_report(self, *, day: date) -> tuple[SettlementReport, ...]:
        _, text = self.ask("settled")
        return tuple(self.settlement(one) for one in json.loads(text))

    def read_settlement(self, data: bytes) -> tuple[SettlementReport, ...]:
        text, _, check = data.partition(b"\n")
        if check != hashlib.sha256(text).hexdigest().encode() + b"\n":
            raise UnableToRead("file_not_whole")
        return tuple(self.settlement(one) for one in json.loads(text))

    def settlement(self, told: dict[str, Any]) -> SettlementReport:
        return SettlementReport(
            id=told["id"],
            currency=told["currency"],
            settled_on=datetime.now(UTC).date(),
            paid_out=Money.parse(told["paid_out"], told["currency"]),
            lines=tuple(
                SettlementLine(
                    id=line["id"],
                    kind=LineKind(line["kind"]),
                    gross=Money.parse(line["gross"], line["currency"]),
                    fee=self.fee(line),
                    occurred_at=datetime.fromisoformat(line["at"]),
                    reference=line["key"],
                )
                for line in told["lines"]
            ),
        )

    def fee(self, line: dict[str, Any]) -> Money:
        return Money.parse(line["fee"], line["currency"])

    def health(self) -> Health:
        try:
            status, text = self.ask("health")
        except NoAnswer as silence:
            return Health(False, silence.reason)
        return Health(status == 200 and text == "{}", f"answered with {status}")

    def read_notice(self, notice: RawNotice) -> Notice:
        self.check(notice)
        try:
            told = json.loads(notice.body)
            return self.notice(notice, told, told["payment"])
        except (ValueError, KeyError, TypeError):
            raise UnableToTrustNotice("notice_malformed") from None

    def check(self, notice: RawNotice) -> None:
        at = notice.headers.get("mill-time", "")
        right = signed(self.settings.secret, at, self.signed_part(notice))
        if not hmac.compare_digest(notice.headers.get("mill-signature", ""), right):
            raise UnableToTrustNotice("notice_signature_wrong")
        if abs(notice.received_at.timestamp() - float(at)) > self.tolerance_s:
            raise UnableToTrustNotice("notice_signature_wrong")

    def signed_part(self, notice: RawNotice) -> bytes:
        return notice.body

    def notice(self, raw: RawNotice, told: dict[str, Any], payment: dict[str, Any]) -> Notice:
        report = self.read_payment(payment, raw.body.decode())
        notice = Notice(
            self.notice_id(raw, told), payment["key"], report, payment_reference=payment["number"]
        )
        if refund := told.get("refund"):
            return Notice(
                notice.id,
                payment["key"],
                self.read_refund(refund, raw.body.decode()),
                Subject.REFUND,
                payment["number"],
                self.refund_reference(refund),
            )
        if dispute := told.get("dispute"):
            report_of = self.dispute(raw, dispute)
            return Notice(
                notice.id, payment["key"], report, Subject.DISPUTE, payment["number"], dispute=report_of
            )
        return notice

    def notice_id(self, raw: RawNotice, told: dict[str, Any]) -> str:
        return str(told["id"])

    def refund_reference(self, refund: dict[str, Any]) -> str:
        return str(refund["refund_key"])

    def dispute(self, raw: RawNotice, told: dict[str, Any]) -> DisputeReport:
        return DisputeReport(
            told["number"], DisputeStanding(told["state"]), Money.parse(told["amount"], told["currency"])
        )

    def payment_report(self, payment: PaymentRequest, what: str, **asked: Any) -> Report:
        try:
            status, text = self.ask(what, **asked)
        except NoAnswer as silence:
            return Report(self.without_answer, reason=silence.reason)
        if status != 200:
            return self.not_ok(status, text)
        try:
            return self.read_payment(json.loads(text), text, payment)
        except (ValueError, KeyError, TypeError, UnableTo):
            return self.unreadable(text)

    def not_ok(self, status: int, text: str) -> Report:
        reason = json.loads(text).get("reason", "") if text.startswith("{") else ""
        return Report(Standing.UNKNOWN, reason=reason or f"http_{status}", raw=self.raw(text))

    def unreadable(self, text: str) -> Report:
        return Report(Standing.UNKNOWN, reason="unreadable", raw=self.raw(text))

    def read_payment(self, told: dict[str, Any], text: str, payment: PaymentRequest | None = None) -> Report:
        card = told.get("card")
        return Report(
            self.states.get(told["state"], self.unlisted),
            provider_reference=told["number"],
            amount=self.amount(told, payment),
            redirect_url="https://mill.invalid/pay" if told["state"] == "open" else "",
            reason=told["reason"],
            raw=self.raw(text, *([card["token"]] if card else [])),
            instrument=self.instrument(card) if card else None,
        )

    def amount(self, told: dict[str, Any], payment: PaymentRequest | None) -> Money | None:
        return Money.parse(told["taken"], told["currency"]) if told["taken"] else None

    def instrument(self, card: dict[str, Any]) -> Instrument:
        return Instrument("card", f"Card •••• {card['ending']}", card["print"], token=card["token"])

    def refund_report(self, what: str, **asked: Any) -> Report:
        try:
            status, text = self.ask(what, **asked)
        except NoAnswer as silence:
            return Report(Standing.UNKNOWN, reason=silence.reason)
        if status != 200:
            return Report(Standing.UNKNOWN, reason=f"http_{status}", raw=self.raw(text))
        try:
            return self.read_refund(json.loads(text), text)
        except (ValueError, KeyError, TypeError, UnableTo):
            return Report(Standing.UNKNOWN, reason="unreadable", raw=self.raw(text))

    def read_refund(self, told: dict[str, Any], text: str) -> Report:
        return Report(
            self.refund_states.get(told["state"], Standing.PENDING),
            provider_reference=told["number"],
            amount=Money.parse(told["amount"], told["currency"]),
            reason=told.get("reason", ""),
            raw=self.raw(text),
        )

    def raw(self, text: str, *tokens: str) -> str:
        return mask_secrets(mask_card_numbers(text), [self.settings.secret, *tokens])

    def ask(self, what: str, **asked: Any) -> tuple[int, str]:
        mill = MILLS.get(self.settings.address)
        if mill is None:
            raise NoAnswer("unreachable", was_sent=False)
        return mill.call(self.settings.secret, what, asked, within_s=self.within_s, whole=self.whole)
