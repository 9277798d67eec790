"""The conformance kit can fail: each plug-in here breaks one rule, and exactly the steps fail that are about it.

``MISTAKES`` is a table: a plug-in that is right but for one mistake, and the steps that must find it. Every step of the kit
stands in it, so none is a step that cannot fail.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.builders.paper_bank import PaperBank, PaperBankRig, closed
from tests.builders.paper_mill import MILLS, PaperRig
from tests.builders.paper_provider import PaperProvider
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.bank import BankEntry, BankStatement, PayoutFile, PayoutOrder
from warchest.sdk.calling import NoAnswer
from warchest.sdk.conformance import BANK_STEPS, NOTICE_STEPS, STEPS, Misbehaviour, skip
from warchest.sdk.conformance.session import (
    Outcome,
    Session,
    UnableToTry,
    steps_named,
    steps_of,
    unknown_skips,
)
from warchest.sdk.conformance.telling import as_json, as_junit, line, summary
from warchest.sdk.payments import (
    Ability,
    DisputeReport,
    DisputeStanding,
    Health,
    PaymentProvider,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    SettlementReport,
    Standing,
    UnableToTrustNotice,
)

MISTAKES: list[tuple[type[PaperProvider], set[str]]] = []


def found_by(*steps: str) -> Any:
    """The steps that must find the mistake, and no others."""

    def take(mistaken: type[PaperProvider]) -> type[PaperProvider]:
        MISTAKES.append((mistaken, set(steps)))
        return mistaken

    return take


# Manners


@found_by("description_is_whole")
class HasNoName(PaperProvider):
    label = " "


@found_by("abilities_are_written", "forgotten_method_is_gone")
class DeclaresMoreThanItDoes(PaperProvider):
    forget_method = PaymentProvider.forget_method


@dataclass(frozen=True)
class TalkativeSettings:
    address: str
    secret: str


@found_by("settings_show_no_secret")
class ShowsItsSecret(PaperProvider):
    settings_type = TalkativeSettings


@found_by("settings_show_no_secret")
class PrintsItsSecret(PaperProvider):
    def __repr__(self) -> str:
        return f"PaperProvider({self.settings.secret!r})"


@found_by("health_is_well", "close_lets_go")
class IsNeverWell(PaperProvider):
    def health(self) -> Health:
        return Health(False, "who knows")


@found_by("health_tells_wrong_credentials")
class IsWellUnderAnyName(PaperProvider):
    def health(self) -> Health:
        health = super().health()
        return Health(True) if health.detail == "answered with 401" else health


@found_by("health_tells_nobody_there")
class IsWellWithNobodyThere(PaperProvider):
    def health(self) -> Health:
        health = super().health()
        return Health(True) if health.detail == "unreachable" else health


@found_by("health_tells_nobody_there")
class TakesNobodyForARefusal(PaperProvider):
    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        report = super().inquire(payment, provider_reference=provider_reference)
        return replace(report, standing=Standing.FAILED) if report.reason == "unreachable" else report


@found_by("close_lets_go")
class LeavesAThread(PaperProvider):
    def close(self) -> None:
        threading.Thread(target=threading.Event().wait, args=(0.5,), daemon=False).start()


@found_by("close_lets_go")
class ClosesOnce(PaperProvider):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


# Paying


@found_by("payment_is_opened")
class TakesAskedForAsTaken(PaperProvider):
    def start(self, payment: PaymentRequest) -> Report:
        report = super().start(payment)
        return replace(report, amount=payment.amount) if report.standing is Standing.PENDING else report


@found_by("approved_payment_succeeds", "full_refund", "partial_refunds")
class ForgetsNumbers(PaperProvider):
    """It leaves out the provider's numbers once there is nothing left to open."""

    def read_payment(self, told: dict[str, Any], text: str, payment: PaymentRequest | None = None) -> Report:
        return replace(super().read_payment(told, text, payment), provider_reference="")

    def read_refund(self, told: dict[str, Any], text: str) -> Report:
        return replace(super().read_refund(told, text), provider_reference="")


