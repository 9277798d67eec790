"""One journey over three databases: all of it becomes true or none, wherever it is cut."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psycopg
import pytest
from django.db import DataError, OperationalError, connections

from tests.builders.books import assert_books_prove
from tests.builders.cards import PrintedCard, a_batch
from tests.builders.databases import captured_queries, named
from tests.builders.people import NOW, a_command, a_player
from warchest.cards.contract import Cards, CardState
from warchest.charging.contract import WALLET_BOOK
from warchest.journeys.activate_card import Activated, activate_card
from warchest.journeys.register_player import Registered
from warchest.kernel.currency import INNER
from warchest.kernel.errors import TryAgain
from warchest.kernel.ids import new_id
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Members, Player
from warchest.runtime import feed, two_phase
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.spread]

# Registering writes to people and to the coordinator's, activating to the shop and to the coordinator's.
BEFORE = ["decision_written", "promised:shop"]
AFTER = ["decided", "kept"]


def activate(command: Command, player: Registered, card: PrintedCard) -> Done[Activated]:
    return activate_card(command, player=player.id, code=card.code)


def units_of(player: Registered) -> int:
    return (
        services.get(Ledger).balance(account=AccountRef(WALLET_BOOK, INNER.code, str(player.id))).posted.minor
    )


def state_of(card: PrintedCard) -> CardState:
    return services.get(Cards).card(serial=card.serial, at=NOW).state


def decisions() -> list[str]:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT outcome FROM runtime_decision ORDER BY recorded_at")
        return [row[0] for row in cursor.fetchall()]


def assert_nothing_happened(player: Registered, card: PrintedCard) -> None:
    assert (units_of(player), state_of(card)) == (0, CardState.HANDED_OVER)


def assert_all_happened(player: Registered, card: PrintedCard) -> None:
    assert (units_of(player), state_of(card)) == (1000_00, CardState.ACTIVATED)
    assert_books_prove()


@contextmanager
def at_step(monkeypatch: pytest.MonkeyPatch, wanted: str, do: Callable[[], object]) -> Iterator[None]:
    def step(name: str) -> None:
        if name == wanted:
            do()

    with monkeypatch.context() as patched:
        patched.setattr(two_phase, "step", step)
        yield


def killed_at(wanted: str, work: Callable[[], object]) -> None:
    """Do it in a process of its own, that is killed at this step."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        two_phase.step = lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == wanted else None  # type: ignore[assignment]
        try:
            work()
        finally:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


class TestCommitting:
    def test_makes_all_true_and_leaves_no_promise(self):
        player, (card, *_) = a_player(), a_batch().cards
        activate(a_command(), player, card)
        assert_all_happened(player, card)
        assert two_phase.in_doubt() == ()
        assert set(decisions()) == {"commit"}

    def test_what_only_reads_promises_nothing(self):
        player, (card, *_) = a_player(), a_batch().cards
        with captured_queries() as asked:
            activate(a_command(), player, card)
        prepared = [query for query in asked if query.startswith("PREPARE TRANSACTION")]
        # The member was looked up in 'people' and the card claimed in 'shop'.
        assert [query.rsplit("/", 1)[1] for query in prepared] == ["shop'"]

    def test_one_database_is_one_ordinary_commit(self):
        before = decisions()
        with captured_queries() as asked:
            only_the_coordinator(a_command())
        assert decisions() == before
        assert not [query for query in asked if "PREPARE" in query]

    def test_a_refusal_undoes_all(self):
        with pytest.raises(ZeroDivisionError):
            register_and_fail(a_command())
        assert services.get(Members).find_players(text="halfway") == ()
        assert two_phase.in_doubt() == ()

    def test_an_error_that_was_swallowed_is_none(self):
        with pytest.raises(OperationalError, match="has failed"):
            swallow_an_error(a_command())
        assert services.get(Members).find_players(text="halfway") == ()

    def test_many_at_once_beside_eager_recovery(self):
        batch = a_batch(quantity=24).cards
        players = [a_player() for _ in batch]
        stop = threading.Event()

        def recover() -> None:
            try:
                while not stop.is_set():
                    two_phase.recover(older_than_s=0)
            finally:
                connections.close_all()

        def one(number: int) -> None:
            try:
                activate(a_command(), players[number], batch[number])
            finally:
                connections.close_all()

        recoverers = [threading.Thread(target=recover) for _ in range(2)]
        for thread in recoverers:
            thread.start()
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(one, range(len(batch))))
        stop.set()
        for thread in recoverers:
            thread.join()
        for player, card in zip(players, batch, strict=True):
            assert_all_happened(player, card)
        assert two_phase.in_doubt() == ()


class TestKilling:
    @pytest.mark.parametrize("step", BEFORE)
    @pytest.mark.use_case("SMG-03")
    def test_before_the_decision_undoes_all(self, step):
        player, (card, *_) = a_player(), a_batch().cards
        command = a_command()
        killed_at(step, lambda: activate(command, player, card))
        two_phase.recover(older_than_s=0)
        assert_nothing_happened(player, card)
        assert two_phase.in_doubt() == ()
        assert not activate(command, player, card).replayed
        assert_all_happened(player, card)

    @pytest.mark.parametrize("step", AFTER)
    @pytest.mark.use_case("SMG-03")
    def test_after_the_decision_does_all(self, step):
        player, (card, *_) = a_player(), a_batch().cards
        command = a_command()
        killed_at(step, lambda: activate(command, player, card))
        assert activate(command, player, card).replayed, "whoever asks again hears of what is true everywhere"
        assert_all_happened(player, card)
        assert two_phase.in_doubt() == ()

    def test_recovery_alone_ends_it_and_forgets(self, superuser_dsn):
        player, (card, *_) = a_player(), a_batch().cards
        killed_at("decided", lambda: activate(a_command(), player, card))
        (promise,) = two_phase.in_doubt()
        assert (promise.database, promise.gid.split("/")[:2]) == ("shop", ["warchest", services.cluster])
        assert two_phase.recover(older_than_s=0) == 0
        assert_all_happened(player, card)
        with psycopg.connect(superuser_dsn, autocommit=True) as superuser:
            superuser.execute("UPDATE runtime_decision SET recorded_at = recorded_at - interval '1 minute'")
        two_phase.recover()
        assert decisions() == []


