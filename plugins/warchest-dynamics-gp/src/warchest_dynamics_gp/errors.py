"""What eConnect says when it refuses, as text: ``Error Number = 7738  Stored Procedure= …  Error Description = …``."""

from __future__ import annotations

import re

from warchest.sdk.erp import ErpError

DUPLICATE_LINE = 7738
"""A line of this SQNCLINE is in the journal already."""

DUPLICATE_RECEIPT = 190
"""A receipt of this DOCNUMBR exists."""

_ERROR = re.compile(
    r"Error\s+Number\s*=\s*(?P<number>\d{1,9})\b\s*Stored\s+Procedure\s*=\s*(?P<procedure>\w*)\s*"
    r"Error\s+Description\s*=\s*(?P<text>.*?)\s*(?=Error\s+Number\s*=|\Z)",
    re.DOTALL | re.ASCII,
)
_TEXT_LENGTH_MAX = 2000


def read(text: str) -> tuple[ErpError, ...]:
    """All errors of an answer, in their order. A text without any number is one error as it stands."""
    found = tuple(
        ErpError(one["text"][:_TEXT_LENGTH_MAX], int(one["number"]), one["procedure"])
        for one in _ERROR.finditer(text)
    )
    return found or (ErpError(text.strip()[:_TEXT_LENGTH_MAX]),)
