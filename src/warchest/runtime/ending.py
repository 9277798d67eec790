"""How journeys end, one or hundreds: answers kept under keys, facts published, lines written to the record of operations.

All three live in the coordinator's database and belong to the transaction that they tell of: one statement writes them.
"""

from __future__ import annotations

from typing import Any

from warchest.kernel.ids import new_ids
from warchest.runtime import statements
from warchest.runtime.transactions import Telling

_FINISH = "SELECT runtime_finish(%s, %s, %s)"


class Ending:
    """What is gathered to be written at once."""

    def __init__(self, *, route: str) -> None:
        self._route = route
        self._endings: list[dict[str, Any]] = []
        self._facts: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []

    def add(self, telling: Telling, *, outcome: str, answer: bytes, reason: str = "") -> None:
        """``outcome`` is ``done`` or ``refused``; what was refused has published nothing."""
        command = telling.command
        self._endings.append(
            {
                "scope": command.scope,
                "route": self._route,
                "key": command.key,
                "outcome": outcome,
                "answer": answer.decode(),
            }
        )
        if outcome == "done":
            self._facts += telling.facts
        kind, identity = telling.subject
        self._lines.append(
            {
                "occurred_at": command.at,
                "name": self._route,
                "outcome": outcome,
                "reason": reason,
                "actor_kind": command.actor.kind,
                "actor_id": command.actor.id,
                "on_behalf_of": command.on_behalf_of,
                "channel": command.channel,
                "subject_kind": kind,
                "subject_id": identity,
                "details": telling.details,
                "address": command.address,
                "certificate": command.certificate,
                "request_id": command.request_id,
                "key": command.key,
            }
        )

    def write(self) -> None:
        if self._endings:
            for line, identity in zip(self._lines, new_ids(len(self._lines)), strict=True):
                line["id"] = identity
            documents = (self._endings, self._facts, self._lines)
            statements.rows("runtime", _FINISH, [statements.document(each) for each in documents])
