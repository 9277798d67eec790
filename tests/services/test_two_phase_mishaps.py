"""What else goes wrong around transactions over several databases: frozen processes, clocks, strangers, half a snapshot."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from types import SimpleNamespace

import psycopg
import pytest
from django.db import DatabaseError, DataError, OperationalError, connections, transaction

from tests.builders.cards import PrintedCard, a_batch
from tests.builders.databases import named
from tests.builders.feed import publish
from tests.builders.people import a_command, a_player
from tests.services.test_jobs import wait_for
from tests.services.test_two_phase import (
    activate,
    assert_all_happened,
    assert_nothing_happened,
    at_step,
)
from warchest.cards.contract import Cards, UnableToActivateCard
from warchest.journeys.activate_card import Activated
from warchest.journeys.register_player import Registered
from warchest.kernel.errors import TryAgain
from warchest.runtime import feed, invariants, outbox, recovery, two_phase
from warchest.runtime.command import Command
from warchest.runtime.invariants import Invariant
from warchest.runtime.journey import journey, keep_refusal, request_fingerprint
from warchest.runtime.outage import is_outage
from warchest.runtime.services import services
from warchest.runtime.transactions import Telling, Transaction

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.spread]


def left_open(
    monkeypatch: pytest.MonkeyPatch, player: Registered, card: PrintedCard, *, command: Command | None = None
) -> None:
    """Decided, and kept nowhere but in the coordinator's database."""
    with monkeypatch.context() as patched:
        patched.setattr(two_phase, "_end", lambda verb, alias, gid: False)
        with pytest.raises(TryAgain):
            activate(command or a_command(), player, card)


def holders_of_the_barrier() -> int:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
            " WHERE locktype = 'advisory' AND datname = current_database() AND mode = 'ExclusiveLock'"
        )
        return int(cursor.fetchone()[0])


class TestTelling:
    def test_who_was_refused_beside_one_who_was_not_hears_done_only_when_it_is(self, monkeypatch):
        player, (card, *_) = a_player(), a_batch().cards
        command = a_command()
        left_open(monkeypatch, player, card, command=command)

        def refused_meanwhile() -> bool:
            code_hash = services.get(Cards).code_hash(typed=card.code)
            asked = request_fingerprint({"player": player.id, "code_hash": code_hash, "client_address": ""})
            refusal = UnableToActivateCard("card_code_unknown")
            return keep_refusal("cards.activate", Telling(command), asked, refusal, Activated).replayed

        with monkeypatch.context() as patched, pytest.raises(TryAgain, match="transaction_pending"):
            patched.setattr(two_phase, "_end", lambda verb, alias, gid: False)
            refused_meanwhile()
        assert refused_meanwhile()
        assert_all_happened(player, card)

    def test_the_oldest_number_counts_however_late_it_was_decided(self, monkeypatch, superuser_dsn):
        with psycopg.connect(superuser_dsn, autocommit=True) as superuser:
            superuser.execute("DELETE FROM runtime_decision")
            superuser.execute(
                "INSERT INTO runtime_decision (transaction, outcome, number, keys, recorded_at)"
                " SELECT gen_random_uuid(), 'commit', 1000 + n, '{}'::text[], now() - interval '1 hour'"
                "   FROM generate_series(1, 5000) AS n"
                " UNION ALL SELECT gen_random_uuid(), 'commit', 7, '{}', now()"
            )

        def away(**_: object) -> Sequence[two_phase.InDoubt]:
            raise OperationalError("away")

        monkeypatch.setattr(two_phase, "in_doubt", away)
        assert two_phase.kept_upto() == 7


class TestStandingStill:
    def test_a_frozen_process_is_undone(self, monkeypatch):
        player, (card, *_) = a_player(), a_batch().cards
        command = a_command()
        monkeypatch.setattr(two_phase, "FROZEN_S", 1)
        with (
            at_step(monkeypatch, "promised:shop", lambda: time.sleep(2)),
            pytest.raises(DatabaseError) as raised,
        ):
            activate(command, player, card)
        assert is_outage(raised.value)
        assert_nothing_happened(player, card)
        assert two_phase.in_doubt() == ()
        activate(command, player, card)
        assert_all_happened(player, card)


