"""Why money that was taken as asked is not credited at once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.payments import fraud
from warchest.payments.contract.house_rules import FraudVerdict
from warchest.payments.contract.reviews import Decision
from warchest.payments.models import ReviewVote as VoteRow
from warchest.sdk.payments import Report

verdict_on = fraud.verdict_on


def of(*, payment_id: UUID, report: Report, at: datetime) -> str:
    """What the fraud rules say now that the card may be told: the reason for a review, empty for none."""
    match fraud.verdict_with(payment_id=payment_id, instrument=report.instrument, at=at):
        case FraudVerdict.BLOCK:
            return "fraud_block"
        case FraudVerdict.REVIEW:
            return "fraud_review"
    return ""


def was_refused(*, payment_id: UUID, attempt: int) -> bool:
    """Whether a person has refused this attempt: money that comes for it all the same goes back."""
    return VoteRow.objects.filter(payment=payment_id, round=attempt, decision=Decision.REFUSE).exists()


def refused_at_all(*, payment_id: UUID) -> bool:
    return VoteRow.objects.filter(payment=payment_id, decision=Decision.REFUSE).exists()