@found_by("declined_payment_fails")
class KeepsTheReasonToItself(PaperProvider):
    def read_payment(self, told: dict[str, Any], text: str, payment: PaymentRequest | None = None) -> Report:
        report = super().read_payment(told, text, payment)
        return replace(report, reason="") if report.reason == "no_money" else report


@found_by("cancelled_payment_takes_nothing")
class TakesAReturnForSuccess(PaperProvider):
    def resume(self, payment: PaymentRequest, *, provider_reference: str, query: Mapping[str, str]) -> Report:
        report = self.inquire(payment, provider_reference=provider_reference)
        return replace(report, standing=Standing.UNKNOWN) if query.get("state") == "cancelled" else report


@found_by("return_is_never_believed")
class BelievesTheBrowser(PaperProvider):
    def resume(self, payment: PaymentRequest, *, provider_reference: str, query: Mapping[str, str]) -> Report:
        if query.get("state") == "paid" and query["payment"] == payment.reference:
            amount = payment.amount
            report = self.inquire(payment, provider_reference=provider_reference)
            if report.standing is Standing.PENDING:
                return Report(Standing.SUCCEEDED, amount=amount)
        return self.inquire(payment, provider_reference=provider_reference)


@found_by(
    "same_reference_is_one_payment",
    "saved_method_is_charged",
    "saved_method_timeout_after_success",
    "timeout_after_success",
)
class OpensAnew(PaperProvider):
    def key(self, payment: PaymentRequest) -> str:
        return f"{payment.reference}-{new_id()}" if _seen(payment) else payment.reference


_SEEN: set[str] = set()


def _seen(payment: PaymentRequest) -> bool:
    seen = payment.reference in _SEEN
    _SEEN.add(payment.reference)
    return seen


@found_by("every_minor_unit_is_kept")
class DropsZeros(PaperProvider):
    """8.20 became the number 8.2 on its way, and 8.2 is read as eight and two."""

    def amount(self, told: dict[str, Any], payment: PaymentRequest | None) -> Money | None:
        amount = super().amount(told, payment)
        if amount is None or amount.currency.exponent == 0:
            return amount
        whole, _, decimals = f"{Decimal(told['taken']).normalize():f}".partition(".")
        sign = -1 if whole.startswith("-") else 1
        return Money(int(whole) * 100 + sign * int(decimals or 0), amount.currency)


@found_by("currency_without_minor_units")
class CountsCentsOfYen(PaperProvider):
    def amount(self, told: dict[str, Any], payment: PaymentRequest | None) -> Money | None:
        amount = super().amount(told, payment)
        return (
            Money(amount.minor * 100, amount.currency) if amount and amount.currency.exponent == 0 else amount
        )


@found_by("late_approval", "late_decline")
class RemembersTheFirstAnswer(PaperProvider):
    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.waiting: set[str] = set()

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        if payment.reference in self.waiting:
            return Report(Standing.PENDING)
        report = super().inquire(payment, provider_reference=provider_reference)
        if report.standing is Standing.PENDING and '"waiting"' in report.raw:
            self.waiting.add(payment.reference)
        return report


# Silence


@found_by(
    "timeout_after_success",
    "saved_method_timeout_after_success",
    "capture_timeout_after_success",
    "hang_ends_in_time",
    "dripping_answer_ends_in_time",
)
class TakesSilenceForARefusal(PaperProvider):
    without_answer = Standing.FAILED

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        report = super().inquire(payment, provider_reference=provider_reference)
        return replace(report, standing=Standing.UNKNOWN) if report.reason == "unreachable" else report


@found_by("hang_ends_in_time", "dripping_answer_ends_in_time")
class WaitsForEver(PaperProvider):
    def ask(self, what: str, **asked: Any) -> tuple[int, str]:
        try:
            return super().ask(what, **asked)
        except NoAnswer as silence:
            if silence.reason == "timeout" and not _loses_answers(self):
                threading.Event().wait(3)
            raise


