"""The proof: what the older system says, what is here of it, and the difference, line by line.

What is here is asked of those who keep it (members, the tree, wallets, subscriptions) and, by itself, of the journal's
opening entries, which no later business changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting, TakenKind
from warchest.charging.contract import Charging
from warchest.cli.move_in.control import Control
from warchest.kernel.currency import INNER, currency
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.members.contract import Members
from warchest.referrals.contract import Referrals
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

_CLEARING = "opening_balance_equity"
_PORTION = 5000


@dataclass(frozen=True, slots=True)
class Figure:
    """``said`` by the older system, and ``here``: numbers, or amounts in minor units of ``currency``. What nobody said
    anything about (None) is named and proves nothing."""

    name: str
    currency: str
    said: int | None
    here: int

    @property
    def agrees(self) -> bool:
        return self.said is None or self.said == self.here

    @property
    def texts(self) -> tuple[str, str, str]:
        """What was said, what is here, and the difference, as people read them."""
        return (
            "–" if self.said is None else self._text(self.said),
            self._text(self.here),
            "–" if self.said is None else self._text(self.here - self.said),
        )

    def _text(self, number: int) -> str:
        return Money(number, currency(self.currency)).major if self.currency else str(number)


def figures(control: Control) -> tuple[Figure, ...]:
    """Everything that the older system says, and everything that came of it."""
    return (*_nouns(control), *_accounts(control))


def _nouns(control: Control) -> Iterator[Figure]:
    players = nodes = edges = 0
    for ids in _taken(control.system, TakenKind.PLAYER):
        players += len(services.get(Members).players(player_ids=ids))
        tree = services.get(Referrals).count_tree(players=ids)
        nodes, edges = nodes + tree.nodes, edges + tree.edges
    yield Figure("players", "", control.players, players)
    yield Figure("places in the tree", "", control.players, nodes)
    yield Figure("players with a sponsor", "", control.sponsored, edges)
    lots, units = 0, 0
    paid: Counter[str] = Counter()
    for ids in _taken(control.system, TakenKind.LOT):
        found = services.get(Charging).count_lots(lot_ids=ids)
        lots, units = lots + found.lots, units + found.units.minor
        paid.update({part.currency.code: part.minor for part in found.consideration})
    yield Figure("lots", "", control.lots, lots)
    yield Figure("units in lots", INNER.code, control.units_minor, units)
    yield from _by_currency("paid for lots", control.consideration, paid)
    terms = 0
    deferred: Counter[str] = Counter()
    for ids in _taken(control.system, TakenKind.SUBSCRIPTION):
        counted = services.get(Subscriptions).count_grants(grant_ids=ids)
        terms += counted.grants
        deferred.update({part.currency.code: part.minor for part in counted.net})
    yield Figure("terms of subscriptions", "", control.subscriptions, terms)
    yield from _by_currency("deferred for terms", control.deferred, deferred)


def _accounts(control: Control) -> Iterator[Figure]:
    """By the journal alone: all entries that have opened the books of this system."""
    reference = f"move-in:{control.system}"
    here = {
        (line.book, line.currency): line.balance_minor
        for line in services.get(Ledger).sums_of_reference(reference=reference)
    }
    said: dict[tuple[str, str], int | None] = dict(control.accounts)
    said["units_issued", INNER.code] = said["wallet_units", INNER.code] = control.units_minor
    said |= {("wallet_funding", code): minor for code, minor in control.consideration.items()}
    said |= {("deferred_revenue", code): minor for code, minor in control.deferred.items()}
    for code in {code for _, code in (*said, *here)} - {INNER.code}:
        said[_CLEARING, code] = 0 if control.complete else None
    for book, code in sorted(here.keys() | said.keys()):
        yield Figure(f"account {book}", code, said.get((book, code), 0), here.get((book, code), 0))


def _by_currency(name: str, said: Mapping[str, int], here: Mapping[str, int]) -> Iterator[Figure]:
    for code in sorted(said.keys() | here.keys()):
        yield Figure(name, code, said.get(code, 0), here.get(code, 0))


def _taken(system: str, kind: TakenKind) -> Iterator[Sequence[UUID]]:
    after = ""
    while rows := services.get(Accounting).list_taken(system=system, kind=kind, after=after, limit=_PORTION):
        yield [row.here for row in rows]
        after = rows[-1].external_id


def table(found: Sequence[Figure]) -> Iterator[str]:
    """As a table for people."""
    rows = [("", "", "older system", "here", "difference")]
    rows += [(figure.name, figure.currency, *figure.texts) for figure in found]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for name, code, *numbers in rows:
        cells = "  ".join(number.rjust(width) for number, width in zip(numbers, widths[2:], strict=True))
        yield f"{name.ljust(widths[0])}  {code.ljust(widths[1])}  {cells}".rstrip()
