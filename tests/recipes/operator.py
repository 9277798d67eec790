"""Somebody at the terminal of a house of its own, for recipes that back up and restore."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

from tests.builders.second_house import House, a_house

_SAME_IN_EACH_RUN = (
    (r"[A-Z2-7]{5}(-[A-Z2-7]{5}){10}", "KEY"),
    (r"\d{8}T\d{6}Z", "20261122T183000Z"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "2026-11-22 18:45:00"),
    (r"\d+ MB", "53 MB"),
    (r"^(holds|folded|sealed|unsealed|signed) .*\n", ""),
    (r" All \d+ rules hold\.", ""),
)


class Operator:
    """Types commands, and prints what they say less what changes from run to run."""

    def __init__(self) -> None:
        # The house goes when the operator does: with the page.
        self._context = a_house()
        self._house = self._context.__enter__().found_with_books()
        self._copies = dict[str, House]()

    def buys(self, key: str) -> datetime:
        """Somebody buys a month, and the worker seals it; answers a moment behind that."""
        self._house.work(f"purchase({key!r}, a_buyer())\nseal()")
        time.sleep(0.05)
        moment = datetime.now(UTC)
        time.sleep(0.05)
        return moment

    def types(self, line: str, *, at: str = "", **values: Any) -> None:
        """``at``: in this restored home instead."""
        house = self._copies[at] if at else self._house
        for name, value in values.items():
            line = line.replace(name, str(value))
        _, *words = line.replace("/mnt/backups", str(self._house.backups)).split()
        for number, word in enumerate(words):
            if word == "--into" and words[0] == "restore":
                copy = self._copies.setdefault(words[number + 1], self._house.beside())
                words[number + 1] = str(copy.home)
        done = house.warchest(*words)
        said = done.stdout + re.sub(r"^(?!Error).*\n", "", done.stderr, flags=re.MULTILINE)
        if "The recovery key: " in said:
            self._house.recovery_key = said.split("The recovery key: ")[1].split()[0]
        for name, copy in self._copies.items():
            said = said.replace(str(copy.home), name)
        said = said.replace(str(self._house.backups), "/mnt/backups")
        for pattern, same in _SAME_IN_EACH_RUN:
            said = re.sub(pattern, same, said, flags=re.MULTILINE)
        print(said, end="")

    def shows_purchases(self, *, at: str) -> None:
        print(", ".join(sorted(self._copies[at].bought())))
