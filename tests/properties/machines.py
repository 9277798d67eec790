"""Runs a state machine: always the same examples in every run of the tests, ever new ones in a sweep."""

from __future__ import annotations

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.sweep import Sweep


def run_machine(machine: type[RuleBasedStateMachine], sweep: Sweep, *, examples: int, steps: int) -> None:
    """What fails is shrunk, and printed as the steps that lead there."""
    common = settings(
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        stateful_step_count=steps,
    )
    if not sweep.is_long:
        run_state_machine_as_test(machine, settings=settings(common, max_examples=examples, derandomize=True))
        return
    for number in sweep.seeds(short=1):
        seeded = seed(number)(type(machine.__name__, (machine,), {}))
        run_state_machine_as_test(
            seeded, settings=settings(common, max_examples=100, stateful_step_count=2 * steps)
        )
