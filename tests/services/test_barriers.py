"""In which order the servers are marked."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from warchest.runtime import two_phase
from warchest.runtime.backup import barriers
from warchest.runtime.backup.folder import Folder
from warchest.runtime.backup.servers import Found


def a_server(name: str) -> Found:
    return Found(name=name, dsn="", embedded=True, system=name, version=17)


def test_the_feed_is_marked_behind_all_who_read_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So no consumer comes out of a restore ahead of it; servers are found with the coordinator's first."""
    marked: list[str] = []

    def point(server: Found, name: str) -> tuple[datetime, str]:
        marked.append(server.name)
        return datetime.now(UTC), "000000010000000000000001"

    monkeypatch.setattr(two_phase, "barrier", nullcontext)
    monkeypatch.setattr(barriers, "_point", point)
    barrier = barriers.make(Folder(tmp_path), tuple(map(a_server, ("default", "people", "shop"))))
    assert marked == ["shop", "people", "default"]
    assert set(barrier.segments) == set(marked)
