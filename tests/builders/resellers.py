"""Resellers, and cards that lie with them: ``a_reseller(margin_bps=800)``, ``shipped(batch, reseller)``."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from uuid import UUID

from tests.builders.cards import PrintedBatch, a_batch
from tests.builders.people import NOW, acting_as, an_administrator
from warchest.cards.contract import Reseller, ResellerTerms, Shipment, ShipmentDraft
from warchest.journeys.ship_cards import Received, receive_shipment, ship_cards
from warchest.journeys.take_on_reseller import link_person, take_on_reseller
from warchest.kernel.money import Money
from warchest.members.contract import Role
from warchest.runtime.command import Actor, ActorKind, Channel, Command

_numbers = count(1)


def a_stock_batch(**changes: object) -> PrintedBatch:
    """Cards of ten euros in the house's own stock, handed over by the printer."""
    return a_batch(**{"stock": True, "reseller": "", "margin_bps": 0, "quantity": 10, **changes})


def a_reseller(
    *,
    name: str | None = None,
    parent: Reseller | None = None,
    margin_bps: int = 1000,
    credit: str = "1000000.00",
    currency: str = "EUR",
    payment_days: int = 30,
    regions: tuple[str, ...] = (),
    at: datetime = NOW,
) -> Reseller:
    name = name or f"kiosk-{next(_numbers)}"
    terms = ResellerTerms(
        title=name.replace("-", " ").title(),
        margin_bps=margin_bps,
        credit_limit=Money.parse(credit, currency),
        payment_days=payment_days,
        regions=regions,
    )
    return take_on_reseller(
        acting_as(an_administrator(), at=at), name=name, parent=parent.id if parent else None, terms=terms
    ).answer


def a_draft(
    batch: PrintedBatch,
    *,
    first: int = 1,
    last: int | None = None,
    sender: Reseller | None = None,
    receiver: Reseller | None = None,
    consignment: bool = False,
) -> ShipmentDraft:
    """From the ``first`` card of a batch to the ``last``, or to its end."""
    last = last or len(batch.cards)
    return ShipmentDraft(
        sender=sender.id if sender else None,
        receiver=receiver.id if receiver else None,
        first_serial=batch.cards[first - 1].serial,
        last_serial=batch.cards[last - 1].serial,
        consignment=consignment,
    )


def by_house(at: datetime = NOW) -> Command:
    return acting_as(an_administrator(Role.ADMINISTRATOR), at=at)


def by_person(player: UUID, at: datetime = NOW) -> Command:
    """A command that a player gives in the portal."""
    from tests.builders.people import a_command

    return a_command(actor=Actor(ActorKind.PLAYER, str(player)), channel=Channel.PORTAL, at=at)


def sent(draft: ShipmentDraft, *, command: Command | None = None, at: datetime = NOW) -> Shipment:
    return ship_cards(command or by_house(at), draft=draft).answer


def arrived(
    shipment: Shipment, *, person: UUID, first: str = "", last: str = "", at: datetime = NOW
) -> Received:
    return receive_shipment(
        by_person(person, at), shipment=shipment.id, first_serial=first, last_serial=last
    ).answer


def shipped(
    batch: PrintedBatch, reseller: Reseller, person: UUID, *, at: datetime = NOW, **which: object
) -> Received:
    """Sent by the house and received by the reseller's person."""
    return arrived(sent(a_draft(batch, receiver=reseller, **which), at=at), person=person, at=at)  # type: ignore[arg-type]


def linked(reseller: Reseller, nickname: str) -> None:
    """The player acts for the reseller from now on."""
    link_person(by_house(), reseller=reseller.id, nickname=nickname)
