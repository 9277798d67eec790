"""Keys of callers: the same key and request answers what the first call answered.

The key is claimed first thing in the journey's own transaction; whoever comes at the same time waits at the unique key
until the first has committed (and then answers its answer) or has given up (and then does the work).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from warchest.runtime import at_work, statements, wire
from warchest.runtime.command import Command, UnableToUseKey
from warchest.runtime.services import services

_CLAIM = "SELECT stamps, answered, pg_current_xact_id_if_assigned()::text FROM runtime_claim(%s)"
_CONFIRM = "SELECT pg_logical_emit_message(true, 'warchest', '')"
_FORGET = """
    DELETE FROM runtime_idempotencykey
     WHERE ctid = ANY(ARRAY(SELECT ctid FROM runtime_idempotencykey WHERE recorded_at < %s LIMIT %s))"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A final answer: ``outcome`` is ``done`` or ``refused``, ``answer`` its JSON."""

    outcome: str
    answer: str


@dataclass(frozen=True, slots=True)
class _Before:
    """As the database tells it: ``number`` is the place among the keys asked for, from 1."""

    number: int
    fingerprint: str
    outcome: str
    answer: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was answered before, in the order of the commands: None where the key is new and now this transaction's.

    ``stamps`` are of the facts that seldom change (see ``facts``), read along.
    """

    answered: Sequence[Stored | UnableToUseKey | None]
    stamps: Mapping[str, str]


def full_key(route: str, command: Command) -> str:
    """The whole of what is unique, as one text."""
    return f"{command.scope}|{route}|{command.key}"


def claim(*, route: str, asked: Sequence[tuple[Command, bytes]]) -> Claimed:
    """Take the keys of these commands for this transaction. Each comes with its request's fingerprint, no key twice.

    A key that came before with another request answers UnableToUseKey (``idempotency_key_reused``).
    """
    wanted = [
        {"scope": command.scope, "route": route, "key": command.key, "fingerprint": fingerprint.hex()}
        for command, fingerprint in asked
    ]
    ((stamps, found, transaction),) = statements.rows("runtime", _CLAIM, [statements.document(wanted)])
    at_work.in_transaction(transaction or "")
    answered: list[Stored | UnableToUseKey | None] = [None] * len(asked)
    before_this = wire.decode(found, list[_Before]) if found else []
    if len(before_this) == len(asked):
        # Whoever only reads commits without waiting for a replica, and may see what the first caller was never told: the
        # primary had died before a replica had it, and came back. So there is something to write, and to wait for.
        statements.rows("runtime", _CONFIRM)
    for before in before_this:
        place = before.number - 1
        same = before.fingerprint == wanted[place]["fingerprint"]
        answered[place] = (
            Stored(before.outcome, before.answer) if same else UnableToUseKey("idempotency_key_reused")
        )
    return Claimed(answered=answered, stamps=wire.decode(stamps, dict[str, str]))


def forget(*, before: datetime, batch: int = 10_000) -> int:
    """Delete keys recorded before this moment, in small transactions that hold up nobody; answers how many."""
    forgotten = 0
    while True:
        with services.database("runtime").cursor() as cursor:
            cursor.execute(_FORGET, [before, batch])
            forgotten += cursor.rowcount
            if cursor.rowcount < batch:
                return forgotten
