"""Two-phase commit, whole: how one business transaction becomes true in several databases, or in none.

The coordinator's database decides, and commits last of all that can still say no:

1. the work is done in an open transaction of each database that takes part;
2. in the coordinator's, a row *decision* is written that says 'commit';
3. every other database that was written to is made to promise: ``PREPARE TRANSACTION``;
4. the coordinator commits. **That is the decision**: the row is there, or it is not and never will be;
5. the others keep their promise: ``COMMIT PREPARED``. Only then is the caller told that it is done.

Where no other database was written to there is no promise and no decision: one ordinary commit. A process that dies on the
way leaves promises behind, and every process looks after all of them (``recover``): it tries to write the row 'abort'. If
that succeeds nobody can ever decide otherwise, and the promise is taken back; if 'commit' stands there it is kept; if the
row is being written just now, its writer lives, and is left alone.

The decision comes before the first promise, and inside the same transaction that is committed at last. So whoever finds a
promise finds the decision's row too, or its writer at work, or knows that its writer is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connections, transaction
from psycopg import errors as postgres
from psycopg.pq import TransactionStatus

from warchest.kernel.errors import TryAgain
from warchest.kernel.ids import new_id
from warchest.runtime.services import COORDINATOR, services

log = structlog.get_logger(__name__)

BARRIER = 7_215_461_001
"""The advisory lock of the coordinator's that a decision takes shared and ``barrier`` alone."""

_GID = "warchest/{cluster}/{transaction}/{alias}"
_DECIDE = f"""
    WITH passed AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({BARRIER}))
    INSERT INTO runtime_decision (transaction, outcome, number, keys, recorded_at)
    SELECT %s, 'commit', pg_current_xact_id()::text::bigint, %s, clock_timestamp() FROM passed"""
_PROMISES = """
    SELECT gid, prepared FROM pg_prepared_xacts
     WHERE database = current_database() AND gid LIKE 'warchest/%%' ORDER BY prepared"""


def step(name: str) -> None:
    """Told of every step that this process has come to; simulations put their own function here, to die at it."""


class Participants:
    """The databases that take part in one business transaction beside the coordinator's. They join when first used."""

    def __init__(self) -> None:
        self.transaction: UUID | None = None
        self._blocks: dict[str, transaction.Atomic] = {}
        self._promised: list[str] = []
        self._handed_over = False

    def __enter__(self) -> Participants:
        return self

    def join(self, alias: str) -> None:
        """Begin in this database too. Raises OperationalError when it does not answer."""
        if alias in self._blocks or self._handed_over:
            return
        connection = connections[alias]
        connection.set_autocommit(False)
        # Django now believes in an outer transaction of somebody else's: it makes savepoints, and never commits.
        block = transaction.atomic(using=alias, savepoint=False)
        block.__enter__()
        self._blocks[alias] = block

    def prepare(self, keys: Sequence[str]) -> None:
        """Steps 2 and 3, in the coordinator's open transaction, as its last deed. Nothing where none was written to.

        ``keys`` are those of the callers for whom it is done.
        """
        written = [alias for alias in self._blocks if _is_written(alias)]
        if written:
            self.transaction = new_id()
            with connections[COORDINATOR].cursor() as cursor:
                cursor.execute(_DECIDE, [self.transaction, list(keys)])
            step("decision_written")
            for alias in written:
                self._promised.append(alias)
                with connections[alias].cursor() as cursor:
                    cursor.execute(f"PREPARE TRANSACTION '{_gid(self.transaction, alias)}'")
                step(f"promised:{alias}")
        self._handed_over = True

    def commit(self) -> None:
        """Step 5, after the coordinator's commit. Raises TryAgain (``transaction_pending``) where a database that has
        promised cannot be reached: it will keep its promise when it can."""
        step("decided")
        self._leave()
        kept = [_keep(alias, _gid(self.transaction, alias)) for alias in self._promised if self.transaction]
        self._promised = []
        step("kept")
        if not all(kept):
            raise TryAgain("transaction_pending", retry_after_s=2)

    def __exit__(self, *_: object) -> None:
        """Undo what was not committed."""
        self._leave()
        if self.transaction is None:
            return
        for alias in self._promised:
            try:
                if self._handed_over:
                    # The coordinator failed in its commit, which may have come to pass all the same.
                    settle(self.transaction)
                else:
                    _take_back(alias, _gid(self.transaction, alias))
            except DatabaseError:
                log.warning("left_in_doubt", transaction=str(self.transaction), database=alias, exc_info=True)

    def _leave(self) -> None:
        """Give the connections back as they were: what was not promised is rolled back."""
        for alias, block in self._blocks.items():
            connection = connections[alias]
            try:
                block.__exit__(None, None, None)
                connection.rollback()
                connection.set_autocommit(True)
            except (DatabaseError, InterfaceError):
                connection.close()
        self._blocks = {}


