"""Settings of providers that the database keeps, sealed: read by every process, and never older than the last change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

from warchest.payments.contract import UnableToUseProvider
from warchest.payments.contract.configuring import Mode
from warchest.payments.models import ProviderSettings, ProviderSwitch
from warchest.runtime import set_aside
from warchest.runtime.facts import Facts
from warchest.runtime.sealing import UnableToUnseal, seal, unseal
from warchest.runtime.secrets import home

_PURPOSE = "provider-settings"
"""Of the deployment: without its file in the home nobody reads what the database keeps."""


@dataclass(frozen=True, slots=True)
class Stored:
    number: int
    mode: Mode
    sealed: bytes
    previous_until: datetime | None


@dataclass(frozen=True, slots=True)
class _All:
    versions: Mapping[str, tuple[Stored, ...]]
    """By provider, the newest first."""
    switched: Mapping[str, bool]


def _read() -> _All:
    versions: dict[str, list[Stored]] = {}
    for row in ProviderSettings.objects.order_by("provider", "-number"):
        versions.setdefault(row.provider, []).append(
            Stored(row.number, Mode(row.mode), bytes(row.sealed), row.previous_until)
        )
    switched = {row.provider: row.enabled for row in ProviderSwitch.objects.order_by("provider", "number")}
    return _All({name: tuple(found) for name, found in versions.items()}, switched)


_all: Facts[_All] = Facts(service="payments", read=_read)


@cache
def _is_set_aside(_home: str) -> bool:
    # A restored copy talks to nobody until it is put into service, which ends its processes.
    return set_aside.note() is not None


def _versions(provider: str) -> tuple[Stored, ...]:
    if _is_set_aside(str(home())):
        return ()
    return _all.now().versions.get(provider, ())


def newest(provider: str) -> Stored | None:
    found = _versions(provider)
    return found[0] if found else None


def still_believed(provider: str, *, at: datetime) -> tuple[Stored, ...]:
    """The versions before the newest whose notices are believed at ``at``. A change without an overlap ends all earlier ones:
    what leaked is believed by no detour."""
    found = _versions(provider)
    believed = []
    for later, earlier in pairwise(found):
        if later.previous_until is None or later.previous_until <= at:
            break
        believed.append(earlier)
    return tuple(believed)


def switched(provider: str) -> bool | None:
    """What the back office's switch says; None where nobody has turned it yet."""
    return _all.now().switched.get(provider)


def opened(provider: str, version: Stored) -> dict[str, Any]:
    """The settings in clear, for the plug-in alone. Raises UnableToUseProvider."""
    try:
        plain = unseal(version.sealed, purpose=_PURPOSE, label=_label(provider, version.number))
    except UnableToUnseal:
        raise UnableToUseProvider(
            "provider_misconfigured",
            provider=provider,
            explanation="its settings were sealed under another key than this home has",
        ) from None
    return msgspec.json.decode(plain, type=dict[str, Any])


def sealed(provider: str, number: int, settings: Mapping[str, Any]) -> bytes:
    return seal(msgspec.json.encode(settings), purpose=_PURPOSE, label=_label(provider, number))


def _label(provider: str, number: int) -> str:
    return f"warchest provider settings {provider} {number}"
