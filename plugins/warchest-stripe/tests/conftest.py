"""A simulator for each file, as new for each test but for what it has in its books, and the plug-in that asks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from warchest_stripe.provider import StripeProvider
from warchest_stripe.testing import RunningSimulator

from .hands import a_provider


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    with RunningSimulator(tmp_path_factory.mktemp("stripe")) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> Iterator[RunningSimulator]:
    yield running
    running.reset()


@pytest.fixture
def provider(simulator: RunningSimulator) -> Iterator[StripeProvider]:
    provider = a_provider(simulator)
    yield provider
    provider.close()
