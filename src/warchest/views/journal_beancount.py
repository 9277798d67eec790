"""The journal as text for beancount (https://beancount.github.io): one transaction an entry, one account a ledger account.

An account is called by its book's kind, the book, the currency and whose it is: ``Liabilities:Tax-Payable:EUR:DE``. Nothing is
lost on the way: from the name everything can be read back. Memorandum books (units) stand under equity, since beancount
knows five kinds; they balance in a currency of their own and touch no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import Book, BookKind, Entry, Leg, Side

_ROOTS = {
    BookKind.ASSET: "Assets",
    BookKind.LIABILITY: "Liabilities",
    BookKind.EQUITY: "Equity",
    BookKind.INCOME: "Income",
    BookKind.EXPENSE: "Expenses",
    BookKind.MEMORANDUM: "Equity",
}
_HOUSE = "House"
# Before all entries, since one may tell of an earlier day than those that were booked before it.
_BEGINNING = date(1970, 1, 1)

_PLAIN_BOOK = re.compile(r"(?!x_)[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*", re.ASCII)
_PLAIN_OWNER = re.compile(r"(?!X-)[A-Z0-9][A-Za-z0-9-]*", re.ASCII)
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]", re.ASCII)


def book_component(code: str) -> str:
    """``tax_payable`` as ``Tax-Payable``; no two codes give the same."""
    if _PLAIN_BOOK.fullmatch(code):
        return "-".join(part.capitalize() for part in code.split("_"))
    return _escaped(code)


def owner_component(owner: str) -> str:
    """An id or a country as it is, the house by a word, anything else behind ``X-``; no two owners give the same."""
    if not owner:
        return _HOUSE
    if owner != _HOUSE and _PLAIN_OWNER.fullmatch(owner):
        return owner
    return _escaped(owner)


def _escaped(text: str) -> str:
    """Letters and digits as they are, every other character as its number in hexadecimal between dashes."""
    return "X-" + _NOT_PLAIN.sub(lambda found: f"-{ord(found[0]):x}-", text)


class BeancountText:
    """Writes one file. Remembers the accounts that were named in it (not its entries), to open each once."""

    def __init__(self, *, cluster: str, functional_currency: str, books: Sequence[Book]) -> None:
        self._cluster = cluster
        self._functional_currency = functional_currency
        self._roots = {book.code: f"{_ROOTS[book.kind]}:{book_component(book.code)}" for book in books}
        self._minor: dict[str, int] = {}
        self._commodities: set[str] = set()
        self._last_day = _BEGINNING
        self._count = 0
        self._position = 0

    def head(self) -> str:
        return (
            f"; The journal of {self._cluster}, in the order of the books. All moments are UTC.\n"
            f'option "title" {_quoted(f"Journal of {self._cluster}")}\n'
            f'option "operating_currency" "{self._functional_currency}"\n'
        )

    def entries(self, entries: Iterable[Entry]) -> str:
        return "".join(line for entry in entries for line in self._entry(entry))

    def tail(self, *, with_balances: bool) -> str:
        lines = [f"\n; {self._count} entries, up to position {self._position}.\n"]
        if with_balances and self._count:
            # An assertion holds at the beginning of its day.
            day = self._last_day + timedelta(days=1)
            for name, minor in sorted(self._minor.items()):
                amount = Money(minor, currency(_currency_of(name)))
                # Without a tolerance of its own, beancount would let a cent pass.
                lines.append(f"{day} balance {name}  {amount.major} ~ 0 {amount.currency.code}\n")
        return "".join(lines)

    def _entry(self, entry: Entry) -> Iterator[str]:
        day = entry.occurred_at.astimezone(UTC).date()
        self._last_day = max(self._last_day, day)
        self._count += 1
        self._position = entry.position
        legs = [(self._account(leg), leg) for leg in entry.legs]
        for name, leg in legs:
            yield from self._opening(name, leg.amount.currency.code)
        yield f"\n{day} * {_quoted(entry.kind)}\n  position: {entry.position}\n"
        for word, value in (
            ("id", str(entry.id)),
            ("key", entry.key),
            ("reference", entry.reference),
            ("reverses", str(entry.reverses or "")),
            ("occurred-at", _moment(entry.occurred_at)),
            ("recorded-at", _moment(entry.recorded_at)),
        ):
            if value:
                yield f"  {word}: {_quoted(value)}\n"
        for name, leg in legs:
            amount = leg.amount if leg.side is Side.DEBIT else -leg.amount
            self._minor[name] += amount.minor
            yield f"  {name}  {amount.major} {amount.currency.code}\n"

    def _account(self, leg: Leg) -> str:
        root = self._roots[leg.book]
        return f"{root}:{leg.amount.currency.code}:{_owner_component(leg.owner)}"

    def _opening(self, name: str, code: str) -> Iterator[str]:
        if code not in self._commodities:
            self._commodities.add(code)
            yield f"\n{_BEGINNING} commodity {code}\n"
        if name not in self._minor:
            self._minor[name] = 0
            yield f"\n{_BEGINNING} open {name} {code}\n"


_owner_component = lru_cache(maxsize=10_000)(owner_component)


def _currency_of(name: str) -> str:
    return name.split(":")[2]


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


_ESCAPES = {
    ord(raw): escape
    for raw, escape in {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}.items()
}


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'