class TestRecovering:
    def test_leaves_alone_what_is_being_decided(self, monkeypatch):
        player, (card, *_) = a_player(), a_batch().cards
        left = []

        def recover() -> None:
            def elsewhere() -> None:
                left.append(two_phase.recover(older_than_s=0))
                connections.close_all()

            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()

        with at_step(monkeypatch, "promised:shop", recover):
            activate(a_command(), player, card)
        assert left == [1]
        assert_all_happened(player, card)

    def test_wins_against_a_coordinator_that_lost_its_connection(self, monkeypatch, server_dsn, database):
        player, (card, *_) = a_player(), a_batch().cards
        command = a_command()

        def cut() -> None:
            number = connections["default"].connection.info.backend_pid
            with psycopg.connect(server_dsn(database), autocommit=True) as superuser:
                superuser.execute("SELECT pg_terminate_backend(%s, 5000)", [number])

        with at_step(monkeypatch, "promised:shop", cut), pytest.raises(OperationalError):
            activate(command, player, card)
        assert_nothing_happened(player, card)
        assert two_phase.in_doubt() == ()
        activate(command, player, card)
        assert_all_happened(player, card)

    def test_a_participant_that_is_cut_off_keeps_its_promise_at_the_second_try(
        self, monkeypatch, server_dsn, database
    ):
        player, (card, *_) = a_player(), a_batch().cards

        def cut() -> None:
            number = connections["shop"].connection.info.backend_pid
            with psycopg.connect(server_dsn(named(database, "shop")), autocommit=True) as superuser:
                superuser.execute("SELECT pg_terminate_backend(%s, 5000)", [number])

        with at_step(monkeypatch, "decided", cut):
            activate(a_command(), player, card)
        assert_all_happened(player, card)
        assert two_phase.in_doubt() == ()

    def test_a_participant_that_is_away_leaves_it_pending_and_the_same_key_tells_the_end(self, monkeypatch):
        player, (card, *_) = a_player(), a_batch().cards
        command = a_command()
        with monkeypatch.context() as patched:
            patched.setattr(two_phase, "_end", lambda verb, alias, gid: False)
            for _ in range(2):
                with pytest.raises(TryAgain, match="transaction_pending"):
                    activate(command, player, card)
            assert len(two_phase.in_doubt()) == 1
        assert activate(command, player, card).replayed
        assert_all_happened(player, card)


class TestTelling:
    def test_nobody_hears_of_what_is_not_true_everywhere(self, monkeypatch):
        player, (card, *_) = a_player(), a_batch().cards
        heard: list[str] = []

        def listen() -> list[str]:
            heard.clear()
            heard.extend(event.topic for _, event in feed.events() if event.topic == "cards.activated")
            return heard

        with monkeypatch.context() as patched:
            patched.setattr(two_phase, "_end", lambda verb, alias, gid: False)
            with pytest.raises(TryAgain, match="transaction_pending"):
                activate(a_command(), player, card)
            assert listen() == []
        two_phase.recover(older_than_s=0)
        assert listen() == ["cards.activated"]

    def test_nor_while_the_one_who_promised_is_away(self, monkeypatch):
        player, (card, *_) = a_player(), a_batch().cards
        before = len(list(feed.events()))

        def away(**_: object) -> None:
            raise OperationalError("away")

        activate(a_command(), player, card)
        with monkeypatch.context() as patched:
            patched.setattr(two_phase, "in_doubt", away)
            # Registering and ordering were decided over several databases as well, moments ago.
            assert len(list(feed.events())) <= before
        assert len(list(feed.events())) > before


class TestBarrier:
    def test_waits_for_promises_and_holds_up_only_those_who_make_some(self):
        player, (card, *_) = a_player(), a_batch().cards
        done = threading.Event()

        def two_databases() -> None:
            try:
                activate(a_command(), player, card)
                done.set()
            finally:
                connections.close_all()

        thread = threading.Thread(target=two_databases)
        with two_phase.barrier():
            thread.start()
            only_the_coordinator(a_command())
            assert not done.wait(0.5)
            assert two_phase.in_doubt() == ()
        thread.join()
        assert_all_happened(player, card)


@journey("tests.only_the_coordinator")
def only_the_coordinator(tx: Transaction) -> str:
    tx.get(Ledger).balance(account=AccountRef(WALLET_BOOK, INNER.code, "nobody"))
    return "done"


@journey("tests.register_and_fail")
def register_and_fail(tx: Transaction) -> int:
    _halfway(tx)
    return 1 // 0


@journey("tests.swallow_an_error")
def swallow_an_error(tx: Transaction) -> int:
    _halfway(tx)
    with suppress(DataError), services.database("members").cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    return 1


def _halfway(tx: Transaction) -> Player:
    return tx.get(Members).register_player(
        player_id=new_id(),
        nickname="halfway",
        email="halfway@example.org",
        password=None,
        country="DE",
        language="en",
        external_id="",
        at=tx.command.at,
    )
