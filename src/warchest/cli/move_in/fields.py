"""Single values of a row, read as what they stand for. What can't be read is told, and answers None."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from warchest.cli.move_in.findings import Findings
from warchest.cli.move_in.tables import Line
from warchest.kernel.currency import INNER, Currency, UnableToFindCurrency
from warchest.kernel.currency import currency as find_currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import AMOUNT_MINOR_MAX

C = TypeVar("C", bound=StrEnum)

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_KNOWN_SHOWN = 12
_QUOTED_MAX = 40


def quoted(text: str) -> str:
    """A value as a report shows it: short, and nothing in it that a terminal would obey."""
    shown = text if len(text) <= _QUOTED_MAX else f"{text[:_QUOTED_MAX]}…"
    return "'" + "".join(letter if letter.isprintable() else "·" for letter in shown) + "'"


def listed(known: Collection[str]) -> str:
    shown = sorted(known)
    return ", ".join(shown[:_KNOWN_SHOWN]) + ("…" if len(shown) > _KNOWN_SHOWN else "") or "none"


class Fields:
    """The values of one row. ``sound`` says whether all that was asked for could be read."""

    def __init__(self, line: Line, findings: Findings) -> None:
        self._line = line
        self._findings = findings
        self.sound = True

    def wrong(self, field: str, problem: str, mend: str) -> None:
        self.sound = False
        self._findings.add(self._line.file, self._line.number, field, problem, mend)

    def text(self, field: str, *, length_max: int = 254) -> str:
        value = self._line.values.get(field, "")
        if len(value) > length_max:
            self.wrong(field, f"{len(value)} characters are too many", f"At most {length_max} are kept.")
        elif not value.isprintable():
            self.wrong(field, "There are characters that can't be printed", "Take them out.")
        return value

    def name(self, field: str, *, length_max: int) -> str:
        """As ``text``, and something must be there (which was told before where it is not)."""
        value = self.text(field, length_max=length_max)
        self.sound = self.sound and bool(value)
        return value

    def choice(self, field: str, kinds: type[C], *, default: C | None = None) -> C | None:
        value = self._line.values.get(field, "")
        if not value:
            self.sound = self.sound and default is not None
            return default
        try:
            return kinds(value.lower())
        except ValueError:
            known = ", ".join(kind.value for kind in kinds)
            self.wrong(field, f"{quoted(value)} is not known", f"Write one of {known}.")
            return None

    def flag(self, field: str, *, default: bool) -> bool:
        value = self._line.values.get(field, "")
        if value and value.lower() not in _FLAGS:
            self.wrong(field, f"{quoted(value)} is neither yes nor no", "Write yes or no.")
        return _FLAGS.get(value.lower(), default)

    def moment(self, field: str) -> datetime | None:
        """A day is its first moment in UTC. None too where nothing is written."""
        value = self._line.values.get(field, "")
        if not value:
            return None
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.wrong(field, f"{quoted(value)} is no moment", "Write 2026-03-31 or 2026-03-31T12:00:00Z.")
            return None
        if found.tzinfo is None:
            if len(value) > len("2026-03-31"):
                self.wrong(
                    field,
                    f"{quoted(value)} has no time zone",
                    "Write Z or an offset such as +01:00 behind it.",
                )
                return None
            found = found.replace(tzinfo=UTC)
        if not _EARLIEST.replace(tzinfo=None) <= found.replace(tzinfo=None) < _LATEST.replace(tzinfo=None):
            self.wrong(field, f"{quoted(value)} is too far away", "Moments lie between 1970 and 2200.")
            return None
        return found.astimezone(UTC)

    def currency(self, field: str) -> Currency | None:
        """A real currency. None too where nothing is written."""
        value = self._line.values.get(field, "")
        if not value:
            return None
        try:
            found = find_currency(value)
        except UnableToFindCurrency:
            self.wrong(
                field, f"{quoted(value)} is no currency", "Write its three capital letters of ISO 4217."
            )
            return None
        if found == INNER:
            self.wrong(field, "Units are no money that was paid", "Write the currency that was paid in.")
            return None
        return found

    def amount(self, field: str, unit: Currency | None) -> Money | None:
        """Not negative. Nothing written is zero. None where it can't be read, or there is no currency to read it in."""
        value = self._line.values.get(field, "") or "0"
        if unit is None:
            return None
        if value.startswith("-"):
            self.wrong(field, f"{quoted(value)} is negative", "Amounts are never below zero.")
            return None
        try:
            found = Money.parse(value, unit.code)
        except UnableTo as refusal:
            match refusal.reason:
                case "amount_too_precise":
                    problem = f"{quoted(value)} has more decimals than {unit.code}, which has {unit.exponent}"
                    mend = "Nothing is rounded here: round it in the older system."
                case "amount_too_large":
                    problem, mend = f"{quoted(value)} is too large", "See that it is in major units."
                case _:
                    problem = f"{quoted(value)} is no amount"
                    mend = "Write it like 1234.56, without signs and separators."
            self.wrong(field, problem, mend)
            return None
        if found.minor > AMOUNT_MINOR_MAX:
            self.wrong(field, f"{quoted(value)} is too large", "See that it is in major units.")
            return None
        return found
