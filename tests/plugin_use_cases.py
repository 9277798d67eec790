"""Records which use cases the tests showed working: `@pytest.mark.use_case("CRD-03")`, one or more ids.

A run of script/test replaces the record of the run before, so script/use-cases never shows an old success; what it runs
again with services spread over processes and databases is recorded beside it. An id that is not in the catalogue stops
the run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.use_cases import catalogue

IDS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RECORDER] = Recorder()
    config.pluginmanager.register(config.stash[RECORDER])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    known = catalogue.use_cases()
    unknown = []
    for item in items:
        item.stash[IDS] = ids = [id for marker in item.iter_markers("use_case") for id in marker.args]
        unknown += [f"{item.nodeid} names {id}" for id in ids if id not in known]
    if unknown:
        raise pytest.UsageError("Not in tests/use_cases/catalogue.toml:\n" + "\n".join(unknown))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[misc]
    # It travels along where the test is run by another process than the one that reports.
    report.use_cases = item.stash.get(IDS, [])
    return report  # type: ignore[return-value]


class Recorder:
    """What became of each use case's tests, in whatever process they ran."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[str]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # A test passes once, in its call; it can fail or be skipped in set-up, and fail in tear-down.
        # An expected failure counts as a skip.
        if report.when == "call" or report.outcome != "passed":
            for id in report.use_cases:
                self.outcomes[id].append(report.outcome)


RECORDER = pytest.StashKey[Recorder]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    if config.option.collectonly or hasattr(config, "workerinput"):
        return
    catalogue.record(
        catalogue.Run(
            finished_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            arguments=list(config.invocation_params.args),
            finished=exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED),
            tests=dict(config.stash[RECORDER].outcomes),
            spread=_spread(config),
        )
    )


def _spread(config: pytest.Config) -> str:
    if config.getoption("--spread-services"):
        return "four service processes and three databases"
    return "three databases" if config.getoption("--spread-databases") else ""
