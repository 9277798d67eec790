"""A folder that two programs share: parcels lie in ``in`` until the ERP's side takes them, its answers come to ``out``.

The protocol is Warchest's own:

* A parcel ``NAME`` appears as ``in/NAME`` and the exporter's suffix, whole, by a rename. Whoever takes it may move or delete
  it; it is never put there a second time, though a parcel be handed over again.
* ``out/NAME.ack`` says that the parcel is booked; it holds the SHA-256 of the parcel's bytes, hexadecimal. ``out/NAME.err``
  says that it was refused, and holds the errors' text. Both are to be put there whole, by a rename.
* Warchest deletes an answer once it has kept it.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from warchest.sdk.erp import Health, Parcel

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_ANSWERS = {".ack": True, ".err": False}


class FileDrop:
    """Implements ``sdk.erp.Transport``. All of ``folder`` must be on one file system, since a rename is what hands over."""

    def __init__(self, folder: Path, *, suffix: str) -> None:
        self._suffix = suffix
        self._in, self._out, self._own = folder / "in", folder / "out", folder / ".warchest"

    def hand_over(self, parcel: Parcel) -> None:
        """A parcel exists in one place at any moment, and moves from ours to theirs in one step. So whoever comes again
        after a crash sees which of both it is in: begun and no longer with us means that it was handed over."""
        name = _checked(parcel.name)
        self._make_folders()
        ours, theirs, begun = (
            self._own / f"{name}{self._suffix}",
            self._in / f"{name}{self._suffix}",
            self._own / f"{name}.begun",
        )
        with self._alone():
            if not begun.exists():
                _write(ours, parcel.text.encode())
                _write(begun, b"")
            if ours.exists():
                ours.rename(theirs)
                _keep(self._in, self._own)

    def answers(self) -> Sequence[tuple[str, bool, str]]:
        self._make_folders()
        found = []
        for file in sorted(self._out.iterdir()):
            if file.suffix in _ANSWERS and _NAME.fullmatch(file.stem):
                # Another worker may keep and discard it just now.
                with suppress(FileNotFoundError):
                    text = file.read_bytes().decode(errors="replace")
                    found.append((file.stem, _ANSWERS[file.suffix], text))
        return found

    def discard(self, parcel: str) -> None:
        """The note that the parcel was begun stays: it is what keeps the parcel from being handed over a second time."""
        for suffix in _ANSWERS:
            (self._out / f"{_checked(parcel)}{suffix}").unlink(missing_ok=True)

    def health(self) -> Health:
        try:
            self._make_folders()
            with self._alone():
                _write(self._own / "health", b"")
            waiting = len(list(self._in.glob(f"*{self._suffix}")))
        except OSError as error:
            return Health(False, f"{type(error).__name__}: {error}"[:300])
        return Health(True, f"{waiting} lie in {self._in}")

    def _make_folders(self) -> None:
        for folder in (self._in, self._out, self._own):
            folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process, and one thread in it, at a time. The lock ends with its holder."""
        with (self._own / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a parcel")
    return name


def _write(file: Path, content: bytes) -> None:
    """The whole file or none of it, and on the disk when this returns."""
    whole = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    with whole.open("wb") as writing:
        writing.write(content)
        writing.flush()
        os.fsync(writing.fileno())
    whole.replace(file)
    _keep(file.parent)


def _keep(*folders: Path) -> None:
    """Have what the folders list survive the loss of power."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
