"""A store sells one of our codes: a card is issued at that moment, and the store owes us for it.

The answers of the journeys hold no code; the door that the store called gets the codes straight afterwards, decrypted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import (
    Cards,
    IssuedCard,
    OrderLine,
    StoreTerms,
    UnableToIssueCards,
    UnableToTakeBackCards,
)
from warchest.kernel.errors import TryAgain
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger, Leg
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.stores import Asked, CallRead, Outcome, RawCall, Reply


@dataclass(frozen=True, slots=True)
class Sold:
    """The cards of a line; ``new`` is how many were issued now, each with its journal entry."""

    serials: tuple[str, ...]
    new: int
    entries: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The cards that became void now, each with its journal entry."""

    serials: tuple[str, ...]
    entries: tuple[UUID, ...]


def serve_store(*, name: str, call: RawCall) -> Reply:
    """Do what a store's call asks, and answer in its words. A repeated call has the same answer.

    Raises UnableToUseStore, sdk.stores.UnableToTrustCall: nothing was done then.
    """
    cards = services.get(Cards)
    terms = cards.store_terms(name=name)
    read = cards.read_store_call(name=name, call=call)
    return cards.store_reply(name=name, call=read, outcome=_outcome(terms, read, at=call.received_at))


def _outcome(terms: StoreTerms, call: CallRead, *, at: datetime) -> Outcome:
    cards = services.get(Cards)
    line = OrderLine(terms.name, call.order, call.line)
    # Whose call it is says the signature, and that it is done once the line: so each has a key of its own.
    command = Command(
        actor=Actor(ActorKind.PROVIDER, terms.name), key=str(new_id()), at=at, channel=Channel.API
    )
    try:
        match call.asked:
            case Asked.CODE:
                sell_to_store(
                    command,
                    line=line,
                    reseller=terms.reseller,
                    product=call.product,
                    quantity=call.quantity,
                )
                codes = tuple(given.code for given in cards.codes_of(line=line))
                # Somebody may have closed or cancelled it since.
                return (
                    Outcome(codes=codes) if len(codes) == call.quantity else Outcome(refused="order_closed")
                )
            case Asked.CANCEL:
                take_back_from_store(command, line=line)
            case Asked.CLOSE:
                cards.close_order(line=line, at=at)
    except (UnableToIssueCards, UnableToTakeBackCards) as refusal:
        return Outcome(refused=refusal.reason, passing=refusal.reason in refusal.passing)
    except TryAgain as busy:
        return Outcome(refused=busy.reason, passing=True)
    return Outcome()


@journey("stores.sell")
def sell_to_store(tx: Transaction, *, line: OrderLine, reseller: str, product: str, quantity: int) -> Sold:
    """Issue what a line of a store's order sold, once; the reseller owes for each card, and we owe whoever has it.

    Raises UnableToIssueCards.
    """
    tx.about("store_order", f"{line.seller}/{line.order}", line=line.line, product=product, quantity=quantity)
    issued = tx.get(Cards).issue(
        line=line,
        reseller=reseller,
        product=product,
        quantity=quantity,
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
    new = [card for card in issued if card.new]
    entries = tuple(
        _post(
            tx,
            card,
            kind="card_sold",
            key=f"card-sold:{card.serial}",
            legs=tx.get(Accounting).batch_delivered_legs(
                batch=card.batch, reseller=card.reseller, face=card.face, margin=card.margin
            ),
        )
        for card in new
    )
    for card in new:
        tx.announce(
            "cards.sold",
            key=card.serial,
            serial=card.serial,
            batch=card.batch,
            reseller=card.reseller,
            face_minor=card.face.minor,
            currency=card.face.currency.code,
        )
    tx.about(
        "store_order", f"{line.seller}/{line.order}", serials=[card.serial for card in issued], new=len(new)
    )
    return Sold(serials=tuple(card.serial for card in issued), new=len(new), entries=entries)


@journey("stores.take_back")
def take_back_from_store(tx: Transaction, *, line: OrderLine) -> TakenBack:
    """An order, or a line of it, was cancelled or refunded by the store: unused cards are void, and nobody owes for them.

    One that was activated refuses all. Told again, there is nothing left to do. Raises UnableToTakeBackCards.
    """
    tx.about("store_order", f"{line.seller}/{line.order}", line=line.line)
    taken = tx.get(Cards).take_back(line=line, actor=str(tx.command.actor), at=tx.command.at)
    entries = tuple(
        _post(
            tx,
            card,
            kind="card_sale_reversed",
            key=f"card-sale-reversed:{card.serial}",
            legs=tx.get(Accounting).card_sale_reversed_legs(
                batch=card.batch, reseller=card.reseller, face=card.face, margin=card.margin
            ),
        )
        for card in taken
    )
    for card in taken:
        tx.announce("cards.sale_reversed", key=card.serial, serial=card.serial, batch=card.batch)
    tx.about("store_order", f"{line.seller}/{line.order}", serials=[card.serial for card in taken])
    return TakenBack(serials=tuple(card.serial for card in taken), entries=entries)


def _post(tx: Transaction, card: IssuedCard, *, kind: str, key: str, legs: tuple[Leg, ...]) -> UUID:
    return (
        tx.get(Ledger)
        .post(
            entry=EntryDraft(
                id=new_id(),
                key=key,
                kind=kind,
                occurred_at=tx.command.at,
                legs=legs,
                reference=card.serial,
                details={"serial": card.serial, "fingerprint": card.fingerprint},
            )
        )
        .entry_id
    )
