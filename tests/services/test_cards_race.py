"""64 players in 4 processes race for the same codes through the API: each card gives what it is worth once, to one of them."""

from __future__ import annotations

import json
import os
import random
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connections

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.cards import a_batch
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_player
from tests.sweep import Sweep
from warchest.cards.contract import Cards, CardState
from warchest.charging.contract import Charging
from warchest.kernel.money import Money
from warchest.runtime.command import now
from warchest.runtime.services import services

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.use_case("CRD-03"),
    pytest.mark.in_process("processes of the test's own race"),
]
PROCESSES, THREADS = 4, 16
RIVALS = 4
"""So many players try each code."""


@pytest.mark.use_case("CHG-02")
def test_each_of_many_codes_is_activated_once(sweep: Sweep, tmp_path: Path) -> None:
    count = 1000 if sweep.is_long else 96
    batch = a_batch(quantity=count)
    players = [str(a_player().id) for _ in range(PROCESSES * THREADS)]
    key = an_api_client()
    with changed_configuration(cards={"trusted_networks": ["10.0.0.0/8"]}):
        children = [
            _child(tmp_path / str(place), key, [card.code for card in batch.cards], players, place)
            for place in range(PROCESSES)
        ]
        for child in children:
            assert os.waitpid(child, 0)[1] == 0, [one.read_text()[:3000] for one in tmp_path.glob("*.error")]
    ends: Counter[str] = Counter()
    won: Counter[str] = Counter()
    for place in range(PROCESSES):
        told = json.loads((tmp_path / str(place)).read_text())
        ends.update(told["ends"])
        won.update(told["won"])
    assert ends == {"activated": count, "card_already_activated": count * (RIVALS - 1)}
    assert services.get(Cards).counts(batch_id=batch.id, at=now()) == {CardState.ACTIVATED: count}
    charging = services.get(Charging)
    for player in players:
        wallet = charging.wallet(player=player)  # type: ignore[arg-type]
        assert wallet.posted == Money.parse("1000.00", "XCR") * won[player]
        assert len(wallet.lots) == won[player]
    assert won.total() == count
    assert_books_prove()


def _child(told: Path, key: str, codes: Sequence[str], players: Sequence[str], place: int) -> int:
    """A process whose threads try codes as its share of the players; every code is tried by ``RIVALS`` players at about the
    same time, in as many processes."""
    child = os.fork()
    if child:
        return child
    try:
        for connection in connections.all():
            # The parent's own: let alone, not closed.
            connection.connection = None
        mine = players[place * THREADS : (place + 1) * THREADS]
        shares = [codes[thread::THREADS] for thread in range(THREADS)]
        with ThreadPoolExecutor(THREADS) as threads:
            answers = list(
                threads.map(lambda thread: _tries(key, mine[thread], shares[thread]), range(THREADS))
            )
        ends = Counter(end for each in answers for end, _ in each)
        won = Counter(player for each in answers for end, player in each if end == "activated")
        told.write_text(json.dumps({"ends": ends, "won": won}))
        os._exit(0)
    except BaseException:
        told.with_suffix(".error").write_text(traceback.format_exc())
    finally:
        os._exit(1)


def _tries(key: str, player: str, codes: Sequence[str]) -> list[tuple[str, str]]:
    ends = []
    try:
        for code in codes:
            typed = code.lower() if random.random() < 0.5 else code.replace("-", " ")
            body = {"player": player, "code": typed, "client_address": "10.20.30.40"}
            answer = call(key, "POST", "/cards/activations", body)
            if answer.status_code == 201:
                ends.append(("activated", player))
            else:
                ends.append((json.loads(answer.content)["code"], player))
    finally:
        connections.close_all()
    return ends
