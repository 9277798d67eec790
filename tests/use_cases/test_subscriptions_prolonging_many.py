"""Prolonging many subscriptions in one commit: each as if alone, and each exactly once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import OperationalError, connections, transaction

from tests.builders.books import assert_books_prove
from tests.builders.house import ARENA_MONTH, ARENA_YEAR
from tests.builders.people import NOW, a_command, a_player, fund
from warchest.catalogue.contract import UnableToOffer
from warchest.charging.contract import Charging, Source, UnableToSpend
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.prolong_subscriptions import (
    Prolonged,
    Purchase,
    UnableToProlong,
    prolong_subscriptions,
)
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.members.contract import UnableToFindPlayer
from warchest.runtime.command import UnableToUseKey
from warchest.runtime.databases import aliases
from warchest.runtime.journey import Done
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions, UnableToGrant

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("SUB-01")]


def asks(player: Any, *, plan: UUID = ARENA_MONTH, periods: int = 1, key: str | None = None) -> Any:
    return a_command(key=key), Purchase(player=getattr(player, "id", player), plan=plan, periods=periods)


def done(ends: Sequence[Done[Prolonged] | UnableTo]) -> list[Prolonged]:
    assert all(isinstance(end, Done) for end in ends), ends
    return [end.answer for end in ends]


def available(player: Any) -> str:
    return services.get(Charging).wallet(player=player.id, at=NOW).available.major


def rows(statement: str, *parameters: object, of: str = "runtime") -> list[tuple[Any, ...]]:
    """What stands in the database that this service has."""
    with services.database(of).cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that the process sends to any database, without BEGIN and COMMIT."""
    statements: list[str] = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with ExitStack() as stack:
        for alias in aliases():
            stack.enter_context(connections[alias].execute_wrapper(count))
        yield statements


def expected(*, written: int) -> int:
    """Nine; where further databases take part each is asked for its stamps and whether it was written to, and with
    ``written`` of them there is a decision, and from each a promise, which it keeps."""
    further = len(aliases()) - 1
    return 9 + 2 * further + (1 + 2 * written if further else 0)


class TestStatements:
    """Counts, not seconds: they are what the speed is made of."""

    def test_one_purchase_takes_nine(self) -> None:
        sponsor = a_player()
        first, second = (a_player(sponsor=sponsor, with_units="1000") for _ in range(2))
        prolong_subscription(a_command(), player=first.id, plan=ARENA_MONTH, periods=1)
        for player in (first, second):  # one that goes on, and one that is new
            with counted() as statements:
                prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
            assert len(statements) == expected(written=2), statements

    def test_forty_purchases_take_as_many_as_one(self) -> None:
        players = [a_player(with_units="500") for _ in range(40)]
        prolong_subscription(a_command(), player=a_player(with_units="500").id, plan=ARENA_MONTH, periods=1)
        with counted() as statements:
            done(prolong_subscriptions([asks(player) for player in players]))
        assert len(statements) == expected(written=1), statements
        assert_books_prove()

    def test_a_replay_takes_two(self) -> None:
        player = a_player(with_units="500")
        asked = [asks(player)]
        prolong_subscriptions(asked)
        with counted() as statements:
            prolong_subscriptions(asked)
        # The second has a replica confirm what the first found. With several databases there is also asked what was decided
        # under the key, and of the one that promised whether it has kept it.
        assert len(statements) == (2 if len(aliases()) == 1 else 2 + 1 + 1), statements


