"""Letters between operators, what both compute from them, and what is sealed between two clusters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from warchest.runtime import cluster_letters, clusters
from warchest.runtime.cluster_letters import Letter, SharedKey, UnableToReadLetter, UnableToUnseal
from warchest.runtime.clusters import Standing
from warchest.runtime.configuration import Broker, Configuration, MergedCluster, configuration

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEYS = {code: X25519PrivateKey.generate() for code in ("main", "west", "north")}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """``at("west")``: what is computed from here on is computed there."""

    def there(code: str) -> None:
        monkeypatch.setattr(cluster_letters, "_line_key", lambda: KEYS[code])

    return there


def letter(cluster: str, to: str) -> Letter:
    made = clusters.our_letter(to=to, written_at=NOW)
    key = KEYS[cluster].public_key().public_bytes_raw().hex()
    return msgspec.structs.replace(made, cluster=cluster, line_key=key, gateways=("west.example:7222",))


def shared(ours: str, theirs: str) -> SharedKey:
    key = KEYS[theirs].public_key().public_bytes_raw().hex()
    return SharedKey(ours=ours, theirs=theirs, their_line_key=key)


class TestLetters:
    def test_are_read_as_they_were_written(self) -> None:
        sent = letter("west", "main")
        assert cluster_letters.read(cluster_letters.written(sent, password="0123456789"), ours="main") == (
            sent,
            "0123456789",
        )

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"to": "north"}, "letter_for_another"),
            ({"cluster": "main"}, "letter_is_ours"),
            ({"version": 2}, "letter_of_another_version"),
            ({"gateways": ["a b:1"]}, "letter_malformed"),
            ({"gateways": ['x:1"], "reject_unknown_cluster": false, "x": ["']}, "letter_malformed"),
            ({"gateways": []}, "letter_malformed"),
            ({"cluster": "we/st"}, "letter_malformed"),
            ({"portal": "javascript:alert(1)"}, "letter_malformed"),
            ({"authority": "none"}, "letter_malformed"),
            ({"line_key": "00"}, "letter_malformed"),
            ({"more": 1}, "letter_malformed"),
        ],
    )
    def test_that_are_none_are_refused(self, change: dict[str, object], reason: str) -> None:
        written = json.loads(cluster_letters.written(letter("west", "main"), password="0123456789"))
        written["warchest_letter"].update(change)
        with pytest.raises(UnableToReadLetter) as refused:
            cluster_letters.read(json.dumps(written), ours="main")
        assert refused.value.reason == reason

    def test_give_both_sides_the_same_digits(self) -> None:
        main, west = letter("main", "west"), letter("west", "main")
        found = cluster_letters.fingerprint(main, west)
        assert found == cluster_letters.fingerprint(west, main)
        assert re.fullmatch(r"\d{5}( \d{5}){7}", found)

    def test_that_were_changed_give_others(self) -> None:
        main, west = letter("main", "west"), letter("west", "main")
        key = KEYS["north"].public_key().public_bytes_raw().hex()
        authority = "\n".join((west.authority, west.authority))
        for change in ({"line_key": key}, {"cluster": "wset"}, {"authority": authority}):
            changed = msgspec.structs.replace(west, **change)
            assert cluster_letters.fingerprint(main, changed) != cluster_letters.fingerprint(main, west)

    def test_are_kept_with_a_password_that_the_database_does_not_know(self) -> None:
        kept = cluster_letters.kept_password("0123456789")
        assert b"0123456789" not in kept
        assert cluster_letters.read_password(kept) == "0123456789"
        with pytest.raises(UnableToUnseal):
            cluster_letters.read_password(kept[:-1] + bytes([kept[-1] ^ 1]))


class TestSealing:
    def test_only_the_two_read_it(self, at) -> None:
        at("main")
        sealed = shared("main", "west").seal(b"hello", purpose="ask main west", at=NOW)
        assert b"hello" not in sealed
        at("west")
        key = shared("west", "main")
        assert key.unseal(sealed, purpose="ask main west", at=NOW, age_s_max=60) == b"hello"
        at("north")
        for theirs in ("main", "west"):
            with pytest.raises(UnableToUnseal):
                shared("north", theirs).unseal(sealed, purpose="ask main west", at=NOW, age_s_max=60)

    def test_not_for_another_purpose_nor_changed_nor_late(self, at) -> None:
        at("main")
        key = shared("main", "west")
        sealed = key.seal(b"hello", purpose="ask main west", at=NOW)
        late = NOW + timedelta(seconds=61)
        for data, purpose, moment in (
            (sealed, "ask west main", NOW),
            (sealed[:-1] + bytes([sealed[-1] ^ 1]), "ask main west", NOW),
            (b"", "ask main west", NOW),
            (sealed, "ask main west", late),
        ):
            with pytest.raises(UnableToUnseal):
                key.unseal(data, purpose=purpose, at=moment, age_s_max=60)

    def test_names_are_hashed_with_a_key_of_the_two(self, at) -> None:
        at("main")
        ours, others = shared("main", "west").digests, shared("main", "north").digests
        at("west")
        assert shared("west", "main").digests == ours != others


@pytest.mark.usefixtures("database")
class TestByConfiguration:
    def test_a_cluster_is_known_and_with_the_right_digits_merged(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = cluster_letters.written(letter("west", "main"), password="0123456789")
        file = tmp_path / "west.letter"
        file.write_text(written)

        def standing(fingerprint: str) -> Standing:
            wanted = Configuration(
                broker=Broker(embedded=True, gateway_port=7222),
                clusters={"west": MergedCluster(letter=str(file), fingerprint=fingerprint)},
            )
            monkeypatch.setattr(clusters, "configuration", lambda: wanted)
            (found,) = clusters.others()
            assert found.configured
            return found.standing

        assert standing("") is Standing.KNOWN
        assert standing("12345 " * 8) is Standing.KNOWN
        digits = clusters.fingerprint_with(letter("west", "main"))
        assert standing(digits) is Standing.MERGED
        assert standing(digits.replace(" ", "")) is Standing.MERGED

    def test_what_is_no_letter_is_nobody(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = msgspec.structs.replace(
            configuration(), clusters={"west": MergedCluster(letter=str(tmp_path / "missing"))}
        )
        monkeypatch.setattr(clusters, "configuration", lambda: wanted)
        assert clusters.others() == ()


def test_who_is_merged_with_nobody_asks_nobody() -> None:
    assert clusters.lately() == ()
