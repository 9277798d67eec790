"""Installed plug-ins and the providers that the configuration makes of them.

A provider's table in the configuration holds the fields of the plug-in's own settings, and three of ours::

    [providers.sandbox]
    enabled = true                          # whether it takes new payments; the default
    amount_least = "1.00"                   # of one payment, in major units of whatever currency it is in
    amount_most = "1000.00"
    amounts = {JPY = ["100", "150000"]}     # currencies with a least and a most of their own
    …

A disabled provider takes no new payments, but goes on being asked about those that were made, and its notices are read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import msgspec

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.payments.contract import AmountLimits, Provider, UnableToUseProvider
from warchest.runtime.configuration import configuration
from warchest.sdk.payments import PaymentProvider

GROUP = "warchest.payment_providers"

_lock = threading.Lock()
_built: dict[str, tuple[dict[str, Any], PaymentProvider]] = {}


class _OurSettings(msgspec.Struct, frozen=True):
    """What of a provider's table is ours; all other fields are the plug-in's."""

    enabled: bool = True
    amount_least: str = "1.00"
    amount_most: str = "1000.00"
    amounts: dict[str, tuple[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plug-in. ``load`` answers its factory, a class with ``settings_type``."""

    name: str
    distribution: str
    version: str
    load: Callable[[], Any]


@cache
def installed() -> Mapping[str, Plugin]:
    """The plug-ins found by their entry points, by name. Installing one takes a new process."""
    return {
        point.name: _plugin(point)
        for point in sorted(entry_points(group=GROUP), key=lambda found: found.name)
    }


def _plugin(point: EntryPoint) -> Plugin:
    made_by = point.dist
    return Plugin(point.name, made_by.name if made_by else "", made_by.version if made_by else "", point.load)


def configured(name: str) -> PaymentProvider:
    """The configured provider of this name, one for the whole process; built anew where its table changed.

    Raises UnableToUseProvider (``provider_unknown``, ``provider_misconfigured``).
    """
    plugin, table = installed().get(name), configuration().providers.get(name)
    if plugin is None or table is None:
        raise UnableToUseProvider("provider_unknown", provider=name[:40])
    with _lock:
        kept = _built.get(name)
        if kept is None or kept[0] != table:
            kept = _built[name] = (table, _build(plugin, table))
        return kept[1]


def _build(plugin: Plugin, table: dict[str, Any]) -> PaymentProvider:
    ours = {field.name for field in msgspec.structs.fields(_OurSettings)}
    theirs = {name: value for name, value in table.items() if name not in ours}
    try:
        factory = plugin.load()
        return cast(PaymentProvider, factory(msgspec.convert(theirs, factory.settings_type)))
    except (msgspec.ValidationError, UnableTo, TypeError, ValueError, ImportError) as error:
        raise UnableToUseProvider(
            "provider_misconfigured", provider=plugin.name, explanation=str(error)[:300]
        ) from error


def open_for(name: str, *, amount: Money) -> PaymentProvider:
    """The provider, for a new payment of this amount.

    Raises UnableToUseProvider.
    """
    chosen = configured(name)
    if not _our_settings(name).enabled:
        raise UnableToUseProvider("provider_disabled", provider=name)
    bounds = limits(provider=name, currency=amount.currency.code)
    if not bounds.least <= amount <= bounds.most:
        raise UnableToUseProvider(
            "amount_out_of_range",
            currency=amount.currency.code,
            least=bounds.least.major,
            most=bounds.most.major,
        )
    return chosen


def limits(*, provider: str, currency: str) -> AmountLimits:
    """The least and the most of one payment in a currency.

    Raises UnableToUseProvider (``provider_unknown``, ``provider_misconfigured``, ``currency_not_supported``).
    """
    if currency not in configured(provider).description.currencies:
        raise UnableToUseProvider("currency_not_supported", provider=provider, currency=currency)
    ours = _our_settings(provider)
    least, most = ours.amounts.get(currency, (ours.amount_least, ours.amount_most))
    return AmountLimits(_bound(provider, least, currency), _bound(provider, most, currency))


def _bound(provider: str, amount: str, currency: str) -> Money:
    # "1.00" is 1 in a currency without decimals too.
    plain = amount.rstrip("0").rstrip(".") if "." in amount else amount
    try:
        return Money.parse(plain, currency)
    except UnableTo as error:
        raise UnableToUseProvider(
            "provider_misconfigured", provider=provider, explanation=f"{amount} {currency}: {error}"
        ) from error


def _our_settings(name: str) -> _OurSettings:
    try:
        return msgspec.convert(configuration().providers[name], _OurSettings)
    except msgspec.ValidationError as error:
        raise UnableToUseProvider(
            "provider_misconfigured", provider=name, explanation=str(error)[:300]
        ) from error


def described() -> tuple[Provider, ...]:
    """All installed plug-ins as the back office lists them; asks nobody."""
    return tuple(_described(plugin) for plugin in installed().values())


def _described(plugin: Plugin) -> Provider:
    found = Provider(
        name=plugin.name,
        label=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        enabled=False,
    )
    try:
        description = configured(plugin.name).description
        return replace(
            found,
            label=description.label,
            enabled=_our_settings(plugin.name).enabled,
            methods=description.methods,
            currencies=description.currencies,
            abilities=description.abilities,
        )
    except UnableToUseProvider as error:
        return replace(found, problem=str(error))
