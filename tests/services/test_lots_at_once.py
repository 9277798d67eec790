"""Many at one wallet at the same moment, each over a connection of its own: nothing is taken twice, nobody waits for ever."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.lots import a_lot, give_back, left_in, move, spend, spend_set, units
from tests.builders.people import NOW, a_command, a_player
from warchest.charging.contract import Charging
from warchest.jobs import housekeeping
from warchest.journeys.hold_units import capture_hold, reserve_units, void_hold
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import Hold
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")

SOON = NOW + timedelta(minutes=1)


def all_at_once(calls: Sequence[Callable[[], object]]) -> Counter[str]:
    """How each call ended: done, or refused for which reason. Anything else fails the test."""
    start = threading.Barrier(len(calls))
    ends: list[str] = []
    failures: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        try:
            start.wait(20)
            call()
            ends.append("done")
        except UnableTo as refusal:
            ends.append(refusal.reason)
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures
    assert not any(thread.is_alive() for thread in threads)
    return Counter(ends)


def a_hold(player: UUID, amount: str, *, expires_in_s: int = 600) -> Hold:
    return reserve_units(
        a_command(), player=player, amount=units(amount), purpose="match", expires_in_s=expires_in_s
    ).answer


def deadlocks() -> int:
    """How many PostgreSQL has had to break in this database: journeys begin again, so that callers see none of them."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def available(player: UUID) -> Money:
    return services.get(Charging).wallet(player=player, at=NOW).available


def test_holds_that_race_for_one_lot_share_it_out() -> None:
    anna = a_player().id
    a_lot(anna, "100", paid="1.00 EUR")
    assert all_at_once([lambda: a_hold(anna, "30")] * 6) == {"done": 3, "insufficient_funds": 3}
    assert left_in(anna) == [("card_payment", "100.00", "90.00", "1.00 EUR")]
    assert_books_prove()


def test_a_spend_and_a_hold_never_get_the_same_units() -> None:
    anna = a_player().id
    for _ in range(3):
        a_lot(anna, "20", paid="0.20 EUR")
    ends = all_at_once([lambda: a_hold(anna, "15"), lambda: spend(anna, "15")] * 4)
    assert ends == {"done": 4, "insufficient_funds": 4}
    assert not available(anna)
    assert_books_prove()


def test_a_lapse_that_races_a_capture_gives_the_units_to_one_of_them() -> None:
    anna, ben = a_player().id, a_player().id
    holds = []
    for player in (anna, ben):
        a_lot(player, "100", paid="1.00 EUR")
        holds += [a_hold(player, "10", expires_in_s=60) for _ in range(4)]
    ends = all_at_once(
        [
            *(lambda hold=hold: capture_hold(a_command(), hold_id=hold.id, amount=None) for hold in holds),
            *[lambda: housekeeping.lapse_holds(at=SOON)] * 3,
        ]
    )
    assert set(ends) <= {"done", "hold_closed"}
    taken = ends["done"] - 3
    assert available(anna) + available(ben) == units("200") - units("10") * taken
    assert_books_prove()


def test_transfers_in_both_directions_wait_for_nobody_for_ever() -> None:
    anna, ben = sorted((a_player().id, a_player().id))
    for player in (anna, ben):
        a_lot(player, "100", paid="1.00 EUR", transferable=True)

    def there() -> None:
        for _ in range(5):
            move(anna, ben, "0.07")

    def back() -> None:
        for _ in range(5):
            move(ben, anna, "0.05")

    def both() -> None:
        for _ in range(5):
            spend_set((ben, "0.01"), (anna, "0.01"))

    assert all_at_once([there, back, both] * 2) == {"done": 6}
    assert not deadlocks()
    assert available(anna) + available(ben) == units("199.80")
    assert_books_prove()


def test_returns_of_one_spend_never_exceed_it() -> None:
    anna = a_player().id
    a_lot(anna, "10", paid="1.00 EUR")
    spend(anna, "10", reference="sale")
    ends = all_at_once([lambda: give_back(anna, "sale", "3")] * 6)
    assert ends == {"done": 3, "return_exceeds_spend": 3}
    same = all_at_once([lambda: give_back(anna, "sale", "1", key="refund")] * 4)
    assert same == {"done": 4}
    assert available(anna) == units("10")
    assert_books_prove()


def test_everything_at_once_leaves_whole_books() -> None:
    players = [a_player().id for _ in range(3)]
    for player in players:
        a_lot(player, "50", paid="5.55 EUR", transferable=True, expires_at=SOON)
        a_lot(player, "50", paid="777 JPY", transferable=True)

    def play(mine: UUID, other: UUID, sale: str) -> None:
        hold = a_hold(mine, "1.01", expires_in_s=60)
        for call in (
            lambda: spend(mine, "3.33", reference=sale),
            lambda: move(mine, other, "2.22"),
            lambda: give_back(mine, sale, "1.11"),
            lambda: spend_set((other, "0.50"), (mine, "0.50")),
            lambda: capture_hold(a_command(), hold_id=hold.id, amount=units("0.50")),
            lambda: void_hold(a_command(), hold_id=hold.id),
        ):
            with suppress(UnableTo):
                call()

    def play_on(number: int) -> None:
        for turn in range(3):
            play(players[number % 3], players[(number + 1) % 3], f"sale-{number}-{turn}")

    def tidy() -> None:
        for _ in range(4):
            housekeeping.lapse_holds(at=SOON)
            housekeeping.expire_lots(at=SOON)

    all_at_once([*(lambda n=n: play_on(n) for n in range(6)), tidy, tidy])
    assert not deadlocks()
    assert_books_prove()
