"""How long it takes to say no tells nothing: wrong, malformed and nearly right codes are refused alike, and in one time."""

from __future__ import annotations

import json
import random
import time
from statistics import median

import pytest

from tests.builders.api import an_api_client, call
from tests.builders.cards import a_batch
from tests.builders.people import a_player
from tests.statistics_of_times import probability_of_one_source
from tests.sweep import Sweep
from warchest.kernel import codes

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.use_case("CRD-03"),
    pytest.mark.in_process("times are compared"),
]
PER_PLAYER = 4
"""Wrong codes before the ladder locks."""


def _wrong(_: str) -> str:
    return codes.grouped(codes.random_code(length=16))


def _nearly_right(right: str) -> str:
    """One character changed, so that the check character is wrong."""
    place = random.randrange(len(right) - 1)
    other = random.choice([one for one in codes.ALPHABET if one != right[place]])
    return right[:place] + other + right[place + 1 :]


def _nearly_right_and_whole(right: str) -> str:
    """One character changed, and the check character fits."""
    changed = _nearly_right(right.replace("-", ""))[:-1]
    return changed + codes.check_character(codes.normalise(changed))


def _malformed(_: str) -> str:
    return random.choice(["", "?", "código", "0" * 500, "UUUU-UUUU", "12345", "\u0000", "' OR 1=1 --"])


KINDS = {
    "wrong": _wrong,
    "nearly right": _nearly_right,
    "nearly right and whole": _nearly_right_and_whole,
    "malformed": _malformed,
}


def test_refusals_cannot_be_told_apart(sweep: Sweep) -> None:
    """By each word of the answer, and by Mann and Whitney's test of the times of each two kinds."""
    rounds = 1000 if sweep.is_long else 150
    right = [card.code for card in a_batch(quantity=20).cards]
    key = an_api_client()
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    answers = set()
    for number in range(rounds):
        kinds = list(KINDS)
        random.shuffle(kinds)
        # Each round has a player of its own: four wrong codes are one fewer than lock.
        player = str(a_player().id)
        for kind in kinds:
            body = {"player": player, "code": KINDS[kind](random.choice(right))}
            began = time.perf_counter()
            answer = call(key, "POST", "/cards/activations", body)
            if number:
                took[kind].append(time.perf_counter() - began)
            told = json.loads(answer.content)
            told.pop("request_id", None)
            answers.add((answer.status_code, json.dumps(told, sort_keys=True)))
    assert len(answers) == 1, answers
    assert {status for status, _ in answers} == {422}
    for one in KINDS:
        for other in KINDS:
            if one < other:
                chance = probability_of_one_source(took[one], took[other])
                assert chance > 1e-5, (one, other, chance, median(took[one]), median(took[other]))
