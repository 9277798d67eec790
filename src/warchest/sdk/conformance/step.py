"""What a step is: a name, a sentence, and a function that tries one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warchest.sdk.payments import Ability

if TYPE_CHECKING:
    from warchest.sdk.conformance.trial import Trial

Try = Callable[["Trial"], None]


class Nonconformity(Exception):
    """The plug-in does not do what its contract says. The message is a sentence for its author."""


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Nonconformity(otherwise)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is tried. Who declares all the abilities that it ``proves`` cannot skip it."""

    name: str
    about: str
    proves: frozenset[Ability]
    run: Try


class Steps:
    """The steps of one module, in the order in which they are tried."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def step(self, *proves: Ability) -> Callable[[Try], Try]:
        """Make a step of a function: its name is the step's, its docstring's first line tells what must hold."""

        def take(function: Try) -> Try:
            about = (function.__doc__ or "").strip().partition("\n")[0]
            assert about, f"{function.__name__} does not say what must hold"
            self._steps.append(Step(function.__name__, about, frozenset(proves), function))
            return function

        return take