@found_by("dripping_answer_ends_in_time")
class WaitsForEachByte(PaperProvider):
    whole = False


@found_by("lost_notice_is_made_up_by_asking", "unlisted_status_is_pending")
class WaitsForTheBrowser(PaperProvider):
    def resume(self, payment: PaymentRequest, *, provider_reference: str, query: Mapping[str, str]) -> Report:
        came_back = replace(payment, kept={**payment.kept, "came_back": "yes"})
        report = self.inquire(came_back, provider_reference=provider_reference)
        return replace(report, keep={"came_back": "yes"})

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        report = super().inquire(payment, provider_reference=provider_reference)
        waits = report.standing is Standing.SUCCEEDED and "came_back" not in payment.kept
        return replace(report, standing=Standing.PENDING) if waits and not payment.saved_method else report


@found_by("server_error_is_unknown")
class TakesATroubledServerForARefusal(PaperProvider):
    def not_ok(self, status: int, text: str) -> Report:
        report = super().not_ok(status, text)
        return replace(report, standing=Standing.FAILED) if status == 500 else report


@found_by("malformed_answer_is_unknown")
class TakesNonsenseForARefusal(PaperProvider):
    def unreadable(self, text: str) -> Report:
        return replace(super().unreadable(text), standing=Standing.FAILED)


@found_by("malformed_answer_is_unknown", "nothing_kept_tells_a_secret")
class StumblesOverNonsense(PaperProvider):
    def unreadable(self, text: str) -> Report:
        raise ValueError(text)


@found_by("unlisted_status_is_pending")
class TakesTheUnheardOfForARefusal(PaperProvider):
    unlisted = Standing.FAILED


@found_by("wrong_amount_is_told")
class LetsACentPass(PaperProvider):
    def amount(self, told: dict[str, Any], payment: PaymentRequest | None) -> Money | None:
        amount = super().amount(told, payment)
        if amount and payment and amount.currency == payment.amount.currency:
            return payment.amount if abs(amount.minor - payment.amount.minor) <= 1 else amount
        return amount


@found_by("wrong_currency_is_told")
class KnowsOneCurrency(PaperProvider):
    def amount(self, told: dict[str, Any], payment: PaymentRequest | None) -> Money | None:
        amount = super().amount(told, payment)
        return Money(amount.minor, payment.amount.currency) if amount and payment else amount


@found_by("negative_amount_is_no_success")
class OverlooksSigns(PaperProvider):
    def amount(self, told: dict[str, Any], payment: PaymentRequest | None) -> Money | None:
        amount = super().amount(told, payment)
        return Money(abs(amount.minor), amount.currency) if amount else amount


@found_by("zero_amount_is_no_success")
class TakesNoughtForNothingSaid(PaperProvider):
    def amount(self, told: dict[str, Any], payment: PaymentRequest | None) -> Money | None:
        amount = super().amount(told, payment)
        return payment.amount if amount is not None and not amount.minor and payment else amount


@found_by("nothing_kept_tells_a_secret")
class KeepsCardNumbers(PaperProvider):
    def unreadable(self, text: str) -> Report:
        return Report(Standing.UNKNOWN, raw=text.replace(self.settings.secret, ""))


@found_by("nothing_kept_tells_a_secret")
class KeepsItsSecret(PaperProvider):
    def unreadable(self, text: str) -> Report:
        return Report(Standing.UNKNOWN, reason=text.replace("4111", ""))


# Notices


@found_by("notice_tells_success", "reordered_notices_say_the_same")
class HasNoIds(PaperProvider):
    def notice_id(self, raw: RawNotice, told: dict[str, Any]) -> str:
        return ""


@found_by("repeated_notice_is_the_same")
class CountsDeliveries(PaperProvider):
    def notice_id(self, raw: RawNotice, told: dict[str, Any]) -> str:
        return raw.headers["mill-signature"]


