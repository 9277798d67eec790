"""A reseller notes what one of its own has paid, so that both see the same. What is paid to us comes by the bank."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Cards, UnableToShipCards
from warchest.journeys.steps.resellers import may_ship_for
from warchest.kernel.money import Money
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("resellers.note_payment")
def note_reseller_payment(tx: Transaction, *, reseller: UUID, amount: Money, reference: str) -> None:
    """Raises UnableToAdminister, UnableToTakeOnReseller, UnableToShipCards."""
    tx.about("reseller", reseller, amount=str(amount), reference=reference[:60])
    payer = tx.get(Cards).reseller(reseller_id=reseller)
    if payer.parent is None:
        raise UnableToShipCards("payment_malformed")
    may_ship_for(tx, payer.parent)
    tx.get(Cards).note_reseller_payment(
        reseller_id=reseller,
        amount=amount,
        reference=reference,
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
