"""One house is furnished for all tests that begin with one; each gets a copy of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.availability.house import House, a_house
from tests.availability.workload import Furniture
from warchest.runtime.postgres import EmbeddedPostgres

Furnished = tuple[House, EmbeddedPostgres, Furniture]


@pytest.fixture(scope="session")
def a_furnished_house() -> Iterator[Callable[[], AbstractContextManager[Furnished]]]:
    """A house with an embedded database that runs, and what is in it."""
    with a_house() as pattern:
        with EmbeddedPostgres(pattern.home):
            furniture = pattern.furnish()

        @contextmanager
        def another() -> Iterator[Furnished]:
            with a_house(like=pattern.home) as house, EmbeddedPostgres(house.home) as server:
                yield house, server, furniture

        yield another
