"""The player's browser comes back from the provider's page: a reason to ask, and no proof of anything."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from warchest.journeys.settle_payment import settle_payment
from warchest.payments.contract import Payment, Payments, Status, UnableToUseProvider
from warchest.runtime.command import Command
from warchest.runtime.journey import Done
from warchest.runtime.services import services

_WORTH_ASKING = frozenset({Status.CREATED, Status.PENDING, Status.UNKNOWN})


def return_from_provider(command: Command, *, payment_id: UUID, query: Mapping[str, str]) -> Done[Payment]:
    """The payment as it stands, after the provider was asked where that was still open. Raises UnableToFindPayment."""
    payments = services.get(Payments)
    payment = payments.payment(payment_id=payment_id)
    if payment.status not in _WORTH_ASKING:
        return Done(payment, replayed=True)
    try:
        heard = payments.resume(payment_id=payment_id, query=query, at=command.at)
    except UnableToUseProvider:
        # Its plug-in is gone or misconfigured: the player still sees how the payment stands.
        return Done(payment, replayed=True)
    return settle_payment(
        command.under(f"heard:{heard.message}"),
        payment_id=payment_id,
        report=heard.report,
        attempt=heard.attempt,
    )
