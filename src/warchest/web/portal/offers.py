"""What topping up brings: the usual amounts, a quote for one, and who takes the money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from warchest.accounting.contract import Accounting, Rate
from warchest.kernel.currency import INNER, currency
from warchest.kernel.money import Money
from warchest.payments.contract import Payments, Provider, SavedMethod
from warchest.runtime.services import services
from warchest.sdk.payments import Ability
from warchest.web.portal.amounts import usual_amounts

METHODS = {"visa": "Visa", "mastercard": "Mastercard", "sepa": "SEPA", "paypal": "PayPal"}


@dataclass(frozen=True, slots=True)
class Amount:
    """What is paid and what it brings at the rate of this moment."""

    pay: Money
    get: Money
    is_chosen: bool = False


def amounts_for(wanted_currency: str, *, at: datetime) -> tuple[Amount, ...]:
    """The usual amounts in a currency; in another where we take none of this one; none where we take no money at all."""
    rates = {rate.currency: rate for rate in services.get(Accounting).rates(at=at)}
    code = currency_taken(wanted_currency, tuple(rates))
    return usual_at(rates[code], usual_amounts(currency(code))) if code else ()


def usual_at(rate: Rate, amounts: Sequence[Money], *, chosen: Money | None = None) -> tuple[Amount, ...]:
    return tuple(
        Amount(pay=pay, get=pay.converted(Fraction(rate.units_per_major), INNER), is_chosen=pay == chosen)
        for pay in amounts
    )


def currency_taken(wanted: str, accepted: tuple[str, ...]) -> str:
    """The currency wished for if it is accepted, else the euro, else any; empty where none is."""
    return next((code for code in (wanted, "EUR", *accepted) if code in accepted), "")


def providers_for(code: str) -> tuple[Provider, ...]:
    """Who takes new payments in this currency."""
    return tuple(
        provider
        for provider in services.get(Payments).providers()
        if provider.enabled and code in provider.currencies
    )


def label_of(provider: str) -> str:
    """The name that people know a provider by."""
    return next(
        (found.label for found in services.get(Payments).providers() if found.name == provider), provider
    )


SAVED = "saved:"
"""Before a saved method's id, where a form says by what is paid."""


def saved_for(player: UUID, code: str, *, at: datetime) -> tuple[SavedMethod, ...]:
    """The saved methods with which this currency can be paid now."""
    taking = {provider.name for provider in providers_for(code)}
    return tuple(
        method
        for method in services.get(Payments).saved_methods(player=player)
        if method.provider in taking and not method.is_over(at.date())
    )


def ways_to_pay(
    providers: Sequence[Provider], saved: Sequence[SavedMethod], *, chosen: str
) -> list[dict[str, Any]]:
    """As parts/ways_to_pay.html shows them: what is saved first. ``chosen`` is a code among them."""
    ways: list[dict[str, Any]] = [
        {
            "code": f"{SAVED}{method.id}",
            "name": method.label or method.method,
            "note": _("one click"),
            "saves": False,
        }
        for method in saved
    ]
    ways += [
        {
            "code": provider.name,
            "name": provider.label,
            "note": ", ".join(METHODS.get(method, method) for method in provider.methods),
            "saves": Ability.SAVED_METHODS in provider.abilities,
        }
        for provider in providers
    ]
    return [way | {"is_chosen": way["code"] == chosen} for way in ways]
