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

import time
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

FROZEN_S = 8
"""A process that has written its decision and then stands still for so long is cut off from the coordinator, which undoes it:
its promises keep their locks no longer than that and a round of recovery."""

_BARRIER_WAIT_S = 5
"""So long a barrier waits for those who are deciding just now, and others wait behind it; then so long for their promises."""

_GID = "warchest/{cluster}/{transaction}/{alias}"
_DECIDE = f"""
    WITH passed AS MATERIALIZED (
         SELECT pg_advisory_xact_lock_shared({BARRIER}), set_config('idle_in_transaction_session_timeout', %s, true))
    INSERT INTO runtime_decision (transaction, outcome, number, keys, databases, recorded_at)
    SELECT %s, 'commit', pg_current_xact_id()::text::bigint, %s, %s, clock_timestamp() FROM passed"""
_PROMISES = """
    SELECT pg_is_in_recovery(), gid, split_part(gid, '/', 3)::uuid, prepared,
           extract(epoch FROM clock_timestamp() - prepared)::float
      FROM (SELECT) AS one
      LEFT JOIN pg_prepared_xacts
             ON database = current_database() AND gid ~ '^warchest/[^/]+/[0-9a-f]{32}/' ORDER BY prepared"""


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
                cursor.execute(_DECIDE, [f"{FROZEN_S}s", self.transaction, list(keys), written])
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
        try:
            if self._promised and self._handed_over:
                # The coordinator failed in its commit, which may have come to pass all the same.
                settle(self.transaction, databases=self._promised)
            else:
                for alias in self._promised:
                    _take_back(alias, _gid(self.transaction, alias))
        except (DatabaseError, InterfaceError):
            # Recovery sees to it. What went wrong at first is what the caller has to hear.
            log.warning("left_in_doubt", transaction=str(self.transaction), exc_info=True)

    def _leave(self) -> None:
        """Give the connections back as they were: what was not promised is rolled back."""
        for alias, block in self._blocks.items():
            connection = connections[alias]
            closed = connection.closed_in_transaction
            try:
                block.__exit__(None, None, None)
                if closed:
                    # Of a connection closed on the way Django keeps in mind, for ever, that a transaction was open.
                    connection.closed_in_transaction = connection.in_atomic_block = False
                else:
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
    """A promise in a database: of which transaction, since when, and how old, both by that server's clock."""

    transaction: UUID
    database: str
    gid: str
    since: datetime
    age_s: float


def in_doubt(*, databases: Sequence[str] | None = None) -> tuple[InDoubt, ...]:
    """All promises that are open now, oldest first, in these databases (None: in all). Raises OperationalError where one
    does not answer."""
    found = []
    for alias in further_databases() if databases is None else databases:
        if alias not in connections.settings:
            # Decided by a process with another configuration than ours.
            raise OperationalError(f"there is no database {alias} in this process's configuration")
        with connections[alias].cursor() as cursor:
            cursor.execute(_PROMISES)
            for is_replica, gid, transaction_id, since, age_s in cursor.fetchall():
                if is_replica:
                    # It shows none, whatever it has promised; nothing must be forgotten because of that.
                    raise OperationalError(f"the server of database {alias} is a replica just now")
                if gid is not None:
                    found.append(InDoubt(transaction_id, alias, gid, since, age_s))
    return tuple(sorted(found, key=lambda promise: promise.since))


def further_databases() -> tuple[str, ...]:
    """The aliases of all databases that can take part beside the coordinator's."""
    return tuple(
        alias
        for alias in connections
        if alias != COORDINATOR and alias.partition("_")[0] not in ("owner", "reader")
    )


def recover(*, older_than_s: float = 1.0, databases: Sequence[str] | None = None) -> int:
    """Keep or take back every promise that is older, in these databases; None: in all, and then forget decisions that nobody
    needs any more: all who promised have been reached, and show no promise of it.

    Databases that do not answer are left for the next time. Answers how many promises are open after it; a database that
    does not answer counts as one, since it may have some.
    """
    aliases = further_databases() if databases is None else databases
    if not aliases:
        return 0
    decided = _decided() if databases is None else []
    left = 0
    open_now: set[UUID] = set()
    reached: set[str] = set()
    for alias in aliases:
        try:
            promises = in_doubt(databases=[alias])
        except (OperationalError, InterfaceError):
            log.warning("recovery_waits_for_database", database=alias)
            connections[alias].close()
            left += 1
            continue
        reached.add(alias)
        open_now.update(promise.transaction for promise in promises)
        for promise in promises:
            if promise.age_s < older_than_s or not _settle_one(promise):
                left += 1
    _forget(
        [one for one, promised in decided if reached.issuperset(promised or aliases) and one not in open_now]
    )
    return left


