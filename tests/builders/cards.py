"""Cards that can be activated: ``a_batch(quantity=3)`` orders, approves, makes and hands over, as people would."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

import pyrage

from tests.builders.people import NOW, acting_as, an_administrator
from warchest.cards.contract import Batch, BatchTerms, Cards, HandOver, Worth
from warchest.journeys.approve_batch import approve_batch
from warchest.journeys.generate_batch import generate_batch
from warchest.journeys.hand_over_batch import ask_hand_over, confirm_hand_over, open_print_file
from warchest.journeys.keep_printers import add_printer
from warchest.journeys.order_batch import order_batch
from warchest.kernel.ids import new_id
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
    printer = a_print_house()
    handed_over(batch.id, printer)
    return PrintedBatch(batch.id, printed(printer.read(fetched(batch.id))))


@dataclass(frozen=True)
class PrintHouse:
    """Somebody who has the private key."""

    name: str
    identity: pyrage.x25519.Identity

    @property
    def key(self) -> str:
        return str(self.identity.to_public())

    def read(self, file: bytes) -> bytes:
        return pyrage.decrypt(file, [self.identity])


def a_print_house() -> PrintHouse:
    made = PrintHouse(f"press-{new_id().hex[-12:]}", pyrage.x25519.Identity.generate())
    add_printer(acting_as(an_administrator()), name=made.name, title="print house", key=made.key)
    return made


def asked(batch: UUID, printer: PrintHouse) -> HandOver:
    """The request for a hand-over, by somebody."""
    return ask_hand_over(acting_as(an_administrator()), batch=batch, printer=printer.name).answer


def handed_over(batch: UUID, printer: PrintHouse) -> HandOver:
    """Confirmed by somebody else."""
    wanted = asked(batch, printer)
    return confirm_hand_over(
        acting_as(an_administrator()), hand_over=wanted.id, fingerprint=wanted.fingerprint
    ).answer.hand_over


def fetched(batch: UUID) -> bytes:
    """The encrypted file."""
    clerk = an_administrator()
    open_print_file(acting_as(clerk), batch=batch)
    return b"".join(services.get(Cards).print_file(batch_id=batch, fetched_by=clerk.id, at=NOW))


def printed(file: bytes) -> tuple[PrintedCard, ...]:
    """The cards of a print file."""
    head, *lines = file.decode().splitlines()
    assert head == "Batch,Serial,Pin"
    return tuple(PrintedCard(*line.split(",")[1:]) for line in lines)
