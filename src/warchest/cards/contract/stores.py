"""Stores: shops of others that sell our codes, and call us for each at the moment of its sale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from warchest.kernel.calls import runs_here
from warchest.kernel.errors import UnableTo
from warchest.sdk.stores import CallRead, Outcome, RawCall, Reply

CALL_BYTES_MAX = 64 * 1024
"""A call that is longer is refused unread."""


class UnableToUseStore(UnableTo):
    reasons = frozenset(
        {
            "store_unknown",  # no table for it in the configuration, or none that names an installed plug-in
            "store_disabled",
            "store_misconfigured",
        }
    )
    passing = frozenset({"store_misconfigured"})


@dataclass(frozen=True, slots=True)
class StoreTerms:
    """``reseller`` is who owes us for what the store sells. So many ``open_days`` after a sale its codes are forgotten, and
    so many ``calls_per_second`` are answered."""

    name: str
    reseller: str
    open_days: int
    calls_per_second: int


@dataclass(frozen=True, slots=True)
class StoreInstalled:
    """A store of the configuration. ``problem`` is a sentence where it cannot be used; ``assumptions`` are the plug-in's."""

    name: str
    plugin: str
    enabled: bool
    label: str = ""
    dialect: str = ""
    assumptions: tuple[str, ...] = ()
    problem: str = ""


class Stores(Protocol):
    @runs_here
    def read_store_call(self, *, name: str, call: RawCall) -> CallRead:
        """Raises UnableToUseStore, sdk.stores.UnableToTrustCall."""
        ...

    @runs_here
    def store_reply(self, *, name: str, call: CallRead, outcome: Outcome) -> Reply:
        """Raises UnableToUseStore."""
        ...

    def store_terms(self, *, name: str) -> StoreTerms:
        """Raises UnableToUseStore."""
        ...

    def stores(self) -> tuple[StoreInstalled, ...]:
        """All stores of the configuration, by name; asks nobody."""
        ...