def _gid(transaction_id: UUID | None, alias: str) -> str:
    assert transaction_id is not None
    return _GID.format(cluster=services.cluster, transaction=transaction_id.hex, alias=alias)


def _is_written(alias: str) -> bool:
    """Whether this database has anything to promise. Raises OperationalError where its transaction has failed."""
    connection = connections[alias]
    status = connection.connection.info.transaction_status if connection.connection is not None else None
    if connection.needs_rollback or status not in (TransactionStatus.IDLE, TransactionStatus.INTRANS):
        # PREPARE would quietly roll it back.
        raise OperationalError(f"the transaction in database {alias} has failed")
    if status == TransactionStatus.IDLE:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
        return bool(cursor.fetchone()[0])


def _keep(alias: str, gid: str) -> bool:
    """Keep a promise; whether it is kept, by us or by another."""
    return _end("COMMIT PREPARED", alias, gid)


def _take_back(alias: str, gid: str) -> bool:
    return _end("ROLLBACK PREPARED", alias, gid)


def _end(verb: str, alias: str, gid: str) -> bool:
    for again in (True, False):
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute(f"{verb} '{gid}'")
            return True
        except (DatabaseError, InterfaceError) as error:
            if isinstance(error.__cause__, postgres.UndefinedObject):
                # Gone: somebody else was quicker, or we were, and the answer was lost.
                return True
            log.warning("promise_left", database=alias, gid=gid, verb=verb, error=str(error), again=again)
            connections[alias].close()
    return False


# Recovery: what every process does for all.


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A promise in a database: of which transaction, since when."""

    transaction: UUID
    database: str
    gid: str
    since: datetime


def in_doubt(*, databases: Sequence[str] | None = None) -> tuple[InDoubt, ...]:
    """All promises that are open now, oldest first, in these databases (None: in all). Raises OperationalError where one
    does not answer."""
    found = []
    for alias in further_databases() if databases is None else databases:
        with connections[alias].cursor() as cursor:
            cursor.execute(_PROMISES)
            for gid, since in cursor.fetchall():
                found.append(InDoubt(UUID(hex=gid.split("/")[2]), alias, gid, since))
    return tuple(sorted(found, key=lambda promise: promise.since))


def further_databases() -> tuple[str, ...]:
    """The aliases of all databases that can take part beside the coordinator's."""
    return tuple(
        alias
        for alias in connections
        if alias != COORDINATOR and alias.partition("_")[0] not in ("owner", "reader")
    )


def recover(*, older_than_s: float = 1.0) -> int:
    """Keep or take back every promise that is older, and forget decisions that nobody needs any more.

    Databases that do not answer are left for the next time. Answers how many promises are open after it.
    """
    aliases = further_databases()
    if not aliases:
        return 0
    decided = _decided()
    left = 0
    open_now: set[UUID] = set()
    reached_all = True
    for alias in aliases:
        try:
            promises = in_doubt(databases=[alias])
        except (OperationalError, InterfaceError):
            log.warning("recovery_waits_for_database", database=alias)
            connections[alias].close()
            reached_all = False
            continue
        open_now.update(promise.transaction for promise in promises)
        for promise in promises:
            if _age_s(promise) < older_than_s or not _settle_one(promise):
                left += 1
    if reached_all:
        _forget([one for one in decided if one not in open_now])
    return left


def settle(transaction_id: UUID) -> bool:
    """Keep or take back all promises of one transaction; whether none is open after it. Raises OperationalError where a
    database does not answer."""
    return all([_settle_one(promise) for promise in in_doubt() if promise.transaction == transaction_id])


