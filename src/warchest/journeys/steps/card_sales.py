"""What cards that change hands owe: entries of deliveries, sales and returns."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Cards, CardsMoved, SoldCard, UnableToSellCard
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger, Leg
from warchest.runtime.transactions import Transaction


def tax_in(tx: Transaction, *, face: Money, tax_country: str) -> Money:
    """The tax in the face of a single-purpose card, by its country's rate at this moment; none in that of any other."""
    if not tax_country:
        return Money.zero(face.currency)
    return tx.get(Accounting).tax_within(gross=face, country=tax_country, at=tx.command.at).tax


def sell_if_consigned(tx: Transaction, *, serial: str) -> SoldCard | None:
    """A card that lies with a reseller and needs no sale is sold by its activation: to be called once it is claimed, before
    what is owed for it is read. Books the sale where the reseller had it on consignment. None where there was nothing to sell.
    """
    cards = tx.get(Cards)
    try:
        asked = cards.card_to_sell(serial=serial)
    except UnableToSellCard:
        return None
    if asked is None:
        return None
    tax = tax_in(tx, face=asked.face, tax_country=asked.tax_country)
    sold = cards.sell_by_activation(
        serial=serial, card_tax=tax, entry_id=new_id(), actor=str(tx.command.actor), at=tx.command.at
    )
    if sold is not None:
        book_sale(tx, sold)
        announce_sale(tx, sold)
    return sold


def book_sale(tx: Transaction, sold: SoldCard) -> None:
    """The entry of a sale, where it owes one: none where the card had been paid before."""
    if not sold.booked:
        return
    assert sold.entry_id is not None
    legs = tx.get(Accounting).batch_delivered_legs(
        batch=sold.batch,
        reseller=sold.reseller,
        face=sold.face,
        margin=sold.margin,
        tax=sold.tax,
        tax_country=sold.tax_country,
    )
    _post_sale(tx, sold, kind="card_sold", legs=legs)


def book_reversal(tx: Transaction, sold: SoldCard) -> None:
    """The reverse of ``book_sale``."""
    if not sold.booked:
        return
    legs = tx.get(Accounting).card_sale_reversed_legs(
        batch=sold.batch,
        reseller=sold.reseller,
        face=sold.face,
        margin=sold.margin,
        tax=sold.tax,
        tax_country=sold.tax_country,
    )
    _post_sale(tx, sold, kind="card_sale_reversed", legs=legs)


def _post_sale(tx: Transaction, sold: SoldCard, *, kind: str, legs: tuple[Leg, ...]) -> None:
    assert sold.entry_id is not None
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=sold.entry_id,
            # A card may be sold again after its sale was reversed: each sale has a key of its own.
            key=f"{kind.replace('_', '-')}:{sold.serial}:{sold.entry_id}",
            kind=kind,
            occurred_at=tx.command.at,
            legs=legs,
            reference=sold.serial,
            details={"serial": sold.serial, "fingerprint": sold.fingerprint},
        )
    )


def announce_sale(tx: Transaction, sold: SoldCard) -> None:
    tx.announce(
        "cards.sold",
        key=sold.serial,
        serial=sold.serial,
        batch=sold.batch,
        reseller=sold.reseller,
        face_minor=sold.face.minor,
        currency=sold.face.currency.code,
    )


def book_delivery(tx: Transaction, moved: tuple[CardsMoved, ...], *, shipment: UUID, entry_id: UUID) -> bool:
    """One entry for all prepaid cards that arrived at a reseller; answers whether there were any."""
    return _post_moved(tx, moved, shipment=shipment, entry_id=entry_id, kind="reseller_delivery")


def book_return(tx: Transaction, moved: tuple[CardsMoved, ...], *, shipment: UUID, entry_id: UUID) -> bool:
    """One entry for all cards that came back to the house and had been paid for; answers whether there were any."""
    return _post_moved(tx, moved, shipment=shipment, entry_id=entry_id, kind="reseller_return")


def _post_moved(
    tx: Transaction, moved: tuple[CardsMoved, ...], *, shipment: UUID, entry_id: UUID, kind: str
) -> bool:
    accounting = tx.get(Accounting)
    legs_of = (
        accounting.batch_delivered_legs if kind == "reseller_delivery" else accounting.card_sale_reversed_legs
    )
    booked = [group for group in moved if group.booked]
    legs = tuple(
        leg
        for group in booked
        for leg in legs_of(
            batch=group.batch,
            reseller=group.reseller,
            face=group.face,
            margin=group.margin,
            tax=group.tax,
            tax_country=group.tax_country,
        )
    )
    if not legs:
        return False
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=entry_id,
            key=f"{kind.replace('_', '-')}:{shipment}:{entry_id}",
            kind=kind,
            occurred_at=tx.command.at,
            legs=legs,
            reference=str(shipment),
            details={"cards": sum(group.cards for group in booked)},
        )
    )
    return True
