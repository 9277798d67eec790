"""A payment's plain life: opened, approved, declined, cancelled, late, and in other currencies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from warchest.kernel.money import Money
from warchest.sdk.conformance.rig import Act
from warchest.sdk.conformance.step import Steps, expect
from warchest.sdk.conformance.trial import Followed, Trial
from warchest.sdk.payments import Standing

STEPS = Steps()

_NOT_PAID = {Standing.PENDING, Standing.FAILED, Standing.CANCELLED}


@STEPS.step()
def payment_is_opened(trial: Trial) -> None:
    """An opened payment is pending, tells the player where to go, and took nothing."""
    payment = trial.start()
    payment.expect(Standing.PENDING, "after it was opened")
    expect(
        bool(payment.report.redirect_url or payment.report.instructions),
        "the player is told neither an address nor what to do",
    )
    expect(payment.report.amount is None, f"a payment that was only opened took {payment.report.amount}")
    payment.expect_taken(None)
    expect(trial.rig.truth(payment.payment).payments == 1, "the provider holds no payment for our reference")


@STEPS.step()
def approved_payment_succeeds(trial: Trial) -> None:
    """An approved payment succeeded, with the amount that was taken and the provider's number."""
    payment = trial.start()
    report = payment.approve()
    _succeeded(payment, report.amount)
    expect(bool(payment.report.provider_reference), "the provider's number is missing")
    asked = payment.inquire()
    _succeeded(payment, asked.amount)


@STEPS.step()
def declined_payment_fails(trial: Trial) -> None:
    """A declined payment failed, with the provider's reason, and took nothing."""
    payment = trial.start()
    report = payment.resume(payment.act(Act.DECLINE))
    if report.standing in {Standing.PENDING, Standing.UNKNOWN}:
        report = payment.settled()
    # At some providers the player may try another card, so the payment stays open.
    expect(report.standing in {Standing.FAILED, Standing.PENDING}, f"a declined payment is {report.standing}")
    if report.standing is Standing.FAILED:
        expect(bool(report.reason), "the provider's reason is missing")
    payment.expect_taken(None)


@STEPS.step()
def cancelled_payment_takes_nothing(trial: Trial) -> None:
    """A payment that the player cancelled took nothing, and is not told as paid."""
    payment = trial.start()
    report = payment.resume(payment.act(Act.CANCEL))
    expect(report.standing in _NOT_PAID, f"a cancelled payment is {report.standing}")
    payment.expect_taken(None)


@STEPS.step()
def same_reference_is_one_payment(trial: Trial) -> None:
    """Opened twice under one reference, one after the other and at once, it is one payment."""
    payment = trial.start()
    number = payment.report.provider_reference
    payment.start()
    expect(
        payment.report.provider_reference == number,
        "opened again under its reference, the payment has another number",
    )
    request = trial.request()
    with ThreadPoolExecutor(4) as pool:
        each = [Followed(trial, request) for _ in range(4)]
        list(pool.map(Followed.start, each))
    clear = {one.report.provider_reference for one in each if one.report.standing is not Standing.UNKNOWN}
    expect(len(clear) <= 1, "opened at once under one reference, the payments have several numbers")
    expect(
        all(one.report.standing in {Standing.PENDING, Standing.UNKNOWN} for one in each),
        "opened at once under one reference, a payment is told as finished",
    )
    for reference in (payment.payment, request):
        held = trial.rig.truth(reference).payments
        expect(held == 1, f"the provider holds {held} payments for one reference")


@STEPS.step()
def every_minor_unit_is_kept(trial: Trial) -> None:
    """Amounts that a float would round are asked for, and told, to the minor unit."""
    for amount in ("0.29", "1.10", "8.20", "64.99"):
        payment = trial.start(_least(trial, amount))
        report = payment.approve()
        _succeeded(payment, report.amount)


@STEPS.step()
def currency_without_minor_units(trial: Trial) -> None:
    """Yen have no minor units: 1500 are 1500, and not 15."""
    payment = trial.start(Money.parse("1500", "JPY"))
    report = payment.approve()
    _succeeded(payment, report.amount)


@STEPS.step()
def late_decline(trial: Trial) -> None:
    """A payment that was undecided and then declined is pending first, and failed after."""
    payment = trial.start()
    report = payment.resume(payment.act(Act.WAIT))
    expect(report.standing is Standing.PENDING, f"an undecided payment is {report.standing}")
    trial.rig.decide(payment.payment, payment.report, succeeded=False)
    payment.settled()
    payment.expect(Standing.FAILED, "after a late decline")
    payment.expect_taken(None)


@STEPS.step()
def late_approval(trial: Trial) -> None:
    """A payment that was undecided and then approved is pending first, and succeeded after."""
    payment = trial.start()
    report = payment.resume(payment.act(Act.WAIT))
    expect(report.standing is Standing.PENDING, f"an undecided payment is {report.standing}")
    expect(report.amount is None or report.amount.minor == 0, "an undecided payment took something")
    trial.rig.decide(payment.payment, payment.report, succeeded=True)
    _succeeded(payment, payment.settled().amount)


@STEPS.step()
def return_is_never_believed(trial: Trial) -> None:
    """A browser that returns as if it had paid, from a payment that nobody paid, brings no success."""
    paid = trial.start()
    query = dict(paid.act(Act.APPROVE))
    unpaid = trial.start()
    numbers = {
        paid.payment.reference: unpaid.payment.reference,
        paid.report.provider_reference: unpaid.report.provider_reference,
    }
    forged = {name: numbers.get(value, value) or value for name, value in query.items()}
    for brought in (query, forged):
        report = unpaid.resume(brought)
        expect(
            report.standing not in {Standing.SUCCEEDED, Standing.AUTHORISED},
            f"an unpaid payment is {report.standing} because the browser says so",
        )
    unpaid.expect_taken(None)


def _succeeded(payment: Followed, told: Money | None) -> None:
    payment.expect(Standing.SUCCEEDED, "after the player approved")
    expect(told is not None, "the report does not say what was taken")
    expect(told == payment.payment.amount, f"{payment.payment.amount} was asked for, {told} is told as taken")
    payment.expect_taken(payment.payment.amount)


def _least(trial: Trial, amount: str) -> Money:
    return trial.money(amount) if trial.money().currency.exponent == 2 else trial.money()