class TestRecovering:
    def test_goes_by_the_clock_of_the_server_that_promised(self, monkeypatch):
        class Late(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) - timedelta(hours=1)

        player, (card, *_) = a_player(), a_batch().cards
        left_open(monkeypatch, player, card)
        monkeypatch.setattr(two_phase, "datetime", Late)
        assert two_phase.recover(older_than_s=0) == 0
        assert_all_happened(player, card)

    def test_does_not_wait_for_another_database(self, monkeypatch):
        player, (card, *_) = a_player(), a_batch().cards
        left_open(monkeypatch, player, card)
        in_doubt, stop, back = two_phase.in_doubt, threading.Event(), threading.Event()

        def dark(*, databases: Sequence[str] | None = None) -> tuple[two_phase.InDoubt, ...]:
            if databases is None or "people" in databases:
                back.wait(30)
            return in_doubt(databases=databases)

        monkeypatch.setattr(two_phase, "in_doubt", dark)
        threads = recovery.start(stop)
        try:
            wait_for(lambda: in_doubt() == ())
        finally:
            back.set()
            stop.set()
            for thread in threads:
                thread.join()
        assert_all_happened(player, card)

    def test_forgets_nothing_because_of_a_replica(self, monkeypatch):
        monkeypatch.setattr(
            two_phase, "_PROMISES", two_phase._PROMISES.replace("pg_is_in_recovery()", "true")
        )
        with pytest.raises(OperationalError, match="replica"):
            two_phase.in_doubt(databases=["shop"])

    def test_passes_by_what_others_have_prepared(self, server_dsn, database):
        with psycopg.connect(server_dsn(named(database, "shop")), autocommit=True) as superuser:
            superuser.execute("BEGIN")
            superuser.execute("SELECT pg_current_xact_id()")
            superuser.execute("PREPARE TRANSACTION 'warchest/of-somebody-else'")
            assert two_phase.recover(older_than_s=0) == 0
            superuser.execute("ROLLBACK PREPARED 'warchest/of-somebody-else'")

    def test_a_connection_closed_on_the_way_serves_again_afterwards(self):
        with pytest.raises(OperationalError):
            close_on_the_way(a_command())
        assert two_phase.in_doubt() == ()
        player, (card, *_) = a_player(), a_batch().cards
        activate(a_command(), player, card)
        assert_all_happened(player, card)


class TestBarrier:
    def test_waits_for_a_database_that_does_not_answer(self, monkeypatch):
        player, (card, *_) = a_player(), a_batch().cards
        left_open(monkeypatch, player, card)
        in_doubt, silent = two_phase.in_doubt, ["people", "shop"]

        def away_at_first(*, databases: Sequence[str] | None = None) -> tuple[two_phase.InDoubt, ...]:
            for alias in databases or ():
                if alias in silent:
                    silent.remove(alias)
                    raise OperationalError("away")
            return in_doubt(databases=databases)

        monkeypatch.setattr(two_phase, "in_doubt", away_at_first)
        with two_phase.barrier():
            assert in_doubt() == ()

    def test_holds_up_nobody_after_what_failed_within(self):
        with ExitStack() as snapshot, pytest.raises(DataError), two_phase.barrier():
            snapshot.enter_context(transaction.atomic())
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        assert holders_of_the_barrier() == 0

    def test_gives_up_where_somebody_does_not_end_deciding(self, monkeypatch, superuser_dsn):
        monkeypatch.setattr(two_phase, "_BARRIER_WAIT_S", 1)
        with psycopg.connect(superuser_dsn) as deciding:
            deciding.execute("SELECT pg_advisory_xact_lock_shared(%s)", [two_phase.BARRIER])
            with pytest.raises(TryAgain, match="transaction_pending"), two_phase.barrier():
                pass
        with two_phase.barrier():
            assert holders_of_the_barrier() == 1
        assert holders_of_the_barrier() == 0


class TestProving:
    def test_sees_whatever_a_consumer_elsewhere_has_counted(self, monkeypatch):
        """A fact is published and counted between one database's snapshot and the next."""
        begin, begun = transaction.atomic, []

        def elsewhere() -> None:
            publish("tests.numbered", number=1)
            outbox.consume("statistics", lambda event: None)
            connections.close_all()

        def atomic(**wanted: str) -> object:
            begun.append(wanted["using"])
            if len(begun) == len(two_phase.further_databases()) + 1:
                # Of all but one there is a snapshot now.
                thread = threading.Thread(target=elsewhere)
                thread.start()
                thread.join()
            return begin(**wanted)

        def ahead() -> list[str]:
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT coalesce(max(transaction), 0) FROM runtime_outboxevent")
                (last,) = cursor.fetchone()
            return ["ahead"] if feed.standing("statistics").place.transaction > last else []

        monkeypatch.setattr(
            invariants, "_kept", {"ahead": Invariant("ahead", "No consumer is ahead.", ahead)}
        )
        monkeypatch.setattr(invariants, "transaction", SimpleNamespace(atomic=atomic))
        (checked,) = invariants.check_all()
        assert checked.places == ()


@journey("tests.close_on_the_way")
def close_on_the_way(tx: Transaction) -> str:
    with services.database("cards").cursor() as cursor:
        cursor.execute("SELECT 1")
    connections["shop"].close()
    return "done"
