"""Cards leave for a reseller, arrive there in whole or in part, come back, or are lost on their way."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.cards.contract import Cards, Reseller, Shipment, ShipmentDraft, ShipmentState
from warchest.journeys.steps.card_sales import book_delivery, book_return, tax_in
from warchest.journeys.steps.reseller_standing import standing_of
from warchest.journeys.steps.resellers import acts_for
from warchest.kernel.ids import new_id
from warchest.ledger.contract import Ledger
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Received:
    """So many ``cards`` arrived now. ``entry_id`` is None where the house had nothing to book."""

    shipment: UUID
    state: ShipmentState
    cards: int
    entry_id: UUID | None


@journey("shipments.draft")
def draft_shipment(tx: Transaction, *, draft: ShipmentDraft) -> Shipment:
    """Keep a range for a reseller, until it is sent or cancelled. Raises UnableToAdminister, UnableToShipCards."""
    return _draft(tx, draft)


@journey("shipments.ship")
def ship_cards(tx: Transaction, *, draft: ShipmentDraft) -> Shipment:
    """Draft and send in one go. Raises UnableToAdminister, UnableToShipCards."""
    return _send(tx, _draft(tx, draft))


@journey("shipments.send")
def send_shipment(tx: Transaction, *, shipment: UUID) -> Shipment:
    """What was drafted leaves. Raises UnableToAdminister, UnableToShipCards."""
    found = tx.get(Cards).shipment(shipment_id=shipment)
    acts_for(tx, found.sender, "card.ship")
    return _send(tx, found)


@journey("shipments.receive")
def receive_shipment(
    tx: Transaction, *, shipment: UUID, first_serial: str = "", last_serial: str = ""
) -> Received:
    """All that is on its way arrived, or a range of it. Prepaid cards from the house are booked now, and what comes back to it
    is credited. Raises UnableToAdminister, UnableToShipCards."""
    found = tx.get(Cards).shipment(shipment_id=shipment)
    acts_for(tx, found.receiver, "card.ship")
    return _receive(tx, found, first_serial, last_serial)


@journey("shipments.take_back")
def take_back_cards(tx: Transaction, *, draft: ShipmentDraft) -> Received:
    """Unsold cards are in our hands again: sent back and received in one go, by who has them now.

    Raises UnableToAdminister, UnableToShipCards.
    """
    acts_for(tx, draft.receiver, "card.ship")
    cards = tx.get(Cards)
    drafted = cards.draft_shipment(
        shipment_id=new_id(), draft=draft, actor=str(tx.command.actor), at=tx.command.at
    )
    sent = cards.send_shipment(
        shipment_id=drafted.id, standing=None, actor=str(tx.command.actor), at=tx.command.at
    )
    return _receive(tx, sent, "", "")


@journey("shipments.cancel")
def cancel_shipment(tx: Transaction, *, shipment: UUID, reason: str = "") -> Shipment:
    """What has not arrived stays with, or goes back to, who sent it. Raises UnableToAdminister, UnableToShipCards."""
    found = tx.get(Cards).shipment(shipment_id=shipment)
    acts_for(tx, found.sender, "card.ship")
    cancelled = tx.get(Cards).cancel_shipment(
        shipment_id=shipment, reason=reason, actor=str(tx.command.actor), at=tx.command.at
    )
    _note(tx, cancelled, topic="cards.shipment_cancelled")
    return cancelled


@journey("shipments.lose")
def lose_shipment(tx: Transaction, *, shipment: UUID, reason: str) -> Shipment:
    """What has not arrived is given up, and its cards are blocked. Raises UnableToAdminister, UnableToShipCards."""
    found = tx.get(Cards).shipment(shipment_id=shipment)
    acts_for(tx, found.sender, "card.ship")
    lost = tx.get(Cards).lose_shipment(
        shipment_id=shipment, reason=reason, actor=str(tx.command.actor), at=tx.command.at
    )
    _note(tx, lost, topic="cards.shipment_lost")
    return lost


def _draft(tx: Transaction, draft: ShipmentDraft) -> Shipment:
    acts_for(tx, draft.sender, "card.ship")
    drafted = tx.get(Cards).draft_shipment(
        shipment_id=new_id(), draft=draft, actor=str(tx.command.actor), at=tx.command.at
    )
    tx.about("shipment", drafted.id, first_serial=drafted.first_serial, last_serial=drafted.last_serial)
    return drafted


def _send(tx: Transaction, drafted: Shipment) -> Shipment:
    cards, standing = tx.get(Cards), None
    if not drafted.is_return and drafted.receiver is not None:
        # One shipment to a reseller at a time is weighed against what it may owe.
        receiver: Reseller = cards.lock_reseller(reseller_id=drafted.receiver)
        standing = standing_of(cards, tx.get(Ledger), receiver, at=tx.command.at)
    sent = cards.send_shipment(
        shipment_id=drafted.id, standing=standing, actor=str(tx.command.actor), at=tx.command.at
    )
    _note(tx, sent, topic="cards.shipped")
    return sent


def _receive(tx: Transaction, found: Shipment, first_serial: str, last_serial: str) -> Received:
    cards, entry_id = tx.get(Cards), new_id()
    moved = cards.receive_shipment(
        shipment_id=found.id,
        first_serial=first_serial,
        last_serial=last_serial,
        card_tax=tax_in(tx, face=found.face, tax_country=found.tax_country),
        entry_id=entry_id,
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
    book = book_return if found.is_return else book_delivery
    is_booked = book(tx, moved, shipment=found.id, entry_id=entry_id)
    count = sum(group.cards for group in moved)
    after = cards.shipment(shipment_id=found.id)
    _note(tx, after, topic="cards.returned" if found.is_return else "cards.received", arrived_now=count)
    return Received(found.id, after.state, count, entry_id if is_booked else None)


def _note(tx: Transaction, shipment: Shipment, *, topic: str, **details: int) -> None:
    serials = {"first_serial": shipment.first_serial, "last_serial": shipment.last_serial}
    tx.about("shipment", shipment.id, **serials, state=shipment.state, cards=shipment.cards, **details)
    tx.announce(
        topic,
        key=str(shipment.batch),
        shipment=shipment.id,
        batch=shipment.batch,
        sender=shipment.sender,
        receiver=shipment.receiver,
        **serials,
        cards=shipment.cards,
        **details,
    )
