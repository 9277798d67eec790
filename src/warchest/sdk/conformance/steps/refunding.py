"""Refunds: never beyond the payment, and one for each reference, however often it is asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from warchest.kernel.money import Money
from warchest.sdk.conformance.rig import Misbehaviour
from warchest.sdk.conformance.step import Steps, expect
from warchest.sdk.conformance.trial import Followed, FollowedRefund, Trial
from warchest.sdk.payments import Ability, Standing, Subject

STEPS = Steps()


@STEPS.step(Ability.REFUND)
def full_refund(trial: Trial) -> None:
    """A refund of all that was paid is confirmed, and the player has the money back."""
    payment = trial.paid()
    _returned(payment, payment.refund(payment.payment.amount), payment.payment.amount)


@STEPS.step(Ability.PARTIAL_REFUND)
def partial_refunds(trial: Trial) -> None:
    """Refunds of parts are confirmed one after the other, each with its own amount, and add up to the payment."""
    payment = trial.paid()
    first, second = _halves(payment.payment.amount)
    _returned(payment, payment.refund(first), first)
    _returned(payment, payment.refund(second), second, together=payment.payment.amount)


@STEPS.step(Ability.REFUND)
def repeated_refund_is_one(trial: Trial) -> None:
    """A refund that is instructed again under its reference, later and at once, is one refund."""
    payment = trial.paid()
    part, _ = _halves(payment.payment.amount)
    partial = Ability.PARTIAL_REFUND in trial.provider.description.abilities
    amount = part if partial else payment.payment.amount
    refund = payment.refund(amount)
    with ThreadPoolExecutor(3) as pool:
        again = [FollowedRefund(payment, refund.request) for _ in range(3)]
        list(pool.map(FollowedRefund.instruct, again))
    for one in [*again, refund]:
        one.settled()
        one.expect(Standing.SUCCEEDED, "instructed again")
    expect(
        len({one.report.provider_reference for one in [*again, refund]}) == 1,
        "instructed again under its reference, the refund has another number",
    )
    _books(payment, returned=amount, refunds=1)


@STEPS.step(Ability.PARTIAL_REFUND)
def refunds_at_once_stay_within_payment(trial: Trial) -> None:
    """Of two refunds at once that together exceed the payment, one is carried out and the other refused."""
    payment = trial.paid()
    total = payment.payment.amount
    most = Money(total.minor * 3 // 5 + 1, total.currency)
    refunds = [FollowedRefund(payment, payment.refund_request(most)) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(FollowedRefund.instruct, refunds))
    standings = sorted(refund.settled().standing for refund in refunds)
    expect(
        standings == [Standing.FAILED, Standing.SUCCEEDED],
        f"two refunds that together exceed the payment are {' and '.join(standings)}",
    )
    _books(payment, returned=most, refunds=1)


@STEPS.step(Ability.REFUND)
def refund_beyond_payment_is_refused(trial: Trial) -> None:
    """A refund of more than was paid failed, and nothing went back."""
    payment = trial.paid()
    more = payment.payment.amount + Money(1, payment.payment.amount.currency)
    refund = payment.refund(more)
    refund.settled()
    refund.expect(Standing.FAILED, "asked for more than was paid")
    _books(payment, returned=None, refunds=0)


@STEPS.step(Ability.REFUND)
def refund_timeout_after_success(trial: Trial) -> None:
    """A refund that was carried out and not answered is unknown; instructed again, it is confirmed, and is one."""
    payment = trial.paid()
    trial.rig.misbehave(Misbehaviour.LOSE_ANSWERS)
    refund = payment.refund(payment.payment.amount)
    expect(
        refund.report.standing in {Standing.UNKNOWN, Standing.PENDING},
        f"a refund that had no answer is {refund.report.standing}",
    )
    trial.rig.behave()
    refund.instruct()
    refund.settled()
    refund.expect(Standing.SUCCEEDED, "instructed again")
    _books(payment, returned=payment.payment.amount, refunds=1)


@STEPS.step()
def refused_refund_fails(trial: Trial) -> None:
    """A refund that the provider refuses failed, with its reason, and nothing went back."""
    payment = trial.paid()
    trial.rig.misbehave(Misbehaviour.REFUSE_REFUNDS)
    refund = payment.refund(payment.payment.amount)
    refund.settled()
    refund.expect(Standing.FAILED, "refused")
    expect(bool(refund.report.reason), "the provider's reason is missing")
    _books(payment, returned=None, refunds=0)


@STEPS.step()
def late_refund_is_pending_first(trial: Trial) -> None:
    """A refund that takes its time is pending until the provider has confirmed or refused it."""
    payments = [trial.paid(), trial.paid()]
    trial.rig.misbehave(Misbehaviour.DELAY_REFUNDS)
    refunds = [payment.refund(payment.payment.amount) for payment in payments]
    for refund in refunds:
        refund.inquire()
        refund.expect(Standing.PENDING, "not decided yet")
    trial.rig.finish_refund(refunds[0].request, confirmed=True)
    trial.rig.finish_refund(refunds[1].request, confirmed=False)
    for refund, standing in zip(refunds, (Standing.SUCCEEDED, Standing.FAILED), strict=True):
        refund.settled()
        refund.expect(standing, "decided")
    _books(payments[0], returned=payments[0].payment.amount, refunds=1)
    _books(payments[1], returned=None, refunds=0)


@STEPS.step()
def refund_is_told_by_notice(trial: Trial) -> None:
    """The notice of a refund names the refund by our reference and tells how it stands."""
    payment = trial.paid()
    refund = payment.refund(payment.payment.amount)
    refund.settled()
    _, notice = trial.notice(
        "about the refund",
        lambda one: one.subject is Subject.REFUND and one.refund_reference == refund.request.reference,
    )
    expect(payment.is_told_by(notice), "the notice of the refund does not name its payment")
    expect(
        notice.report.standing in {Standing.SUCCEEDED, Standing.PENDING},
        f"the notice of a confirmed refund says {notice.report.standing}",
    )
    expect(
        notice.report.amount in {payment.payment.amount, None},
        f"the notice says that {notice.report.amount} went back",
    )


def _returned(
    payment: Followed, refund: FollowedRefund, amount: Money, together: Money | None = None
) -> None:
    report = refund.settled()
    refund.expect(Standing.SUCCEEDED, "asked for")
    expect(bool(report.provider_reference), "the provider's number of the refund is missing")
    expect(report.amount in {amount, None}, f"a refund of {amount} is told as {report.amount}")
    _books(payment, returned=together or amount)


def _books(payment: Followed, *, returned: Money | None, refunds: int | None = None) -> None:
    truth = payment.trial.rig.truth(payment.payment)
    given_back = truth.returned if truth.returned and truth.returned.minor else None
    expect(
        given_back == returned,
        f"the provider gave back {given_back or 'nothing'} and not {returned or 'nothing'}",
    )
    expect(truth.taken == payment.payment.amount, f"the provider took {truth.taken or 'nothing'}")
    if refunds is not None:
        expect(truth.refunds == refunds, f"the provider made {truth.refunds} refunds and not {refunds}")


def _halves(amount: Money) -> tuple[Money, Money]:
    first = Money(amount.minor // 3, amount.currency)
    return first, amount - first
