"""Lots and what becomes of them, each with its entry in the books, so that ``assert_books_prove`` holds afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tests.builders.people import NOW, a_command
from warchest.accounting.contract import Accounting
from warchest.charging.contract import Charging, Lot, LotTerms, Slice, Source, Spend, UnableToSpend
from warchest.journeys.steps.tax import taxed_by_currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger, Leg
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


def units(amount: str) -> Money:
    return Money.parse(amount, "XCR")


def money(amount: str) -> Money:
    """``"1.00 EUR"``"""
    return Money.parse(*amount.split())


def a_lot(
    player: UUID,
    amount: str,
    *,
    paid: str = "0.00 EUR",
    source: Source = Source.CARD_PAYMENT,
    expires_at: datetime | None = None,
    transferable: bool = False,
    payable_out: bool = False,
    at: datetime = NOW,
) -> UUID:
    """A lot of ``amount`` units, for which ``paid`` was paid; answers its id."""
    terms = LotTerms(transferable=transferable, payable_out=payable_out, expires_at=expires_at)
    return _open_lot(
        a_command(at=at), player=player, amount=units(amount), paid=money(paid), source=source, terms=terms
    ).answer


def a_promotion(
    player: UUID, amount: str, *, expires_at: datetime | None = None, transferable: bool = False
) -> UUID:
    return a_lot(player, amount, source=Source.PROMOTION, expires_at=expires_at, transferable=transferable)


def spend(
    player: UUID, amount: str, *, reference: str | None = None, at: datetime = NOW
) -> tuple[Slice, ...]:
    """Raises UnableToSpend."""
    (outcome,) = spend_set((player, amount), references=[reference or f"spend:{new_id()}"], at=at)
    if isinstance(outcome, str):
        raise UnableToSpend(outcome)
    return outcome


def spend_set(
    *wanted: tuple[UUID, str], references: Sequence[str] = (), at: datetime = NOW
) -> list[tuple[Slice, ...] | str]:
    """The slices of each spend, or the reason why it was refused."""
    spends = [
        Spend(player=player, units=units(amount), reference=references[n] if references else f"s:{new_id()}")
        for n, (player, amount) in enumerate(wanted)
    ]
    return [one.refused or one.slices for one in _spend_set(a_command(at=at), spends=tuple(spends)).answer]


def give_back(
    player: UUID, reference: str, amount: str | None = None, *, key: str | None = None, at: datetime = NOW
) -> tuple[Lot, ...]:
    """Raises UnableToReturn."""
    return _give_back(
        a_command(at=at),
        player=player,
        reference=reference,
        amount=None if amount is None else units(amount),
        key=key or f"return:{new_id()}",
    ).answer


def move(sender: UUID, recipient: UUID, amount: str, *, at: datetime = NOW) -> tuple[Lot, ...]:
    """Raises UnableToTransfer."""
    return _move(a_command(at=at), sender=sender, recipient=recipient, amount=units(amount)).answer


def left_in(player: UUID, *, at: datetime = NOW) -> list[tuple[str, str, str, str]]:
    """What a wallet's lots hold, in the order of use: source, units left, of them reserved, consideration left."""
    return [
        (lot.source.value, lot.units.major, lot.reserved.major, str(lot.consideration))
        for lot in services.get(Charging).wallet(player=player, at=at).lots
    ]


@dataclass(frozen=True, slots=True)
class Outcome:
    slices: tuple[Slice, ...] = ()
    refused: str = ""


@journey("tests.open_lot")
def _open_lot(
    tx: Transaction, *, player: UUID, amount: Money, paid: Money, source: Source, terms: LotTerms
) -> UUID:
    lot = new_id()
    tx.get(Charging).fund(
        lot_id=lot,
        player=player,
        units=amount,
        consideration=paid,
        source=source,
        reference=f"test:{lot}",
        terms=terms,
        at=tx.command.at,
    )
    legs = tx.get(Accounting).top_up_legs(player=player, provider="test", paid=paid, units=amount)
    _post(tx, f"test:{lot}", legs)
    return lot


@journey("tests.spend_set")
def _spend_set(tx: Transaction, *, spends: tuple[Spend, ...]) -> tuple[Outcome, ...]:
    outcomes = []
    for asked, outcome in zip(
        spends, tx.get(Charging).consume_set(spends=spends, at=tx.command.at), strict=True
    ):
        if isinstance(outcome, UnableToSpend):
            outcomes.append(Outcome(refused=outcome.reason))
            continue
        taxed = taxed_by_currency(tx.get(Accounting), outcome, country="DE", at=tx.command.at)
        legs = tx.get(Accounting).immediate_spend_legs(player=asked.player, units=asked.units, taxed=taxed)
        _post(tx, asked.reference, legs)
        outcomes.append(Outcome(slices=outcome))
    return tuple(outcomes)


@journey("tests.give_back")
def _give_back(
    tx: Transaction, *, player: UUID, reference: str, amount: Money | None, key: str
) -> tuple[Lot, ...]:
    lots = tx.get(Charging).return_units(
        player=player, reference=reference, units=amount, key=key, at=tx.command.at
    )
    legs: list[Leg] = []
    for lot in lots:
        spent = taxed_by_currency(
            tx.get(Accounting),
            [Slice(lot.id, lot.source, lot.issued, lot.consideration)],
            country="XX",
            at=tx.command.at,
        )
        charged = tx.get(Accounting).immediate_spend_legs(player=player, units=lot.issued, taxed=spent)
        legs += [Leg(leg.side.other, leg.book, leg.amount, leg.owner) for leg in charged]
    _post(tx, key, tuple(legs))
    return lots


@journey("tests.move")
def _move(tx: Transaction, *, sender: UUID, recipient: UUID, amount: Money) -> tuple[Lot, ...]:
    reference = f"transfer:{new_id()}"
    lots = tx.get(Charging).transfer(
        sender=sender, recipient=recipient, units=amount, reference=reference, at=tx.command.at
    )
    _post(
        tx,
        reference,
        tx.get(Accounting).transfer_legs(sender=sender, recipient=recipient, units=amount),
    )
    return lots


def _post(tx: Transaction, key: str, legs: tuple[Leg, ...]) -> None:
    tx.get(Ledger).post(
        entry=EntryDraft(id=new_id(), key=key, kind="test", occurred_at=tx.command.at, legs=legs)
    )
