"""What must hold of the chain: it is whole, the journal is what was sealed, and its heads are those that were signed.

The hashes are computed here by the server's own functions, and not by ours in the database, which whoever owns the
database could have replaced. All goes block by block, so ten million entries need no more memory than a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections

from warchest.ledger import cuts, heads
from warchest.runtime.invariants import Invariant, in_portions, tell
from warchest.runtime.services import services

_BLOCKS = 50
_UNSIGNED_AT_MOST = timedelta(minutes=5)

_HASH = """
    sha256(s.previous || int8send(s.number) || int8send(s.first_position) || int8send(s.last_position)
           || int8send(s.entries) || int8send((extract(epoch FROM s.sealed_at) * 1000000)::bigint)
           || convert_to(s.ids::text, 'UTF8') || s.digests)"""

DIGEST = """
    sha256(convert_to(json_build_array(
        e.position, (extract(epoch FROM e.occurred_at) * 1000000)::bigint,
        (extract(epoch FROM e.recorded_at) * 1000000)::bigint, e.id, e.reverses_id, e.cluster, e.kind, e.key, e.reference,
        e.details::text, e.sides, e.currencies, e.amounts,
        (SELECT json_agg(json_build_array(l.account_id, a.book_id, a.owner, a.currency) ORDER BY l.leg)
           FROM unnest(e.accounts) WITH ORDINALITY AS l(account_id, leg)
           LEFT JOIN ledger_account AS a ON a.id = l.account_id))::text, 'UTF8'))"""

# Blocks with what the block before says; that is read along, and judged with its own portion.
_LINKS = f"""
    SELECT s.number, s.first_position, s.last_position, s.number_before, s.hash IS DISTINCT FROM {_HASH},
           (s.previous, s.first_position, s.entries)
               IS DISTINCT FROM (coalesce(s.hash_before, decode(repeat('00', 32), 'hex')),
                                 coalesce(s.last_before, 0) + 1, coalesce(s.entries_before, 0) + cardinality(s.ids))
      FROM (SELECT b.*, coalesce(lag(b.number) OVER follow, 0) AS number_before, lag(b.hash) OVER follow AS hash_before,
                   lag(b.last_position) OVER follow AS last_before, lag(b.entries) OVER follow AS entries_before
              FROM ledger_seal AS b WHERE b.number >= %(low)s AND b.number <= %(high)s
            WINDOW follow AS (ORDER BY b.number)) AS s
     WHERE s.number > %(low)s
       AND (s.hash IS DISTINCT FROM {_HASH} OR s.number_before <> s.number - 1
            OR (s.previous, s.first_position, s.entries)
               IS DISTINCT FROM (coalesce(s.hash_before, decode(repeat('00', 32), 'hex')),
                                 coalesce(s.last_before, 0) + 1, coalesce(s.entries_before, 0) + cardinality(s.ids)))
     ORDER BY s.number"""

_OTHER_CONTENTS = f"""
    SELECT s.number, s.first_position, s.last_position
      FROM ledger_seal AS s
      LEFT JOIN LATERAL (
           SELECT string_agg({DIGEST}, '' ORDER BY e.position, e.id) AS digests
             FROM ledger_everyentry AS e
            WHERE e.position >= s.first_position AND e.position <= s.last_position) AS journal ON true
     WHERE s.number > %(low)s AND s.number <= %(high)s AND journal.digests IS DISTINCT FROM s.digests
     ORDER BY s.number"""

_DIFFERENCES = f"""
    SELECT coalesce(sealed.id, e.id)::text, sealed.id IS NOT NULL, e.id IS NOT NULL, e.position
      FROM (SELECT i.id, i.place, s.first_position, substr(s.digests, 32 * i.place::int - 31, 32) AS digest
              FROM ledger_seal AS s, unnest(s.ids) WITH ORDINALITY AS i(id, place)
             WHERE s.number = %(number)s) AS sealed
      FULL JOIN (SELECT e.id, e.position, {DIGEST} AS digest FROM ledger_everyentry AS e
                  WHERE e.position >= %(first)s AND e.position <= %(last)s) AS e ON e.id = sealed.id
     WHERE sealed.digest IS DISTINCT FROM e.digest
     ORDER BY coalesce(e.position, sealed.first_position + sealed.place - 1)"""


def chain(*, after: int = 0) -> Iterator[str]:
    """Where the chain behind a block is not whole."""
    for low, high in _portions(after):
        for number, first, last, before, other_hash, unlinked in _rows(_LINKS, {"low": low, "high": high}):
            if before != number - 1:
                yield f"{_blocks(before + 1, number - 1)} missing before block {number} (positions {first} to {last})"
            elif other_hash:
                yield f"block {number} (positions {first} to {last}): its hash is not that of its contents"
            elif unlinked:
                yield f"block {number} (positions {first} to {last}) does not continue block {before}"


def _sealed_entries() -> Iterator[str]:
    for entry, position in _rows(
        "SELECT id::text, position FROM ledger_everyentry WHERE position < 1 ORDER BY position"
    ):
        yield f"entry {entry} stands before the first of all positions, at {position}"
    for low, high in _portions(0):
        for number, first, last in _rows(_OTHER_CONTENTS, {"low": low, "high": high}):
            yield from _differences(number, first, last)


def _differences(number: int, first: int, last: int) -> Iterator[str]:
    block = f"block {number} (positions {first} to {last})"
    found = False
    for entry, sealed, there, position in _rows(
        _DIFFERENCES, {"number": number, "first": first, "last": last}
    ):
        found = True
        if not there:
            yield f"entry {entry}, sealed in {block}, is missing"
        elif not sealed:
            yield f"entry {entry} at position {position} was put into {block} after that was sealed"
        else:
            yield f"entry {entry} at position {position}, or an account that it names, is not what was sealed in {block}"
    if not found:
        yield f"{block}: its digests are not those of its entries in their order"


def _signed_heads() -> Iterator[str]:
    own, known = heads.own_file(), dict(_rows("SELECT file, max(number) FROM ledger_sealhead GROUP BY file"))
    files = sorted(heads.folder().glob("*.jsonl"))
    restores, wrong = cuts.read()
    yield from wrong
    yield from cuts.differs(restores)
    if not files and not known:
        yield from _unsigned()
    if own.name in known and own not in files:
        yield f"{own} is missing, though the head of block {known[own.name]} was written to it"
    for file in files:
        bounds = cuts.bounds(restores, file.name)
        yield from _Witness(str(file), bounds).differs(
            heads.lines(file), ends_at=bounds.ends_at if bounds else known.get(file.name, 0)
        )
    # Of files that other hosts have, the database's copies bear witness: nobody signs them anew.
    for name in sorted(known.keys() - {file.name for file in files}):
        yield from _Witness(f"ledger_sealhead, {name}", None).differs(_kept_lines(name), ends_at=0)


def _unsigned() -> Iterator[str]:
    for number, sealed_at in _rows("SELECT number, sealed_at FROM ledger_seal ORDER BY number LIMIT 1"):
        if sealed_at < datetime.now(UTC) - _UNSIGNED_AT_MOST:
            yield (
                f"block {number} and those behind it: no signed head is known,"
                f" neither in the database nor in {heads.folder()}"
            )


def _kept_lines(file: str) -> Iterator[tuple[int, bytes, bool]]:
    low = 0
    while rows := _rows(
        "SELECT number, line FROM ledger_sealhead WHERE file = %(file)s AND number > %(low)s ORDER BY number LIMIT 1000",
        {"file": file, "low": low},
    ):
        yield from ((number, line.encode(), True) for number, line in rows)
        low = rows[-1][0]


class _Witness:
    """The heads of one file, line by line: are they ours and without a gap, and is the chain's the same?"""

    def __init__(self, source: str, bounds: cuts.Bounds | None) -> None:
        self._source = source
        self._bounds = bounds
        self._last: heads.SignedHead | None = None
        self._agreed: heads.SignedHead | None = None
        self._differs = False

    def differs(self, lines: Iterator[tuple[int, bytes, bool]], *, ends_at: int) -> Iterator[str]:
        """``ends_at``: up to this block the file is known to have had heads."""
        doubtful: list[str] = []
        for portion in in_portions(lines):
            read: list[tuple[str, heads.SignedHead]] = []
            for number, line, ended in portion:
                place = f"{self._source}, line {number}"
                try:
                    head = heads.read(line)
                except heads.NotAHead as error:
                    # What a crash has cut off is no loss: the next head follows the one before it.
                    doubtful += [f"{place}: not a head that was signed here: {error}"] if ended else []
                    continue
                before = self._last.number if self._last else 0
                if head.before != before:
                    yield from doubtful
                    if not doubtful:
                        yield f"{place}: the head of block {head.before} should stand before it"
                doubtful = []
                self._last = head
                if self._bounds is None or head.number <= self._bounds.until:
                    read.append((place, head))
            yield from self._compare(read)
        yield from doubtful
        last = self._last.number if self._last else 0
        if last < ends_at:
            yield f"{self._source} ends at block {last}, though the head of block {ends_at} was written to it"
        elif self._bounds and last > self._bounds.ends_at:
            yield (
                f"{self._source} goes on to block {last}, though a restore ended it at block {self._bounds.ends_at}:"
                " the house that was left behind still works"
            )

    def _compare(self, read: Sequence[tuple[str, heads.SignedHead]]) -> Iterator[str]:
        if self._differs:
            return
        found = _blocks_of([head.number for _, head in read])
        if lacking := [head.number for _, head in read if head.number not in found]:
            # They may have been made since our snapshot: then they are there now.
            found |= _blocks_now(lacking)
        for place, head in read:
            agreed = self._agreed.position if self._agreed else 0
            if head.number not in found:
                yield (
                    f"block {head.number} (positions up to {head.position}) is not in the database, though its head was"
                    f" signed at {head.signed_at:%Y-%m-%d %H:%M:%S} UTC ({place}): what follows position {agreed} was cut off"
                )
                self._differs = True
                return
            if found[head.number] != (head.hash, head.position, head.entries):
                yield (
                    f"block {head.number} is not the one whose head was signed at {head.signed_at:%Y-%m-%d %H:%M:%S} UTC"
                    f" ({place}): the chain was computed anew; something changed in positions {agreed + 1} to {head.position}"
                )
                self._differs = True
                return
            self._agreed = head


