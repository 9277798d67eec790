"""Disputes: told by notice when they open and when they end, under one id."""

from __future__ import annotations

from datetime import UTC, datetime

from warchest.sdk.conformance.step import Steps, expect
from warchest.sdk.conformance.trial import Followed, Trial
from warchest.sdk.payments import (
    Ability,
    DisputeReport,
    DisputeStanding,
    Evidence,
    Notice,
    Standing,
    Subject,
)

STEPS = Steps()


@STEPS.step(Ability.DISPUTES)
def dispute_is_told(trial: Trial) -> None:
    """The notice of an opened dispute tells its id, its amount, and of which payment it is."""
    payment = trial.paid()
    dispute = _told(payment, DisputeStanding.OPENED)
    expect(dispute.amount == payment.payment.amount, f"the dispute is told as {dispute.amount}")


@STEPS.step(Ability.DISPUTES)
def dispute_is_won(trial: Trial) -> None:
    """A dispute that was won is told so, under the id under which it was opened."""
    _ends(trial, DisputeStanding.WON)


@STEPS.step(Ability.DISPUTES)
def dispute_is_lost(trial: Trial) -> None:
    """A dispute that was lost is told so, under the id under which it was opened."""
    _ends(trial, DisputeStanding.LOST)


@STEPS.step(Ability.DISPUTES)
def evidence_is_handed_in(trial: Trial) -> None:
    """Evidence that is handed in arrives, and may be handed in again."""
    payment = trial.paid()
    dispute = _told(payment, DisputeStanding.OPENED)
    evidence = Evidence("The credits were used the same evening.", paid_at=datetime.now(UTC))
    for _ in range(2):
        report = trial.call(
            "answer_dispute",
            lambda: trial.provider.answer_dispute(
                payment.payment,
                provider_reference=payment.report.provider_reference,
                dispute=dispute.id,
                evidence=evidence,
            ),
        )
        expect(report.standing is Standing.SUCCEEDED, f"handed in, the evidence is {report.standing}")


def _ends(trial: Trial, standing: DisputeStanding) -> None:
    payment = trial.paid()
    opened = _told(payment, DisputeStanding.OPENED)
    ended = _told(payment, standing)
    expect(opened.id == ended.id, "one dispute has two ids")


def _told(payment: Followed, standing: DisputeStanding) -> DisputeReport:
    trial = payment.trial
    trial.rig.dispute(payment.payment, payment.report, standing)

    def tells(notice: Notice) -> bool:
        return (
            notice.subject is Subject.DISPUTE
            and notice.dispute is not None
            and notice.dispute.standing is standing
            and payment.is_told_by(notice)
        )

    _, notice = trial.notice(f"of a dispute that is {standing}", tells)
    assert notice.dispute is not None
    expect(bool(notice.dispute.id), "the dispute has no id")
    return notice.dispute