class TestEachAsIfAlone:
    def test_leaves_the_same_in_every_book_as_one_by_one(self) -> None:
        """Twins: each of the first buys alone, all of the second in one set."""
        random = Random(20260315)
        cases = [_twins(random) for _ in range(24)]
        alone = []
        for one, _, plan, periods in cases:
            try:
                prolong_subscription(a_command(), player=one, plan=plan, periods=periods)
                alone.append("done")
            except UnableTo as refusal:
                alone.append(repr((type(refusal), refusal.reason, refusal.details)))
        together = [
            "done" if isinstance(end, Done) else repr((type(end), end.reason, end.details))
            for end in prolong_subscriptions(
                [asks(other, plan=plan, periods=periods) for _, other, plan, periods in cases]
            )
        ]
        assert together == alone
        assert 5 < together.count("done") < 24
        for one, other, _, _ in cases:
            assert _traces(other) == _traces(one)
        assert_books_prove()

    def test_refuses_by_name_what_cannot_be_sold_and_does_the_others(self) -> None:
        rich, poor, frozen = (
            a_player(with_units="500"),
            a_player(with_units="499"),
            a_player(with_units="500"),
        )
        rows("UPDATE members_player SET state = 'frozen' WHERE id = %s RETURNING id", frozen.id, of="members")
        ends = prolong_subscriptions(
            [
                asks(poor),
                asks(frozen),
                asks(rich, periods=37),
                asks(rich),
                asks(rich, plan=new_id()),
                asks(new_id()),
            ]
        )
        assert [(type(end), getattr(end, "reason", "")) for end in ends] == [
            (UnableToSpend, "insufficient_funds"),
            (UnableToProlong, "player_frozen"),
            (UnableToProlong, "periods_out_of_range"),
            (Done, ""),
            (UnableToOffer, "plan_unknown"),
            (UnableToFindPlayer, "player_unknown"),
        ]
        assert services.get(Subscriptions).subscriptions(player=poor.id) == ()
        record = (
            "SELECT outcome, count(*) FROM runtime_operation WHERE name = 'subscriptions.prolong' GROUP BY 1"
        )
        assert dict(rows(record)) == {"done": 1, "refused": 5}
        assert_books_prove()

    def test_does_one_players_purchases_one_after_the_other(self) -> None:
        player = a_player(with_units="1200")
        first, second, third = prolong_subscriptions([asks(player), asks(player), asks(player)])
        assert second.answer.starts_at == first.answer.ends_at
        assert second.answer.id == first.answer.id
        assert third.reason == "insufficient_funds"
        assert available(player) == "200.00"
        assert_books_prove()

    def test_one_that_spoils_the_work_of_all_is_refused_alone(self) -> None:
        players = [a_player(with_units="500") for _ in range(5)]
        far = a_player(with_units="300000")
        for _ in range(16):
            prolong_subscription(a_command(), player=far.id, plan=ARENA_YEAR, periods=3)
        asked = [*map(asks, players[:3]), asks(far, plan=ARENA_YEAR, periods=3), *map(asks, players[3:])]
        ends = prolong_subscriptions(asked)
        (refusal,) = [end for end in ends if isinstance(end, UnableTo)]
        assert isinstance(refusal, UnableToGrant) and refusal is ends[3]
        assert [type(end) for end in prolong_subscriptions(asked)] == [type(end) for end in ends]
        assert [available(player) for player in players] == ["0.00"] * 5
        assert_books_prove()


def _twins(random: Random) -> tuple[UUID, UUID, UUID, int]:
    """Two players who stand alike: sponsors, country, lots; and what both will buy."""
    depth, country = random.randint(0, 6), random.choice(["DE", "FR", "US"])
    lots = [
        (random.randint(1, 9) * 12_345, *random.choice([("EUR", 777), ("JPY", 1001), ("KWD", 3), ("EUR", 0)]))
        for _ in range(random.randint(1, 5))
    ]
    pair = []
    for _ in range(2):
        line = a_player()
        for _ in range(depth):
            line = a_player(sponsor=line)
        player = a_player(sponsor=line if depth else None, country=country)
        for number, (units, currency, paid_minor) in enumerate(lots):
            fund(
                player.id,
                units=Money.units(units),
                paid=Money(paid_minor, Money.parse("0", currency).currency),
                source=Source.CARD_PAYMENT if paid_minor else Source.PROMOTION,
                at=NOW - timedelta(days=number),
            )
        pair.append(player.id)
    return *pair, random.choice([ARENA_MONTH] * 3 + [ARENA_YEAR]), random.randint(0, 4)