@found_by("reordered_notices_say_the_same")
class KnowsOnlyItsOwn(PaperProvider):
    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.known: set[str] = set()

    def start(self, payment: PaymentRequest) -> Report:
        self.known.add(payment.reference)
        return super().start(payment)

    def check(self, notice: RawNotice) -> None:
        super().check(notice)
        if json.loads(notice.body)["payment"]["key"] not in self.known:
            raise UnableToTrustNotice("notice_malformed")


@found_by("wrong_signature_is_refused")
class LeavesATestSecretIn(PaperProvider):
    def check(self, notice: RawNotice) -> None:
        try:
            super().check(notice)
        except UnableToTrustNotice:
            PaperProvider(replace(self.settings, secret="another secret")).check(notice)


@found_by("changed_body_is_refused")
class TrustsWhatItTrustedOnce(PaperProvider):
    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.trusted: set[str] = set()

    def check(self, notice: RawNotice) -> None:
        number = notice.headers.get("mill-id", "")
        on_time = abs(notice.received_at.timestamp() - time.time()) < self.tolerance_s
        if number not in self.trusted or not on_time:
            super().check(notice)
            self.trusted.add(number)


@found_by("missing_signature_is_refused")
class TrustsTheUnsigned(PaperProvider):
    def check(self, notice: RawNotice) -> None:
        if "mill-signature" in notice.headers:
            super().check(notice)


@found_by("old_notice_is_refused")
class TrustsTheOld(PaperProvider):
    tolerance_s = 10**9


# Refunds


@found_by("full_refund")
class GivesNoNumberToWholeRefunds(PaperProvider):
    def refund(self, refund: RefundRequest) -> Report:
        report = super().refund(refund)
        whole = refund.amount == refund.payment.amount
        return replace(report, provider_reference="" if whole else report.provider_reference)

    inquire_refund = refund


@found_by("partial_refunds")
class GivesBackAPartOnce(PaperProvider):
    """The second refund of a payment is told with the amount of both."""

    def refund(self, refund: RefundRequest) -> Report:
        report = super().refund(refund)
        second = refund.amount.minor == refund.payment.amount.minor - refund.payment.amount.minor // 3
        return replace(report, amount=refund.payment.amount) if second else report


@found_by("repeated_refund_is_one", "refund_timeout_after_success")
class RefundsAnew(PaperProvider):
    def refund(self, refund: RefundRequest) -> Report:
        return super().refund(replace(refund, reference=str(new_id())) if _refunded(refund) else refund)


_REFUNDED: set[str] = set()


def _refunded(refund: RefundRequest) -> bool:
    seen = refund.reference in _REFUNDED
    _REFUNDED.add(refund.reference)
    return seen


@found_by("refunds_at_once_stay_within_payment", "refund_beyond_payment_is_refused")
class RefundsWhatIsLeft(PaperProvider):
    """What is refused as too much is taken for money that went back."""

    def read_refund(self, told: dict[str, Any], text: str) -> Report:
        report = super().read_refund(told, text)
        return replace(report, standing=Standing.SUCCEEDED) if report.reason == "too_much" else report


@found_by("refused_refund_fails")
class TakesARefusedRefundForPending(PaperProvider):
    def read_refund(self, told: dict[str, Any], text: str) -> Report:
        report = super().read_refund(told, text)
        return replace(report, standing=Standing.PENDING) if report.reason == "not_today" else report


@found_by("late_refund_is_pending_first")
class TakesAnInstructedRefundForDone(PaperProvider):
    refund_states = {**PaperProvider.refund_states, "waiting": Standing.SUCCEEDED}


@found_by(
    "refund_timeout_after_success",
    "hang_ends_in_time",
    "dripping_answer_ends_in_time",
)
class TakesASilentRefundForRefused(PaperProvider):
    def refund(self, refund: RefundRequest) -> Report:
        report = super().refund(refund)
        return replace(report, standing=Standing.FAILED) if report.reason == "timeout" else report


