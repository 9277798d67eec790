"""The record of operations: each line is written in the transaction that it tells of, and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from warchest.runtime.command import Command
from warchest.runtime.models import Operation
from warchest.runtime.services import COORDINATOR


def append(
    *,
    command: Command,
    name: str,
    outcome: str,
    reason: str = "",
    subject: tuple[str, str] = ("", ""),
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write one line. ``outcome`` is ``done`` or ``refused``; ``details`` hold ids and amounts, never names or secrets."""
    Operation.objects.using(COORDINATOR).create(
        occurred_at=command.at,
        name=name,
        outcome=outcome,
        reason=reason,
        actor_kind=command.actor.kind,
        actor_id=command.actor.id,
        on_behalf_of=command.on_behalf_of,
        channel=command.channel,
        subject_kind=subject[0],
        subject_id=subject[1],
        details=msgspec.to_builtins(dict(details or {})),
        address=command.address,
        certificate=command.certificate,
        request_id=command.request_id,
        key=command.key,
    )
