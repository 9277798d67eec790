"""Routing: which provider takes a payment, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.payments.contract.providers import AmountLimits


class UnableToRoute(UnableTo):
    """No provider takes such a payment now."""

    reasons = frozenset({"no_provider", "no_provider_now"})
    passing = frozenset({"no_provider_now"})


@dataclass(frozen=True, slots=True)
class Wish:
    """A payment that is to be made. ``method`` and ``provider`` empty: any. ``country`` is the player's."""

    amount: Money
    country: str
    method: str = ""
    provider: str = ""


class Why(StrEnum):
    """What speaks for or against a provider."""

    FITS = "fits"
    DISABLED = "disabled"
    MISCONFIGURED = "misconfigured"
    CURRENCY = "currency"
    METHOD = "method"  # it does not offer it
    METHOD_OFF = "method_off"  # switched off in this country
    AMOUNT = "amount"
    RULE = "rule"  # a route says never
    DOWN = "down"
    NOT_WISHED = "not_wished"


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """What routing makes of one provider. ``rule`` names the rule that decided its place, or shut it out. ``cost`` is what
    the provider keeps of this amount, by its routes; None where no route says so."""

    provider: str
    takes_it: bool
    why: Why
    priority: int = 100
    cost: Money | None = None
    methods: tuple[str, ...] = ()
    rule: str = ""


class Routing(Protocol):
    def routes(self, *, wish: Wish, at: datetime) -> tuple[RouteChoice, ...]:
        """All installed providers: first those that would take it, in the order in which they are tried."""
        ...

    def bounds(self, *, wish: Wish, at: datetime) -> AmountLimits | None:
        """The widest limits of those that take this wish but for its amount; None where nobody does."""
        ...

    def bonus_for(self, *, paid: Money, units: Money, at: datetime) -> Money:
        """The units on top for a payment that brings ``units``; zero where no rule gives any."""
        ...