@found_by("refund_is_told_by_notice")
class LeavesOutWhichRefund(PaperProvider):
    def refund_reference(self, refund: dict[str, Any]) -> str:
        return ""


# Captures


@found_by("capture_takes_what_was_authorised")
class StumblesOverASecondCapture(PaperProvider):
    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        before = self.inquire(payment, provider_reference=provider_reference)
        if before.standing is Standing.SUCCEEDED:
            raise RuntimeError("captured already")
        return super().capture(payment, provider_reference=provider_reference, amount=amount)


@found_by("capture_in_part")
class CapturesEverything(PaperProvider):
    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        return super().capture(payment, provider_reference=provider_reference, amount=payment.amount)


@found_by("capture_timeout_after_success")
class TakesASilentCaptureForRefused(PaperProvider):
    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        report = super().capture(payment, provider_reference=provider_reference, amount=amount)
        return replace(report, standing=Standing.FAILED) if report.reason == "timeout" else report


@found_by("void_lets_go_what_was_authorised")
class LetsGoOfNothingReserved(PaperProvider):
    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        if payment.capture_later:
            return Report(Standing.CANCELLED)
        return super().void(payment, provider_reference=provider_reference)


@found_by("void_lets_go_what_was_opened")
class LetsGoOfNothingOpen(PaperProvider):
    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        report = self.inquire(payment, provider_reference=provider_reference)
        if report.standing is Standing.PENDING:
            return Report(Standing.CANCELLED)
        return super().void(payment, provider_reference=provider_reference)


@found_by("void_after_success_takes_nothing_back_unsaid")
class TellsPaidAsCancelled(PaperProvider):
    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        report = super().void(payment, provider_reference=provider_reference)
        return replace(report, standing=Standing.CANCELLED) if report.amount else report


# Saved methods


@found_by("saved_method_is_charged", "saved_method_timeout_after_success")
class ChargesAgain(PaperProvider):
    def key(self, payment: PaymentRequest) -> str:
        again = payment.saved_method and _seen(payment)
        return f"{payment.reference}-again" if again else payment.reference


@found_by("saved_method_timeout_after_success")
class TakesASilentChargeForRefused(PaperProvider):
    def start(self, payment: PaymentRequest) -> Report:
        report = super().start(payment)
        silent = payment.saved_method and report.reason == "timeout"
        return replace(report, standing=Standing.FAILED) if silent else report


@found_by("saved_method_needs_the_player")
class SendsNobodyToTheBank(PaperProvider):
    def read_payment(self, told: dict[str, Any], text: str, payment: PaymentRequest | None = None) -> Report:
        report = super().read_payment(told, text, payment)
        wanted = report.reason == "player_wanted"
        return replace(report, standing=Standing.PENDING) if wanted else report


@found_by("forgotten_method_is_gone")
class ForgetsNothing(PaperProvider):
    def forget_method(self, *, payer: str, token: str) -> Report:
        return Report(Standing.SUCCEEDED)


@found_by("nothing_kept_tells_a_token")
class KeepsTokens(PaperProvider):
    def raw(self, text: str, *tokens: str) -> str:
        return super().raw(text)


@found_by("instrument_is_told")
class TakesEachPaymentForACard(PaperProvider):
    def read_payment(self, told: dict[str, Any], text: str, payment: PaymentRequest | None = None) -> Report:
        report = super().read_payment(told, text, payment)
        if report.instrument is None:
            return report
        return replace(report, instrument=replace(report.instrument, fingerprint=told["number"]))


# Disputes


@found_by("dispute_is_told")
class DisputesNothing(PaperProvider):
    def dispute(self, raw: RawNotice, told: dict[str, Any]) -> DisputeReport:
        report = super().dispute(raw, told)
        opened = report.standing is DisputeStanding.OPENED
        return replace(report, amount=report.amount + Money(1, report.amount.currency)) if opened else report


