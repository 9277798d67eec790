"""A till sells a card and reverses the sale, by request ids of its own: a repeated request is answered as the first time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from warchest.cards.contract import Cards, Reseller, TillRequest, UnableToSellCard
from warchest.journeys.steps.card_sales import announce_sale, book_reversal, book_sale, tax_in
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.runtime.command import Command
from warchest.runtime.configuration import configuration
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class AtTill:
    """What a till asked and what came of it. ``replayed``: it was done by an earlier request under this id."""

    request: TillRequest
    reseller: str
    replayed: bool = False


def sell_at_till(
    command: Command,
    *,
    client: UUID,
    serial: str,
    reseller: str,
    request_id: str,
    sold_at: datetime,
) -> Done[AtTill]:
    """Sell a card of this reseller's stock. ``reseller`` is its name or its id. Raises UnableToSellCard.

    Keys of callers are forgotten in the end, and a till may repeat itself under another: what was done stands by its request
    id, for ever.
    """
    seller = _seller(client, reseller)
    done = _sell(
        command.under(str(new_id())),
        reseller_id=seller.id,
        serial=serial,
        request_id=request_id,
        sold_at=sold_at,
    )
    return Done(replace(done.answer, reseller=seller.name), done.answer.replayed)


def reverse_at_till(
    command: Command,
    *,
    client: UUID,
    serial: str,
    request_id: str,
    original_request_id: str,
    reseller: str = "",
) -> Done[AtTill]:
    """Undo the sale of a card that was asked under ``original_request_id``, within the minutes that the house has set and
    while nobody has activated it. ``reseller`` may be left out by a till that is bound to one. Raises UnableToSellCard."""
    seller = _seller(client, reseller, of=(serial, original_request_id))
    done = _reverse(
        command.under(str(new_id())),
        reseller_id=seller.id,
        serial=serial,
        request_id=request_id,
        original_request_id=original_request_id,
        minutes_max=configuration().cards.reversal_minutes,
    )
    return Done(replace(done.answer, reseller=seller.name), done.answer.replayed)


def status_at_till(*, client: UUID, request_id: str, reseller: str = "") -> AtTill:
    """What became of a request. Raises UnableToSellCard (``request_unknown``: nothing was done under it)."""
    seller = _seller(client, reseller)
    found = services.get(Cards).find_till_request(reseller_id=seller.id, request_id=request_id)
    if found is None:
        raise UnableToSellCard("request_unknown")
    return AtTill(found, seller.name)


def _seller(client: UUID, wanted: str, *, of: tuple[str, str] | None = None) -> Reseller:
    """Whom a till sells for: a bound one for its own reseller only, one that is bound to none for whom it names, or who sold
    the card ``of`` this serial under this request id."""
    cards = services.get(Cards)
    bound = cards.till_of_client(client=client)
    if bound is not None:
        own = cards.reseller(reseller_id=bound.reseller)
        if wanted not in ("", own.name, str(own.id)):
            raise UnableToSellCard("till_of_another_reseller")
        return own
    if not wanted and of is not None:
        wanted = _seller_of(*of)
    found = cards.reseller_named(name=wanted) or _with_id(wanted)
    if found is None:
        raise UnableToSellCard("reseller_unknown")
    return found


def _seller_of(serial: str, request_id: str) -> str:
    found = services.get(Cards).seller_of(serial=serial, request_id=request_id)
    if found is None:
        raise UnableToSellCard("sale_unknown")
    return str(found)


def _with_id(text: str) -> Reseller | None:
    return next((one for one in services.get(Cards).resellers() if str(one.id) == text.lower()), None)


@journey("tills.sell")
def _sell(tx: Transaction, *, reseller_id: UUID, serial: str, request_id: str, sold_at: datetime) -> AtTill:
    cards = tx.get(Cards)
    tx.about("card", serial[:20], reseller=str(reseller_id), request_id=request_id[:40])
    before = cards.till_request(reseller_id=reseller_id, request_id=request_id)
    if before is not None:
        return _again(before, kind="sale", serial=serial)
    asked = cards.card_to_sell(serial=serial)
    if asked is None:
        raise UnableToSellCard("card_not_in_stock", serial=serial[:20])
    sold = cards.sell_card(
        serial=serial,
        reseller_id=reseller_id,
        request_id=request_id,
        sold_at=sold_at,
        card_tax=tax_in(tx, face=asked.face, tax_country=asked.tax_country),
        entry_id=new_id(),
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
    book_sale(tx, sold)
    announce_sale(tx, sold)
    tx.about("card", sold.serial, entry=str(sold.entry_id or ""), price=str(_price(sold.face, sold.margin)))
    return _answer(cards, reseller_id, request_id)


@journey("tills.reverse")
def _reverse(
    tx: Transaction,
    *,
    reseller_id: UUID,
    serial: str,
    request_id: str,
    original_request_id: str,
    minutes_max: int,
) -> AtTill:
    cards = tx.get(Cards)
    tx.about("card", serial[:20], reseller=str(reseller_id), request_id=request_id[:40])
    before = cards.till_request(reseller_id=reseller_id, request_id=request_id)
    if before is not None:
        return _again(before, kind="reversal", serial=serial, original=original_request_id)
    taken = cards.reverse_sale(
        serial=serial,
        reseller_id=reseller_id,
        request_id=request_id,
        original_request_id=original_request_id,
        entry_id=new_id(),
        minutes_max=minutes_max,
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
    book_reversal(tx, taken)
    tx.announce("cards.sale_reversed", key=taken.serial, serial=taken.serial, batch=taken.batch)
    tx.about("card", taken.serial, entry=str(taken.entry_id or ""))
    return _answer(cards, reseller_id, request_id)


def _again(before: TillRequest, *, kind: str, serial: str, original: str = "") -> AtTill:
    """The original answer, to who asks the same under the same id."""
    same = before.kind == kind and before.serial == _plain(serial)
    if not same or (original and before.original_request_id != original):
        raise UnableToSellCard("request_id_reused")
    return AtTill(before, "", replayed=True)


def _answer(cards: Cards, reseller_id: UUID, request_id: str) -> AtTill:
    found = cards.find_till_request(reseller_id=reseller_id, request_id=request_id)
    assert found is not None
    return AtTill(found, "")


def _plain(serial: str) -> str:
    return "".join(symbol for symbol in serial.upper() if symbol.isascii() and symbol.isalnum())[:20]


def _price(face: Money, margin: Money) -> Money:
    return face - margin
