"""Payments that are authorised first, and captured or let go later."""

from __future__ import annotations

from warchest.kernel.money import Money
from warchest.sdk.conformance.rig import Act, Misbehaviour
from warchest.sdk.conformance.step import Steps, expect
from warchest.sdk.conformance.trial import Followed, Trial
from warchest.sdk.payments import Ability, Standing

STEPS = Steps()


@STEPS.step(Ability.CAPTURE)
def capture_takes_what_was_authorised(trial: Trial) -> None:
    """Authorised, nothing is taken; captured, all of it is, once, however often it is asked for."""
    payment = _authorised(trial)
    payment.capture(payment.payment.amount)
    payment.settled()
    payment.expect(Standing.SUCCEEDED, "captured")
    expect(payment.report.amount == payment.payment.amount, f"captured, it took {payment.report.amount}")
    payment.expect_taken(payment.payment.amount)
    payment.capture(payment.payment.amount)
    payment.expect_taken(payment.payment.amount)
    payment.settled()
    payment.expect(Standing.SUCCEEDED, "captured again")


@STEPS.step()
def capture_in_part(trial: Trial) -> None:
    """A part is captured, and told as that part."""
    payment = _authorised(trial)
    total = payment.payment.amount
    part = Money(total.minor * 2 // 3, total.currency)
    payment.capture(part)
    report = payment.settled()
    payment.expect(Standing.SUCCEEDED, "captured in part")
    expect(report.amount == part, f"{part} was captured, {report.amount} is told as taken")
    payment.expect_taken(part)


@STEPS.step(Ability.CAPTURE)
def capture_timeout_after_success(trial: Trial) -> None:
    """A capture that was carried out and not answered is unknown, and asking finds out."""
    payment = _authorised(trial)
    trial.rig.misbehave(Misbehaviour.LOSE_ANSWERS)
    payment.capture(payment.payment.amount)
    expect(
        payment.report.standing in {Standing.UNKNOWN, Standing.PENDING},
        f"a capture that had no answer is {payment.report.standing}",
    )
    trial.rig.behave()
    payment.settled()
    payment.expect(Standing.SUCCEEDED, "asked about after the capture")
    payment.expect_taken(payment.payment.amount)


@STEPS.step(Ability.CAPTURE, Ability.VOID)
def void_lets_go_what_was_authorised(trial: Trial) -> None:
    """What was authorised and let go is cancelled, and cannot be taken any more."""
    payment = _authorised(trial)
    _is_let_go(payment)
    report = payment.capture(payment.payment.amount)
    expect(report.standing is not Standing.SUCCEEDED, "what was let go was captured")
    payment.expect_taken(None)


@STEPS.step()
def void_lets_go_what_was_opened(trial: Trial) -> None:
    """What was opened and let go is cancelled, and can be paid no more."""
    payment = trial.start()
    _is_let_go(payment)
    payment.expect_taken(None)


@STEPS.step()
def void_after_success_takes_nothing_back_unsaid(trial: Trial) -> None:
    """A payment that succeeded is not told as cancelled, unless nothing is taken for it."""
    payment = trial.paid()
    payment.void()
    taken = trial.rig.truth(payment.payment).taken
    if payment.report.standing is Standing.CANCELLED:
        expect(taken is None, f"told as cancelled, the payment took {taken}")
    else:
        expect(taken == payment.payment.amount, "the payment was let go, and is not told as cancelled")


def _authorised(trial: Trial) -> Followed:
    payment = trial.start(capture_later=True)
    payment.resume(payment.act(Act.APPROVE))
    if payment.report.standing in {Standing.PENDING, Standing.UNKNOWN}:
        payment.settled()
    payment.expect(Standing.AUTHORISED, "to be captured later, after the player approved")
    payment.expect_taken(None)
    return payment


def _is_let_go(payment: Followed) -> None:
    payment.void()
    payment.expect(Standing.CANCELLED, "let go")
    payment.inquire()
    payment.expect(Standing.CANCELLED, "asked about after it was let go")
    payment.void()
    payment.expect(Standing.CANCELLED, "let go again")
