"""Installed plug-ins and the providers that the configuration makes of them.

A provider is configured in the back office (``stored_settings``), or by a table of the configuration file, which then comes
first. The table holds the fields of the plug-in's own settings, and some of ours::

    [providers.sandbox]
    enabled = true                          # whether it takes new payments; the default
    amount_least = "1.00"                   # of one payment, in major units of whatever currency it is in
    amount_most = "1000.00"
    amounts = {JPY = ["100", "150000"]}     # currencies with a least and a most of their own
    calls_at_once = 3                       # of one process to this provider, at most (see ``bulkhead``); without it,
                                            # two less than threads answer the portal
    call_s_max = 60                         # after so long nobody waits for an answer any more
    …

A disabled provider takes no new payments, but goes on being asked about those that were made, and its notices are read.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import msgspec

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.payments import house_rules, stored_settings
from warchest.payments.contract import AmountLimits, Provider, UnableToUseProvider
from warchest.payments.contract.configuring import Mode, Origin
from warchest.payments.contract.house_rules import AmountBounds, RuleKind
from warchest.payments.rule_checks import amount as read_amount
from warchest.runtime.configuration import configuration
from warchest.sdk.payments import PaymentProvider

GROUP = "warchest.payment_providers"

_lock = threading.Lock()
_built: dict[str, tuple[object, PaymentProvider]] = {}
# The versions before, whose notices are still believed.
_built_before: dict[tuple[str, int], PaymentProvider] = {}


class OurSettings(msgspec.Struct, frozen=True):
    """What of a provider's table is ours; all other fields are the plug-in's."""

    enabled: bool = True
    amount_least: str = "1.00"
    amount_most: str = "1000.00"
    amounts: dict[str, tuple[str, str]] = {}
    calls_at_once: int = 0
    call_s_max: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.calls_at_once <= 1000:
            raise ValueError("calls_at_once is 1 to 1000")
        if not 0 < self.call_s_max <= 120:
            raise ValueError("call_s_max is more than 0, at most 120")


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


def origin_of(name: str) -> Origin:
    """Where this provider's settings stand. The file comes first: who runs the machine has the last word."""
    if name in configuration().providers:
        return Origin.FILE
    return Origin.DATABASE if stored_settings.newest(name) else Origin.NOWHERE


def configured(name: str) -> PaymentProvider:
    """The configured provider of this name, one for the whole process; built anew where its settings changed.

    Raises UnableToUseProvider (``provider_unknown``, ``provider_misconfigured``).
    """
    plugin, table = installed().get(name), configuration().providers.get(name)
    if plugin is None:
        raise UnableToUseProvider("provider_unknown", provider=name[:40])
    version = stored_settings.newest(name) if table is None else None
    with _lock:
        kept = _built.get(name)
        if kept is not None and kept[0] == (table, version):
            return kept[1]
        if table is not None:
            found = _without_ours(table)
        elif version is not None:
            found = stored_settings.opened(name, version)
        else:
            raise UnableToUseProvider("provider_unknown", provider=name[:40])
        provider = build(plugin, found)
        _built[name] = ((table, version), provider)
        return provider


def believed(name: str, *, at: datetime) -> tuple[PaymentProvider, ...]:
    """Who may read a notice of this provider's: as it is configured now, and as it was, for as long as a rotation overlaps.

    Raises UnableToUseProvider.
    """
    now = configured(name)
    if name in configuration().providers:
        return (now,)
    before = stored_settings.still_believed(name, at=at)
    return (now, *filter(None, (_as_it_was(name, version) for version in before)))


def _as_it_was(name: str, version: stored_settings.Stored) -> PaymentProvider | None:
    with _lock:
        if (name, version.number) not in _built_before:
            try:
                found = build(installed()[name], stored_settings.opened(name, version))
            except UnableToUseProvider:
                # Settings of an older version of the plug-in, which this one does not read any more.
                return None
            _built_before[name, version.number] = found
        return _built_before[name, version.number]


def _without_ours(table: Mapping[str, Any]) -> dict[str, Any]:
    ours = {field.name for field in msgspec.structs.fields(OurSettings)}
    return {name: value for name, value in table.items() if name not in ours}