@found_by("dispute_is_won", "dispute_is_lost")
class OpensADisputeAnew(PaperProvider):
    def dispute(self, raw: RawNotice, told: dict[str, Any]) -> DisputeReport:
        return replace(super().dispute(raw, told), id=raw.headers["mill-id"])


@found_by("dispute_is_lost")
class WinsEveryDispute(PaperProvider):
    def dispute(self, raw: RawNotice, told: dict[str, Any]) -> DisputeReport:
        report = super().dispute(raw, told)
        lost = report.standing is DisputeStanding.LOST
        return replace(report, standing=DisputeStanding.WON) if lost else report


@found_by("evidence_is_handed_in")
class HandsInNothing(PaperProvider):
    def answer_dispute(self, *_: Any, **__: Any) -> Report:
        return Report(Standing.UNKNOWN)


# Settlements


@found_by("settlement_report_adds_up", "settlement_file_adds_up")
class ForgetsFees(PaperProvider):
    def fee(self, line: dict[str, Any]) -> Money:
        return Money.parse("0", line["currency"])


@found_by("settlement_report_adds_up", "settlement_file_adds_up")
class NamesALineTwice(PaperProvider):
    def settlement(self, told: dict[str, Any]) -> SettlementReport:
        report = super().settlement(told)
        return replace(report, lines=(*report.lines, *report.lines))


@found_by("broken_settlement_file_is_refused")
class ReadsWhatIsThere(PaperProvider):
    def read_settlement(self, data: bytes) -> tuple[SettlementReport, ...]:
        try:
            return super().read_settlement(data)
        except Exception:
            return ()


# Banks


@found_by("statement_tells_the_transfer")
class OverlooksWords(PaperBank):
    def entry(self, told: dict[str, Any]) -> BankEntry:
        return replace(super().entry(told), text="")


@found_by("false_statement_is_refused")
class BelievesTheClosingBalance(PaperBank):
    def check_sum(self, statement: BankStatement) -> None:
        return None


@found_by("orders_are_carried_out_as_written")
class WritesAnotherFileEachTime(PaperBank):
    def order(self, order: PayoutOrder, at: int) -> dict[str, Any]:
        return super().order(order, at) | {"nonce": str(new_id())}


@found_by("orders_are_carried_out_as_written")
class OrdersTheFirstTwice(PaperBank):
    def write_orders(self, orders: PayoutFile) -> bytes:
        super().write_orders(orders)
        return closed([self.order(order, 0) for order in (orders.orders[0], *orders.orders)])


@found_by("wrong_orders_are_refused")
class LooksAtNoCheckDigits(PaperBank):
    def check_order(self, order: PayoutOrder) -> None:
        super().check_order(replace(order, iban="NL91ABNA0417164300"))


def _loses_answers(provider: PaperProvider) -> bool:
    return MILLS[provider.settings.address].how is Misbehaviour.LOSE_ANSWERS


def _failed(provider: type[PaperProvider], rig: PaperRig | None = None) -> dict[str, str]:
    rig = rig or (PaperBankRig() if issubclass(provider, PaperBank) else PaperRig())
    with Session(rig, provider) as session:
        results = [session.run(step) for step in steps_of(rig)]
    return {result.step: result.detail for result in results if result.outcome is Outcome.FAILED}


@pytest.mark.parametrize("right", [PaperProvider, PaperBank])
def test_who_does_everything_right_passes_every_step(right: type[PaperProvider]) -> None:
    assert _failed(right) == {}


@pytest.mark.use_case("PLG-12")
@pytest.mark.parametrize(("mistaken", "steps"), MISTAKES, ids=[mistaken.__name__ for mistaken, _ in MISTAKES])
def test_a_mistake_is_found_by_the_steps_that_are_about_it(
    mistaken: type[PaperProvider], steps: set[str]
) -> None:
    failed = _failed(mistaken)
    assert set(failed) == steps, failed


