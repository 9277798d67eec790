"""One box for everything: what a nickname, an address, a serial, an id or a reference leads to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Cards, UnableToFindCard
from warchest.ledger.contract import Ledger
from warchest.members.contract import Members
from warchest.payments.contract import Payments
from warchest.runtime.services import services

FOUND_MAX = 20


class Kind(StrEnum):
    PLAYER = "player"
    PAYMENT = "payment"
    CARD = "card"
    BATCH = "batch"
    ENTRY = "entry"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Found:
    """``title`` names it, ``note`` says what tells it from others (a state, an amount); ``at`` is when it began."""

    kind: Kind
    id: str
    title: str
    note: str
    at: datetime | None


def search(*, text: str, kinds: frozenset[Kind], at: datetime) -> tuple[Found, ...]:
    """What the text leads to, at most ``FOUND_MAX`` of each kind, exact matches by indexes only."""
    wanted = text.strip()
    if not wanted:
        return ()
    return tuple(found for kind, find in _FINDERS.items() if kind in kinds for found in find(wanted, at))


def _players(text: str, at: datetime) -> Iterator[Found]:
    for player in services.get(Members).find_players(text=text, limit=FOUND_MAX):
        yield Found(Kind.PLAYER, str(player.id), player.nickname, player.state, player.registered_at)


def _payments(text: str, at: datetime) -> Iterator[Found]:
    for payment in services.get(Payments).find_payments(text=text, limit=FOUND_MAX):
        yield Found(Kind.PAYMENT, str(payment.id), str(payment.amount), payment.status, payment.opened_at)


def _cards(text: str, at: datetime) -> Iterator[Found]:
    with suppress(UnableToFindCard):
        card = services.get(Cards).card(serial=text, at=at)
        yield Found(Kind.CARD, card.serial, card.serial, card.state, card.activated_at)


def _batches(text: str, at: datetime) -> Iterator[Found]:
    with suppress(ValueError, UnableToFindCard):
        batch = services.get(Cards).batch(batch_id=UUID(text))
        yield Found(Kind.BATCH, str(batch.id), batch.first_serial, batch.state, batch.ordered_at)


def _entries(text: str, at: datetime) -> Iterator[Found]:
    with suppress(ValueError):
        entry = services.get(Ledger).entry(entry_id=UUID(text))
        if entry:
            yield Found(Kind.ENTRY, str(entry.id), entry.kind, entry.reference, entry.occurred_at)


def _documents(text: str, at: datetime) -> Iterator[Found]:
    # By its number only: by an id one looks for what the document is about.
    for document in services.get(Accounting).find_documents(text=text, limit=FOUND_MAX):
        if document.number == text.upper():
            yield Found(
                Kind.DOCUMENT, str(document.id), document.number, str(document.gross), document.issued_at
            )


_FINDERS = {
    Kind.PLAYER: _players,
    Kind.PAYMENT: _payments,
    Kind.CARD: _cards,
    Kind.BATCH: _batches,
    Kind.ENTRY: _entries,
    Kind.DOCUMENT: _documents,
}
