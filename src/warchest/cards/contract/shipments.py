"""Cards go down a chain of resellers, by ranges of serials, and come back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


class UnableToShipCards(UnableTo):
    """No card moved."""

    reasons = frozenset(
        {
            "shipment_unknown",
            "reseller_unknown",
            "card_unknown",
            "serial_range_malformed",
            "not_next_in_chain",  # cards go to who is right below, and back to who is right above
            "batch_not_for_stock",  # was delivered whole, is virtual, or was given away
            "batch_not_handed_over",
            "batch_blocked",
            "batch_expired",
            "batch_outside_region",  # may be activated in no country of the reseller's
            "batch_currency_differs",  # the reseller settles in another one
            "cards_not_available",  # some are sold, with somebody else, or on their way: ``serial`` is the first
            "range_away",  # some are in another shipment that is drafted or on its way
            "shipment_not_draft",
            "shipment_not_sent",
            "shipment_over",
            "range_not_on_its_way",
            "reseller_suspended",
            "reseller_overdue",
            "credit_limit_exceeded",
            "reason_missing",
            "payment_malformed",  # more than zero, in the reseller's currency, between two resellers, with a reference
            "payment_noted_before",  # under this reference, with another amount
        }
    )


class ShipmentState(StrEnum):
    """``LOST``: what had not arrived by then is given up, and blocked; it may turn up."""

    DRAFT = "draft"
    SENT = "sent"
    RECEIVED = "received"
    CANCELLED = "cancelled"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ShipmentDraft:
    """From ``sender`` to ``receiver``; nobody there is the house. ``consignment``: who gets the cards owes for each only when
    it is sold. An empty ``last_serial`` means the one card. ``reference`` is the delivery note's own number."""

    sender: UUID | None
    receiver: UUID | None
    first_serial: str
    last_serial: str = ""
    consignment: bool = False
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Shipment:
    """``cards`` of the range travel (void, expired and activated ones do not), of which so many ``arrived``. ``face`` and
    ``margin``, the receiver's, are of one card. ``is_return``: it goes up the chain."""

    id: UUID
    batch: UUID
    sender: UUID | None
    receiver: UUID | None
    first_serial: str
    last_serial: str
    cards: int
    arrived: int
    consignment: bool
    is_return: bool
    face: Money
    margin: Money
    state: ShipmentState
    reference: str
    drafted_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    reason: str
    tax_country: str
    away: tuple[tuple[str, str], ...] = ()
    """First and last serial of each part that has not arrived."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a reseller owes its supplier, what of it is ``overdue``, and what prepaid goods on their way will add."""

    owed: Money
    overdue: Money
    on_the_way: Money


@dataclass(frozen=True, slots=True)
class CardsMoved:
    """So many cards that arrived, alike in what they are booked at: sums over ``cards``. ``due`` is what the house owes whoever
    activates them; ``tax`` what the state gets of the face. ``reseller`` is the one of the chain that we deal with.

    ``booked``: the house has to post an entry about them.
    """

    batch: UUID
    cards: int
    face: Money
    margin: Money
    tax: Money
    reseller: str
    tax_country: str
    booked: bool

    @property
    def due(self) -> Money:
        return self.face - self.tax


@dataclass(frozen=True, slots=True)
class StockOfBatch:
    """How a reseller's cards of a batch stand. ``on_consignment`` are among those ``in_stock``. ``first_serial`` and
    ``last_serial`` are the lowest and the highest in stock, empty where none is."""

    batch: UUID
    series: str
    face: Money
    in_stock: int
    on_consignment: int
    on_the_way: int
    sold: int
    activated: int
    first_serial: str
    last_serial: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ResellerLine:
    """What came to be owed to a reseller's supplier for some cards, or is owed no more (negative sums). ``kind`` is
    ``delivery``, ``sale``, ``sale_reversed``, ``return`` or ``payment`` (of which there are no cards)."""

    kind: str
    at: datetime
    batch: UUID | None
    cards: int
    face: Money
    margin: Money
    reference: str = ""

    @property
    def net(self) -> Money:
        return self.face - self.margin


