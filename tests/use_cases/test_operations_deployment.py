"""Services spread over several processes and databases by configuration alone: see ``tests/builders/deployment.py``."""

from __future__ import annotations

import os
import signal
from collections import defaultdict

import pytest

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.broker import wait_until
from tests.builders.databases import named
from tests.builders.deployment import GROUPS, Deployment
from tests.builders.house import ARENA, ARENA_MONTH
from tests.builders.people import a_command, a_player
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.members.contract import Members
from warchest.runtime.services import Instance, services
from warchest.subscriptions.contract import Subscriptions

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.spread_services,
    pytest.mark.use_case("SMG-01"),
]

MEMBERS = next(group for group in GROUPS if "members" in group)


def of(name: str) -> Instance:
    """The one instance of this service that belongs to the tests."""
    (found,) = services.find(name)
    return found


def test_each_registers_itself_and_is_found_by_name() -> None:
    assert {found.name for found in services.all()} == {name for group in GROUPS for name in group}
    hosted = defaultdict(set)
    for group in GROUPS:
        for name in group:
            hosted[of(name).process].add(name)
    assert sorted(map(sorted, hosted.values())) == sorted(map(sorted, GROUPS))
    assert os.getpid() not in hosted


def test_each_offers_the_connection_of_its_own_database(database: str) -> None:
    for name, alias in (("ledger", "default"), ("members", "people"), ("cards", "shop")):
        assert of(name).database == alias
        with services.database(name).cursor() as cursor:
            cursor.execute("SELECT current_database()")
            assert cursor.fetchone() == (named(database, alias),)


def test_who_asks_writes_what_one_process_would_write(deployment: Deployment) -> None:
    player = a_player(nickname="anna", with_units="600")
    prolonged = prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1).answer

    before = deployment.asked()
    (found,) = services.get(Subscriptions).subscriptions(player=player.id)
    assert (found.id, found.ends_at) == (prolonged.id, prolonged.ends_at)
    assert services.get(Members).player(player_id=player.id).nickname == "anna"
    assert deployment.asked() - before == {"subscriptions": 1, "members": 1}
    assert_books_prove()


def test_a_door_answers_while_services_are_asked_elsewhere(deployment: Deployment) -> None:
    client, player = an_api_client(), a_player(with_units="600")
    bought = call(
        client,
        "POST",
        f"/players/{player.id}/subscriptions",
        {"plan": str(ARENA_MONTH), "periods": 1, "pay_with": "wallet"},
    )
    assert bought.status_code == 201
    before = deployment.asked()
    right = call(client, "GET", f"/entitlements/{player.id}/{ARENA}").json()
    assert (right["entitled"], right["until"]) == (True, bought.json()["ends_at"])
    assert (deployment.asked() - before)["subscriptions"] >= 1


def test_two_copies_share_the_load_and_when_one_is_killed_callers_go_on(deployment: Deployment) -> None:
    client, player = an_api_client(), a_player()

    def ask() -> None:
        assert call(client, "GET", f"/players/{player.id}").status_code == 200

    with deployment.copy(MEMBERS) as copy:

        def calls_of_both() -> list[int]:
            return [found.calls for found in services.find("members")]

        def both_were_asked() -> bool:
            ask()
            return len(calls := calls_of_both()) == 2 and all(calls)

        wait_until(both_were_asked)
        copy.send_signal(signal.SIGKILL)
        for _ in range(30):
            ask()
