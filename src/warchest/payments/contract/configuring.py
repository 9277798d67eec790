"""Providers as the back office configures them: settings that are kept encrypted, and a switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.payments.contract.notices import KeptNotice
from warchest.sdk.payments import Health

OVERLAP_HOURS_MAX = 30 * 24


class UnableToConfigureProvider(UnableTo):
    """Nothing was changed."""

    reasons = frozenset(
        {
            "provider_not_installed",
            "provider_in_file",  # its table stands in the configuration file, which comes first
            "settings_do_not_fit",  # of the plug-in's settings: ``field`` and ``explanation`` are in the details
            "settings_changed_meanwhile",  # somebody else has changed them since the form was shown
            "provider_not_configured",
            "overlap_too_long",
        }
    )


class UnableToReplay(UnableTo):
    reasons = frozenset({"notice_unknown"})


class Mode(StrEnum):
    """Whether money moves. A mark for people: what the credentials are for, the provider alone knows."""

    SANDBOX = "sandbox"
    LIVE = "live"


class Origin(StrEnum):
    """Where a provider's settings stand."""

    NOWHERE = "nowhere"
    FILE = "file"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class SettingField:
    """A field of a plug-in's settings, as a form asks for it. ``kind`` is ``text``, ``secret``, ``whole_number``, ``number``,
    ``yes_or_no``, ``choice``, ``list`` (of texts) or ``json``. ``value`` is never a secret's."""

    name: str
    kind: str
    required: bool
    title: str = ""
    says: str = ""
    value: Any = None
    is_set: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SettingsVersion:
    """One version of a provider's settings, without its secrets. ``changed`` are the names of what is new in it.

    ``previous_until``: notices under the version before were believed until then.
    """

    number: int
    mode: Mode
    changed: tuple[str, ...]
    previous_until: datetime | None
    made_at: datetime
    made_by: str


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What the back office shows of a provider's settings. ``number`` is 0 where there are none in the database."""

    provider: str
    origin: Origin
    number: int
    mode: Mode
    enabled: bool
    fields: tuple[SettingField, ...]
    versions: tuple[SettingsVersion, ...] = ()
    switched: tuple[tuple[datetime, bool, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CallFigures:
    """What became of calls of one occasion to a provider since a moment. ``silent`` ones had no answer that could be read,
    ``refused`` ones failed or were cancelled; latencies in milliseconds, None where nothing was answered."""

    provider: str
    exchange: str
    calls: int
    silent: int
    refused: int
    median_ms: int | None
    slow_ms: int | None


@dataclass(frozen=True, slots=True)
class ProviderState:
    """How a provider does: ``well`` is None where nobody has asked lately. ``detail`` is a sentence for the operator."""

    provider: str
    well: bool | None
    detail: str
    at: datetime | None
    calls_under_way: int = 0
    circuit_open: bool = False


class Configuring(Protocol):
    # Within a journey's transaction.

    @at_most_once
    def keep_settings(
        self,
        *,
        provider: str,
        settings: Mapping[str, Any],
        keep: Sequence[str],
        mode: Mode,
        based_on: int,
        overlap_hours: int,
        actor: str,
        at: datetime,
    ) -> ProviderSettings:
        """Make a new version: ``settings``, and of the version ``based_on`` the fields named in ``keep``.

        Notices that come under the version before are believed for ``overlap_hours`` more. Raises
        UnableToConfigureProvider.
        """
        ...

    @at_most_once
    def switch_provider(self, *, provider: str, enabled: bool, actor: str, at: datetime) -> ProviderSettings:
        """Have a provider take new payments, or no more. Raises UnableToConfigureProvider."""
        ...

    # Reads.

    def provider_settings(self, *, provider: str) -> ProviderSettings:
        """Raises UnableToConfigureProvider (``provider_not_installed``)."""
        ...

    def call_figures(self, *, since: datetime) -> tuple[CallFigures, ...]:
        """By provider and occasion."""
        ...

    def provider_states(self, *, at: datetime) -> tuple[ProviderState, ...]:
        """Of all installed providers, by name; asks nobody."""
        ...

    @at_most_once
    def check_provider(self, *, provider: str, at: datetime) -> Health:
        """Ask a provider whether it is well, and keep what it said. Outside any transaction; never raises for that."""
        ...

    def notice(self, *, notice_id: UUID) -> KeptNotice:
        """A stored notice. Raises UnableToReplay."""
        ...

    def replayable(self, *, payment_id: UUID) -> tuple[tuple[UUID, datetime, str], ...]:
        """The notices received about a payment: id, when, and what became of it."""
        ...
