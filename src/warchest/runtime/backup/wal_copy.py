"""What PostgreSQL calls for each segment of WAL: ``wal_copy.py keep FROM TO`` and ``wal_copy.py fetch FROM TO``.

A program of its own that imports nothing of Warchest, since the server waits for it hundreds of times an hour. The kept
file is gzip under the segment's own name, so any tool can read it. It appears whole or not at all, is on the disk
before the server is told so, and never changes: the same contents again are accepted, others under the same name refused.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

ABSENT, REFUSED, BROKEN = 1, 1, 200
"""Above 125, PostgreSQL stops recovery; at 1 it takes it that there is no more WAL."""


def keep(source: Path, target: Path) -> int:
    """Answers 0 once the segment is safe."""
    if target.exists():
        if _same(source, target):
            _sync(target.parent)
            return 0
        print(f"{target} holds another segment of that name: nothing was overwritten", file=sys.stderr)
        return REFUSED
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with source.open("rb") as plain, aside.open("wb") as file:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=1, mtime=0) as packed:
                shutil.copyfileobj(plain, packed, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
        # When the server last wrote to it: all that was committed before is in this segment or an older one.
        written = source.stat().st_mtime_ns
        os.utime(aside, ns=(written, written))
        try:
            os.link(aside, target)  # refuses where somebody was quicker
        except FileExistsError:
            return keep(source, target)
        except OSError:
            os.rename(aside, target)  # file systems without links
    finally:
        with suppress(FileNotFoundError):
            aside.unlink()
    _sync(target.parent)
    return 0


def fetch(source: Path, target: Path) -> int:
    if not source.exists():
        return ABSENT
    try:
        with gzip.open(source, "rb") as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    except (OSError, EOFError) as error:
        # Not the end of what is kept, which would silently end the restore too early.
        print(f"{source} cannot be read: {error}", file=sys.stderr)
        return BROKEN
    return 0


def _same(source: Path, target: Path) -> bool:
    try:
        with source.open("rb") as plain, gzip.open(target, "rb") as packed:
            while True:
                one, other = plain.read(1 << 20), packed.read(1 << 20)
                if one != other:
                    return False
                if not one:
                    return True
    except (OSError, EOFError):
        return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    verb, source, target = sys.argv[1:]
    try:
        status = {"keep": keep, "fetch": fetch}[verb](Path(source), Path(target))
    except OSError as error:
        print(f"{verb} {source}: {error}", file=sys.stderr)
        status = BROKEN if verb == "fetch" else REFUSED
    sys.exit(status)
