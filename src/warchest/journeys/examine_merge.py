"""The dry run before a merge: whether two clusters can be one environment, asked over the line, changing nothing.

Each check ends well or not, with what it counted; what a page says of it stands with the page. Nicknames that both have
stand in nobody's way: in the whole environment a player is called ``ben@west``, and only this house's own are named here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version

import msgspec

from warchest.journeys import compare_clusters
from warchest.kernel.clock import SystemClock
from warchest.kernel.currency import INNER, currency, currency_codes
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.ledger.contract import Ledger
from warchest.runtime import cluster_line, clusters
from warchest.runtime.cluster_line import read_by_clusters
from warchest.runtime.clusters import OtherCluster
from warchest.runtime.command import Command
from warchest.runtime.services import services

CLOCK_S_MAX = 1.0
_NAMED_MAX = 50

_clock = SystemClock()


@dataclass(frozen=True, slots=True)
class Check:
    """``name`` is one of CHECKS. ``found`` are the first of what collides, or differs; ``count`` how much was looked at."""

    name: str
    well: bool
    count: int = 0
    found: tuple[str, ...] = ()
    details: dict[str, str] = field(default_factory=dict)


CHECKS = (
    "line", "identity", "clock", "versions", "currencies", "entries", "players", "payments", "batches", "serials", "nicknames",
)  # fmt: skip

COUNTS_AGAINST = frozenset(CHECKS) - {"nicknames"}
"""What must be well. Nicknames may stand in both clusters."""


@dataclass(frozen=True, slots=True)
class Report:
    cluster: str
    examined_at: datetime
    checks: tuple[Check, ...]

    @property
    def well(self) -> bool:
        return all(check.well for check in self.checks if check.name in COUNTS_AGAINST)


@dataclass(frozen=True, slots=True)
class Told:
    """What a cluster tells of itself before it is merged. ``contracts``: a fingerprint of each call that goes over the
    line; ``decimals``: of each currency it counts in; ``merged_with``: its other clusters."""

    cluster: str
    now: datetime
    version: str
    unit: str
    decimals: dict[str, int]
    contracts: dict[str, str]
    merged_with: tuple[str, ...]


@read_by_clusters("clusters.tell")
def tell() -> Told:
    return Told(
        cluster=services.cluster,
        now=_clock.now(),
        version=version("warchest"),
        unit=INNER.code,
        decimals={code: currency(code).exponent for code in currency_codes()},
        contracts=cluster_line.fingerprints(),
        merged_with=cluster_line.line().clusters(),
    )


def examine_merge(command: Command, *, cluster: str) -> Report:
    """Ask for everything, and keep the report for those who merge. Raises UnableToFindCluster."""
    other = clusters.find(cluster)
    report = Report(cluster, command.at, tuple(_examined(command, other)))
    clusters.note_report(
        cluster, {"well": report.well, "checks": msgspec.to_builtins(report.checks)}, at=command.at
    )
    return report


def kept_report(other: OtherCluster) -> Report | None:
    """The report of the last dry run."""
    if other.examined_at is None or not other.report:
        return None
    return Report(other.code, other.examined_at, msgspec.convert(other.report["checks"], tuple[Check, ...]))


def _examined(command: Command, other: OtherCluster) -> Iterator[Check]:
    """Stops where the line does: what could not be asked is not told as well."""
    try:
        before = _clock.now()
        told: Told = cluster_line.line().call(other.code, "clusters.tell", command)
        after = _clock.now()
        yield Check(
            "line", True, details={"milliseconds": str(round((after - before) / timedelta(milliseconds=1)))}
        )
        yield _identity(other, told)
        yield _clocks(told, before, after)
        yield _versions(told)
        yield _currencies(told)
        yield _entries(other)
        for kind in compare_clusters.KINDS:
            count, both = compare_clusters.in_both(command, cluster=other.code, kind=kind)
            yield Check(kind, not both, count, both[:_NAMED_MAX], {"in_both": str(len(both))})
    except TryAgain as passing:
        yield Check("line", False, details={"why": passing.reason})
    except UnableTo as refusal:
        # One that is so much older or newer that it knows no such call.
        yield Check("versions", False, found=(refusal.reason,))


def _identity(other: OtherCluster, told: Told) -> Check:
    """Codes stand in every entry and say whose a player is, so no two clusters may share one."""
    well = told.cluster == other.code != services.cluster
    return Check(
        "identity", well, found=told.merged_with, details={"theirs": told.cluster, "ours": services.cluster}
    )


def _clocks(told: Told, before: datetime, after: datetime) -> Check:
    """Their moment lies between our asking and our hearing; only what lies beyond is their clock's."""
    seconds = max((before - told.now).total_seconds(), (told.now - after).total_seconds(), 0.0)
    return Check("clock", seconds <= CLOCK_S_MAX, details={"seconds": f"{seconds:.3f}"})


def _versions(told: Told) -> Check:
    ours = cluster_line.fingerprints()
    differ = tuple(
        sorted(
            name for name in ours.keys() | told.contracts.keys() if ours.get(name) != told.contracts.get(name)
        )
    )
    return Check(
        "versions",
        not differ,
        len(ours),
        differ[:_NAMED_MAX],
        {"theirs": told.version, "ours": version("warchest")},
    )


def _currencies(told: Told) -> Check:
    """The unit has as many decimals here as there, and so has every currency that both know."""
    ours = {code: currency(code).exponent for code in currency_codes()}
    differ = tuple(
        sorted(code for code in ours.keys() & told.decimals.keys() if ours[code] != told.decimals[code])
    )
    return Check("currencies", told.unit == INNER.code and not differ, len(ours), differ, {"unit": told.unit})


def _entries(other: OtherCluster) -> Check:
    """Every entry here was made here: none bears the other's code, as it would in a copy of its books."""
    theirs = services.get(Ledger).count_entries_of(cluster=other.code)
    return Check("entries", theirs == 0, details={"theirs": str(theirs)})
