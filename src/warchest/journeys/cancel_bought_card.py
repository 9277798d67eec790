"""PAY-05: a player gives a virtual card back that nobody has used. Its units return to where they were taken."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting, Taxed
from warchest.cards.contract import BoughtCard, Cards
from warchest.charging.contract import Charging
from warchest.journeys.buy_card import KEY as SOLD_KEY
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction

KEY = "card-sale-reversed:{serial}"
"""The key of the entry that books it: one for each card, for ever."""


@journey("cards.cancel_bought")
def cancel_bought_card(tx: Transaction, *, player: UUID, card: UUID) -> BoughtCard:
    """The card is void and its code forgotten. Whoever activates it at the same moment comes before or after, and never both.

    Raises UnableToHandleBoughtCard.
    """
    bought = tx.get(Cards).cancel_bought(
        bought_id=card, buyer=player, actor=str(tx.command.actor), at=tx.command.at
    )
    tx.about("card", bought.serial, player=str(player))
    key = KEY.format(serial=bought.serial)
    tx.get(Charging).return_units(
        player=player, reference=SOLD_KEY.format(serial=bought.serial), units=None, key=key, at=tx.command.at
    )
    tax_country = tx.get(Cards).batch(batch_id=bought.batch).terms.tax_country
    entry = EntryDraft(
        id=new_id(),
        key=key,
        kind="card_bought_back",
        occurred_at=tx.command.at,
        legs=tx.get(Accounting).card_bought_back_legs(
            batch=bought.batch,
            player=player,
            units=bought.units,
            taxed=Taxed(net=bought.paid - bought.tax, tax=bought.tax, rate_bps=0, country=tax_country),
        ),
        reference=bought.serial,
        details={"serial": bought.serial, "card": str(card)},
    )
    tx.get(Ledger).post(entry=entry)
    tx.announce(
        "cards.sale_reversed",
        key=bought.serial,
        serial=bought.serial,
        batch=bought.batch,
        player=player,
        card=card,
        journal_entry=entry.id,
    )
    return bought
