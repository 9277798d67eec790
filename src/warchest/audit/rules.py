"""How a line of the record is written into a file. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from warchest.runtime import wire

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_cell(value: Any) -> str:
    """Plain text: moments as RFC 3339, details as JSON, and nothing that a spreadsheet would calculate."""
    match value:
        case datetime():
            text = value.isoformat()
        case dict():
            text = wire.encode(value).decode()
        case _:
            text = str(value)
    # OWASP, CSV injection: a leading apostrophe makes a spreadsheet show the cell as it is.
    return f"'{text}" if text.startswith(_FORMULA) else text