def settle(transaction_id: UUID, *, databases: Sequence[str] = ()) -> bool:
    """Keep or take back all promises of one transaction, given in these databases (none: it may be any); whether none is open
    after it. Raises OperationalError where one of them does not answer."""
    promises = in_doubt(databases=databases or None)
    return all([_settle_one(promise) for promise in promises if promise.transaction == transaction_id])


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


def _decided() -> list[tuple[UUID, list[str]]]:
    """Decisions of a while ago, with those who promised (none: it may be any). Read before the promises: each of its
    promises was there before it."""
    with connections[COORDINATOR].cursor() as cursor:
        cursor.execute(
            "SELECT transaction, databases FROM runtime_decision"
            " WHERE recorded_at < clock_timestamp()"
            "           - CASE outcome WHEN 'commit' THEN interval '5 s' ELSE interval '1 day' END"
            " ORDER BY recorded_at LIMIT 5000"
        )
        return list(cursor.fetchall())


def _forget(transactions: Sequence[UUID]) -> None:
    if transactions:
        with connections[COORDINATOR].cursor() as cursor:
            cursor.execute("DELETE FROM runtime_decision WHERE transaction = ANY(%s)", [list(transactions)])


def ensure_kept(keys: Sequence[str]) -> None:
    """Before an earlier answer is given again: what was decided for these keys is true in every database.

    Only those that promised are asked. Raises TryAgain (``transaction_pending``) where one of them cannot be reached.
    """
    if not further_databases():
        return
    with connections[COORDINATOR].cursor() as cursor:
        cursor.execute(
            "SELECT transaction, databases FROM runtime_decision WHERE outcome = 'commit' AND keys && %s::text[]",
            [list(keys)],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    try:
        if all([settle(transaction_id, databases=promised) for transaction_id, promised in found]):
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
    promised: list[UUID] = []
    silent: list[str] = []
    for alias in further_databases():
        try:
            promised += [promise.transaction for promise in in_doubt(databases=[alias])]
        except (OperationalError, InterfaceError):
            silent.append(alias)
    if not promised and not silent:
        return None
    with connections[COORDINATOR].cursor() as cursor:
        # What the silent ones have promised, nobody knows: whatever may touch them and is not yet forgotten counts.
        cursor.execute(
            "SELECT min(number) FROM runtime_decision"
            " WHERE outcome = 'commit' AND (transaction = ANY(%(promised)s::uuid[])"
            "    OR %(silent)s::text[] <> '{}' AND (databases = '{}' OR databases && %(silent)s::text[]))",
            {"promised": promised, "silent": silent},
        )
        found = cursor.fetchone()[0]
    return int(found) if found is not None else None


@contextmanager
def barrier() -> Iterator[None]:
    """While this lasts no transaction over several databases is between its first promise and its last kept one.

    So what is looked at in all of them, or marked in all of them, fits together. Transactions that write to one database
    go on; the others wait for the end of it, so it must be short. Raises TryAgain (``transaction_pending``) where somebody
    does not end deciding within seconds, or promises do not end, or a database does not answer. Not to be used inside a
    transaction.
    """
    _hold_up_deciding()
    try:
        deadline = time.monotonic() + _BARRIER_WAIT_S
        while recover(older_than_s=0):
            if time.monotonic() > deadline:
                raise TryAgain("transaction_pending", retry_after_s=2)
            time.sleep(0.05)
        yield
    finally:
        _let_decide()


def _hold_up_deciding() -> None:
    try:
        # The lock is the session's, and outlives the transaction that takes it.
        with transaction.atomic(using=COORDINATOR, durable=True), connections[COORDINATOR].cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_BARRIER_WAIT_S}s'")
            cursor.execute("SELECT pg_advisory_lock(%s)", [BARRIER])
    except OperationalError as error:
        if isinstance(error.__cause__, postgres.LockNotAvailable):
            raise TryAgain("transaction_pending", retry_after_s=2) from error
        raise


def _let_decide() -> None:
    connection = connections[COORDINATOR]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [BARRIER])
    except (DatabaseError, InterfaceError):
        # In a transaction that failed nothing is done any more, but the lock goes with its session.
        connection.close()
