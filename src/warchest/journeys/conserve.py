"""The proof over two clusters: what left the one has come to the other, in every currency, or is told to be on its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Protocol
from uuid import UUID

from warchest.accounting.contract import (
    PAYABLE_BOOK,
    RECEIVABLE_BOOK,
    UNITS_BOOK,
    Accounting,
    NettingState,
    NettingStatement,
)
from warchest.charging.contract import Charging
from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.runtime import cluster_line
from warchest.runtime.cluster_line import read_by_clusters
from warchest.runtime.command import Command
from warchest.runtime.services import services

_STATEMENTS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """A transfer that is held: its units, and what had been paid for them."""

    id: UUID
    amounts: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a cluster stands with another: what went there and came from there (units among it), what its books say is owed,
    and what is on its way. ``units`` is what was issued here and is there."""

    sent: tuple[Money, ...]
    received: tuple[Money, ...]
    payable: tuple[Money, ...]
    receivable: tuple[Money, ...]
    units: Money
    on_its_way: tuple[OnItsWay, ...]
    statements: tuple[NettingStatement, ...]


class House(Protocol):
    """A cluster, as far as the proof has to see it."""

    @property
    def code(self) -> str: ...

    def standing(self, *, towards: str) -> Standing: ...

    def credited_among(self, *, transfers: tuple[UUID, ...]) -> tuple[UUID, ...]: ...


def standing(*, towards: str) -> Standing:
    """How this cluster stands with another."""
    charging, ledger = services.get(Charging), services.get(Ledger)
    moved = charging.moved(cluster=towards)
    return Standing(
        sent=moved.sent,
        received=moved.received,
        payable=_balances(ledger, PAYABLE_BOOK, towards),
        receivable=_balances(ledger, RECEIVABLE_BOOK, towards),
        units=ledger.balance(account=AccountRef(UNITS_BOOK, INNER.code, towards)).posted,
        on_its_way=tuple(
            OnItsWay(transfer.id, (transfer.units, *(part.consideration for part in transfer.parts)))
            for transfer in charging.open_transfers(cluster=towards)
        ),
        statements=services.get(Accounting).statements(cluster=towards, limit=_STATEMENTS_MAX),
    )


@read_by_clusters("clusters.standing")
def standing_towards_asker(*, asked_by: str) -> Standing:
    """How this cluster stands with the one that asks."""
    return standing(towards=asked_by)


@read_by_clusters("transfers.credited_among")
def credited_here(*, transfers: tuple[UUID, ...]) -> tuple[UUID, ...]:
    return tuple(sorted(services.get(Charging).credited_among(transfer_ids=transfers)))


class Here:
    """This cluster."""

    @property
    def code(self) -> str:
        return services.cluster

    def standing(self, *, towards: str) -> Standing:
        return standing(towards=towards)

    def credited_among(self, *, transfers: tuple[UUID, ...]) -> tuple[UUID, ...]:
        return credited_here(transfers=transfers)


class There:
    """Another cluster, asked over the line. Raises TryAgain (``line_cut``)."""

    def __init__(self, code: str, command: Command) -> None:
        self.code = code
        self._command = command

    def standing(self, *, towards: str) -> Standing:
        answer: Standing = cluster_line.line().call(self.code, "clusters.standing", self._command)
        return answer

    def credited_among(self, *, transfers: tuple[UUID, ...]) -> tuple[UUID, ...]:
        answer: tuple[UUID, ...] = cluster_line.line().call(
            self.code, "transfers.credited_among", self._command, transfers=transfers
        )
        return answer


def conserved(houses: Sequence[House]) -> tuple[str, ...]:
    """A sentence for each way in which two clusters' books do not meet; none when all is conserved.

    Each is read by itself, so while transfers go on they may differ by what moved between two readings: ask again.
    """
    return tuple(line for one, other in permutations(houses, 2) for line in _meets(one, other))


def in_transit(sender: House, recipient: House, own: Standing | None = None) -> Counter[str]:
    """Minor units per currency of what is credited there already, and here still held: half way."""
    waiting = {each.id: each.amounts for each in (own or sender.standing(towards=recipient.code)).on_its_way}
    arrived = recipient.credited_among(transfers=tuple(sorted(waiting))) if waiting else ()
    return _sums([amount for each in arrived for amount in waiting[each]])


def _meets(one: House, other: House) -> Iterator[str]:
    """Whether what ``one`` sent is what ``other`` received, by their transfers, by their books, and by what they settled."""
    ours, theirs = one.standing(towards=other.code), other.standing(towards=one.code)
    half_way = in_transit(one, other, ours)
    sent, received = _sums(ours.sent, half_way), _sums(theirs.received)
    payable = _sums(ours.payable, _sums(_booked(ours, of="payable")), half_way)
    receivable = _sums(theirs.receivable, _sums(_booked(theirs, of="receivable")))
    del payable[INNER.code]
    for code in sorted(sent.keys() | received.keys()):
        if sent[code] != received[code]:
            yield (
                f"{code}: {one.code} sent {sent[code]} minor units to {other.code} ({half_way[code]} of them half way),"
                f" which received {received[code]}"
            )
    for code in sorted(payable.keys() | receivable.keys()):
        if payable[code] != receivable[code]:
            yield (
                f"{code}: {one.code} owes or has settled {payable[code]} minor units for what went to {other.code},"
                f" which is owed or was paid {receivable[code]}"
            )
    back = in_transit(other, one, theirs)
    if (
        ours.units.minor + half_way[INNER.code] != -(theirs.units.minor + back[INNER.code])
        and one.code < other.code
    ):
        yield (
            f"units: {one.code} has {ours.units.minor} minor units in {other.code}, which has {theirs.units.minor}"
            f" in {one.code}; half way are {half_way[INNER.code]} and {back[INNER.code]}"
        )
    answers = {each.id: each for each in theirs.statements}
    for statement in ours.statements:
        mirror = answers.get(statement.id)
        if statement.state in (NettingState.AGREED, NettingState.BOOKED) and (
            mirror is None or (mirror.payable, mirror.receivable) != (statement.receivable, statement.payable)
        ):
            yield f"netting statement {statement.id}: {one.code} and {other.code} do not say the same of it"


def _balances(ledger: Ledger, book: str, cluster: str) -> tuple[Money, ...]:
    return tuple(
        found.posted for found in ledger.accounts(book=book, owner=cluster, limit=1000) if found.posted
    )


def _booked(standing: Standing, *, of: str) -> list[Money]:
    return [getattr(each, of) for each in standing.statements if each.state is NettingState.BOOKED]


def _sums(amounts: Sequence[Money], *more: Counter[str]) -> Counter[str]:
    sums = Counter[str]()
    for amount in amounts:
        sums[amount.currency.code] += amount.minor
    for one in more:
        # Not "+", which drops what is below zero.
        sums.update(one)
    return sums
