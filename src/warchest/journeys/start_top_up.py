"""A player begins to pay: the payment is written down first, then the provider opens its page."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.journeys.settle_payment import settle
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.members.contract import Members, PlayerState
from warchest.payments.contract import Payment, Payments, Status, UnableToTopUp
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Report

_UNTOLD = frozenset({Status.CREATED, Status.UNKNOWN})


def start_top_up(
    command: Command,
    *,
    player: UUID,
    amount: Money,
    provider: str,
    return_url: str = "",
    units_shown: Money | None = None,
) -> Done[Payment]:
    """Open a payment of ``amount`` (real currency) and answer where the player's browser goes: ``redirect_url``.

    ``return_url`` is where it comes back to, an absolute http or https address; empty: our own page. ``units_shown``
    are the units that the player was shown for it: where the rate has changed since, nothing is opened.

    Two transactions with the provider between them, which is never spoken with inside one. Repeated with the same key
    it is the same payment and the same answer; where the first call was cut off, or heard nothing, the provider is
    asked again under the same reference.

    Raises UnableToFindPlayer, UnableToTopUp, UnableToQuote, UnableToUseProvider.
    """
    payments = services.get(Payments)
    opened = open_payment(
        command,
        player=player,
        amount=amount,
        provider=provider,
        return_url=return_url,
        units_shown=units_shown,
    )
    if opened.replayed:
        if told := payments.answer_to(payment_id=opened.answer.id):
            return Done(told, replayed=True)
        settled_since = payments.payment(payment_id=opened.answer.id)
        if settled_since.status not in _UNTOLD:
            return Done(settled_since, replayed=True)
    heard = payments.start(payment_id=opened.answer.id, at=command.at)
    return _record_start(
        command.under(f"heard:{heard.message}"),
        payment_id=opened.answer.id,
        report=heard.report,
        attempt=heard.attempt,
    )


@journey("payments.open")
def open_payment(
    tx: Transaction,
    *,
    player: UUID,
    amount: Money,
    provider: str,
    return_url: str,
    units_shown: Money | None,
) -> Payment:
    """Write a payment down. Alone it is for filling in a past, in which no provider can be told any more."""
    found = tx.get(Members).player(player_id=player)
    if found.state is not PlayerState.ACTIVE:
        raise UnableToTopUp("player_not_active", state=found.state.value)
    quote = tx.get(Accounting).quote(paid=amount, at=tx.command.at)
    if units_shown is not None and units_shown != quote.units:
        raise UnableToTopUp("quote_changed", units=quote.units.major)
    payment = tx.get(Payments).open_payment(
        payment_id=new_id(),
        player=found.id,
        provider=provider,
        quote=quote,
        return_url=return_url,
        language=found.language,
        country=found.country,
        at=tx.command.at,
    )
    tx.about(
        "payment",
        payment.id,
        player=str(player),
        provider=provider,
        amount_minor=amount.minor,
        currency=amount.currency.code,
        units_minor=quote.units.minor,
    )
    return payment


@journey("payments.record_start")
def _record_start(tx: Transaction, *, payment_id: UUID, report: Report, attempt: int) -> Payment:
    payment = settle(tx, payment_id=payment_id, report=report, attempt=attempt)
    if payment.status in _UNTOLD:
        # Nobody knows yet whether the provider has it: the caller may repeat the request, and shall hear more then.
        return payment
    return tx.get(Payments).answer_attempt(payment_id=payment_id, at=tx.command.at)
