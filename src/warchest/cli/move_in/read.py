"""What was read of an older system's files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from warchest.cli.move_in.control import Control
from warchest.cli.move_in.scratch import Scratch
from warchest.kernel.currency import currency
from warchest.kernel.money import Money

HASHES_SHOWN = 20


@dataclass(slots=True)
class Read:
    """What the files say, all of it in ``scratch``. Sums are in minor units, by currency, or by account and currency.

    ``accounts`` are positive on the account's own side, ``opened`` is what their debits have more than their credits.
    ``unread`` counts rows of each table that could not be read.
    """

    control: Control
    scratch: Scratch
    files: dict[str, str] = field(default_factory=dict)
    passwords: Counter[str] = field(default_factory=Counter)
    units_minor: int = 0
    consideration: Counter[str] = field(default_factory=Counter)
    deferred: Counter[str] = field(default_factory=Counter)
    accounts: Counter[tuple[str, str]] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    unreadable_hashes: list[int] = field(default_factory=list)
    finished_at: datetime | None = None

    def rest(self) -> dict[str, int]:
        """What would stay on opening balance equity, by currency: debits less credits of all that comes.

        It grows on the credit side, as the other side of what is owned.
        """
        left = Counter(self.opened)
        left.subtract(self.consideration)
        left.subtract(self.deferred)
        return {code: minor for code, minor in sorted(left.items()) if minor}

    def summary(self) -> Iterator[str]:
        """What there is to take, and what a person should know before it is."""
        for table, name in (
            ("player", "players"),
            ("lot", "lots"),
            ("term", "terms"),
            ("balance", "balances"),
        ):
            total = self.scratch.number(f"SELECT count(*) FROM {table}")
            yield f"{total:>10,} {name}, {total - self.scratch.count_to_take(table):,} of them taken over before"
        if self.passwords["none"]:
            yield f"Players without a password, who have to set one: {self.passwords['none']:,}."
        if self.passwords["unreadable"]:
            lines = ", ".join(map(str, self.unreadable_hashes))
            yield (
                f"Players whose password can't be read here, who have to set another: {self.passwords['unreadable']:,},"
                f" in lines {lines}{' …' if len(self.unreadable_hashes) == HASHES_SHOWN else ''}."
            )
        for code, minor in self.rest().items():
            yield f"{Money(minor, currency(code))} will be left on opening balance equity."
