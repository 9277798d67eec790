"""The dry run finds every id, name and serial that two clusters both have, and gives neither a list of the other's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import SimpleNamespace

import pytest

from tests.builders.cards import a_made_batch
from tests.builders.clusters import Clusters, two_clusters
from tests.builders.people import NOW, a_command, a_player
from warchest.journeys import compare_clusters
from warchest.journeys.compare_clusters import have_these, in_both
from warchest.kernel.clock import FixedClock
from warchest.members.models import Player
from warchest.runtime import cluster_line
from warchest.runtime.command import clock_in_force
from warchest.runtime.services import services


@pytest.fixture
def houses(
    lasting_database: Callable[[], AbstractContextManager[str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Clusters]:
    known = SimpleNamespace(shared_key=SimpleNamespace(digests=b"k" * 32))
    monkeypatch.setattr(compare_clusters.clusters, "find", lambda code: known)
    with two_clusters(lasting_database) as clusters, clock_in_force(FixedClock(NOW)):
        yield clusters


def both(kind: str) -> tuple[int, tuple[str, ...]]:
    return in_both(a_command(), cluster="west", kind=kind)


class TestNames:
    @pytest.mark.parametrize("portion", [1, 2, 20_000])
    def test_in_both_are_found_in_capital_and_small_letters(self, houses, monkeypatch, portion):
        monkeypatch.setattr(compare_clusters, "PORTION", portion)
        for name in ("Anna", "BEN", "Carl"):
            a_player(nickname=name)
        with houses.at("west"):
            for name in ("ben", "carL", "Dora"):
                a_player(nickname=name)
        assert both("nicknames") == (3, ("ben", "carl"))

    def test_made_since_the_last_run_are_found_too(self, houses):
        a_player(nickname="Anna")
        assert both("nicknames") == (1, ())
        with houses.at("west"):
            a_player(nickname="anna")
        assert both("nicknames") == (1, ("anna",))

    def test_never_go_over_the_line(self, houses, monkeypatch):
        sent: list[bytes] = []
        written = cluster_line.written_call
        monkeypatch.setattr(
            cluster_line, "written_call", lambda *call: sent.append(written(*call)) or sent[-1]
        )
        a_player(nickname="Anna")
        a_player(nickname="Ben")
        with houses.at("west"):
            a_player(nickname="Ben")
        assert both("nicknames") == (2, ("ben",))
        told = b"".join(sent).lower()
        assert len(sent) == 2 and b"anna" not in told and b"ben" not in told

    def test_whose_short_hashes_are_alike_are_told_apart(self, houses, monkeypatch):
        hash_of = compare_clusters._hash
        monkeypatch.setattr(compare_clusters, "_hash", lambda *told: bytes(8) + hash_of(*told)[8:])
        a_player(nickname="Anna")
        with houses.at("west"):
            a_player(nickname="Ben")
        assert both("nicknames") == (1, ())


class TestIdsAndSerials:
    def test_a_player_of_a_copied_house_is_found(self, houses):
        anna = a_player(nickname="Anna")
        a_player(nickname="Other")
        with houses.at("west"):
            copy = a_player(nickname="Copy")
            Player.objects.filter(id=copy.id).update(id=anna.id)
        assert both("players") == (2, (str(anna.id),))

    def test_a_series_that_both_have_printed_is_found(self, houses):
        batch = a_made_batch()
        serial = f"{batch.terms.serial_prefix}{batch.terms.series:04}"
        assert both("serials") == (1, ())
        with houses.at("west"):
            a_made_batch()
        assert both("serials") == (1, (serial,))
        assert both("batches") == (1, ())


def test_what_is_no_kind_or_no_portion_is_answered_with_nothing(houses):
    a_player(nickname="Anna")
    assert have_these(kind="secrets", run="1", hashes=bytes(8), asked_by="west") == ()
    too_many = bytes(8 * (compare_clusters.PORTION + 1))
    assert have_these(kind="nicknames", run="1", hashes=too_many, asked_by="west") == ()
    assert services.cluster == "main"
