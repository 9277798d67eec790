"""Rows of a CSV file (RFC 4180, UTF-8), such as programs and spreadsheets read alike. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(rows: Iterable[Sequence[object]]) -> str:
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    return lines.getvalue()


def text(said: str) -> str:
    """What somebody wrote. Behind an apostrophe a spreadsheet calculates nothing (OWASP, CSV injection)."""
    return f"'{said}" if said.startswith(_FORMULA) else said


def moment(at: datetime | None) -> str:
    """In UTC, to the microsecond; empty where there is none."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z") if at else ""
