"""Drafts as the columns that ``ledger_post`` takes (``sql/post.sql``)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from warchest.ledger.contract import AMOUNT_MINOR_MAX, LEGS_MAX, EntryDraft, Side
from warchest.ledger.numbers import Name
from warchest.runtime.statements import column

POST = (
    "SELECT numbers, places, outcomes, entries, reasons FROM ledger_post(%s::uuid[], %s::text[], %s::text[],"
    " %s::timestamptz[], %s::text[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::int[], %s::int[],"
    " %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s)"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry to be posted, and what it reverses."""

    entry: EntryDraft
    reverses: UUID | None = None


def refusal(entry: EntryDraft) -> str:
    """Why an entry is none, whatever the books say; empty if it is one. The database's own constraints say the same."""
    if not 2 <= len(entry.legs) <= LEGS_MAX:
        return "entry_empty"
    sums: dict[str, int] = {}
    for leg in entry.legs:
        minor, code = leg.amount.minor, leg.amount.currency.code
        if minor <= 0:
            return "entry_empty"
        if minor > AMOUNT_MINOR_MAX:
            return "amount_too_large"
        sums[code] = sums.get(code, 0) + (minor if leg.side is Side.DEBIT else -minor)
    return "entry_unbalanced" if any(sums.values()) else ""


def runs(drafts: Sequence[Draft]) -> Iterable[list[Draft]]:
    """The drafts in portions in which no key occurs twice, so that a second one finds the first in the books."""
    portion: list[Draft] = []
    keys: set[str] = set()
    for draft in drafts:
        if draft.entry.key in keys:
            yield portion
            portion, keys = [], set()
        portion.append(draft)
        keys.add(draft.entry.key)
    if portion:
        yield portion


def columns(
    drafts: Sequence[Draft], *, cluster: str, numbers: Mapping[Name, int]
) -> tuple[list[object], list[Name]]:
    """The parameters of ``POST``, and the accounts that they ask for by name since ``numbers`` has not got them."""
    asked: dict[Name, int] = {}
    first_legs, leg_accounts, leg_amounts, leg_nets = [1], [], [], []
    sides, currencies = [], []
    for draft in drafts:
        letters, codes = [], []
        for leg in draft.entry.legs:
            code, minor = leg.amount.currency.code, leg.amount.minor
            side = leg.side._value_
            name = (leg.book, leg.owner, code)
            leg_accounts.append(numbers.get(name) or asked.setdefault(name, -1 - len(asked)))
            leg_amounts.append(minor)
            leg_nets.append(minor if side == "D" else -minor)
            letters.append(side)
            codes.append(code)
        first_legs.append(len(leg_accounts) + 1)
        sides.append("".join(letters))
        currencies.append(codes[0] if len(set(codes)) == 1 else "".join(codes))
    entries = [draft.entry for draft in drafts]
    return [
        column([entry.id for entry in entries]),
        column([entry.key for entry in entries]),
        column([entry.kind for entry in entries]),
        column([entry.occurred_at for entry in entries]),
        column([entry.reference for entry in entries]),
        column([json.dumps(dict(entry.details)) if entry.details else None for entry in entries]),
        column([draft.reverses for draft in drafts]),
        column(sides),
        column(currencies),
        column(first_legs),
        column(leg_accounts),
        column(leg_amounts),
        column(leg_nets),
        *(column([name[part] for name in asked]) for part in range(3)),
        cluster,
    ], list(asked)
