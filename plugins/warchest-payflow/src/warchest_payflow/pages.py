"""The hosted pages that were opened for one payment, as the plug-in asks Warchest to keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """``made_at`` is when we were told the token, Unix seconds: at the gateway it is no younger."""

    number: int
    token: str
    made_at: int

    def kept(self) -> Mapping[str, str]:
        return {f"page_{self.number}": self.token, f"page_{self.number}_at": str(self.made_at)}


def pages_of(kept: Mapping[str, str]) -> list[Page]:
    """Those that are kept, the oldest first."""
    pages: list[Page] = []
    while token := kept.get(f"page_{len(pages) + 1}", ""):
        number = len(pages) + 1
        pages.append(Page(number, token, int(kept.get(f"page_{number}_at", "0"))))
    return pages
