"""Reviews: why a payment waits for a person, who has decided what, and what the provider is asked for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.payments import (
    attempts,
    doubts,
    exchanges,
    house_rules,
    operations,
    providers,
    queries,
    route_rules,
)
from warchest.payments.contract import (
    Direction,
    Exchange,
    Heard,
    Payment,
    Status,
    UnableToTryAgain,
    UnableToUseProvider,
)
from warchest.payments.contract.house_rules import FraudVerdict, ReviewTerms, RuleKind
from warchest.payments.contract.reviews import Decision, Review, UnableToDecideReview, Vote
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import BonusPromise
from warchest.payments.models import Message as MessageRow
from warchest.payments.models import Payment as PaymentRow
from warchest.payments.models import ReviewVote as VoteRow
from warchest.sdk.payments import Ability, Standing

_LIMIT_MAX = 500
_RETRIED_WITHIN = timedelta(hours=24)
"""The rate that was fixed before paying holds no longer for a further attempt."""


def vote(*, payment_id: UUID, decision: Decision, note: str, actor: str, at: datetime) -> tuple[Review, bool]:
    row = operations.locked(payment_id)
    if row.status != Status.REVIEW:
        raise UnableToDecideReview("payment_not_in_review", status=row.status)
    review = _review(row, at=at)
    if any(vote.decision is not decision for vote in review.votes):
        raise UnableToDecideReview("review_votes_differ")
    if any(vote.by == actor for vote in review.votes):
        if len(review.votes) >= review.votes_needed:
            # It was decided, and the provider had not heard of it yet: the same person may try that again.
            return review, True
        raise UnableToDecideReview("review_of_another_person")
    if decision is Decision.APPROVE and review.taken is None and not review.authorised:
        raise UnableToDecideReview("nothing_was_taken")
    VoteRow.objects.create(
        payment=row,
        round=_round(row),
        decision=decision,
        reason=row.reason,
        note=note[:400],
        made_at=at,
        made_by=actor,
    )
    review = _review(row, at=at)
    return review, len(review.votes) >= review.votes_needed


def lock_review(*, payment_id: UUID) -> Payment:
    return queries.frozen(operations.locked(payment_id))


def accept_taken(
    *, payment_id: UUID, taken: Money, units: Money, units_per_major: str, at: datetime
) -> Payment:
    row = operations.locked(payment_id)
    if row.status != Status.REVIEW or taken.minor <= 0 or units.minor <= 0:
        raise UnableToDecideReview("nothing_was_taken")
    if (taken.minor, taken.currency.code) != (row.amount_minor, row.currency):
        row.taken_minor, row.taken_currency = taken.minor, taken.currency.code
        row.asked_minor, row.asked_currency = row.amount_minor, row.currency
        row.amount_minor, row.currency = taken.minor, taken.currency.code
        row.units_minor, row.units_per_major = units.minor, units_per_major
    row.changed_at = at
    row.save()
    return queries.frozen(row)


def close_review(*, payment_id: UUID, at: datetime) -> tuple[Payment, Money | None]:
    row = operations.locked(payment_id)
    if row.status != Status.REVIEW:
        return queries.frozen(row), None
    taken = queries.frozen(row).taken
    row.status, row.changed_at, row.next_inquiry_at = Status.CANCELLED, at, None
    row.save()
    return queries.frozen(row), taken or Money.zero(currency(row.currency))


def give_up_unsent(*, payment_id: UUID, attempt: int, at: datetime) -> bool:
    row = operations.locked(payment_id)
    tried = attempts.row_of(payment_id=payment_id, number=attempt)
    # Whoever tells the provider writes that down first, under the same lock.
    told = MessageRow.objects.filter(
        payment=row,
        direction=Direction.TO_PROVIDER,
        exchange=Exchange.START,
        provider=tried.provider,
    )
    return row.status == Status.CREATED and row.attempt == attempt and not told.exists()


def promise_bonus(*, payment_id: UUID, units: Money, at: datetime, paid: Money) -> Money:
    bonus, terms = route_rules.bonus(
        paid=paid, units=units, rules=house_rules.in_force(RuleKind.BONUS, at=at)
    )
    if terms is not None and bonus:
        BonusPromise.objects.create(
            payment_id=payment_id, units_minor=bonus.minor, days=terms.days, rule=terms.percent
        )
    return bonus


def capture(*, payment_id: UUID, at: datetime) -> Heard:
    return exchanges.exchange(
        payment_id,
        Exchange.CAPTURE,
        at,
        ask=lambda provider, request, known: provider.capture(
            request, provider_reference=known.provider_reference, amount=request.amount
        ),
    )


def void(*, payment_id: UUID, at: datetime) -> Heard:
    return exchanges.exchange(
        payment_id,
        Exchange.VOID,
        at,
        ask=lambda provider, request, known: provider.void(
            request, provider_reference=known.provider_reference
        ),
    )


# Reads


def can_void(*, payment_id: UUID) -> bool:
    return _can(queries.payment(payment_id=payment_id).provider, Ability.VOID)


def can_capture(*, provider: str) -> bool:
    # Who reserves and cannot let go again would leave the player's money reserved for days.
    return _can(provider, Ability.CAPTURE) and _can(provider, Ability.VOID)


def _can(provider: str, ability: Ability) -> bool:
    try:
        return ability in providers.configured(provider).description.abilities
    except UnableToUseProvider:
        return False


def review(*, payment_id: UUID, at: datetime) -> Review:
    payment = queries.payment(payment_id=payment_id)
    if payment.status is not Status.REVIEW:
        raise UnableToDecideReview("payment_not_in_review", status=payment.status.value)
    return _review(PaymentRow.objects.get(id=payment_id), at=at)


def reviews(*, at: datetime, limit: int = 200) -> tuple[Review, ...]:
    rows = PaymentRow.objects.filter(status=Status.REVIEW).order_by("changed_at", "id")
    return tuple(_review(row, at=at) for row in rows[: min(limit, _LIMIT_MAX)])


def _review(row: PaymentRow, *, at: datetime) -> Review:
    payment, terms = queries.frozen(row), _terms(at)
    tried = AttemptRow.objects.filter(payment=row, number=row.attempt).first()
    votes = VoteRow.objects.filter(payment=row, round=_round(row)).order_by("id")
    four_eyes = 0 < terms.four_eyes_units * 100 <= row.units_minor
    return Review(
        payment=payment,
        since=row.changed_at,
        authorised=bool(tried and tried.standing == Standing.AUTHORISED),
        taken=payment.taken,
        votes=tuple(Vote(Decision(each.decision), each.made_by, each.note, each.made_at) for each in votes),
        votes_needed=2 if four_eyes else 1,
        is_late=at - row.changed_at > timedelta(hours=terms.alert_hours),
    )


def _round(row: PaymentRow) -> int:
    # A payment that comes under review again by a further attempt is decided about anew.
    return row.attempt


def _terms(at: datetime) -> ReviewTerms:
    found = [
        rule.terms
        for rule in house_rules.in_force(RuleKind.REVIEW, at=at)
        if isinstance(rule.terms, ReviewTerms)
    ]
    return found[-1] if found else ReviewTerms()


def promised_bonus(*, payment_id: UUID) -> tuple[Money, int] | None:
    promise = BonusPromise.objects.filter(payment=payment_id).first()
    if promise is None:
        return None
    units, row = promise.units_minor, promise.payment
    if row.asked_minor is not None:
        # Of what arrived instead of what was asked, its share; a promise in another currency was none.
        same = row.asked_currency == row.currency
        units = units * min(row.amount_minor, row.asked_minor) // row.asked_minor if same else 0
    return (Money.units(units), promise.days) if units else None


def check_retry(*, payment_id: UUID, at: datetime) -> Payment:
    row = operations.locked(payment_id)
    if at - row.opened_at > _RETRIED_WITHIN:
        raise UnableToTryAgain("payment_too_old")
    verdict = doubts.verdict_on(payment_id)
    if verdict is FraudVerdict.BLOCK or doubts.refused_at_all(payment_id=payment_id):
        raise UnableToTryAgain("payment_over")
    return queries.frozen(row)


def overdue(*, at: datetime) -> tuple[Payment, ...]:
    before = at - timedelta(hours=_terms(at).alert_hours)
    rows = PaymentRow.objects.filter(
        status__in=(Status.REVIEW, Status.UNKNOWN, Status.CREATED), changed_at__lt=before
    )
    return tuple(queries.frozen(row) for row in rows.order_by("changed_at", "id")[:_LIMIT_MAX])
