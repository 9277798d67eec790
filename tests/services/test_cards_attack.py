"""An attack: wrong codes from many addresses and by many players. It is slowed and locked as the ladder says; whoever types a
right code elsewhere notices nothing."""

from __future__ import annotations

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.cards import a_batch
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_player
from tests.sweep import Sweep
from warchest.cards.contract import Cards, Guessing
from warchest.jobs.guesses import watch_guesses
from warchest.kernel import codes
from warchest.runtime.command import now
from warchest.runtime.services import services

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.use_case("CRD-03"),
    pytest.mark.use_case("CRD-28"),
    pytest.mark.in_process("all guesses of one process"),
]
THREADS = 8
NETWORKS = 8
"""The attacker has so many /24 networks, whole."""


def test_ten_thousand_guesses_get_nowhere_and_hinder_nobody_else(sweep: Sweep) -> None:
    tries = 10_000 if sweep.is_long else 800
    honest = [(str(a_player().id), card.code) for card in a_batch(quantity=40).cards]
    attackers = [str(a_player().id) for _ in range(100)]
    key = an_api_client()
    chance = random.Random(7)
    guesses = [
        (chance.choice(attackers), f"203.0.{chance.randrange(NETWORKS)}.{chance.randrange(1, 255)}")
        for _ in range(tries)
    ]
    with (
        changed_configuration(cards={"alarm_guesses": 100, "alarm_minutes": 10}),
        ThreadPoolExecutor(THREADS) as threads,
    ):
        attack = [
            threads.submit(_all_of, key, guesses[place::THREADS], honest[place::THREADS])
            for place in range(THREADS)
        ]
        ends = sum((one.result()[0] for one in attack), Counter())
        honest_ends = sum((one.result()[1] for one in attack), Counter())
    # Those who type right codes from their own addresses are served at once, in the middle of it.
    assert honest_ends == {201: len(honest)}
    assert ends[201] == 0
    assert ends[422] + ends[429] == tries
    with services.database("cards").cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cards_guess")
        counted = cursor.fetchone()[0]
    assert counted == ends[422]
    # However many tries: each network is allowed fifty before its lock, fifteen once the alarm rings, and those that were on
    # their way at that moment.
    assert ends[422] <= NETWORKS * (50 + THREADS) + THREADS
    assert services.get(Cards).alarm() is not None
    locks = services.get(Cards).locks(at=now())
    assert {lock.identity for lock in locks if lock.who is Guessing.NETWORK} == {
        f"203.0.{place}.0/24" for place in range(NETWORKS)
    }
    assert not {lock.identity for lock in locks} & {player for player, _ in honest}
    sources = services.get(Cards).guess_sources(since=now().replace(hour=0), limit=NETWORKS)
    assert sum(one.guesses for one in sources if one.who is Guessing.NETWORK) == counted
    assert_books_prove()


def _all_of(
    key: str, guesses: list[tuple[str, str]], honest: list[tuple[str, str]]
) -> tuple[Counter[int], Counter[int]]:
    ends: Counter[int] = Counter()
    honest_ends: Counter[int] = Counter()
    every = max(len(guesses) // len(honest), 1)
    left = iter(honest)
    try:
        for number, (player, address) in enumerate(guesses):
            if number % every == 0:
                for mine, code in [one for one in [next(left, None)] if one]:
                    answer = _try(key, mine, code, f"198.51.100.{number % 250 + 1}")
                    honest_ends[answer] += 1
            ends[_try(key, player, codes.random_code(length=16), address)] += 1
            if number % 20 == 0:
                watch_guesses(at=now())
        for mine, code in left:
            honest_ends[_try(key, mine, code, "192.0.2.1")] += 1
    finally:
        connections.close_all()
    return ends, honest_ends


def _try(key: str, player: str, code: str, address: str) -> int:
    body = {"player": player, "code": code, "client_address": address}
    answer = call(key, "POST", "/cards/activations", body)
    if answer.status_code == 429:
        assert int(answer["Retry-After"]) > 0 and json.loads(answer.content)["code"] == "too_many_attempts"
    return answer.status_code
