"""Whether two clusters hold the same ids, names or serials, without either giving the other a list of them.

Each value is hashed with a key that only the two share. The one that asks sends its hashes, cut to eight bytes, in portions;
the other answers those that it has too, from a sorted array that it keeps for some minutes. For what both seem to have,
the whole hash decides. So it is exact, a million values take eight megabytes on the line and in memory, and of what only
one side has the other learns nothing that it could read.
"""

from __future__ import annotations

import hmac
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from warchest.cards.contract import Cards
from warchest.kernel.ids import new_id
from warchest.members.contract import Members
from warchest.payments.contract import Payments
from warchest.runtime import cluster_line, clusters
from warchest.runtime.cluster_line import read_by_clusters
from warchest.runtime.command import Command
from warchest.runtime.services import services

PORTION = 20_000
"""Hashes in one call: 160 kilobytes."""

_SHORT = 8
_KEPT_S = 600.0


def _players() -> Iterator[str]:
    for player_id, _ in _roll():
        yield str(player_id)


def _nicknames() -> Iterator[str]:
    # As the one who types it tells them apart.
    for _, nickname in _roll():
        yield nickname.lower()


def _roll() -> Iterator[tuple[UUID, str]]:
    members, last = services.get(Members), None
    while portion := members.roll(after=last, limit=10_000):
        yield from portion
        last = portion[-1][0]


def _payments() -> Iterator[str]:
    payments, last = services.get(Payments), None
    while portion := payments.payment_ids(after=last, limit=10_000):
        yield from map(str, portion)
        last = portion[-1]


def _batches() -> Iterator[str]:
    for batch in _all_batches():
        yield str(batch.id)


def _serials() -> Iterator[str]:
    for batch in _all_batches():
        yield f"{batch.terms.serial_prefix}{batch.terms.series:04}"


def _all_batches() -> Iterator[Any]:
    cards, last = services.get(Cards), None
    while portion := cards.batches(limit=200, before=last):
        yield from portion
        last = portion[-1].id


KINDS: dict[str, Callable[[], Iterator[str]]] = {
    "players": _players,
    "payments": _payments,
    "batches": _batches,
    "serials": _serials,
    "nicknames": _nicknames,
}


def in_both(command: Command, *, cluster: str, kind: str) -> tuple[int, tuple[str, ...]]:
    """How many values of this kind there are here, and those that the other cluster has too. Raises TryAgain."""
    key = clusters.find(cluster).shared_key.digests
    count, seem, run = 0, list[str](), str(new_id())
    for portion in _portions(KINDS[kind]()):
        count += len(portion)
        by_hash = {_hash(key, kind, value)[:_SHORT]: value for value in portion}
        found: tuple[bytes, ...] = cluster_line.line().call(
            cluster, "clusters.have_these", command, kind=kind, run=run, hashes=b"".join(by_hash)
        )
        seem += [by_hash[each] for each in found if each in by_hash]
    surely: list[str] = []
    for portion in _portions(seem):
        whole = {_hash(key, kind, value): value for value in portion}
        have: tuple[bytes, ...] = cluster_line.line().call(
            cluster, "clusters.have_surely", command, kind=kind, hashes=tuple(whole)
        )
        surely += [whole[each] for each in have if each in whole]
    return count, tuple(sorted(surely))


def _portions(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    portion = list(islice(rest, PORTION))
    while portion:
        yield portion
        portion = list(islice(rest, PORTION))


def _hash(key: bytes, kind: str, value: str) -> bytes:
    return hmac.digest(key, f"{kind}\n{value}".encode(), "sha256")


# What the other cluster may ask.


# Of each cluster and kind those of its last run.
_kept: dict[tuple[str, str], tuple[str, float, array[int]]] = {}
_guard = threading.Lock()


@read_by_clusters("clusters.have_these")
def have_these(*, kind: str, run: str, hashes: bytes, asked_by: str) -> tuple[bytes, ...]:
    """Which of these short hashes are of values that this cluster has; unknown kinds have none."""
    if kind not in KINDS or len(hashes) > PORTION * _SHORT:
        return ()
    ours = _short_hashes(asked_by, kind, run)
    asked = (hashes[at : at + _SHORT] for at in range(0, len(hashes) - _SHORT + 1, _SHORT))
    return tuple(each for each in asked if _has(ours, int.from_bytes(each)))


@read_by_clusters("clusters.have_surely")
def have_surely(*, kind: str, hashes: tuple[bytes, ...], asked_by: str) -> tuple[bytes, ...]:
    """Which of these whole hashes are of values that this cluster has now."""
    if kind not in KINDS:
        return ()
    key, wanted = clusters.find(asked_by).shared_key.digests, set(hashes[:PORTION])
    return tuple(wanted & {_hash(key, kind, value) for value in KINDS[kind]()})


def _short_hashes(cluster: str, kind: str, run: str) -> array[int]:
    with _guard:
        for known, (_, made_at, _) in list(_kept.items()):
            if time.monotonic() - made_at > _KEPT_S:
                del _kept[known]
        kept = _kept.get((cluster, kind))
        if kept is None or kept[0] != run:
            key = clusters.find(cluster).shared_key.digests
            hashes = array("Q", (int.from_bytes(_hash(key, kind, value)[:_SHORT]) for value in KINDS[kind]()))
            kept = _kept[cluster, kind] = run, time.monotonic(), array("Q", sorted(hashes))
        return kept[2]


def _has(ours: array[int], wanted: int) -> bool:
    at = bisect_left(ours, wanted)
    return at < len(ours) and ours[at] == wanted
