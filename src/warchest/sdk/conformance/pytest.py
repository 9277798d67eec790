"""The kit in a plug-in's own tests: one test for each step::

from warchest.sdk.conformance.pytest import conformance_tests

TestConformance = conformance_tests(AcmeRig)

The simulator runs once for all of them. A step that the rig skips is a skipped test with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import pytest

from warchest.sdk.conformance.rig import Rig
from warchest.sdk.conformance.session import PROVIDERS, Outcome, Session, steps_of, unknown_skips
from warchest.sdk.conformance.step import Step
from warchest.sdk.payments import PaymentProvider


def conformance_tests(
    rig_type: Callable[[], Rig], *, factory: Callable[[Any], PaymentProvider] | None = None
) -> type:
    """A class of tests. ``factory`` is the provider's, by default the one installed under the rig's name."""

    class Conformance:
        @pytest.fixture(scope="class")
        @classmethod
        def session(cls) -> Any:
            rig = rig_type()
            with Session(rig, factory or _installed(rig.provider)) as session:
                yield session

        @pytest.mark.parametrize("step", steps_of(rig_type()), ids=lambda step: step.name)
        def test_step(self, session: Session, step: Step) -> None:
            result = session.run(step)
            if result.outcome is Outcome.SKIPPED:
                pytest.skip(result.detail)
            if result.outcome is Outcome.FAILED:
                pytest.fail(f"{result.about}\nBut {result.detail}.", pytrace=False)

        def test_every_skip_names_a_step(self) -> None:
            assert [result.step for result in unknown_skips(rig_type())] == []

    return Conformance


def _installed(provider: str) -> Callable[[Any], PaymentProvider]:
    (point,) = entry_points(group=PROVIDERS, name=provider)
    factory: Callable[[Any], PaymentProvider] = point.load()
    return factory
