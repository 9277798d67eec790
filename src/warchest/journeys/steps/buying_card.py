"""A virtual card as the purpose of a payment: bought with the units that the payment brings, in the transaction that credits it.

It is the payer's own: what a gift says would have to stand in the payment until the money comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.cards.contract import Cards, UnableToBuyCard
from warchest.charging.contract import Charging, UnableToSpend
from warchest.journeys.buy_card import bought_within, price_of
from warchest.kernel.money import Money
from warchest.members.contract import Members, Player
from warchest.payments.contract import Payment, Wanted
from warchest.runtime import wire
from warchest.runtime.transactions import Transaction

KIND = "virtual_card"


@dataclass(frozen=True, slots=True)
class CardWanted:
    """A card of a batch for ``charge`` units, the price that the player was shown."""

    batch: UUID
    charge: Money

    def as_purpose(self) -> Wanted:
        return Wanted(KIND, wire.encode(self).decode())


@dataclass(frozen=True, slots=True)
class CardGot:
    card: UUID
    serial: str


class BuysCard:
    """Implements ``purposes.Sees``."""

    def check(self, tx: Transaction, *, player: Player, asked: str, units: Money) -> None:
        said = wire.decode(asked, CardWanted)
        price_of(tx, buyer=player, batch=said.batch, price_shown=said.charge)
        if units < said.charge:
            raise UnableToBuyCard("price_changed", charge=said.charge.major)

    def prepare(self, tx: Transaction, *, payment: Payment, asked: str) -> None:
        tx.get(Cards).lock_stock(batch=wire.decode(asked, CardWanted).batch)

    def fulfil(self, tx: Transaction, *, payment: Payment, asked: str) -> str:
        said = wire.decode(asked, CardWanted)
        buyer = tx.get(Members).player(player_id=payment.player)
        # All that could still refuse it is asked before anything is written: batch and wallet are locked by now.
        try:
            price_of(tx, buyer=buyer, batch=said.batch, price_shown=said.charge)
        except UnableToBuyCard as refusal:
            if refusal.reason in refusal.passing:
                # The money does not wait for another batch.
                raise UnableToBuyCard("card_not_on_offer") from None
            raise
        usable = tx.get(Charging).paid_units(player=payment.player, at=tx.command.at)
        if usable < said.charge:
            raise UnableToSpend("insufficient_funds", missing_minor=(said.charge - usable).minor)
        bought = bought_within(
            tx, player=payment.player, batch=said.batch, price_shown=said.charge, gift=None
        )
        return wire.encode(CardGot(bought.id, bought.serial)).decode()
