"""The small programs below a backup: what keeps a segment of WAL, and the box that only the recovery key opens."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest

from warchest.runtime.backup import wal_copy
from warchest.runtime.backup.folder import next_segment
from warchest.runtime.backup.keeping import fetch_command, keep_command
from warchest.runtime.backup.strongbox import Locking, Opened, UnableToOpen, new_key

SEGMENT = bytes(range(256)) * 4096


class TestKeepingWal:
    @pytest.fixture
    def segment(self, tmp_path: Path) -> Path:
        file = tmp_path / "000000010000000000000001"
        file.write_bytes(SEGMENT)
        return file

    def test_what_was_kept_is_fetched_again(self, segment: Path, tmp_path: Path) -> None:
        assert wal_copy.keep(segment, tmp_path / "kept") == 0
        assert wal_copy.fetch(tmp_path / "kept", tmp_path / "back") == 0
        assert (tmp_path / "back").read_bytes() == SEGMENT
        assert gzip.decompress((tmp_path / "kept").read_bytes()) == SEGMENT
        assert (tmp_path / "kept").stat().st_mtime_ns == segment.stat().st_mtime_ns
        assert not list(tmp_path.glob(".*part"))

    def test_the_same_again_is_accepted_and_another_refused(self, segment: Path, tmp_path: Path) -> None:
        wal_copy.keep(segment, tmp_path / "kept")
        assert wal_copy.keep(segment, tmp_path / "kept") == 0
        segment.write_bytes(SEGMENT[::-1])
        assert wal_copy.keep(segment, tmp_path / "kept") == wal_copy.REFUSED
        assert gzip.decompress((tmp_path / "kept").read_bytes()) == SEGMENT

    def test_one_that_is_shorter_or_longer_is_another(self, segment: Path, tmp_path: Path) -> None:
        wal_copy.keep(segment, tmp_path / "kept")
        for content in (SEGMENT[:-1], SEGMENT + b"x", b""):
            segment.write_bytes(content)
            assert wal_copy.keep(segment, tmp_path / "kept") == wal_copy.REFUSED

    def test_none_is_the_end_and_a_torn_one_an_error(self, segment: Path, tmp_path: Path) -> None:
        assert wal_copy.fetch(tmp_path / "none", tmp_path / "back") == wal_copy.ABSENT
        wal_copy.keep(segment, tmp_path / "kept")
        (tmp_path / "kept").write_bytes((tmp_path / "kept").read_bytes()[:-20])
        assert wal_copy.fetch(tmp_path / "kept", tmp_path / "back") > 125

    def test_a_folder_that_is_gone_is_told_and_tried_again_by_the_server(
        self, segment: Path, tmp_path: Path
    ) -> None:
        done = subprocess.run(
            [
                sys.executable,
                "-I",
                "-S",
                wal_copy.__file__,
                "keep",
                str(segment),
                str(tmp_path / "gone" / "kept"),
            ],
            capture_output=True,
            text=True,
        )
        assert done.returncode == wal_copy.REFUSED
        assert "Traceback" not in done.stderr and "gone" in done.stderr

    def test_commands_bear_folders_with_odd_names(self, segment: Path, tmp_path: Path) -> None:
        folder = tmp_path / "a \"b\" $c `d` \\e 100% 'f'"
        folder.mkdir()
        for command, paths in (
            (keep_command(folder), {"%p": str(segment), "%f": segment.name}),
            (fetch_command(folder), {"%p": str(tmp_path / "back"), "%f": segment.name}),
        ):
            done = subprocess.run(
                _as_postgresql_reads(command, paths), shell=True, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
        assert (tmp_path / "back").read_bytes() == SEGMENT


def _as_postgresql_reads(command: str, paths: dict[str, str]) -> str:
    parts = command.split("%%")
    for sign, path in paths.items():
        parts = [part.replace(sign, path) for part in parts]
    return "%".join(parts)


@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("000000010000000000000001", "000000010000000000000002"),
        ("0000000100000000000000FF", "000000010000000100000000"),
        ("00000002000000FF000000FF", "000000020000010000000000"),
    ],
)
def test_segments_follow_each_other(name: str, behind: str) -> None:
    assert next_segment(name, 16 << 20) == behind


class TestStrongbox:
    KEY, PUBLIC = new_key()

    def locked(self, content: bytes) -> bytes:
        target = io.BytesIO()
        box = Locking(target, public=self.PUBLIC)
        for at in range(0, len(content), 10_000):
            box.write(content[at : at + 10_000])
        box.finish()
        return target.getvalue()

    def opened(self, box: bytes, *, key: str = KEY) -> bytes:
        return io.BufferedReader(Opened(io.BytesIO(box), key=key)).read()

    @pytest.mark.parametrize("length", [0, 1, 65535, 65536, 65537, 131072, 200_001])
    def test_opens_to_what_was_locked(self, length: int) -> None:
        content = (b"0123456789" * (length // 10 + 1))[:length]
        assert self.opened(self.locked(content)) == content

    @pytest.mark.parametrize("cut", [1, 16, 65552, 65553])
    def test_a_cut_off_box_does_not_open(self, cut: int) -> None:
        with pytest.raises(UnableToOpen):
            self.opened(self.locked(b"x" * 200_000)[:-cut])

    def test_a_box_cut_between_two_pieces_does_not_open(self) -> None:
        box = self.locked(b"x" * 131072)
        with pytest.raises(UnableToOpen, match="changed since"):
            self.opened(box[: len(box) - 65536 - 16])

    @pytest.mark.parametrize("place", [0, 25, 60, 70_000, -1])
    def test_a_changed_box_does_not_open(self, place: int) -> None:
        box = bytearray(self.locked(b"x" * 100_000))
        box[place] ^= 1
        with pytest.raises(UnableToOpen):
            self.opened(bytes(box))

    def test_pieces_that_changed_places_do_not_open(self) -> None:
        box = self.locked(bytes(200_000))
        head, piece = 21 + 32, 65536 + 16
        one, two = box[head : head + piece], box[head + piece : head + 2 * piece]
        with pytest.raises(UnableToOpen):
            self.opened(box[:head] + two + one + box[head + 2 * piece :])

    def test_another_key_does_not_open_and_a_mistyped_one_is_told_apart(self) -> None:
        box = self.locked(b"secret")
        with pytest.raises(UnableToOpen, match="another recovery key"):
            self.opened(box, key=new_key()[0])
        swapped = self.KEY.replace(self.KEY[0], "A" if self.KEY[0] != "A" else "B", 1)
        for wrong in (swapped, self.KEY[:-1], "", "no key"):
            with pytest.raises(UnableToOpen, match="mistyped"):
                self.opened(box, key=wrong)

    def test_a_key_may_be_written_in_small_letters_and_without_dashes(self) -> None:
        assert self.opened(self.locked(b"secret"), key=self.KEY.lower().replace("-", " ")) == b"secret"
