"""Two clusters in one process, each with a database of its own, and a line between them that can fail in every way.

``with houses.at("west"):`` is what happens there. Calls over the line are written down and read again as on any line, and
done in the other cluster's database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from tests.builders import databases
from tests.builders.people import NOW
from warchest.journeys import between_clusters, conserve
from warchest.journeys.pass_on_transfer import pass_on_due
from warchest.kernel.errors import TryAgain
from warchest.ledger.contract import Ledger
from warchest.runtime import cluster_line, invariants
from warchest.runtime.command import Command
from warchest.runtime.services import services


class Fate(StrEnum):
    """What becomes of a call."""

    HEARD = "heard"
    CUT = "cut"  # it never gets there
    LOST = "lost"  # it gets there, and the answer does not come back
    TWICE = "twice"  # it gets there twice
    LATE = "late"  # it gets there when its sender has given up, behind what was sent later


class MemoryLine:
    """The line as one cluster sees it."""

    def __init__(self, houses: Clusters) -> None:
        self._houses = houses
        self.fate: Callable[[], Fate] = lambda: Fate.HEARD
        self.late: list[Callable[[], bytes]] = []
        self.calls: list[str] = []

    def clusters(self) -> tuple[str, ...]:
        return tuple(code for code in self._houses.names if code != services.cluster)

    def call(self, cluster: str, name: str, command: Command, **arguments: Any) -> Any:
        data, caller = cluster_line.written_call(name, command, arguments), services.cluster

        def deliver() -> bytes:
            with self._houses.at(cluster):
                return between_clusters.answer_call(data, cluster=caller)

        self.calls.append(name)
        match self.fate():
            case Fate.CUT:
                raise TryAgain(cluster_line.LINE_CUT, cluster=cluster)
            case Fate.LATE:
                self.late.append(deliver)
                raise TryAgain(cluster_line.LINE_CUT, cluster=cluster)
            case Fate.LOST:
                deliver()
                raise TryAgain(cluster_line.LINE_CUT, cluster=cluster)
            case Fate.TWICE:
                deliver()
        return cluster_line.read_answer(name, deliver())

    def deliver_late(self) -> None:
        """What was on its way all the time arrives, the last first."""
        while self.late:
            self.late.pop()()


class Clusters:
    def __init__(self, names: dict[str, str]) -> None:
        """``names``: the database of each cluster, by the cluster's code."""
        self.names = names
        self.line = MemoryLine(self)
        self._here = next(iter(names))

    @contextmanager
    def at(self, code: str) -> Iterator[None]:
        before, self._here = self._here, code
        services.cluster = code
        databases.use(self.names[code])
        try:
            yield
        finally:
            self._here = before
            services.cluster = before
            databases.use(self.names[before])

    def pass_on(self, *, at=NOW, rounds: int = 1) -> None:
        """What the worker's pulse does, in each cluster."""
        for _ in range(rounds):
            for code in self.names:
                with self.at(code):
                    pass_on_due(at=at)

    def conserved(self) -> tuple[str, ...]:
        return conserve.conserved([_At(self, code) for code in self.names])

    def assert_proved(self) -> None:
        """All invariants hold in each, and nothing was lost or made between them."""
        for code in self.names:
            with self.at(code):
                while services.get(Ledger).fold():
                    pass
                broken = [
                    f"{code}: {check.name}: {place}"
                    for check in invariants.kept()
                    for place in check.violations()
                ]
                assert not broken, "\n".join(broken)
        found = self.conserved()
        assert not found, "\n".join(found)


class _At:
    def __init__(self, houses: Clusters, code: str) -> None:
        self.code = code
        self._houses = houses

    def standing(self, *, towards: str) -> conserve.Standing:
        with self._houses.at(self.code):
            return conserve.standing(towards=towards)

    def credited_among(self, *, transfers: tuple) -> tuple:
        with self._houses.at(self.code):
            return conserve.credited_here(transfers=transfers)


@contextmanager
def joined(names: dict[str, str]) -> Iterator[Clusters]:
    """Clusters of these databases; this process is at home in the first."""
    houses = Clusters(names)
    kept, cluster = cluster_line.line(), services.cluster
    home = next(iter(names))
    services.cluster = home
    cluster_line.join(houses.line)
    try:
        yield houses
    finally:
        cluster_line.join(kept)
        services.cluster = cluster
        databases.use(names[home])


@contextmanager
def two_clusters(lasting_database: Callable[[], Any]) -> Iterator[Clusters]:
    """``main``, where this process is at home, and ``west``."""
    with (
        lasting_database() as west,
        lasting_database() as main,
        joined({"main": main, "west": west}) as houses,
    ):
        yield houses


__all__ = ["Clusters", "Fate", "MemoryLine", "joined", "two_clusters"]
