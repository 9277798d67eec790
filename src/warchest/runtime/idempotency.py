"""Keys of callers: the same key and request answers what the first call answered.

The key is claimed first thing in the journey's own transaction; whoever comes at the same time waits at the unique key
until the first has committed (and then answers its answer) or has given up (and then does the work).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warchest.runtime.command import Command, UnableToUseKey
from warchest.runtime.services import COORDINATOR, services

_CLAIM = """
    INSERT INTO runtime_idempotencykey (scope, route, key, fingerprint, outcome, answer)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""
_FIND = """
    SELECT fingerprint, outcome, answer FROM runtime_idempotencykey WHERE scope = %s AND route = %s AND key = %s"""
_FINISH = """
    UPDATE runtime_idempotencykey SET outcome = 'done', answer = %s WHERE scope = %s AND route = %s AND key = %s"""
_FORGET = """
    DELETE FROM runtime_idempotencykey
     WHERE ctid = ANY(ARRAY(SELECT ctid FROM runtime_idempotencykey WHERE recorded_at < %s LIMIT %s))"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A final answer: ``outcome`` is ``done`` or ``refused``, ``answer`` its JSON."""

    outcome: str
    answer: str


def claim(*, command: Command, route: str, fingerprint: bytes) -> Stored | None:
    """Take the key for this transaction; None when it is new, else what was answered before.

    Raises UnableToUseKey (``idempotency_key_reused``) when the key came with another request.
    """
    return _insert_or_find(command, route, fingerprint, outcome="", answer="")


def finish(*, command: Command, route: str, answer: str) -> None:
    """Keep the answer of a journey that is about to commit."""
    with services.database("runtime").cursor() as cursor:
        cursor.execute(_FINISH, [answer, command.scope, route, command.key])


def refuse(*, command: Command, route: str, fingerprint: bytes, answer: str) -> Stored | None:
    """Keep a final refusal, in a technical transaction; the stored answer when another call came first."""
    return _insert_or_find(command, route, fingerprint, outcome="refused", answer=answer)


def forget(*, before: datetime, batch: int = 10_000) -> int:
    """Delete keys recorded before this moment, in small transactions that hold up nobody; answers how many."""
    forgotten = 0
    while True:
        with services.database("runtime").cursor() as cursor:
            cursor.execute(_FORGET, [before, batch])
            forgotten += cursor.rowcount
            if cursor.rowcount < batch:
                return forgotten


def _insert_or_find(
    command: Command, route: str, fingerprint: bytes, *, outcome: str, answer: str
) -> Stored | None:
    place = [command.scope, route, command.key]
    with services.database("runtime").cursor() as cursor:
        # A key that a rolled-back transaction held vanishes between the two statements: then insert again.
        for _ in range(5):
            cursor.execute(_CLAIM, [*place, fingerprint, outcome, answer])
            if cursor.rowcount:
                return None
            cursor.execute(_FIND, place)
            if found := cursor.fetchone():
                break
        else:
            raise RuntimeError(f"key {command.key!r} can neither be claimed nor found in {COORDINATOR}")
    if bytes(found[0]) != fingerprint:
        raise UnableToUseKey("idempotency_key_reused")
    return Stored(outcome=found[1], answer=found[2])
