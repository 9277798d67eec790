"""A use case done for many at once: each under a command of its own, all in one transaction.

    @journey_of_many("subscriptions.prolong", answers=Prolonged)
    def prolong_subscriptions(tx: CaseSet[Purchase, Prolonged]) -> None:
        for case in tx.cases: ...

    prolong_subscriptions([(command, Purchase(...)), ...])
    prolong_subscriptions.one(command, Purchase(...)).answer

Each case is accepted or refused by itself, has its own key, its own facts and its own line in the record of operations;
one statement does each step for all of them, and one commit makes all of it true. A set of one is the same as a journey:
``one`` raises refusals as a journey does. Callers of one process who come while another is served are served together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from warchest.kernel.errors import UnableTo
from warchest.runtime import idempotency, observed, wire
from warchest.runtime.batcher import Batcher
from warchest.runtime.busy import repeated_while_busy
from warchest.runtime.command import Command, UnableToUseKey
from warchest.runtime.ending import Ending
from warchest.runtime.idempotency import full_key
from warchest.runtime.journey import (
    Done,
    answered_before,
    is_final,
    keep_refusal,
    kept_refusal,
    request_fingerprint,
)
from warchest.runtime.services import COORDINATOR
from warchest.runtime.transactions import Telling, Work, business_transaction, refuse_nesting
from warchest.runtime.two_phase import ensure_kept

A = TypeVar("A")
R = TypeVar("R")


class Case(Telling, Generic[A, R]):
    """One of a set: the command, what it asks for, and how it ends, by ``answer`` or by ``refuse``."""

    def __init__(self, command: Command, asked: A) -> None:
        super().__init__(command)
        self.asked = asked
        self.refusal: UnableTo | None = None
        self.answered: R | None = None

    def refuse(self, refusal: UnableTo) -> None:
        """Nothing is done for this case. To be said before anything was written for it."""
        self.refusal = refusal

    def answer(self, answer: R) -> None:
        self.answered = answer


class CaseSet(Work, Generic[A, R]):
    """What a journey of many works with: its cases, in the order in which they were asked for.

    ``at`` is the moment at which the set is done: the latest of the commands', which are less than a second apart.
    """

    def __init__(self, cases: Sequence[Case[A, R]], *, at: datetime) -> None:
        super().__init__()
        self.cases = cases
        self.at = at


APART = timedelta(seconds=1)
"""The commands of a set are less than this apart: so it is done at one moment, by which terms end and rates change."""

Asked = tuple[Command, A]
Ended = Done[R] | UnableTo


class JourneyOfMany(Generic[A, R]):
    """A use case that crosses services, callable with many commands, each with what it asks for."""

    def __init__(self, *, name: str, answers: type[R], body: Callable[[CaseSet[A, R]], None]) -> None:
        self.name = name
        self.body = body
        self._answers = answers
        self._callers: Batcher[Asked[A], Ended[R]] = Batcher(self._joined)
        functools.update_wrapper(self, body)

    def __call__(self, asked: Sequence[Asked[A]]) -> tuple[Ended[R], ...]:
        """Do the work of each once, and answer in the order asked: what was done, or why it was refused.

        A key that comes twice is done once, and answered twice. Raises TryAgain when the database could not put it in
        order with what others did at the same time; then nothing was done, and the same call may succeed later.
        """
        moments = [command.at for command, _ in asked]
        if moments and max(moments) - min(moments) >= APART:
            raise ValueError("the commands of a set are of one moment")
        fingerprints = [request_fingerprint(what) for _, what in asked]
        first: dict[tuple[str, str], int] = {}
        for number, (command, _) in enumerate(asked):
            first.setdefault((command.scope, command.key), number)
        numbers = list(first.values())
        with observed.Journey(self.name, [command for command, _ in asked], what="set") as run:
            ends = dict(
                zip(
                    numbers,
                    self._ends(
                        [asked[number] for number in numbers], [fingerprints[number] for number in numbers]
                    ),
                    strict=True,
                )
            )
            answered = tuple(
                self._end_of(number, first[command.scope, command.key], fingerprints, ends)
                for number, (command, _) in enumerate(asked)
            )
            run.ended(answered)
        return answered

    def one(self, command: Command, asked: A) -> Done[R]:
        """Do it for one, as a journey does. Raises what refuses it, UnableToUseKey, and TryAgain."""
        refuse_nesting()
        with observed.one_of_many(self.name, command):
            (end,) = self._callers.do([(command, asked)])
        if isinstance(end, UnableTo):
            raise end
        return end

    def _joined(self, asked: Sequence[Asked[A]]) -> Sequence[Ended[R]]:
        """What several callers ask for, in as few sets as their moments allow."""
        ends: dict[int, Ended[R]] = {}
        numbers = sorted(range(len(asked)), key=lambda number: asked[number][0].at)
        while numbers:
            first = asked[numbers[0]][0].at
            near = [number for number in numbers if asked[number][0].at - first < APART]
            numbers = numbers[len(near) :]
            # In the order in which they came.
            near.sort()
            ends.update(zip(near, self([asked[number] for number in near]), strict=True))
        return [ends[number] for number in range(len(asked))]

    def _end_of(
        self, number: int, first: int, fingerprints: Sequence[bytes], ends: dict[int, Ended[R]]
    ) -> Ended[R]:
        end = ends[first]
        if number == first:
            return end
        if fingerprints[number] != fingerprints[first]:
            return UnableToUseKey("idempotency_key_reused")
        if isinstance(end, UnableTo):
            return UnableTo.again(type(end).__name__, end.reason, end.details)
        return Done(end.answer, replayed=True)

    def _ends(self, asked: Sequence[Asked[A]], fingerprints: Sequence[bytes]) -> Sequence[Ended[R]]:
        """How they end, no key twice among them."""
        if not asked:
            return ()
        try:
            return repeated_while_busy(self.name, lambda: self._once(asked, fingerprints))
        except _Undone as undone:
            refusal = undone.refusal
            if len(asked) > 1:
                # One of them spoils the work of all. Which one, shows when each half is done by itself.
                half = len(asked) // 2
                return [
                    *self._ends(asked[:half], fingerprints[:half]),
                    *self._ends(asked[half:], fingerprints[half:]),
                ]
            if not is_final(refusal):
                return [refusal]
            try:
                return [keep_refusal(self.name, undone.tellings[0], fingerprints[0], refusal, self._answers)]
            except UnableTo as kept:
                return [kept]

    def _once(self, asked: Sequence[Asked[A]], fingerprints: Sequence[bytes]) -> Sequence[Ended[R]]:
        cases = [Case[A, R](command, what) for command, what in asked]
        work = CaseSet[A, R]([], at=max(command.at for command, _ in asked))
        try:
            with business_transaction(work):
                claimed = idempotency.claim(
                    route=self.name,
                    asked=[(case.command, mark) for case, mark in zip(cases, fingerprints, strict=True)],
                )
                work.stamps[COORDINATOR] = claimed.stamps
                work.cases = [
                    case for case, before in zip(cases, claimed.answered, strict=True) if before is None
                ]
                work.claimed = [full_key(self.name, case.command) for case in work.cases]
                if work.cases:
                    self.body(work)
                    self._end(work.cases)
        except UnableTo as refusal:
            raise _Undone(refusal, cases) from refusal
        if len(work.cases) < len(cases):
            ensure_kept([full_key(self.name, case.command) for case in cases])
        return [
            self._told(case) if before is None else self._told_before(before)
            for case, before in zip(cases, claimed.answered, strict=True)
        ]

    def _end(self, cases: Sequence[Case[A, R]]) -> None:
        ending = Ending(route=self.name)
        for case in cases:
            if case.refusal is None:
                ending.add(case, outcome="done", answer=wire.encode(case.answered))
            elif is_final(case.refusal):
                ending.add(
                    case, outcome="refused", answer=kept_refusal(case.refusal), reason=case.refusal.reason
                )
            else:
                # A passing refusal frees its key: rolled back, and told apart from the others.
                raise case.refusal
        ending.write()

    def _told(self, case: Case[A, R]) -> Ended[R]:
        if case.refusal is not None:
            return case.refusal
        assert case.answered is not None
        return Done(case.answered)

    def _told_before(self, before: idempotency.Stored | UnableToUseKey) -> Ended[R]:
        try:
            return answered_before(before, self._answers)
        except UnableTo as refusal:
            return refusal


class _Undone(Exception):
    """The transaction was rolled back by a refusal that says of which case it is only where there is one."""

    def __init__(self, refusal: UnableTo, tellings: Sequence[Telling]) -> None:
        self.refusal = refusal
        self.tellings = tellings
        super().__init__(refusal.reason)


def journey_of_many(
    name: str, *, answers: type[R]
) -> Callable[[Callable[[CaseSet[A, R]], None]], JourneyOfMany[A, R]]:
    """Make a function a journey of many, under the name that the record of operations and its keys' scope will show."""

    def decorate(body: Callable[[CaseSet[A, R]], None]) -> JourneyOfMany[A, R]:
        return JourneyOfMany(name=name, answers=answers, body=body)

    return decorate
