"""Methods that the provider remembers, so that the player pays with one click, or not there at all."""

from __future__ import annotations

from warchest.sdk.conformance.rig import Act, Misbehaviour
from warchest.sdk.conformance.step import Steps, expect
from warchest.sdk.conformance.trial import Followed, Trial
from warchest.sdk.payments import Ability, Standing

STEPS = Steps()


@STEPS.step(Ability.SAVED_METHODS)
def saved_method_is_charged(trial: Trial) -> None:
    """A method that was saved is charged without the player, once, however often it is asked for."""
    payer, token = _saved(trial)
    payment = trial.start(payer=payer, saved_method=token, player_present=False)
    if payment.report.standing is Standing.PENDING:
        payment.settled()
    payment.expect(Standing.SUCCEEDED, "charged to a saved method")
    payment.expect_taken(payment.payment.amount)
    payment.start()
    payment.expect_taken(payment.payment.amount)


@STEPS.step(Ability.SAVED_METHODS)
def saved_method_timeout_after_success(trial: Trial) -> None:
    """A charge of a saved method that was carried out and not answered is unknown, and is found as one payment."""
    payer, token = _saved(trial)
    trial.rig.misbehave(Misbehaviour.LOSE_ANSWERS)
    payment = trial.start(payer=payer, saved_method=token, player_present=False)
    payment.expect(Standing.UNKNOWN, "charged and not answered")
    trial.rig.behave()
    payment.start()
    if payment.report.standing is not Standing.SUCCEEDED:
        payment.settled()
    payment.expect(Standing.SUCCEEDED, "started again under its reference")
    payment.expect_taken(payment.payment.amount)


@STEPS.step()
def saved_method_needs_the_player(trial: Trial) -> None:
    """Where the bank wants the player, one who is there is sent to prove it, and a charge without them failed."""
    payer, token = _saved(trial)
    trial.rig.misbehave(Misbehaviour.CHALLENGE)
    absent = trial.start(payer=payer, saved_method=token, player_present=False)
    absent.expect(Standing.FAILED, "charged without the player whom the bank wants")
    expect(bool(absent.report.reason), "the provider's reason is missing")
    absent.expect_taken(None)
    present = trial.start(payer=payer, saved_method=token, player_present=True)
    present.expect(Standing.PENDING, "before the player has proved who they are")
    expect(bool(present.report.redirect_url), "the player is not told where to prove who they are")
    present.resume(present.act(Act.APPROVE))
    if present.report.standing is not Standing.SUCCEEDED:
        present.settled()
    present.expect(Standing.SUCCEEDED, "after the player has proved who they are")
    present.expect_taken(present.payment.amount)


@STEPS.step(Ability.SAVED_METHODS)
def forgotten_method_is_gone(trial: Trial) -> None:
    """A method that was forgotten can be forgotten again, and is charged no more."""
    payer, token = _saved(trial)
    for when in ("forgotten", "forgotten again"):
        report = trial.call("forget_method", lambda: trial.provider.forget_method(payer=payer, token=token))
        expect(report.standing is Standing.SUCCEEDED, f"{when}, the method is {report.standing}")
    payment = trial.start(payer=payer, saved_method=token, player_present=False)
    payment.expect(Standing.FAILED, "charged to a forgotten method")
    payment.expect_taken(None)


@STEPS.step(Ability.SAVED_METHODS)
def nothing_kept_tells_a_token(trial: Trial) -> None:
    """The token of a saved method stands in ``Instrument.token``, and in nothing that is kept as text."""
    payment = trial.start(save_method=True)
    payment.approve()
    _, token = _token(payment)
    reports = [payment.report, payment.inquire()]
    charged = trial.start(payer=payment.payment.payer, saved_method=token, player_present=False)
    reports += [charged.report, charged.inquire()]
    for report in reports:
        texts = (report.raw, report.reason, report.provider_reference, *report.keep.values())
        expect(not any(token in text for text in texts), "what is kept of a report holds the token")


@STEPS.step()
def instrument_is_told(trial: Trial) -> None:
    """What was paid with has a method and a label, and one fingerprint for one card."""
    fingerprints = set()
    for _ in range(2):
        payment = trial.paid()
        instrument = payment.report.instrument or payment.inquire().instrument
        expect(instrument is not None, "the report does not say what was paid with")
        assert instrument is not None
        expect(bool(instrument.method and instrument.label), "the instrument has no method or no label")
        fingerprints.add(instrument.fingerprint)
    expect(len(fingerprints) == 1, "one card has two fingerprints")


def _saved(trial: Trial) -> tuple[str, str]:
    payment: Followed = trial.start(save_method=True)
    payment.approve()
    return _token(payment)


def _token(payment: Followed) -> tuple[str, str]:
    payment.expect(Standing.SUCCEEDED, "after the player approved and had the method saved")
    instrument = payment.report.instrument or payment.inquire().instrument
    expect(instrument is not None and bool(instrument.token), "the saved method has no token")
    assert instrument is not None
    return payment.payment.payer, instrument.token
