"""Providers: the plug-ins that are installed, and what one payment by them may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.payments import Ability, Health


class UnableToUseProvider(UnableTo):
    reasons = frozenset(
        {
            "provider_unknown",  # no such plug-in, or no table for it in the configuration
            "provider_disabled",  # takes no new payments
            "provider_misconfigured",  # its table in the configuration does not fit its settings
            "currency_not_supported",  # the provider cannot take this currency
            "amount_out_of_range",  # below the least or above the most; both are in the details
            "method_not_offered",  # not by this provider, or not in the player's country
            "provider_busy",  # as many calls to it are under way as one process may have; nothing was said to it
            "provider_down",  # it was silent several times in a row; nothing was said to it
        }
    )
    passing = frozenset({"provider_misconfigured", "provider_busy", "provider_down"})


@dataclass(frozen=True, slots=True)
class Provider:
    """An installed plug-in. ``problem`` is a sentence where it cannot be used as it is configured."""

    name: str
    label: str
    distribution: str
    version: str
    enabled: bool
    methods: tuple[str, ...] = ()
    currencies: frozenset[str] = frozenset()
    abilities: frozenset[Ability] = field(default_factory=frozenset)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class AmountLimits:
    """The least and the most that one payment may be, both included."""

    least: Money
    most: Money


class Providers(Protocol):
    def providers(self) -> tuple[Provider, ...]:
        """All installed plug-ins, by name; asks nobody."""
        ...

    def limits(
        self, *, provider: str, currency: str, method: str = "", at: datetime | None = None
    ) -> AmountLimits:
        """What one payment may amount to, by the rules in force ``at`` (None: by none of them). Raises UnableToUseProvider."""
        ...

    def health(self, *, provider: str) -> Health:
        """Ask a provider whether it is well; never raises for what it answers."""
        ...
