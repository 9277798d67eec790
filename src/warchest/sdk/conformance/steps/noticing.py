"""Notices: trusted only with a right signature, read alike however often and in whatever order they come."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations

from warchest.sdk.conformance.rig import Act, Misbehaviour
from warchest.sdk.conformance.step import Nonconformity, Steps, expect
from warchest.sdk.conformance.trial import Followed, Trial
from warchest.sdk.payments import Notice, RawNotice, Standing, Subject, UnableToTrustNotice

STEPS = Steps()


@STEPS.step()
def notice_tells_success(trial: Trial) -> None:
    """The notice of a paid payment names it, and tells the amount, or lets asking tell it."""
    payment, _, notice = _paid_with_notice(trial)
    expect(bool(notice.id), "the notice has no id")
    expect(notice.subject is Subject.PAYMENT, f"the notice is about {notice.subject}")
    if notice.report.standing is Standing.SUCCEEDED:
        expect(
            notice.report.amount in {payment.payment.amount, None},
            f"the notice says that {notice.report.amount} was taken",
        )
    else:
        expect(
            notice.report.standing in {Standing.PENDING, Standing.UNKNOWN},
            f"the notice of a paid payment says {notice.report.standing}",
        )
        payment.settled()
        payment.expect(Standing.SUCCEEDED, "asked about after the notice")


@STEPS.step()
def repeated_notice_is_the_same(trial: Trial) -> None:
    """A notice that is sent again has the id of the first, and says the same."""
    payment, raw, notice = _paid_with_notice(trial)
    expect(trial.read(raw) == notice, "read twice, one notice says two things")
    sent = len(trial.receiver.arrived())
    trial.rig.send_again(payment.payment)
    until = time.monotonic() + trial.rig.notice_within_s
    # Of those that a provider sends of one payment, the last may come after it was told to send one again.
    while not (repeated := _repeated(arrived := [trial.read(one) for one in trial.receiver.arrived()])):
        if not trial.receiver.wait(but=len(arrived), timeout_s=until - time.monotonic()):
            expect(len(arrived) > sent, "the notice was not sent again")
            raise Nonconformity("sent again, the notice has another id")
    first, again = repeated
    expect(_said(first) == _said(again), "sent again, the notice says something else")


def _repeated(notices: Sequence[Notice]) -> tuple[Notice, Notice] | None:
    """The first two of one id."""
    return next((pair for pair in combinations(notices, 2) if pair[0].id == pair[1].id), None)


@STEPS.step()
def reordered_notices_say_the_same(trial: Trial) -> None:
    """Notices of two payments, read backwards by an instance that saw none before, say the same of each."""
    payments = [trial.paid(), trial.paid()]
    for payment in payments:
        trial.notice("about a paid payment", payment.is_told_by)
    raws = trial.receiver.arrived()
    forwards = [trial.read(raw) for raw in raws]
    expect(
        len({notice.id for notice in forwards}) == len({raw.body for raw in raws}),
        "notices that say different things share an id",
    )
    stranger = trial.build()
    backwards = [trial.read(raw, stranger) for raw in reversed(raws)]
    expect(forwards == backwards[::-1], "read in another order, notices say something else")


@STEPS.step()
def wrong_signature_is_refused(trial: Trial) -> None:
    """A notice that was signed with another secret is not trusted."""
    payment = trial.start()
    trial.rig.misbehave(Misbehaviour.WRONG_SIGNATURE)
    payment.resume(payment.act(Act.APPROVE))
    expect(
        trial.receiver.wait(but=0, timeout_s=trial.rig.notice_within_s),
        "no notice came",
    )
    for raw in trial.receiver.arrived():
        _refused(trial, raw, "signed with a wrong secret")


@STEPS.step()
def changed_body_is_refused(trial: Trial) -> None:
    """A notice that was changed on its way is not trusted."""
    _, raw, _ = _paid_with_notice(trial)
    _refused(trial, trial.rig.changed(raw), "changed on its way")


@STEPS.step()
def missing_signature_is_refused(trial: Trial) -> None:
    """A notice without its headers is not trusted, and neither is one of nothing or of nonsense."""
    _, raw, _ = _paid_with_notice(trial)
    plain = {name: raw.headers[name] for name in ("content-type",) if name in raw.headers}
    _refused(trial, replace(raw, headers=plain), "without its headers")
    for body in (b"", b"null", b"[]", b"\xff\xfe", b"{}", b"a=b&a=c"):
        _refused(trial, replace(raw, body=body), f"whose body is {body!r}")
        _refused(trial, replace(raw, headers=plain, body=body), f"of nothing but {body!r}")


@STEPS.step()
def old_notice_is_refused(trial: Trial) -> None:
    """A notice that was kept for a day and is played again is not trusted."""
    _, raw, _ = _paid_with_notice(trial)
    _refused(trial, replace(raw, received_at=raw.received_at + timedelta(days=1)), "a day old")


def _paid_with_notice(trial: Trial) -> tuple[Followed, RawNotice, Notice]:
    payment = trial.paid()
    raw, notice = trial.notice("about a paid payment", payment.is_told_by)
    return payment, raw, notice


def _refused(trial: Trial, raw: RawNotice, what: str) -> None:
    try:
        notice = trial.call("read_notice", lambda: trial.provider.read_notice(raw))
    except UnableToTrustNotice:
        return
    raise Nonconformity(f"a notice {what} is trusted: {notice.subject}, {notice.report.standing}")


def _said(notice: Notice) -> tuple[object, ...]:
    return (notice.reference, notice.subject, notice.report.standing, notice.report.amount, notice.dispute)
