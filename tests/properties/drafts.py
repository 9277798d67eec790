"""What random entries are made of: little of each, so that they meet at the same accounts, keys, moments and references."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.builders.people import NOW
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AMOUNT_MINOR_MAX, BookKind, Leg, Side, credit, debit

# Books have the example's number behind their names, so that one database serves all examples.
NAMES = {
    "purse": (BookKind.LIABILITY, Side.CREDIT, True),
    "till": (BookKind.ASSET, Side.DEBIT, True),
    "revenue": (BookKind.INCOME, Side.CREDIT, False),
    "issued": (BookKind.MEMORANDUM, Side.DEBIT, False),
}
# Little of each, so that entries meet: the same accounts, keys, moments and references again and again.
names = st.sampled_from(["purse", "revenue", "purse", "issued", "purse", "till"])
# Arrays are written by hand on their way to the database: what has a meaning there must keep none.
owners = st.sampled_from(["", "anna", 'NULL, "ben" \\ {né}'])
codes = st.sampled_from(["XCR", "XCR", "XCR", "EUR", "EUR", "JPY"])
keys = st.integers(0, 12).map("key-{}".format)
kinds = st.sampled_from(["sale", "NULL"])
references = st.sampled_from(["", "r1", 'r"2"\\\n{,}'])
details = st.sampled_from([{}, {"plan": "arena"}, {"plan": 'a"r\\e{n}a, NULL', "periods": 2}])
minors = st.integers(1, 20)
# Midnight itself, and the moments beside it.
MIDNIGHT = NOW.replace(hour=0)
# It is the same moment wherever it is told.
zones = st.sampled_from([UTC, ZoneInfo("Pacific/Auckland"), ZoneInfo("America/New_York")])
moments = st.builds(
    lambda day, beside, zone: (MIDNIGHT + timedelta(days=day, microseconds=beside)).astimezone(zone),
    st.sampled_from([-1, 0, 1, 40]),
    st.sampled_from([-1, 0, 1]),
    zones,
)
# Entries of other months than this one, of months that have no table, and with ids of another version.
months = st.sampled_from([0, 0, 0, 0, 0, 0, -1, 1, -400, None])
_MONTH_MS = 30 * 24 * 3600 * 1000


def an_id(month: int | None) -> UUID:
    fresh = new_id()
    if month is None:
        return UUID(int=fresh.int, version=4)
    return UUID(int=fresh.int + (month * _MONTH_MS << 80))


@dataclass(frozen=True)
class Body:
    """What a draft is made of."""

    key: str
    kind: str
    occurred_at: datetime
    reference: str
    details: dict[str, str | int]
    moves: list[tuple[str, int, str, str, str, str, bool]]

    def legs(self, suffix: str) -> tuple[Leg, ...]:
        legs: list[Leg] = []
        for code, minor, debited, from_owner, credited, to_owner, is_split in self.moves:
            amount = Money(minor, currency(code))
            legs.append(debit(debited + suffix, amount, owner=from_owner))
            # Split, an account has two legs on the same side.
            parts = amount.split([1, 1]) if is_split and minor > 1 else (amount,)
            legs += [credit(credited + suffix, part, owner=to_owner) for part in parts]
        return tuple(legs)


bodies = st.builds(
    Body,
    key=keys,
    kind=kinds,
    occurred_at=moments,
    reference=references,
    details=details,
    moves=st.lists(
        st.tuples(codes, minors, names, owners, names, owners, st.booleans()), min_size=1, max_size=3
    ),
)


def spoilt(legs: tuple[Leg, ...], how: str) -> tuple[Leg, ...]:
    first, *others = legs
    minor, unit = first.amount.minor, first.amount.currency
    match how:
        case "book":
            return tuple(replace(leg, book="moon") for leg in legs)
        case "zero":
            return replace(first, amount=Money(0, unit)), *others
        case "unbalanced":
            return replace(first, amount=Money(minor + 1, unit)), *others
        case "large":
            return replace(first, amount=Money(AMOUNT_MINOR_MAX + 1, unit)), *others
    return (first,)