def _traces(player: UUID) -> list[object]:
    """All that a purchase leaves behind, without ids: lots, slices, time, deferrals, commissions, entry, fact, line."""
    found: list[object] = [
        rows(statement, player, of=service)
        for service, statement in (
            (
                "charging",
                "SELECT issued_minor, units_left_minor, consideration_left_minor, currency FROM charging_lot"
                " WHERE wallet_id = %s ORDER BY id",
            ),
            (
                "charging",
                "SELECT s.units_minor, s.consideration_minor, s.occurred_at, l.currency"
                " FROM charging_lotslice AS s JOIN charging_lot AS l ON l.id = s.lot_id"
                " WHERE l.wallet_id = %s ORDER BY s.id",
            ),
            (
                "subscriptions",
                "SELECT plan, starts_at, ends_at, anchor_day, state FROM subscriptions_subscription"
                " WHERE player = %s",
            ),
            (
                "subscriptions",
                "SELECT g.source, g.plan, g.starts_at, g.ends_at, g.granted_at, d.currency, d.net_minor FROM"
                " subscriptions_grant AS g JOIN subscriptions_subscription AS s ON s.id = g.subscription_id"
                " LEFT JOIN subscriptions_deferral AS d ON d.grant_id = g.id WHERE s.player = %s"
                " ORDER BY d.currency",
            ),
            (
                "subscriptions",
                "SELECT online_service, starts_at, until, source, occurred_at"
                " FROM subscriptions_entitlementchange WHERE player = %s ORDER BY id",
            ),
            (
                "referrals",
                "SELECT level, plan_id, base_minor, rate_bps, amount_minor, currency, state, earned_at"
                " FROM referrals_commission WHERE buyer = %s ORDER BY currency, level",
            ),
            (
                "runtime",
                "SELECT topic, payload - array['player', 'subscription', 'grant', 'journal_entry'], occurred_at"
                " FROM runtime_outboxevent WHERE key = %s::text AND topic LIKE 'subscriptions.%%'",
            ),
        )
    ]
    subjects = [
        str(player),
        *(
            str(found)
            for (found,) in rows(
                "SELECT id FROM subscriptions_subscription WHERE player = %s", player, of="subscriptions"
            )
        ),
    ]
    found.append(
        rows(
            "SELECT outcome, reason, subject_kind, details - 'entry', actor_kind, occurred_at"
            " FROM runtime_operation WHERE name = 'subscriptions.prolong' AND subject_id = ANY (%s)",
            subjects,
        )
    )
    entries = rows(
        "SELECT g.entry_id, g.id FROM subscriptions_grant AS g JOIN subscriptions_subscription AS s"
        " ON s.id = g.subscription_id WHERE s.player = %s",
        player,
        of="subscriptions",
    )
    for entry_id, grant in entries:
        entry = services.get(Ledger).entry(entry_id=entry_id)
        assert entry.key == f"subscription:{grant}"
        sponsors: dict[str, int] = {str(player): 0}
        legs = [
            (
                leg.side,
                leg.book,
                leg.amount,
                leg.owner if len(leg.owner) < 3 else sponsors.setdefault(leg.owner, len(sponsors)),
            )
            for leg in entry.legs
        ]
        found.append((entry.kind, entry.occurred_at, legs, dict(entry.details)))
    return found


class TestKeys:
    def test_the_same_key_twice_in_a_set_buys_once(self) -> None:
        player = a_player(with_units="1500")
        first, second = prolong_subscriptions([asks(player, key="once"), asks(player, key="once")])
        assert second.answer == first.answer
        assert (first.replayed, second.replayed) == (False, True)
        assert available(player) == "1000.00"

    def test_a_repeated_set_answers_what_the_first_answered(self) -> None:
        players = [a_player(with_units=units) for units in ("500", "499", "500")]
        asked = [asks(player) for player in players]
        first = prolong_subscriptions(asked)
        fund(players[1].id, units=Money.parse("500", "XCR"), paid=Money.parse("5", "EUR"))
        again = prolong_subscriptions([*asked, asks(players[1])])
        assert [end.replayed for end in again] == [True, True, True, False]
        assert [again[place].answer for place in (0, 2)] == [first[place].answer for place in (0, 2)]
        assert repr(again[1]) == repr(first[1])
        assert_books_prove()

    def test_one_and_many_are_the_same_journey(self) -> None:
        player = a_player(with_units="1500")
        command, purchase = asks(player)
        (first,) = prolong_subscriptions([(command, purchase)])
        again = prolong_subscription(command, player=player.id, plan=purchase.plan, periods=purchase.periods)
        assert again.replayed and again.answer == first.answer

    def test_a_key_with_another_request_is_refused(self) -> None:
        player = a_player(with_units="2500")
        prolong_subscriptions([asks(player, key="old")])
        ends = prolong_subscriptions(
            [
                asks(player, key="old", periods=2),
                asks(player, key="new"),
                asks(player, key="new", periods=2),
            ]
        )
        assert [type(end) for end in ends] == [UnableToUseKey, Done, UnableToUseKey]
        assert available(player) == "1500.00"

    def test_commands_of_different_moments_are_no_set(self) -> None:
        player = a_player(with_units="1500")
        with pytest.raises(ValueError, match="one moment"):
            prolong_subscriptions([asks(player), (a_command(at=NOW + timedelta(seconds=1)), asks(player)[1])])

    def test_an_empty_set_is_no_work(self) -> None:
        with counted() as statements:
            assert prolong_subscriptions([]) == ()
        assert statements == []


