"""Installed exporters and what the configuration makes of them.

An exporter's table in the configuration holds the fields of the plug-in's own settings, and one of ours::

    [erp.dynamics-gp]
    every_minutes = 60      # how often a batch is made by itself; 0: only when somebody asks
    …
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import msgspec

from warchest.accounting.contract import UnableToExport
from warchest.kernel.errors import UnableTo
from warchest.runtime.configuration import configuration
from warchest.sdk.erp import ErpExporter

GROUP = "warchest.erp_exporters"

_lock = threading.Lock()
_built: dict[str, tuple[dict[str, Any], ErpExporter]] = {}


class _OurSettings(msgspec.Struct, frozen=True):
    """What of an exporter's table is ours; all other fields are the plug-in's."""

    every_minutes: int = 60


@cache
def installed() -> Mapping[str, EntryPoint]:
    """The plug-ins found by their entry points, by name. Installing one takes a new process."""
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: point for point in found}


def tables() -> Mapping[str, dict[str, Any]]:
    """What the configuration says of exporters, by name."""
    return configuration().erp


def configured(name: str) -> ErpExporter:
    """The configured exporter of this name, one for the whole process; built anew where its table changed.

    Raises UnableToExport (``exporter_unknown``, ``exporter_misconfigured``).
    """
    point, table = installed().get(name), tables().get(name)
    if point is None or table is None:
        raise UnableToExport("exporter_unknown", exporter=name[:40])
    with _lock:
        kept = _built.get(name)
        if kept is None or kept[0] != table:
            kept = _built[name] = (table, _build(point, table))
        return kept[1]


def _build(point: EntryPoint, table: dict[str, Any]) -> ErpExporter:
    ours = {field.name for field in msgspec.structs.fields(_OurSettings)}
    theirs = {name: value for name, value in table.items() if name not in ours}
    try:
        factory = point.load()
        return cast(ErpExporter, factory(msgspec.convert(theirs, factory.settings_type)))
    except (msgspec.ValidationError, UnableTo, TypeError, ValueError, ImportError) as error:
        raise UnableToExport(
            "exporter_misconfigured", exporter=point.name, explanation=str(error)[:300]
        ) from error


def every_minutes(name: str) -> int:
    """How often a batch is made by itself; 0: never. Raises UnableToExport."""
    try:
        return msgspec.convert(tables().get(name, {}), _OurSettings).every_minutes
    except msgspec.ValidationError as error:
        raise UnableToExport("exporter_misconfigured", exporter=name, explanation=str(error)[:300]) from error
