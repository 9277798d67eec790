"""The pretended bank, as the conformance kit plays with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from warchest.kernel.money import Money
from warchest.sdk.bank import creditor_reference
from warchest.sdk.conformance import (
    CAPTURE_STEPS,
    DISPUTE_STEPS,
    NOTICE_STEPS,
    REFUND_STEPS,
    SAVED_METHOD_STEPS,
    SETTLEMENT_FILE_STEPS,
    SETTLEMENT_REPORT_STEPS,
    VOID_STEPS,
    Act,
    BankRig,
    Flaw,
    Misbehaviour,
    Truth,
    skip,
)
from warchest.sdk.payments import PaymentRequest, Report
from warchest_banktransfer.simulator import PretendedBank

_NOBODY_ASKED = "Nobody can be asked how a transfer stands: a statement tells, and Warchest matches it."
_NO_CALLS = "The plug-in calls nobody: statements and orders go by files."


class BankTransferRig(BankRig):
    provider: ClassVar[str] = "banktransfer"
    iban: ClassVar[str] = "DE89370400440532013000"
    timeout_s: ClassVar[float] = 1
    notice_within_s: ClassVar[float] = 0
    skips: ClassVar[Mapping[str, str]] = {
        **skip(
            (
                "approved_payment_succeeds",
                "same_reference_is_one_payment",
                "every_minor_unit_is_kept",
                "late_decline",
                "late_approval",
                "timeout_after_success",
                "lost_notice_is_made_up_by_asking",
                "wrong_amount_is_told",
                "wrong_currency_is_told",
                "negative_amount_is_no_success",
                "zero_amount_is_no_success",
                "unlisted_status_is_pending",
                "instrument_is_told",
            ),
            _NOBODY_ASKED,
        ),
        **skip(
            (
                "health_tells_wrong_credentials",
                "health_tells_nobody_there",
                "hang_ends_in_time",
                "dripping_answer_ends_in_time",
                "server_error_is_unknown",
                "malformed_answer_is_unknown",
                "nothing_kept_tells_a_secret",
            ),
            _NO_CALLS,
        ),
        "currency_without_minor_units": "Transfers of the area are in euro only.",
        **skip(REFUND_STEPS, "A refund leaves with a file of orders, and is told by the next statement."),
        **skip(NOTICE_STEPS, "A bank sends no notices."),
        **skip(CAPTURE_STEPS, "A transfer is not authorised first."),
        **skip(VOID_STEPS, "Who was told an account can transfer money there whenever they like."),
        **skip(SAVED_METHOD_STEPS, "Nobody else's account is charged: people transfer by themselves."),
        **skip(DISPUTE_STEPS, "A transfer is not disputed: the bank asks for it back, and a person decides."),
        **skip(
            (*SETTLEMENT_FILE_STEPS, *SETTLEMENT_REPORT_STEPS),
            "The money comes to our own account: nobody else settles it.",
        ),
    }

    def __init__(self) -> None:
        self._bank = PretendedBank(self.iban)

    def start(self, folder: Path, *, notice_url: str) -> None:
        self._bank = PretendedBank(self.iban)

    def stop(self) -> None:
        pass

    def settings(self, flaw: Flaw | None = None) -> Mapping[str, Any]:
        return {"iban": self.iban, "bic": "COBADEFFXXX", "beneficiary": "Nova e. V."}

    def behave(self) -> None:
        pass

    def misbehave(self, how: Misbehaviour) -> None:
        raise NotImplementedError(how)

    def act(self, payment: PaymentRequest, report: Report, act: Act) -> Mapping[str, str]:
        if act is Act.APPROVE:
            self._bank.receive(payment.amount.major, reference=report.instructions["payment_reference"])
        return {}

    def truth(self, payment: PaymentRequest) -> Truth:
        reference = creditor_reference(payment.reference)
        came = [one.minor for one in self._bank.waiting if one.creditor_reference == reference]
        return Truth(payments=1, taken=Money(sum(came), payment.amount.currency) if came else None)

    def statement(self, *, false: bool = False) -> bytes:
        return self._bank.damaged("does_not_add_up") if false else self._bank.statement(keep=True)

    def carry_out(self, data: bytes) -> Sequence[tuple[str, Money, str]]:
        before = len(self._bank.waiting)
        self._bank.carry_out(data)
        return [
            (one.end_to_end_id, Money.parse("0.01", "EUR") * -one.minor, one.iban)
            for one in self._bank.waiting[before:]
        ]
