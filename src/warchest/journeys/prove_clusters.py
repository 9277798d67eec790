"""The proof over two clusters: money is conserved between them, each keeps the newest head of the other's chain, and no player
lives in both.

Both sides' figures are read one after the other while transfers go on; so where they do not meet, they are read again, and
only what differs each time is told. A transfer under way is counted where it is, and named.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from warchest.journeys import compare_clusters
from warchest.journeys.conserve import Here, OnItsWay, Standing, There, conserved
from warchest.kernel.currency import INNER, currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger, ReadHead, ShownHead
from warchest.runtime import cluster_line, clusters
from warchest.runtime.cluster_line import read_by_clusters
from warchest.runtime.command import Command
from warchest.runtime.services import services

_READINGS, _PAUSE_S = 4, 0.5


@dataclass(frozen=True, slots=True)
class Owed:
    """In one currency: what our books say of the other's entity, and what its books say of ours."""

    payable: Money
    their_receivable: Money
    receivable: Money
    their_payable: Money

    @property
    def meets(self) -> bool:
        return self.payable == self.their_receivable and self.receivable == self.their_payable


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A transfer that is held by its sender's cluster; ``arrived``: the other has credited it already."""

    id: UUID
    cluster: str
    amounts: tuple[Money, ...]
    arrived: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """``broken``: a sentence for each way in which it does not hold. ``units_there``: issued here and held there, as both
    have it. ``head`` is the other's newest, now kept here; ``head_before`` the one kept until now."""

    cluster: str
    proved_at: datetime
    broken: tuple[str, ...]
    owed: tuple[Owed, ...]
    units_there: Money
    their_units_here: Money
    under_way: tuple[UnderWay, ...]
    head: ReadHead | None
    head_before: ReadHead | None
    players: int

    @property
    def holds(self) -> bool:
        return not self.broken


def prove_clusters(command: Command, *, cluster: str) -> Proof:
    """Raises UnableToFindCluster, TryAgain (``line_cut``)."""
    other = clusters.find(cluster)
    here, there = Here(), There(cluster, command)
    for reading in range(_READINGS):
        broken = list(conserved([here, there]))
        if not broken:
            break
        if reading + 1 < _READINGS:
            time.sleep(_PAUSE_S)
    ours, theirs = here.standing(towards=cluster), there.standing(towards=services.cluster)
    head, before, told = _witness(command, other)
    players, both = compare_clusters.in_both(command, cluster=cluster, kind="players")
    return Proof(
        cluster=cluster,
        proved_at=command.at,
        broken=(
            *broken,
            *told,
            *(f"player {each} lives in {services.cluster} and in {cluster}" for each in both),
        ),
        owed=_owed(ours, theirs),
        units_there=ours.units,
        their_units_here=theirs.units,
        under_way=(
            *_under_way(services.cluster, ours, there),
            *_under_way(cluster, theirs, here),
        ),
        head=head,
        head_before=before,
        players=players,
    )


def _owed(ours: Standing, theirs: Standing) -> tuple[Owed, ...]:
    amounts = [*ours.payable, *ours.receivable, *theirs.payable, *theirs.receivable]
    codes = sorted({amount.currency.code for amount in amounts} - {INNER.code})

    def of(one: tuple[Money, ...], code: str) -> Money:
        return Money(sum(each.minor for each in one if each.currency.code == code), currency(code))

    return tuple(
        Owed(
            of(ours.payable, code),
            of(theirs.receivable, code),
            of(ours.receivable, code),
            of(theirs.payable, code),
        )
        for code in codes
    )


def _under_way(cluster: str, standing: Standing, recipient: Here | There) -> tuple[UnderWay, ...]:
    waiting: tuple[OnItsWay, ...] = standing.on_its_way
    arrived = Counter(
        recipient.credited_among(transfers=tuple(sorted(each.id for each in waiting))) if waiting else ()
    )
    return tuple(UnderWay(each.id, cluster, each.amounts, each.id in arrived) for each in waiting)


# Each is the other's witness.


@read_by_clusters("clusters.exchange_heads")
def exchange_heads(*, shown: ShownHead | None, asked_by: str) -> ShownHead | None:
    """Keep the asker's newest head, and show ours."""
    keep_head(asked_by, shown)
    return services.get(Ledger).shown_head()


@read_by_clusters("clusters.hash_of_block")
def hash_of_block(*, number: int) -> str:
    return services.get(Ledger).hash_of_block(number=number)


def keep_head(cluster: str, shown: ShownHead | None) -> ReadHead | None:
    """Keep it where it is newer than the one kept; answers what it says. Raises UnableToReadHead."""
    other = clusters.find(cluster)
    if shown is None:
        return None
    read = services.get(Ledger).read_head(head=shown, cluster=cluster)
    kept = kept_head(other.code, other.head)
    if kept is None or read.number > kept.number:
        clusters.note_head(other, msgspec.json.encode(shown).decode(), at=read.signed_at)
    return read


def kept_head(cluster: str, head: str) -> ReadHead | None:
    if not head:
        return None
    return services.get(Ledger).read_head(head=msgspec.json.decode(head, type=ShownHead), cluster=cluster)


def _witness(
    command: Command, other: clusters.OtherCluster
) -> tuple[ReadHead | None, ReadHead | None, list[str]]:
    """The block whose head we have kept is still in their chain, and their chain has not become shorter."""
    before = kept_head(other.code, other.head)
    broken: list[str] = []
    line = cluster_line.line()
    shown: ShownHead | None = line.call(
        other.code, "clusters.exchange_heads", command, shown=services.get(Ledger).shown_head()
    )
    head = None
    try:
        head = keep_head(other.code, shown)
    except UnableTo as refusal:
        broken.append(
            f"{other.code} shows a head that it has not signed: {refusal.details.get('explanation', '')}"
        )
    if before is not None:
        if head is None or head.number < before.number:
            broken.append(f"{other.code} has shown block {before.number} before, and does not now")
        now: str = line.call(other.code, "clusters.hash_of_block", command, number=before.number)
        if now != before.hash:
            broken.append(
                f"block {before.number} of {other.code} was signed with another hash than it has now: its books were changed"
            )
    return head, before, broken
