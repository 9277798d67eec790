"""Runs tests against four service processes, and tells at the end how many calls each of them has answered.

Registered by conftest where ``--spread-services`` is given. A test that replaces code of a service, or holds one of its
transactions open, cannot reach into another process: it is marked ``in_process("why")`` and asks the services here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.builders.deployment import GROUPS, Deployment


class DeploymentPlugin:
    def __init__(self, deployment: Deployment, *, calls_min: int) -> None:
        self._deployment = deployment
        self._calls_min = calls_min
        self._afar: list[str] = []
        self._here: list[str] = []
        self._kept: list[str] = []
        self._answered: dict[tuple[str, ...], int] = {}
        self._problem = ""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if marker := item.get_closest_marker("in_process"):
            assert marker.args and marker.args[0], "in_process says why"
            self._kept.append(item.nodeid)
            with self._deployment.in_one_process():
                return (yield)  # type: ignore[return-value]
        before = self._deployment.asked().total()
        try:
            return (yield)  # type: ignore[return-value]
        finally:
            (self._afar if self._deployment.asked().total() > before else self._here).append(item.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._answered = self._deployment.answered()
        asked = [calls for calls in self._answered.values() if calls >= self._calls_min]
        if self._calls_min and len(asked) < len(GROUPS):
            self._problem = f"Not every process was asked {self._calls_min} times."
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        asked: Counter[str] = self._deployment.asked()
        terminalreporter.section("four service processes, three databases")
        for group, calls in self._answered.items():
            own = ", ".join(f"{name} {asked[name]}" for name in group)
            terminalreporter.line(f"{calls:>7} calls answered by {'+'.join(group)} (asked by tests: {own})")
        terminalreporter.line(
            f"{len(self._afar)} tests called other processes, {len(self._here)} needed none,"
            f" {len(self._kept)} are marked in_process"
        )
        if self._problem:
            terminalreporter.line(self._problem, red=True)