def _settle_one(promise: InDoubt) -> bool:
    outcome = _outcome(promise.transaction)
    if outcome is None:
        return False
    verb = _keep if outcome == "commit" else _take_back
    log.info(
        "promise_settled", transaction=str(promise.transaction), database=promise.database, outcome=outcome
    )
    return verb(promise.database, promise.gid)


def _outcome(transaction_id: UUID) -> str | None:
    """What was decided: 'commit', or from now on for ever 'abort'. None where it is being decided just now."""
    try:
        with transaction.atomic(using=COORDINATOR), connections[COORDINATOR].cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
            cursor.execute(
                "INSERT INTO runtime_decision (transaction, outcome, number, keys, recorded_at)"
                " VALUES (%s, 'abort', 0, '{}', clock_timestamp()) ON CONFLICT DO NOTHING",
                [transaction_id],
            )
            cursor.execute("SELECT outcome FROM runtime_decision WHERE transaction = %s", [transaction_id])
            found = cursor.fetchone()
    except OperationalError as error:
        if isinstance(error.__cause__, postgres.LockNotAvailable):
            return None
        raise
    return str(found[0]) if found else None


def _age_s(promise: InDoubt) -> float:
    return (datetime.now(promise.since.tzinfo) - promise.since).total_seconds()


def _decided(*, at_once: bool = False) -> list[UUID]:
    """Decisions of a while ago, or all. Read before the promises: each of its promises was there before it."""
    with connections[COORDINATOR].cursor() as cursor:
        cursor.execute(
            "SELECT transaction FROM runtime_decision"
            " WHERE %s OR recorded_at < clock_timestamp()"
            "             - CASE outcome WHEN 'commit' THEN interval '5 s' ELSE interval '1 day' END"
            " ORDER BY recorded_at LIMIT 5000",
            [at_once],
        )
        return [row[0] for row in cursor.fetchall()]


def _forget(transactions: Sequence[UUID]) -> None:
    if transactions:
        with connections[COORDINATOR].cursor() as cursor:
            cursor.execute("DELETE FROM runtime_decision WHERE transaction = ANY(%s)", [list(transactions)])


def ensure_kept(keys: Sequence[str]) -> None:
    """Before an earlier answer is given again: what was decided for these keys is true in every database.

    Raises TryAgain (``transaction_pending``) where one cannot be reached.
    """
    if not further_databases():
        return
    with connections[COORDINATOR].cursor() as cursor:
        cursor.execute(
            "SELECT transaction FROM runtime_decision WHERE outcome = 'commit' AND keys && %s::text[]",
            [list(keys)],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    try:
        if all([settle(transaction_id) for (transaction_id,) in found]):
            return
    except (OperationalError, InterfaceError) as error:
        raise TryAgain("transaction_pending", retry_after_s=2) from error
    raise TryAgain("transaction_pending", retry_after_s=2)


def kept_upto() -> int | None:
    """The number of the coordinator's transaction from which on not all that was decided is true everywhere; None: all is.

    So nobody is told of a fact before it can be seen in every database.
    """
    if not further_databases():
        return None
    try:
        promised = [promise.transaction for promise in in_doubt()]
        if not promised:
            return None
    except (OperationalError, InterfaceError):
        # What the one that is away has promised, nobody knows: whatever is not yet forgotten counts.
        promised = _decided(at_once=True)
    with connections[COORDINATOR].cursor() as cursor:
        cursor.execute(
            "SELECT min(number) FROM runtime_decision WHERE outcome = 'commit' AND transaction = ANY(%s)",
            [promised],
        )
        found = cursor.fetchone()[0]
    return int(found) if found is not None else None


@contextmanager
def barrier() -> Iterator[None]:
    """While this lasts no transaction over several databases is between its first promise and its last kept one.

    So what is looked at in all of them, or marked in all of them, fits together. Transactions that write to one database
    go on; the others wait for the end of it, so it must be short. Raises TryAgain (``transaction_pending``) where promises
    do not end within seconds. Not to be used inside a transaction.
    """
    import time

    with connections[COORDINATOR].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [BARRIER])
        try:
            deadline = time.monotonic() + 5
            while recover(older_than_s=0):
                if time.monotonic() > deadline:
                    raise TryAgain("transaction_pending", retry_after_s=2)
                time.sleep(0.01)
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [BARRIER])
