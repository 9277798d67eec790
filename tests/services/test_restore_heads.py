"""After a restore to the past the chain's heads outside know more than the books. Prove tells it from tampering."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.builders.second_house import House, a_house

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow, pytest.mark.use_case("SMG-03")]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Its heads go to a folder outside; it was backed up behind the first of three blocks."""
    with a_house() as made:
        witness = made.home.parent / "witness"
        with (made.home / "warchest.toml").open("a") as file:
            file.write(f'[heads]\nfolder = "{witness}"\nname = "host"\n')
        made.found_with_books()
        made.work("purchase('one', a_buyer())\nseal()")
        made.backup()
        yield made


@pytest.fixture(scope="module")
def heads(house: House) -> Path:
    return house.home.parent / "witness" / "main" / "warchest"


@pytest.fixture(scope="module")
def moment(house: House) -> datetime:
    """Two blocks lie before it, one behind it."""
    house.work("purchase('two', a_buyer())\nseal()")
    time.sleep(0.05)
    found = datetime.now(UTC)
    time.sleep(0.05)
    house.work("purchase('three', a_buyer())\nseal()")
    house.done("backup", "--wal")
    return found


@pytest.fixture(scope="module")
def copy(house: House, moment: datetime) -> House:
    made, said = house.restored("--to", moment.isoformat())
    assert (
        "up to block 2; blocks 3 to 3, whose heads were signed, were left behind; a copy, set aside" in said
    )
    return made


def test_a_copy_changes_nothing_for_the_house_that_lives(house: House, copy: House, heads: Path) -> None:
    assert sorted(file.name for file in heads.iterdir() if file.suffix != ".pem") == ["host.jsonl"]
    said = house.done("prove")
    assert "restored" not in said


def test_a_copys_note_excuses_nobody_elsewhere(house: House, copy: House, heads: Path) -> None:
    note = heads / "cut-001.json"
    note.write_bytes((copy.home / "heads" / "main" / "warchest" / note.name).read_bytes())
    said = house.refused("prove")
    assert "it is of a copy that was not put into service" in said
    note.unlink()


@pytest.fixture(scope="module")
def successor(copy: House, heads: Path) -> House:
    """The copy, in service, with a block of its own."""
    copy.done("restore", "--put-into-service")
    copy.work("purchase('other three', a_buyer())\nseal()")
    return copy


def test_the_successor_proves_its_books_and_tells_of_the_restore(successor: House, heads: Path) -> None:
    said = successor.done("prove")
    assert "blocks 3 to 3, whose heads were signed, were left behind" in said
    assert "a copy, set aside" not in said
    assert [json.loads(line)["number"] for line in (heads / "host.jsonl").read_text().splitlines()] == [
        1,
        2,
        3,
    ]
    assert [json.loads(line)["number"] for line in (heads / "host.2.jsonl").read_text().splitlines()] == [3]


def test_putting_it_into_service_again_is_refused(successor: House) -> None:
    assert "is no restored house" in successor.refused("restore", "--put-into-service")


def test_another_copy_of_the_same_moment_cannot_take_over_too(
    house: House, successor: House, moment: datetime
) -> None:
    # It was restored while the first was in service, so it goes on with a timeline of its own …
    other, _ = house.restored("--to", moment.isoformat())
    own = max((other.home / "postgres/data/pg_wal").glob("*.history"))
    assert own.name == "00000003.history"
    # … unless somebody had put the first into service only after that.
    (house.backups / "wal" / "default" / own.name).write_bytes(b"")
    assert "another restored copy, which was put into service before" in other.refused(
        "restore", "--put-into-service"
    )
    (house.backups / "wal" / "default" / own.name).unlink()


def test_without_the_note_it_is_a_chain_computed_anew(successor: House, heads: Path) -> None:
    note = heads / "cut-001.json"
    content = note.read_bytes()
    note.unlink()
    assert "the chain was computed anew" in successor.refused("prove")
    note.write_bytes(content)
    successor.done("prove")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((b'"block":2', b'"block":1'), "its signature is of something else"),
        ((b'"in_service":true', b'"in_service": true'), "written otherwise than it was signed"),
        ((b"{", b""), "not a note of a restore"),
    ],
)
def test_a_changed_note_counts_for_nothing(
    successor: House, heads: Path, change: tuple[bytes, bytes], says: str
) -> None:
    note = heads / "cut-001.json"
    content = note.read_bytes()
    note.write_bytes(content.replace(*change, 1))
    assert says in successor.refused("prove")
    note.write_bytes(content)


def test_heads_before_the_cut_still_bear_witness(successor: House, heads: Path) -> None:
    file = heads / "host.jsonl"
    content = file.read_text()
    _first, *others = content.splitlines(keepends=True)
    file.write_text("".join(others))
    assert "the head of block 1 should stand before it" in successor.refused("prove")
    file.write_text(content)


def test_the_latest_is_never_what_was_left_behind(house: House, successor: House) -> None:
    said = house.refused("restore", "--from", str(house.backups), "--into", str(house.beside().home))
    assert "a restored copy took the house's place, and no backup of that was made" in said

    successor.backup()
    copy, said = house.restored()

    assert copy.bought() == {"one", "two", "other three"}
    assert said.count("restored  on") == 2


def test_the_house_that_was_left_behind_is_noticed_when_it_works_on(
    house: House, successor: House, heads: Path
) -> None:
    said = house.refused("prove")
    assert "block 3 is not the one whose head was signed" in said
    # Where it does not see the note, as on a machine that was cut off, it goes on in its own file.
    note, own = heads / "cut-001.json", heads / "host.2.jsonl"
    kept = {file: file.read_bytes() for file in (note, own)}
    for file in kept:
        file.unlink()
    house.work("purchase('four', a_buyer())\nseal()")
    for file, content in kept.items():
        file.write_bytes(content)
    assert "the house that was left behind still works" in successor.refused("prove")
