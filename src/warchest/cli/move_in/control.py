"""``control.json``: what the older system says that there is. Without it nobody could tell whether all has come."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from warchest.cli.move_in.fields import quoted
from warchest.cli.move_in.findings import Findings
from warchest.kernel.currency import INNER
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

FILE = "control.json"
_SYSTEM = re.compile(r"[a-z0-9][a-z0-9-]{0,19}", re.ASCII)
_BYTES_MAX = 4 * 2**20
Sums = dict[tuple[str, str], int]
"""By account and currency, in minor units, positive on the account's own side."""


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    system: str
    complete: bool
    players: int
    sponsored: int
    lots: int
    units: str
    consideration: dict[str, str]
    subscriptions: int
    deferred: dict[str, str]
    accounts: dict[str, dict[str, str]] = {}
    online_services: dict[str, str] = {}
    plans: dict[str, str] = {}


class Control:
    """``complete``: the accounts are all of the older system's, so that nothing is left on opening balance equity.

    ``online_services`` and ``plans`` say what the older system's codes are called here; what they leave out is called alike.
    """

    def __init__(self, written: _Written, findings: Findings) -> None:
        self.system = written.system
        self.complete = written.complete
        self.players = written.players
        self.sponsored = written.sponsored
        self.lots = written.lots
        self.subscriptions = written.subscriptions
        self.online_services: Mapping[str, str] = written.online_services
        self.plans: Mapping[str, str] = written.plans
        self._findings = findings
        self.units_minor = self._minor("units", written.units, INNER.code)
        self.consideration = self._sums("consideration", written.consideration)
        self.deferred = self._sums("deferred", written.deferred)
        self.accounts: Sums = {
            (book, code): minor
            for book, amounts in written.accounts.items()
            for code, minor in self._sums(f"accounts.{book}", amounts).items()
        }

    def _sums(self, field: str, written: Mapping[str, str]) -> dict[str, int]:
        found = {code: self._minor(f"{field}.{code}", amount, code) for code, amount in written.items()}
        return {code: minor for code, minor in found.items() if minor}

    def _minor(self, field: str, amount: str, code: str) -> int:
        try:
            return Money.parse(amount, code).minor
        except UnableTo as refusal:
            self._findings.add(
                FILE,
                0,
                field,
                f"{quoted(amount)} {quoted(code)}: {refusal}",
                'Write it like {"EUR": "1234.56"}.',
            )
            return 0


def read(folder: Path, findings: Findings) -> Control | None:
    file = folder / FILE
    if not file.is_file():
        findings.add(
            FILE, 0, "", "There is no such file", "Write down what the older system says that there is."
        )
        return None
    try:
        text = file.read_bytes()
        if len(text) > _BYTES_MAX:
            raise msgspec.DecodeError("it is longer than 4 MiB")
        written = msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"), type=_Written)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        findings.add(FILE, 0, "", f"It can't be read: {error}", "See the table of its fields in the recipe.")
        return None
    if not _SYSTEM.fullmatch(written.system):
        findings.add(
            FILE,
            0,
            "system",
            f"{quoted(written.system)} is no name for a system",
            "Give it up to 20 small letters, digits or '-'.",
        )
        return None
    return Control(written, findings)
