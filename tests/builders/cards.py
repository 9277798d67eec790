"""Cards that can be activated: ``a_batch(quantity=3)`` orders, approves, makes and hands over, as people would."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from uuid import UUID

from tests.builders.people import NOW, acting_as, an_administrator
from warchest.cards.contract import Batch, BatchTerms, Cards, Worth
from warchest.journeys.approve_batch import approve_batch
from warchest.journeys.generate_batch import generate_batch
from warchest.journeys.hand_over_batch import hand_over_batch
from warchest.journeys.order_batch import order_batch
from warchest.kernel.money import Money
from warchest.members.contract import Administrator, Role
from warchest.runtime.services import services

TEN_EUROS = BatchTerms(
    quantity=3,
    gives=(Worth.of_money(Money.parse("10.00", "EUR")),),
    face=Money.parse("10.00", "EUR"),
    reseller="kiosk-berlin",
    margin_bps=800,
)


@dataclass(frozen=True)
class PrintedCard:
    serial: str
    code: str


@dataclass(frozen=True)
class PrintedBatch:
    id: UUID
    cards: tuple[PrintedCard, ...]


def an_order(
    *, clerk: Administrator | None = None, terms: BatchTerms = TEN_EUROS, **changes: object
) -> Batch:
    """A batch that awaits the owner's decision. ``changes`` are to ``terms``."""
    clerk = clerk or an_administrator()
    return order_batch(acting_as(clerk), terms=replace(terms, **changes)).answer


def an_approved_batch(**changes: object) -> Batch:
    batch = an_order(**changes)  # type: ignore[arg-type]
    owner = an_administrator(Role.OWNER)
    return approve_batch(acting_as(owner), batch=batch.id, digest=batch.digest).answer


def a_made_batch(**changes: object) -> Batch:
    return generate_batch(acting_as(an_administrator()), batch=an_approved_batch(**changes).id).answer


def a_batch(**changes: object) -> PrintedBatch:
    """A batch in the world, and what the printer got of it."""
    batch = a_made_batch(**changes)
    clerk, key = an_administrator(), os.urandom(32)
    hand_over_batch(acting_as(clerk), batch=batch.id, recipient="print house", one_time_key=key)
    return PrintedBatch(batch.id, printed(fetched(batch.id, key)))


def fetched(batch: UUID, key: bytes) -> bytes:
    return services.get(Cards).fetch_print_file(batch_id=batch, one_time_key=key, actor="tests", at=NOW)


def printed(file: bytes) -> tuple[PrintedCard, ...]:
    """The cards of a print file."""
    head, *lines = file.decode().splitlines()
    assert head == "Batch,Serial,Pin"
    return tuple(PrintedCard(*line.split(",")[1:]) for line in lines)
