"""Runs the steps against one rig, one after the other, and tells what became of each."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Any

from warchest.kernel.errors import UnableTo
from warchest.sdk.conformance.receiver import NoticeReceiver
from warchest.sdk.conformance.rig import BankRig, Rig
from warchest.sdk.conformance.step import Nonconformity, Step
from warchest.sdk.conformance.steps import BANK_STEPS, STEPS
from warchest.sdk.conformance.trial import Trial
from warchest.sdk.payments import Ability, PaymentProvider

PROVIDERS = "warchest.payment_providers"
RIGS = "warchest.conformance"


class UnableToTry(UnableTo):
    """The plug-in cannot be tried."""

    reasons = frozenset(
        {
            "plugin_unknown",
            "plugin_ambiguous",
            "plugin_does_not_load",
            "rig_missing",
            "simulator_did_not_start",
            "step_unknown",
        }
    )


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a step. ``detail`` is the reason of a skip, or what a failed step saw."""

    step: str
    about: str
    outcome: Outcome
    detail: str = ""
    took_s: float = 0.0


class Session:
    """A rig whose simulator runs, for as many steps as are wanted::

    with Session(rig, factory) as session:
        results = [session.run(step) for step in steps_of(rig)]
    """

    def __init__(
        self, rig: Rig, factory: Callable[[Any], PaymentProvider], folder: Path | None = None
    ) -> None:
        self._rig = rig
        self._factory = factory
        self._given = folder
        self._abilities: frozenset[Ability] | None = None

    def __enter__(self) -> Session:
        self._own = tempfile.TemporaryDirectory(prefix="conformance-") if self._given is None else None
        folder = Path(self._own.name) if self._own else self._given
        assert folder is not None
        self._receiver = NoticeReceiver()
        try:
            self._rig.start(folder, notice_url=self._receiver.url)
        except BaseException as error:
            with suppress(Exception):
                self._end()
            if not isinstance(error, Exception):
                raise
            raise UnableToTry("simulator_did_not_start", why=f"{type(error).__name__}: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def run(self, step: Step) -> Result:
        began = time.monotonic()
        outcome, detail = self._try(step)
        return Result(step.name, step.about, outcome, detail, time.monotonic() - began)

    def _try(self, step: Step) -> tuple[Outcome, str]:
        reason = self._rig.skips.get(step.name)
        try:
            if reason is not None:
                return self._skipped(step, reason)
            with self._trial() as trial:
                step.run(trial)
        except Nonconformity as nonconformity:
            return Outcome.FAILED, str(nonconformity)
        except Exception as error:
            return Outcome.FAILED, f"{type(error).__name__}: {error}"
        return Outcome.PASSED, ""

    def _skipped(self, step: Step, reason: str) -> tuple[Outcome, str]:
        if not reason.strip():
            return Outcome.FAILED, "the rig skips it without a reason"
        told_by_statement = isinstance(self._rig, BankRig) and step not in BANK_STEPS
        if step.proves and step.proves <= self._declared() and not told_by_statement:
            declared = " and ".join(sorted(step.proves))
            return Outcome.FAILED, f"the rig skips what the plug-in declares as its ability: {declared}"
        return Outcome.SKIPPED, reason

    def _declared(self) -> frozenset[Ability]:
        if self._abilities is None:
            with self._trial() as trial:
                self._abilities = trial.provider.description.abilities
        return self._abilities

    @contextmanager
    def _trial(self) -> Iterator[Trial]:
        self._rig.behave()
        self._receiver.forget()
        trial = Trial(self._rig, self._factory, self._receiver)
        try:
            yield trial
        finally:
            trial.close()

    def _end(self) -> None:
        try:
            self._rig.stop()
        finally:
            self._receiver.close()
            if self._own:
                self._own.cleanup()


def steps_of(rig: Rig) -> tuple[Step, ...]:
    """What is tried on a plug-in with this rig."""
    return STEPS + BANK_STEPS if isinstance(rig, BankRig) else STEPS


def steps_named(only: Iterable[str], rig: Rig) -> tuple[Step, ...]:
    """The steps of these names that are tried with the rig, all where none is named.

    Raises UnableToTry (``step_unknown``).
    """
    names = list(only)
    unknown = set(names) - {step.name for step in steps_of(rig)}
    if unknown:
        raise UnableToTry("step_unknown", steps=", ".join(sorted(unknown)))
    return tuple(step for step in steps_of(rig) if not names or step.name in names)


def unknown_skips(rig: Rig) -> list[Result]:
    """A failed result for each skip that names no step: it was misspelt, or the step has another name now."""
    known = {step.name for step in steps_of(rig)}
    return [
        Result(name, "Every skip names a step.", Outcome.FAILED, "the rig skips a step that there is not")
        for name in sorted(set(rig.skips) - known)
    ]


def installed(name: str) -> tuple[Rig, Callable[[Any], PaymentProvider]]:
    """The rig and the provider that are installed under a name.

    Raises UnableToTry.
    """
    factory = _load(PROVIDERS, name, missing="plugin_unknown")
    rig_type = _load(RIGS, name, missing="rig_missing")
    return rig_type(), factory


def _load(group: str, name: str, *, missing: str) -> Any:
    found = list(entry_points(group=group, name=name))
    if not found:
        raise UnableToTry(missing)
    if len(found) > 1:
        raise UnableToTry("plugin_ambiguous")
    try:
        return found[0].load()
    except Exception as error:
        raise UnableToTry("plugin_does_not_load", why=f"{type(error).__name__}: {error}") from error
