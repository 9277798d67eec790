"""Settlements: every line is accounted for, and the lines add up to what was paid out."""

from __future__ import annotations

from warchest.kernel.money import Money
from warchest.sdk.conformance.step import Nonconformity, Steps, expect
from warchest.sdk.conformance.trial import Followed, Trial
from warchest.sdk.payments import (
    Ability,
    LineKind,
    SettlementLine,
    SettlementReport,
    UnableToRead,
)

STEPS = Steps()


@STEPS.step(Ability.SETTLEMENT_REPORT)
def settlement_report_adds_up(trial: Trial) -> None:
    """Asked what it settled, the provider tells the payment and its refund, and lines that add up to the payout."""
    payment, refunded = _business(trial)
    trial.rig.settle()
    day = trial.rig.settlement_day()
    told = trial.call("settlement_report", lambda: trial.provider.settlement_report(day=day))
    _adds_up(told, payment, refunded)
    again = trial.call("settlement_report", lambda: trial.provider.settlement_report(day=day))
    expect(_ids(told) == _ids(again), "asked again, the settlement has other lines")


@STEPS.step(Ability.SETTLEMENT_FILE)
def settlement_file_adds_up(trial: Trial) -> None:
    """The settlement file tells the payment and its refund, and lines that add up to the payout."""
    payment, refunded = _business(trial)
    data = trial.rig.settle()
    told = trial.call("read_settlement", lambda: trial.provider.read_settlement(data))
    _adds_up(told, payment, refunded)
    again = trial.call("read_settlement", lambda: trial.provider.read_settlement(data))
    expect(told == again, "read again, the file says something else")


@STEPS.step(Ability.SETTLEMENT_FILE)
def broken_settlement_file_is_refused(trial: Trial) -> None:
    """A settlement file that was cut off, or that is none, is refused as a whole."""
    _business(trial)
    data = trial.rig.settle()
    for what, broken in (
        ("cut in the middle", data[: len(data) // 2]),
        ("without its end", data[: len(data.rstrip()) * 9 // 10]),
        ("empty", b""),
        ("of nonsense", b"\x00\xff not a settlement"),
    ):
        try:
            trial.call("read_settlement", lambda broken=broken: trial.provider.read_settlement(broken))  # type: ignore[misc]
        except UnableToRead:
            continue
        raise Nonconformity(f"a settlement file {what} is read as if it were whole")


def _business(trial: Trial) -> tuple[Followed, Money | None]:
    """A payment, and a part of it that went back where the provider can do that."""
    payment = trial.paid()
    if Ability.PARTIAL_REFUND not in trial.provider.description.abilities:
        return payment, None
    part = Money(payment.payment.amount.minor // 4, payment.payment.amount.currency)
    payment.refund(part).settled()
    return payment, part


def _adds_up(told: tuple[SettlementReport, ...], payment: Followed, refunded: Money | None) -> None:
    expect(bool(told), "nothing was settled")
    expect(all(report.id for report in told), "a settlement has no id")
    lines = [line for report in told for line in report.lines]
    expect(len({line.id for line in lines}) == len(lines), "two lines have one id")
    for report in told:
        _report_adds_up(report)
    ours = [line for line in lines if _is_of(line, payment)]
    expect(bool(ours), "the payment is in no line")
    (line, *more) = ours
    expect(not more, "the payment is in two lines")
    expect(
        line.gross == payment.payment.amount,
        f"the payment of {payment.payment.amount} is told as {line.gross}",
    )
    if refunded is not None:
        expect(
            any(line.kind is LineKind.REFUND and line.gross == -refunded for line in lines),
            f"the refund of {refunded} is in no line",
        )


def _report_adds_up(report: SettlementReport) -> None:
    money = [amount for line in report.lines for amount in (line.gross, line.fee)]
    expect(
        all(amount.currency.code == report.currency for amount in money), "one settlement has two currencies"
    )
    net = sum(line.net.minor for line in report.lines if line.kind is not LineKind.PAYOUT)
    payouts = -sum(line.net.minor for line in report.lines if line.kind is LineKind.PAYOUT)
    expect(
        report.paid_out is not None or payouts > 0,
        f"the settlement {report.id} does not say what was paid out",
    )
    if report.paid_out is not None:
        expect(
            report.paid_out.minor == net,
            f"the lines add up to {net} minor units, {report.paid_out} was paid out",
        )
    if payouts:
        expect(payouts == net, f"the lines add up to {net} minor units, those of payouts to {payouts}")


def _is_of(line: SettlementLine, payment: Followed) -> bool:
    numbers = {payment.payment.reference, payment.report.provider_reference, *payment.payment.kept.values()}
    return line.kind is LineKind.PAYMENT and bool(
        {line.reference, line.provider_reference} & (numbers - {""})
    )


def _ids(told: tuple[SettlementReport, ...]) -> set[tuple[str, str]]:
    return {(report.id, line.id) for report in told for line in report.lines}