_NAMED = "SELECT number, encode(hash, 'hex'), last_position, entries FROM ledger_seal WHERE number = ANY (%(numbers)s)"


def _blocks_of(numbers: Sequence[int]) -> dict[int, tuple[str, int, int]]:
    return {row[0]: row[1:] for row in _rows(_NAMED, {"numbers": list(numbers)})}


def _blocks_now(numbers: Sequence[int]) -> dict[int, tuple[str, int, int]]:
    with (
        closing(connections.create_connection(services.alias("ledger"))) as fresh,
        fresh.cursor() as cursor,
    ):
        cursor.execute(_NAMED, {"numbers": list(numbers)})
        return {row[0]: row[1:] for row in cursor.fetchall()}


def _portions(after: int) -> Iterator[tuple[int, int]]:
    """Ranges (low, high] of block numbers, so many blocks in each."""
    ((until,),) = _rows("SELECT coalesce(max(number), 0) FROM ledger_seal")
    while after < until:
        ((high,),) = _rows(
            "SELECT max(b.number) FROM (SELECT number FROM ledger_seal WHERE number > %(after)s"
            " ORDER BY number LIMIT %(most)s) AS b",
            {"after": after, "most": _BLOCKS},
        )
        tell(f"block {high} of {until}")
        yield after, high
        after = high


def _blocks(first: int, last: int) -> str:
    return f"block {first} is" if first == last else f"blocks {first} to {last} are"


def _rows(query: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
    with services.database("ledger").cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


INVARIANTS = (
    Invariant("seals_chain", "The sealed blocks form one chain without a gap", chain),
    Invariant(
        "sealed_entries",
        "Every sealed entry is what it was when it was sealed; none is missing, none was put among them",
        _sealed_entries,
    ),
    Invariant(
        "heads_signed",
        "The chain is the one whose heads were signed and written outside the database",
        _signed_heads,
    ),
)
