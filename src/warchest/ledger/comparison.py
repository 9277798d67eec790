"""An account beside what another app keeps of its entries: which is the first entry of which the two say something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from warchest.ledger import account_queries, entry_queries, queries
from warchest.ledger.contract import AccountRef, Difference, Entry, Kept
from warchest.runtime.invariants import in_portions
from warchest.runtime.services import services

_PAGE = 1000


def first_difference(
    *,
    book: str,
    accounts: Collection[tuple[str, str]],
    kept: Callable[[Sequence[Entry] | None], Iterable[Kept]],
) -> Difference:
    side = next(one.side for one in account_queries.books() if one.code == book)
    first = Difference()

    def booked(entry: Entry) -> int:
        return sum(
            leg.amount.minor if leg.side is side else -leg.amount.minor
            for leg in entry.legs
            if leg.book == book and (leg.owner, leg.amount.currency.code) in accounts
        )

    def earlier(entry: Entry, kept_minor: int) -> Difference:
        booked_minor = booked(entry)
        if booked_minor == kept_minor or (first.entry and first.entry.position <= entry.position):
            return first
        return Difference(entry=entry, booked_minor=booked_minor, kept_minor=kept_minor)

    for entries in _entries_of(book, accounts):
        sums: Counter[UUID | str] = Counter()
        for one in kept(entries):
            sums[one.entry] += one.minor
        for entry in entries:
            first = earlier(entry, sums[entry.id] + sums[entry.key])

    # And what is kept of entries that are not on these accounts, or nowhere.
    lost: Kept | None = None
    for portion in in_portions(kept(None)):
        named = _named([one.entry for one in portion])
        for one in portion:
            entry_named = named.get(one.entry)
            if entry_named is None:
                lost = lost or one
            elif not booked(entry_named):
                first = earlier(entry_named, one.minor)
    if first.entry is None and lost:
        return Difference(kept_minor=lost.minor, record=lost.record)
    return first


def _entries_of(book: str, accounts: Collection[tuple[str, str]]) -> Iterator[list[Entry]]:
    """The entries that touch the accounts, page by page; one may come twice."""
    for owner, unit in sorted(accounts):
        before = None
        account = AccountRef(book, unit, owner)
        while lines := queries.statement(account=account, before=before, limit=_PAGE):
            yield list(entry_queries.entries(entry_ids=[line.entry_id for line in lines]).values())
            before = lines[-1].sequence


def _named(names: Sequence[UUID | str]) -> Mapping[UUID | str, Entry]:
    keys = [name for name in names if isinstance(name, str)]
    with services.database("ledger").cursor() as cursor:
        cursor.execute(
            "SELECT key, entry_id FROM unnest(%s::text[]) AS key JOIN ledger_postedkey ON digest = ledger_key_digest(key)",
            [keys],
        )
        ids: dict[UUID | str, UUID] = dict(cursor.fetchall())
    ids.update((name, name) for name in names if isinstance(name, UUID))
    entries = entry_queries.entries(entry_ids=list(ids.values()))
    return {name: entries[entry_id] for name, entry_id in ids.items() if entry_id in entries}