def build(plugin: Plugin, settings: Mapping[str, Any]) -> PaymentProvider:
    """The provider with these settings. Raises UnableToUseProvider (``provider_misconfigured``)."""
    try:
        factory = plugin.load()
        return cast(PaymentProvider, factory(msgspec.convert(dict(settings), factory.settings_type)))
    except (msgspec.ValidationError, UnableTo, TypeError, ValueError, ImportError) as error:
        raise UnableToUseProvider(
            "provider_misconfigured", provider=plugin.name, explanation=str(error)[:300]
        ) from error


def is_enabled(name: str) -> bool:
    """Whether it takes new payments: the file and the switch of the back office must both let it."""
    switched = stored_settings.switched(name)
    if name in configuration().providers:
        return our_settings(name).enabled and switched is not False
    # What the back office configures is looked at first, and then switched on.
    return switched is True


def open_for(name: str, *, amount: Money, method: str = "", at: datetime | None = None) -> PaymentProvider:
    """The provider, for a new payment of this amount.

    Raises UnableToUseProvider.
    """
    chosen = configured(name)
    if not is_enabled(name):
        raise UnableToUseProvider("provider_disabled", provider=name)
    bounds = limits(provider=name, currency=amount.currency.code, method=method, at=at)
    if not bounds.least <= amount <= bounds.most:
        raise UnableToUseProvider(
            "amount_out_of_range",
            currency=amount.currency.code,
            least=bounds.least.major,
            most=bounds.most.major,
        )
    return chosen


def limits(*, provider: str, currency: str, method: str = "", at: datetime | None = None) -> AmountLimits:
    """The least and the most of one payment in a currency, by the rules in force ``at`` (None: by none); where no rule says
    anything, by the provider's table.

    Raises UnableToUseProvider (``provider_unknown``, ``provider_misconfigured``, ``currency_not_supported``).
    """
    if currency not in configured(provider).description.currencies:
        raise UnableToUseProvider("currency_not_supported", provider=provider, currency=currency)
    ruled = [
        terms
        for rule in (house_rules.in_force(RuleKind.BOUNDS, at=at) if at else ())
        if isinstance(terms := rule.terms, AmountBounds)
        and terms.currency == currency
        and terms.provider in ("", provider)
        and terms.method in ("", method)
    ]
    if ruled:
        return AmountLimits(
            max(read_amount(terms.least, currency) for terms in ruled),
            min(read_amount(terms.most, currency) for terms in ruled),
        )
    ours = our_settings(provider)
    least, most = ours.amounts.get(currency, (ours.amount_least, ours.amount_most))
    return AmountLimits(_bound(provider, least, currency), _bound(provider, most, currency))


def _bound(provider: str, amount: str, currency: str) -> Money:
    try:
        return read_amount(amount, currency)
    except UnableTo as error:
        raise UnableToUseProvider(
            "provider_misconfigured", provider=provider, explanation=f"{amount} {currency}: {error}"
        ) from error


def our_settings(name: str) -> OurSettings:
    """What of the file's table is ours; the defaults where there is no table."""
    try:
        return msgspec.convert(configuration().providers.get(name, {}), OurSettings)
    except msgspec.ValidationError as error:
        raise UnableToUseProvider(
            "provider_misconfigured", provider=name, explanation=str(error)[:300]
        ) from error


def calls_at_once(name: str) -> int:
    """Of this process to a provider: where nobody says it, so many that the portal has two threads left for all others."""
    threads = configuration().web.threads or 2 * (os.cpu_count() or 1) + 1
    return our_settings(name).calls_at_once or max(2, threads - 2)


def mode_of(name: str) -> Mode:
    """What was said of the settings in the back office; a table in the file says nothing of it."""
    if name in configuration().providers:
        return Mode.LIVE
    version = stored_settings.newest(name)
    return version.mode if version else Mode.SANDBOX


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
            enabled=is_enabled(plugin.name),
            methods=description.methods,
            currencies=description.currencies,
            abilities=description.abilities,
        )
    except UnableToUseProvider as error:
        return replace(found, problem=str(error))
