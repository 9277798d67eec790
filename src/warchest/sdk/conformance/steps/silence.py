"""The other side is silent, slow, out of its mind, or careless: unknown is not failed, and nobody waits for ever."""

from __future__ import annotations

from warchest.sdk.conformance.rig import CARD_NUMBER, Act, Misbehaviour
from warchest.sdk.conformance.step import Nonconformity, Steps, expect
from warchest.sdk.conformance.steps.manners import secret_fields
from warchest.sdk.conformance.trial import Followed, Trial
from warchest.sdk.payments import Ability, Notice, Report, Standing, UnableToTrustNotice

STEPS = Steps()

_SHORTEST_SECRET = 8


@STEPS.step()
def timeout_after_success(trial: Trial) -> None:
    """Opened, and no answer came: unknown; opened again under its reference, it is the same payment, and can be paid."""
    trial.rig.misbehave(Misbehaviour.LOSE_ANSWERS)
    payment = trial.start()
    payment.expect(Standing.UNKNOWN, "after it was opened and no answer came")
    trial.rig.behave()
    asked = payment.inquire()
    expect(
        asked.standing in {Standing.PENDING, Standing.UNKNOWN},
        f"asked about a payment whose opening was not answered, the plug-in says {asked.standing}",
    )
    payment.start()
    payment.expect(Standing.PENDING, "after it was opened again")
    held = trial.rig.truth(payment.payment).payments
    expect(held == 1, f"the provider holds {held} payments for one reference")
    payment.approve()
    payment.expect(Standing.SUCCEEDED, "after the player approved")
    payment.expect_taken(payment.payment.amount)


@STEPS.step()
def lost_notice_is_made_up_by_asking(trial: Trial) -> None:
    """No notice came and no browser returned: asking alone finds out that the player paid."""
    payment = trial.start()
    payment.act(Act.APPROVE)
    report = payment.settled()
    payment.expect(Standing.SUCCEEDED, "asked about, after the player approved")
    expect(report.amount == payment.payment.amount, f"asked about, the payment took {report.amount}")
    payment.expect_taken(payment.payment.amount)


@STEPS.step()
def hang_ends_in_time(trial: Trial) -> None:
    """A provider that takes the connection and says nothing leaves payments unknown, within the time-out."""
    _unclear(trial, Misbehaviour.HANG)


@STEPS.step()
def dripping_answer_ends_in_time(trial: Trial) -> None:
    """An answer that comes byte by byte and does not end leaves payments unknown, within the time-out."""
    _unclear(trial, Misbehaviour.DRIP)


@STEPS.step()
def server_error_is_unknown(trial: Trial) -> None:
    """A failure of the provider's own leaves payments unknown: behind it the payment may well have been carried out."""
    _unclear(trial, Misbehaviour.SERVER_ERROR)


@STEPS.step()
def malformed_answer_is_unknown(trial: Trial) -> None:
    """An answer that cannot be read leaves payments unknown."""
    _unclear(trial, Misbehaviour.MALFORMED)


@STEPS.step()
def unlisted_status_is_pending(trial: Trial) -> None:
    """A status that nobody has heard of is pending, and success again once it is told in known words."""
    payment = trial.start()
    payment.act(Act.APPROVE)
    trial.rig.misbehave(Misbehaviour.UNLISTED_STATUS)
    report = payment.inquire()
    expect(report.standing is Standing.PENDING, f"a status that nobody has heard of is {report.standing}")
    trial.rig.behave()
    payment.settled()
    payment.expect(Standing.SUCCEEDED, "told in known words again")


@STEPS.step()
def wrong_amount_is_told(trial: Trial) -> None:
    """Where less was taken than was asked for, the report says how much, and not what was asked for."""
    _differs(trial, Misbehaviour.WRONG_AMOUNT)


@STEPS.step()
def wrong_currency_is_told(trial: Trial) -> None:
    """Where another currency was taken, the report says which."""
    _differs(trial, Misbehaviour.WRONG_CURRENCY)


@STEPS.step()
def negative_amount_is_no_success(trial: Trial) -> None:
    """A success with an amount below nought is never told as the amount that was asked for."""
    _differs(trial, Misbehaviour.NEGATIVE_AMOUNT)


@STEPS.step()
def zero_amount_is_no_success(trial: Trial) -> None:
    """A success with an amount of nought is never told as the amount that was asked for."""
    _differs(trial, Misbehaviour.ZERO_AMOUNT)


