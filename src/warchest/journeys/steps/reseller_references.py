"""The reference under which a reseller pays us by bank, and the reseller of an entry that bears one."""

from __future__ import annotations

import re

from warchest.cards.contract import Cards, Reseller

_REFERENCE = re.compile(r"(?<![A-Za-z0-9-])R-([a-z][a-z0-9-]{1,63})(?![a-z0-9-])", re.IGNORECASE)


def reference_of(reseller: Reseller) -> str:
    """What it writes on a transfer. Of the one that we deal with: what another of the chain pays goes to who is above it."""
    return f"R-{reseller.top_name}"


def reseller_named_in(cards: Cards, text: str) -> Reseller | None:
    """The one reseller, of those that we deal with, whose reference stands in a text; banks may write it in capitals."""
    names = {found.lower().rstrip("-") for found in _REFERENCE.findall(text)}
    found = [
        one
        for one in (cards.reseller_named(name=name) for name in sorted(names))
        if one is not None and one.is_top
    ]
    return found[0] if len(found) == 1 else None
