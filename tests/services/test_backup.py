"""A house is backed up while it works, and restored as it was at a moment: nothing that was answered before it is lost."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.builders.second_house import Bought, House, a_house, between
from warchest.cli import doctor
from warchest.runtime.configuration import Backup, Configuration

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Backed up while purchases were made, and worked in after that. Tests only read its folder of backups."""
    with a_house() as made:
        made.found_with_books()
        yield made


@pytest.fixture(scope="module")
def bought(house: House) -> list[Bought]:
    with house.buying("while") as purchases:
        house.backup()
        time.sleep(0.3)
    house.done("backup", "--wal")
    return purchases


def backup_of(house: House) -> dict:
    (file,) = (house.backups / "backups").glob("*/backup.json")
    return json.loads(file.read_text())


@pytest.mark.use_case("SMG-13")
@pytest.mark.use_case("SMG-03")
def test_a_moment_between_two_purchases_shows_the_one_and_not_the_other(
    house: House, bought: list[Bought]
) -> None:
    ready_at = datetime.fromisoformat(backup_of(house)["ended_at"])
    later = [(one, other) for one, other in pairwise(bought) if one.asked_at > ready_at]
    assert len(later) > 3, "purchases went on behind the backup"
    assert any(one.answered_at < ready_at for one in bought), "and were made during it"
    one, other = later[len(later) // 2]

    copy, said = house.restored("--to", between(one, other).isoformat())

    kept = copy.bought()
    assert kept == {purchase.key for purchase in bought if purchase.answered_at <= one.answered_at}
    assert one.key in kept and other.key not in kept
    assert "restored  on" in said and "a copy, set aside" in said


@pytest.fixture(scope="module")
def copy(house: House, bought: list[Bought]) -> House:
    return house.restored()[0]


class TestDoctor:
    def test_says_when_the_house_was_backed_up(self, house: House, bought: list[Bought]) -> None:
        assert f"Backups: {house.backups}, the newest of" in house.warchest("doctor").stdout

    def test_says_that_there_is_none_or_only_an_old_one(
        self, house: House, bought: list[Bought], tmp_path: Path
    ) -> None:
        configuration = Configuration(backup=Backup(folder=str(tmp_path)))
        assert list(doctor._backups(configuration)) == [
            (False, f"There is no backup in {tmp_path}: warchest backup.")
        ]
        made = backup_of(house) | {"ended_at": "2020-01-01T00:00:00Z"}
        (tmp_path / "backups" / made["name"]).mkdir(parents=True)
        (tmp_path / "backups" / made["name"] / "backup.json").write_text(json.dumps(made))
        assert list(doctor._backups(configuration)) == [
            (False, "The newest backup is of 2020-01-01: run warchest backup every day.")
        ]


class TestWithoutAMoment:
    def test_all_that_was_kept_is_there(self, copy: House, bought: list[Bought]) -> None:
        assert copy.bought() == {purchase.key for purchase in bought}

    def test_what_belongs_to_the_house_comes_along_for_its_owner_alone(
        self, house: House, copy: House
    ) -> None:
        for file in (house.home / "secrets").iterdir():
            restored = copy.home / "secrets" / file.name
            assert restored.read_bytes() == file.read_bytes()
            assert restored.stat().st_mode & 0o077 == 0
        assert (copy.home / "warchest.toml").read_text() == (house.home / "warchest.toml").read_text()
        assert copy.home.stat().st_mode & 0o077 == 0

    def test_nothing_in_the_folder_shows_a_secret(self, house: House, bought: list[Bought]) -> None:
        secrets = [file.read_bytes() for file in (house.home / "secrets").iterdir()]
        assert secrets
        for file in (house.backups / "backups").rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            assert not any(secret in content for secret in secrets), file

    def test_it_neither_serves_nor_works(self, copy: House) -> None:
        for command in ("serve", "worker", "demo"):
            assert "set aside" in copy.refused(command)

    def test_it_knows_nobody_outside(self, house: House, copy: House) -> None:
        with (copy.home / "warchest.toml").open("a") as file:
            file.write(
                '[[webhooks]]\nurl = "https://game.example"\n[mail]\nhost = "mail.example"\n'
                '[database]\nurl = "postgresql://elsewhere.example/"\n'
                '[heads]\nfolder = "/mnt/witness"\n[providers.sandbox]\nbase_url = "https://pay.example"\n'
            )
        said = copy.work(
            """
            from warchest.runtime.configuration import configuration
            found = configuration()
            print([found.webhooks, found.mail.host, found.providers, found.database.url, found.heads.folder,
                   found.backup_folder])
            """
        )
        assert said.strip() == "[(), '', {}, '', '', None]"

    def test_it_is_not_backed_up_as_if_it_were_the_house(self, house: House, copy: House) -> None:
        assert "not in service" in copy.refused("backup", "--into", str(house.backups))

    def test_a_home_with_data_is_left_alone(self, house: House, copy: House) -> None:
        before = sorted(copy.home.rglob("*"))
        said = house.refused("restore", "--from", str(house.backups), "--into", str(copy.home))
        assert "holds a restored house" in said
        assert sorted(copy.home.rglob("*")) == before

    def test_a_folder_with_anything_in_it_is_left_alone(self, house: House, tmp_path: Path) -> None:
        (tmp_path / "letter.txt").write_text("dear")
        said = house.refused("restore", "--from", str(house.backups), "--into", str(tmp_path))
        assert "holds data" in said
        assert [path.name for path in tmp_path.iterdir() if path.suffix == ".txt"] == ["letter.txt"]


class TestWhatCannotBeRestored:
    def refused(self, house: House, *arguments: str) -> str:
        return house.refused(
            "restore", "--from", str(house.backups), "--into", str(house.beside().home), *arguments
        )

    def test_a_moment_before_the_first_backup(self, house: House, bought: list[Bought]) -> None:
        said = self.refused(house, "--to", bought[0].asked_at.isoformat())
        assert "nothing before that" in said

    def test_a_moment_that_the_kept_wal_does_not_reach(self, house: House, bought: list[Bought]) -> None:
        said = self.refused(house, "--to", (datetime.now(UTC) + timedelta(hours=1)).isoformat())
        assert "does not reach to that moment" in said and "Leave --to away" in said

    def test_with_another_key(self, house: House, bought: list[Bought]) -> None:
        other = House(house.home, house.backups, recovery_key="")
        from warchest.runtime.backup.strongbox import new_key

        other.recovery_key = new_key()[0]
        assert "another recovery key" in self.refused(other)
        other.recovery_key = house.recovery_key[:-3] + "AAA"
        assert "mistyped" in self.refused(other)

    @pytest.fixture
    def broken(self, house: House, bought: list[Bought]) -> Iterator[House]:
        """The house with a copy of its folder of backups, to be broken."""
        folder = house.backups.with_name("broken")
        shutil.copytree(house.backups, folder)
        yield House(house.home, folder, recovery_key=house.recovery_key)
        shutil.rmtree(folder)

    def test_a_torn_base(self, broken: House) -> None:
        (file,) = (broken.backups / "backups").glob("*/base/default/global/pg_control")
        content = bytearray(file.read_bytes())
        content[100] ^= 1
        file.write_bytes(content)
        assert "not whole" in self.refused(broken)
        assert "TORN" in broken.refused("backup", "--verify", "--into", str(broken.backups))

    def test_a_base_that_lacks_a_file(self, broken: House) -> None:
        (file,) = (broken.backups / "backups").glob("*/base/default/base/1/PG_VERSION")
        file.unlink()
        assert "not whole" in self.refused(broken)

    def test_a_box_that_was_changed(self, broken: House) -> None:
        (file,) = (broken.backups / "backups").glob("*/home.box")
        with file.open("ab") as box:
            box.write(b"x")
        assert "not what was written" in self.refused(broken)

    def test_a_gap_in_the_wal_is_not_taken_for_its_end(self, broken: House) -> None:
        segments = sorted(
            file for file in (broken.backups / "wal" / "default").iterdir() if len(file.name) == 24
        )
        begins = backup_of(broken)["servers"][0]["begins_at"]
        behind = [file for file in segments if file.name > begins]
        assert len(behind) > 1
        own = broken.backups / "backups" / backup_of(broken)["name"] / "base" / "default" / "pg_wal"
        gone = next(file for file in behind if not (own / file.name).exists())
        gone.with_name("later").write_bytes(b"")
        shutil.copy(segments[-1], segments[-1].with_name(f"{segments[-1].name[:16]}000000FF"))
        gone.with_name("later").unlink()
        gone.unlink()
        assert f"{gone.name} of default is missing" in self.refused(broken)
        assert "is missing" in broken.refused("backup", "--verify", "--into", str(broken.backups))

    def test_a_segment_that_cannot_be_read_is_not_taken_for_the_end(self, broken: House) -> None:
        segments = sorted(
            file for file in (broken.backups / "wal" / "default").iterdir() if len(file.name) == 24
        )
        segments[-1].write_bytes(segments[-1].read_bytes()[:5000])
        assert "cannot be read" in self.refused(broken)

    def test_a_folder_of_another_house(self, house: House, bought: list[Bought]) -> None:
        with a_house() as other:
            other.done("migrate")
            assert "another house" in other.refused("backup", "--into", str(house.backups))


class TestKilled:
    def test_a_restore_can_be_repeated_wherever_it_was_killed(
        self, house: House, bought: list[Bought]
    ) -> None:
        copy = house.beside()
        arguments = ("restore", "--from", str(house.backups), "--into", str(copy.home))
        for stage in ("secrets", "postgres/data/global", "postgres/recovery.log", "postgres/server.log"):
            process = house.start(*arguments)
            while not (copy.home / stage).exists():
                assert process.poll() is None, process.stdout and process.stdout.read()
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert "set aside" in copy.refused("serve")
        until = time.monotonic() + 60
        while "Another restore works" in (done := house.warchest(*arguments)).stderr:
            # Its last part is a process of its own, which outlived the one that was killed.
            assert time.monotonic() < until
            time.sleep(0.2)
        if done.returncode:
            assert "holds a restored house" in done.stderr, "that process came to the end"
        assert "The books are proved." in copy.done("prove")
        assert copy.bought() == {purchase.key for purchase in bought}

    def test_a_backup_leaves_nothing_that_looks_like_one(self, house: House, bought: list[Bought]) -> None:
        folder = house.backups.with_name("half")
        process = house.start("backup", "--into", str(folder))
        while not list(folder.glob("backups/*/base/default/base")):
            assert process.poll() is None, process.stdout and process.stdout.read()
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert list(folder.glob("backups/*"))
        assert "There is no backup" in house.done("backup", "--list", "--into", str(folder))
        assert "There is no backup" in house.refused(
            "restore", "--from", str(folder), "--into", str(house.beside().home)
        )


def test_old_backups_go_with_their_wal_and_the_kept_one_is_restored(bought: list[Bought]) -> None:
    with a_house() as house:
        house.found_with_books()
        for number in range(2):
            house.backup()
            house.work(f"purchase('before-{number}', a_buyer())")
        first = min(file.name for file in (house.backups / "wal" / "default").iterdir())
        newest = house.backup("--keep", "1")
        assert [folder.name for folder in (house.backups / "backups").iterdir()] == [newest]
        kept = {file.name for file in (house.backups / "wal" / "default").iterdir()}
        assert first not in kept
        house.work("purchase('after', a_buyer())")
        house.done("backup", "--wal")
        copy, _ = house.restored()
        assert copy.bought() == {"before-0", "before-1", "after"}


def test_without_kept_wal_the_end_of_the_backup_is_restored_and_nothing_else() -> None:
    with a_house() as house:
        (house.home / "warchest.toml").write_text("")
        house.found_with_books()
        house.work("purchase('before', a_buyer())")
        said = house.done("backup", "--into", str(house.backups))
        house.recovery_key = said.split("The recovery key: ")[1].split()[0]
        assert "only this very moment can be restored" in said
        house.work("purchase('after', a_buyer())")
        refused = house.refused(
            *("restore", "--from", str(house.backups), "--into", str(house.beside().home)),
            *("--to", datetime.now(UTC).isoformat()),
        )
        assert "is the base's own" in refused
        assert house.restored()[0].bought() == {"before"}
        assert "There is no backup 2020" in house.refused(
            *("restore", "--from", str(house.backups), "--into", str(house.beside().home)),
            *("--backup", "2020"),
        )
