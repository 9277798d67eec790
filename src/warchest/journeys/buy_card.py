"""PAY-05 and CRD-11: a player buys a virtual card from the wallet, for themselves or as a gift.

Only units that somebody paid for buy one: what was given can't be handed on. What had been paid for them is what the books owe
for the card, until it is activated. The code is sealed when the card is made, and in no answer, argument or fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from warchest.accounting.contract import Accounting, Taxed
from warchest.cards.contract import BoughtCard, CardOffer, Cards, GiftWish, UnableToBuyCard
from warchest.charging.contract import Charging
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Members, Player, PlayerState
from warchest.runtime.configuration import configuration
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction

KEY = "card-sold:{serial}"
"""The key of the entry that books the sale of a single card."""


@dataclass(frozen=True, slots=True)
class CardPrice:
    """``units`` is what a card of the offer costs now."""

    offer: CardOffer
    units: Money


@journey("cards.buy")
def buy_card(
    tx: Transaction,
    *,
    player: UUID,
    batch: UUID,
    price_shown: Money | None = None,
    gift: GiftWish | None = None,
) -> BoughtCard:
    """Buy a card of a batch in our stock, at today's quote of its face.

    ``price_shown`` is the price in units that the player agreed to; where another is in force by now, nothing is bought.
    Raises UnableToFindPlayer, UnableToBuyCard, UnableToQuote, UnableToSpend, UnableToUsePaidUnits.
    """
    return bought_within(tx, player=player, batch=batch, price_shown=price_shown, gift=gift)


def bought_within(
    tx: Transaction, *, player: UUID, batch: UUID, price_shown: Money | None, gift: GiftWish | None
) -> BoughtCard:
    """The purchase, within whatever transaction it is a part of: the batch is locked before the wallet."""
    cards, accounting, bought_id = tx.get(Cards), tx.get(Accounting), new_id()
    buyer = tx.get(Members).player(player_id=player)
    price = price_of(tx, buyer=buyer, batch=batch, price_shown=price_shown)
    if gift is not None:
        gift = cards.check_gift(wish=gift, expires_at=price.offer.expires_at, at=tx.command.at)
    taken = cards.take_from_stock(
        bought_id=bought_id, batch=batch, actor=str(tx.command.actor), at=tx.command.at
    )
    tx.about("card", taken.serial, player=str(player), fingerprint=taken.fingerprint)
    key = KEY.format(serial=taken.serial)
    slices = tx.get(Charging).consume_paid(player=player, units=price.units, reference=key, at=tx.command.at)
    paid = sum((part.consideration for part in slices[1:]), start=slices[0].consideration)
    taxed = _taxed(accounting, price.offer, paid, tx)
    entry = EntryDraft(
        id=new_id(),
        key=key,
        kind="card_bought",
        occurred_at=tx.command.at,
        legs=accounting.card_bought_legs(batch=batch, player=player, units=price.units, taxed=taxed),
        reference=taken.serial,
        details={"serial": taken.serial, "fingerprint": taken.fingerprint, "card": str(bought_id)},
    )
    bought = cards.note_bought(
        bought_id=bought_id,
        serial=taken.serial,
        buyer=player,
        units=price.units,
        paid=paid,
        owed=taxed.net,
        entry_id=entry.id,
        cancel_until=tx.command.at + timedelta(days=configuration().cards.cancel_days),
        gift=gift,
        at=tx.command.at,
    )
    tx.get(Ledger).post(entry=entry)
    tx.announce(
        "cards.bought",
        key=str(player),
        player=player,
        card=bought_id,
        serial=taken.serial,
        batch=batch,
        is_gift=gift is not None,
        units_minor=price.units.minor,
        paid_minor=paid.minor,
        currency=paid.currency.code,
        country=buyer.country,
        journal_entry=entry.id,
    )
    return bought


def price_of(tx: Transaction, *, buyer: Player, batch: UUID, price_shown: Money | None) -> CardPrice:
    """Whether it is offered to this player, at this price. Raises UnableToBuyCard, UnableToQuote."""
    if buyer.state is not PlayerState.ACTIVE:
        raise UnableToBuyCard("player_frozen")
    offer = tx.get(Cards).card_offer(batch=batch, at=tx.command.at)
    if offer.regions and buyer.country not in offer.regions:
        raise UnableToBuyCard("card_not_for_country")
    units = tx.get(Accounting).quote(paid=offer.face, at=tx.command.at).units
    if price_shown is not None and price_shown != units:
        raise UnableToBuyCard("price_changed", charge=units.major)
    return CardPrice(offer, units)


def _taxed(accounting: Accounting, offer: CardOffer, paid: Money, tx: Transaction) -> Taxed:
    """Of a single-purpose card the tax is due with its sale; of any other when it is redeemed, and nothing now."""
    if offer.tax_country:
        return accounting.tax_within(gross=paid, country=offer.tax_country, at=tx.command.at)
    return Taxed(net=paid, tax=Money.zero(paid.currency), rate_bps=0, country="")
