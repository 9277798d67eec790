"""Installed plug-ins for stores, and the stores that the configuration makes of them.

A table holds the fields of the plug-in's own settings, and some of ours::

    [stores.softkey]
    plugin = "softkey"        # the plug-in's entry point; the store's own name where it is left out
    enabled = true
    reseller = "softkey"      # who owes us for what it sells; the store's own name where it is left out
    open_days = 30            # so long after a sale the same line gets the same codes again
    calls_per_second = 50
    …
"""

from __future__ import annotations

import threading
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from warchest.cards.contract.stores import StoreInstalled, StoreTerms, UnableToUseStore
from warchest.kernel.errors import UnableTo
from warchest.runtime.configuration import configuration
from warchest.sdk.stores import CallRead, Outcome, RawCall, Reply, Store

GROUP = "warchest.stores"

_lock = threading.Lock()
_built: dict[str, tuple[dict[str, Any], Store]] = {}


class _OurSettings(msgspec.Struct, frozen=True):
    """What of a store's table is ours; all other fields are the plug-in's."""

    plugin: str = ""
    enabled: bool = True
    reseller: Annotated[str, Meta(max_length=64)] = ""
    open_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    calls_per_second: Annotated[int, Meta(ge=1, le=10_000)] = 50


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def read_store_call(*, name: str, call: RawCall) -> CallRead:
    return _enabled(name).read(call)


def store_reply(*, name: str, call: CallRead, outcome: Outcome) -> Reply:
    return _enabled(name).reply(call, outcome)


def store_terms(*, name: str) -> StoreTerms:
    ours = _ours(name)
    return StoreTerms(name, ours.reseller or name, ours.open_days, ours.calls_per_second)


def stores() -> tuple[StoreInstalled, ...]:
    return tuple(_described(name) for name in sorted(configuration().stores))


def _enabled(name: str) -> Store:
    found = _configured(name)
    if not _ours(name).enabled:
        raise UnableToUseStore("store_disabled", store=name)
    return found


def _configured(name: str) -> Store:
    """The configured store of this name, one for the whole process; built anew where its table changed."""
    table, plugin = configuration().stores.get(name), _installed().get(_ours(name).plugin or name)
    if table is None or plugin is None:
        raise UnableToUseStore("store_unknown", store=name[:40])
    with _lock:
        kept = _built.get(name)
        if kept is None or kept[0] != table:
            kept = _built[name] = (table, _build(name, plugin, table))
        return kept[1]


def _build(name: str, plugin: EntryPoint, table: dict[str, Any]) -> Store:
    ours = {field.name for field in msgspec.structs.fields(_OurSettings)}
    theirs = {field: value for field, value in table.items() if field not in ours}
    try:
        factory = plugin.load()
        return cast(Store, factory(msgspec.convert(theirs, factory.settings_type)))
    except (msgspec.ValidationError, UnableTo, TypeError, ValueError, ImportError) as error:
        raise UnableToUseStore("store_misconfigured", store=name, explanation=str(error)[:300]) from error


def _ours(name: str) -> _OurSettings:
    if name not in configuration().stores:
        raise UnableToUseStore("store_unknown", store=name[:40])
    try:
        return msgspec.convert(configuration().stores[name], _OurSettings)
    except msgspec.ValidationError as error:
        raise UnableToUseStore("store_misconfigured", store=name, explanation=str(error)[:300]) from error


def _described(name: str) -> StoreInstalled:
    try:
        ours = _ours(name)
        description = _configured(name).description
    except UnableToUseStore as refusal:
        return StoreInstalled(name, "", enabled=False, problem=str(refusal))
    return StoreInstalled(
        name=name,
        plugin=ours.plugin or name,
        enabled=ours.enabled,
        label=description.label,
        dialect=description.dialect,
        assumptions=description.assumptions,
    )
