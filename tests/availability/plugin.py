"""``--availability``: the long rounds of the tests in this folder too, as script/availability asks for."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--availability", action="store_true", help="run the long rounds of tests/availability too"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "long_round: only with --availability, as script/availability gives it"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--availability"):
        return
    skipped = pytest.mark.skip(reason="a long round: script/availability runs it")
    for item in items:
        if item.get_closest_marker("long_round"):
            item.add_marker(skipped)
