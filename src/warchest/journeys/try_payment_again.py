"""A payment that failed is tried again: by another way to pay, or at another provider."""

from __future__ import annotations

from uuid import UUID

from warchest.journeys.start_top_up import chosen, open_at_provider, options
from warchest.payments.contract import FraudVerdict, Payment, Payments, Status, UnableToTryAgain, Wish
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

_UNTOLD = frozenset({Status.CREATED, Status.UNKNOWN})


def try_payment_again(
    command: Command, *, payment_id: UUID, provider: str = "", method: str = ""
) -> Done[Payment]:
    """Open the same payment once more, for the same amount and units; ``provider`` empty: the first of the routes.

    Only after the attempt before has failed or was cancelled for certain: nobody pays twice. Raises UnableToFindPayment,
    UnableToTryAgain, UnableToRoute, UnableToUseProvider.
    """
    opened = _open_again(command, payment_id=payment_id, provider=provider, method=method)
    payment = opened.answer
    if opened.replayed:
        payment = services.get(Payments).payment(payment_id=payment_id)
        if payment.status not in _UNTOLD or payment.attempt != opened.answer.attempt:
            return Done(payment, replayed=True)
    # Asked again, nobody knows any more whether the first time was heard.
    return open_at_provider(command, payment=payment, may_change=not provider and not opened.replayed)


@journey("payments.try_again")
def _open_again(tx: Transaction, *, payment_id: UUID, provider: str, method: str) -> Payment:
    payments = tx.get(Payments)
    payment = payments.check_retry(payment_id=payment_id, at=tx.command.at)
    if payment.status not in (Status.FAILED, Status.CANCELLED):
        is_open = payment.status in (Status.CREATED, Status.PENDING, Status.UNKNOWN)
        raise UnableToTryAgain("attempt_open" if is_open else "payment_over")
    choice = chosen(
        tx, Wish(amount=payment.amount, country=payment.country, method=method, provider=provider)
    )
    needs_look = any(
        one.verdict is FraudVerdict.REVIEW for one in payments.assessments(payment_id=payment_id)
    )
    verdict = FraudVerdict.REVIEW if needs_look else FraudVerdict.ALLOW
    tx.about("payment", payment_id, player=str(payment.player), provider=choice, method=method)
    return payments.open_attempt(
        payment_id=payment_id,
        provider=choice,
        options=options(tx, provider=choice, method=method, verdict=verdict),
        at=tx.command.at,
    )