def test_every_step_can_fail() -> None:
    assert {step.name for step in STEPS + BANK_STEPS} == set().union(*(steps for _, steps in MISTAKES))


class TestSkips:
    def test_what_cannot_be_and_is_not_named_has_failed(self) -> None:
        class TakesPaymentsOnly(PaperProvider):
            abilities = frozenset({Ability.INQUIRE})
            forget_method = PaymentProvider.forget_method

        assert "forgotten_method_is_gone" in _failed(TakesPaymentsOnly)

    def test_what_is_named_with_its_reason_is_counted(self) -> None:
        class Modest(PaperRig):
            skips = {"late_decline": "The mill decides at once."}

        with Session(Modest(), PaperProvider) as session:
            results = [session.run(step) for step in steps_named(["late_decline", "late_approval"], Modest())]
        assert [(one.outcome, one.detail) for one in results] == [
            (Outcome.SKIPPED, "The mill decides at once."),
            (Outcome.PASSED, ""),
        ]
        assert summary(results).startswith("1 passed, 0 failed, 1 skipped in ")

    def test_what_is_declared_cannot_be_skipped(self) -> None:
        class Shy(PaperRig):
            skips = {"full_refund": "No time."}

        assert _failed(PaperProvider, Shy()) == {
            "full_refund": "the rig skips what the plug-in declares as its ability: refund"
        }

    def test_a_bank_may_skip_what_statements_tell_but_not_the_statements(self) -> None:
        class Shy(PaperBankRig):
            skips = {"full_refund": "A statement tells.", "statement_tells_the_transfer": "No time."}

        assert set(_failed(PaperBank, Shy())) == {"statement_tells_the_transfer"}

    def test_a_bank_has_the_rig_of_one(self) -> None:
        assert set(_failed(PaperBank, PaperRig())) == {"abilities_are_written"}

    def test_a_skip_has_a_reason_and_names_a_step(self) -> None:
        class Careless(PaperRig):
            skips = {"late_decline": " ", "late_declyne": "It is misspelt."}

        assert _failed(PaperProvider, Careless()) == {"late_decline": "the rig skips it without a reason"}
        assert [result.step for result in unknown_skips(Careless())] == ["late_declyne"]

    def test_several_have_one_reason(self) -> None:
        assert set(skip(NOTICE_STEPS, "It sends none.").values()) == {"It sends none."}
        assert set(NOTICE_STEPS) < {step.name for step in STEPS}


class TestWhatIsTold:
    @pytest.fixture
    def results(self) -> list[Any]:
        class Shy(PaperRig):
            skips = {"late_approval": "The mill decides at once."}

        names = ["description_is_whole", "late_approval", "payment_is_opened"]
        with Session(Shy(), HasNoName) as session:
            return [session.run(step) for step in steps_named(names, Shy())]

    def test_says_what_must_hold_and_what_was_seen(self, results: list[Any]) -> None:
        told = [line(result, name_width=24) for result in results]
        assert told[0].startswith("FAILED   description_is_whole")
        assert "methods, and currencies that exist." in told[0]
        assert told[0].endswith("But the label is empty.")
        assert told[1].startswith("passed   payment_is_opened")
        assert told[2] == "skipped  late_approval\n         The mill decides at once."

    def test_is_read_by_machines(self, results: list[Any]) -> None:
        told = json.loads(as_json("paper", results))
        assert told["counts"] == {"passed": 1, "failed": 1, "skipped": 1}
        assert told["steps"][0]["detail"] == "the label is empty"
        xml = as_junit("paper", results)
        assert 'tests="3" failures="1" skipped="1"' in xml
        assert '<failure message="the label is empty">' in xml


def test_a_simulator_that_does_not_start_is_no_failed_step(tmp_path: Path) -> None:
    class Broken(PaperRig):
        def start(self, folder: Path, *, notice_url: str) -> None:
            raise OSError("no port")

    with pytest.raises(UnableToTry, match="simulator_did_not_start"), Session(Broken(), PaperProvider):
        pass