@dataclass(frozen=True, slots=True)
class SalesOfDay:
    """What a reseller and those below it sold in a day (UTC), reversed sales left out. ``margin`` is what the reseller keeps
    itself: its own, less that of the next below."""

    day: datetime
    cards: int
    face: Money
    margin: Money


class Shipments(Protocol):
    """Drafted, sent, received in whole or in part, cancelled, lost."""

    @at_most_once
    def draft_shipment(
        self, *, shipment_id: UUID, draft: ShipmentDraft, actor: str, at: datetime
    ) -> Shipment:
        """Keep the range for this shipment. The same range to the same receiver that is drafted or on its way already, or was
        received and lies there still, is answered as it is. Raises UnableToShipCards."""
        ...

    @at_most_once
    def send_shipment(
        self, *, shipment_id: UUID, standing: Standing | None, actor: str, at: datetime
    ) -> Shipment:
        """The cards leave. ``standing`` is the receiver's, under ``lock_reseller``; None where cards go back. One that was
        sent before is answered as it is. Raises UnableToShipCards."""
        ...

    @at_most_once
    def receive_shipment(
        self,
        *,
        shipment_id: UUID,
        first_serial: str,
        last_serial: str,
        card_tax: Money,
        entry_id: UUID,
        actor: str,
        at: datetime,
    ) -> tuple[CardsMoved, ...]:
        """Cards arrive: all that is on its way, or a range of it. ``card_tax`` is the tax in one card's face at this moment.
        ``entry_id`` is that of the entry which the caller posts where an answer is ``booked``. Nothing where all of it arrived
        before. Raises UnableToShipCards."""
        ...

    def cancel_shipment(self, *, shipment_id: UUID, reason: str, actor: str, at: datetime) -> Shipment:
        """What has not arrived is the sender's again. Raises UnableToShipCards."""
        ...

    def lose_shipment(self, *, shipment_id: UUID, reason: str, actor: str, at: datetime) -> Shipment:
        """What has not arrived is given up, and blocked. It can still be received. Raises UnableToShipCards."""
        ...

    def shipment(self, *, shipment_id: UUID) -> Shipment:
        """Raises UnableToShipCards (``shipment_unknown``)."""
        ...

    def shipments(
        self, *, reseller_id: UUID | None = None, open_only: bool = False, limit: int = 50
    ) -> tuple[Shipment, ...]:
        """To and from a reseller, or all, newest first."""
        ...

    def stock_of_reseller(self, *, reseller_id: UUID) -> tuple[StockOfBatch, ...]:
        """By series."""
        ...

    def on_the_way_to(self, *, reseller_id: UUID) -> Money:
        """What prepaid goods on their way will make the reseller owe its supplier."""
        ...

    def reseller_lines(
        self, *, reseller_id: UUID, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[ResellerLine, ...]:
        """Of a half-open time, oldest first: between a reseller and its supplier, payments that the supplier noted included."""
        ...

    def owed_to_parent(self, *, reseller_id: UUID, at: datetime) -> Money:
        """What the lines before a moment come to."""
        ...

    def overdue_to_parent(self, *, reseller_id: UUID, at: datetime) -> Money:
        """What of it has been owed for longer than the reseller's days of payment; the oldest is paid first."""
        ...

    @at_most_once
    def note_reseller_payment(
        self, *, reseller_id: UUID, amount: Money, reference: str, actor: str, at: datetime
    ) -> None:
        """What a reseller with a parent paid to it, once by its ``reference``. Raises UnableToShipCards."""
        ...

    def sales_by_day(
        self, *, reseller_id: UUID, since: datetime, until: datetime
    ) -> tuple[SalesOfDay, ...]: ...