@STEPS.step()
def nothing_kept_tells_a_secret(trial: Trial) -> None:
    """No report holds a secret of the settings or a whole card number, whatever the provider lets slip."""
    payment = trial.start()
    _tells_no_secret(trial, payment, "start")
    payment.approve()
    _tells_no_secret(trial, payment, "inquire")
    for _, notice in trial.notices(payment.is_told_by):
        _is_clean(trial, "read_notice", notice.report)
    if Ability.REFUND in trial.provider.description.abilities:
        _is_clean(trial, "refund", payment.refund(payment.payment.amount).report)
    trial.rig.misbehave(Misbehaviour.MALFORMED)
    payment.inquire()
    _tells_no_secret(trial, payment, "inquire, of a careless answer,")
    careless = trial.start()
    _tells_no_secret(trial, careless, "start, of a careless answer,")


def _unclear(trial: Trial, how: Misbehaviour) -> None:
    paid = trial.paid()
    trial.rig.misbehave(how)
    payment = trial.start()
    payment.expect(Standing.UNKNOWN, "opened")
    paid.inquire()
    paid.expect(Standing.UNKNOWN, "asked about")
    health = trial.call("health", trial.provider.health)
    expect(not health.well, "health says that all is well")
    if Ability.REFUND in trial.provider.description.abilities:
        refund = paid.refund(paid.payment.amount)
        expect(
            refund.report.standing in {Standing.UNKNOWN, Standing.PENDING},
            f"a refund that had no answer is {refund.report.standing}",
        )


def _differs(trial: Trial, how: Misbehaviour) -> None:
    trial.rig.misbehave(how)
    payment = trial.start()
    reports = [payment.resume(payment.act(Act.APPROVE)), payment.settled()]
    reports += [notice.report for _, notice in _readable(trial, payment)]
    for report in reports:
        _admits(report, payment, how, trial.rig.other_currency)


def _admits(report: Report, payment: Followed, how: Misbehaviour, other_currency: str) -> None:
    """What is told as taken is what was taken. Warchest compares it, and nothing is credited."""
    asked = payment.payment.amount
    expect(
        report.standing not in {Standing.FAILED, Standing.CANCELLED},
        f"a payment that took money is {report.standing}",
    )
    if report.standing is not Standing.SUCCEEDED:
        return
    expect(report.amount is not None, "the payment succeeded, and the report does not say what was taken")
    assert report.amount is not None
    told = report.amount
    expect(told != asked, f"{asked} is told as taken, which was asked for and not taken")
    match how:
        case Misbehaviour.WRONG_AMOUNT:
            right = told.currency == asked.currency and told.minor == asked.minor - 1
        case Misbehaviour.WRONG_CURRENCY:
            right = told.currency.code == other_currency
        case _:
            right = told.minor <= 0
    expect(right, f"{told} is told as taken, which was not taken")


def _readable(trial: Trial, payment: Followed) -> list[tuple[object, Notice]]:
    """The notices about the payment; those that the plug-in refuses to trust say nothing, which is allowed here."""
    if "notice_tells_success" in trial.rig.skips:
        return []
    trial.receiver.wait(but=0, timeout_s=trial.rig.notice_within_s)
    read: list[tuple[object, Notice]] = []
    for raw in trial.receiver.arrived():
        try:
            notice = trial.call("read_notice", lambda raw=raw: trial.provider.read_notice(raw))  # type: ignore[misc]
        except UnableToTrustNotice:
            continue
        if payment.is_told_by(notice):
            read.append((raw, notice))
    return read


def _tells_no_secret(trial: Trial, payment: Followed, what: str) -> None:
    _is_clean(trial, what, payment.report)


def _is_clean(trial: Trial, what: str, report: Report) -> None:
    settings = trial.settings()
    kept = "\n".join(
        [report.raw, report.reason, *report.keep.values(), *report.instructions.values()]
        + ([report.instrument.label, report.instrument.fingerprint] if report.instrument else [])
    )
    for name in secret_fields(type(settings)):
        value = getattr(settings, name)
        if isinstance(value, str) and len(value) >= _SHORTEST_SECRET and value in kept:
            raise Nonconformity(f"what {what} reports holds the secret setting {name}")
    digits = kept.replace(" ", "").replace("-", "")
    expect(CARD_NUMBER not in digits, f"what {what} reports holds a whole card number")