class TestTrouble:
    def test_a_set_that_dies_in_the_middle_leaves_nothing_and_can_be_repeated(
        self, superuser_dsn: str
    ) -> None:
        players = [a_player(with_units="500") for _ in range(3)]
        asked = [asks(player) for player in players]

        def die(execute: Any, sql: str, *rest: Any) -> Any:
            if "ledger_post" in sql:
                (process,) = connections["default"].connection.execute("SELECT pg_backend_pid()").fetchone()
                with psycopg.connect(superuser_dsn, autocommit=True) as killer:
                    killer.execute("SELECT pg_terminate_backend(%s)", [process])
            return execute(sql, *rest)

        with pytest.raises(OperationalError), connections["default"].execute_wrapper(die):
            prolong_subscriptions(asked)
        connections.close_all()
        assert [available(player) for player in players] == ["500.00"] * 3
        assert rows("SELECT count(*) FROM subscriptions_subscription", of="subscriptions") == [(0,)]
        assert [end.replayed for end in prolong_subscriptions(asked)] == [False] * 3
        assert_books_prove()

    def test_sets_and_single_purchases_of_the_same_players_at_once(self) -> None:
        """Six sets in different orders, and single purchases between them: nobody hears of locks, nobody pays twice."""
        players = [a_player(with_units="2000") for _ in range(12)]

        def set_of_all(seed: int) -> list[str]:
            order = Random(seed).sample(players, len(players))
            try:
                ends = prolong_subscriptions([asks(player, key=f"{seed}-{player.id}") for player in order])
                return [getattr(end, "reason", "done") for end in ends]
            finally:
                connections.close_all()

        def single(number: int) -> list[str]:
            command, purchase = asks(players[number])
            try:
                prolong_subscription(
                    command, player=purchase.player, plan=purchase.plan, periods=purchase.periods
                )
                return ["done"]
            except UnableToSpend as refusal:
                return [refusal.reason]
            finally:
                connections.close_all()

        with ThreadPoolExecutor(12) as pool:
            sets = [pool.submit(set_of_all, seed) for seed in range(6)]
            singles = [pool.submit(single, number) for number in range(12)]
            outcomes = [outcome for future in (*sets, *singles) for outcome in future.result()]
        assert outcomes.count("done") == 12 * 4
        assert outcomes.count("insufficient_funds") == 12 * 7 - 12 * 4
        assert {available(player) for player in players} == {"0.00"}
        assert_books_prove()


class TestCallersOfOneProcess:
    def test_who_come_while_another_is_served_are_served_together(self) -> None:
        """Ten callers wait for the same wallet; when it is free, those who waited share statements and commits."""
        player = a_player(with_units="3000")
        ends: list[object] = []
        holding, waiting = threading.Event(), threading.Barrier(11)

        def hold_wallet() -> None:
            with transaction.atomic():
                services.local(Charging).consume(
                    player=player.id, units=Money.parse("1", "XCR"), reference="x", at=NOW
                )
                holding.set()
                waiting.wait(10)
                time.sleep(0.3)
                transaction.set_rollback(True)
            connections.close_all()

        def buy(number: int) -> None:
            command, purchase = asks(player)
            waiting.wait(10)
            try:
                ends.append(
                    prolong_subscription(
                        replace(command, at=NOW + timedelta(milliseconds=number)),
                        player=purchase.player,
                        plan=purchase.plan,
                        periods=1,
                    ).answer.charged.major
                )
            except UnableToSpend as refusal:
                ends.append(refusal.reason)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=hold_wallet)]
        threads += [threading.Thread(target=buy, args=(number,)) for number in range(10)]
        for thread in threads[:1]:
            thread.start()
        assert holding.wait(10)
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join()
        assert (ends.count("500.00"), ends.count("insufficient_funds")) == (6, 4)
        sets = rows(
            "SELECT count(DISTINCT xmin::text) FROM runtime_operation WHERE name = 'subscriptions.prolong'"
        )
        assert sets[0][0] <= 4
        assert_books_prove()

    def test_whose_moments_are_far_apart_are_not_one_set(self) -> None:
        """As when a past is filled in: each is done at its own moment, with the prices that were in force."""
        player = a_player(with_units="2000")
        moments = [NOW + timedelta(days=40), NOW, NOW + timedelta(days=1)]
        ends = prolong_subscriptions._joined(
            [(replace(a_command(), at=at), Purchase(player.id, ARENA_MONTH, 1)) for at in moments]
        )
        late, first, second = done(ends)
        assert first.starts_at == NOW
        assert second.starts_at == first.ends_at
        assert late.starts_at == second.ends_at
        assert_books_prove()
