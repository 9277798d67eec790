"""A provider is configured in the back office: its settings kept sealed, its switch turned, its health asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from warchest.members.contract import Members, require
from warchest.payments.contract import Mode, Payments
from warchest.runtime.command import Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Health


@journey("providers.configure")
def configure_provider(
    tx: Transaction,
    *,
    provider: str,
    settings: Mapping[str, Any],
    keep: Sequence[str],
    mode: Mode,
    based_on: int,
    overlap_hours: int = 0,
) -> int:
    """The number of the new version. ``keep`` names the fields that stay as they were in version ``based_on``.

    The record keeps which fields are new, and never what they hold. Raises UnableToAdminister, UnableToConfigureProvider.
    """
    _may(tx, "provider.configure")
    kept = tx.get(Payments).keep_settings(
        provider=provider,
        settings=settings,
        keep=keep,
        mode=mode,
        based_on=based_on,
        overlap_hours=overlap_hours,
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
    newest = kept.versions[0]
    tx.about(
        "provider",
        provider,
        version=newest.number,
        mode=newest.mode,
        changed=", ".join(newest.changed),
        overlap_hours=overlap_hours,
    )
    return newest.number


@journey("providers.switch")
def switch_provider(tx: Transaction, *, provider: str, enabled: bool) -> bool:
    """Whether it takes new payments from now on; those that are under way finish in either case.

    Raises UnableToAdminister, UnableToConfigureProvider.
    """
    _may(tx, "provider.configure")
    before = tx.get(Payments).provider_settings(provider=provider).enabled
    tx.get(Payments).switch_provider(
        provider=provider, enabled=enabled, actor=str(tx.command.actor), at=tx.command.at
    )
    tx.about("provider", provider, before=before, after=enabled)
    return enabled


def check_provider(command: Command, *, provider: str) -> Health:
    """Ask a provider whether it answers and knows us; who asked is recorded. Raises UnableToAdminister."""
    _note_check(command, provider=provider)
    return services.get(Payments).check_provider(provider=provider, at=command.at)


@journey("providers.check")
def _note_check(tx: Transaction, *, provider: str) -> None:
    _may(tx, "provider.see")
    tx.get(Payments).provider_settings(provider=provider)
    tx.about("provider", provider)


def _may(tx: Transaction, right: str) -> None:
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), right)
