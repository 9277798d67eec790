"""The line to other clusters: what one cluster may ask of another, and how it is written down.

Across clusters there is no transaction, so whoever asks may never learn what became of it: the line is cut, or the answer
lost. Hence every call has a key, and may be asked again under it as often as it takes. Only what is marked as open to
clusters is ever called, with arguments and answers of its declared types.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, ParamSpec, Protocol, TypeVar

import msgspec

from warchest.kernel.errors import TryAgain, UnableTo
from warchest.runtime import wire
from warchest.runtime.command import Actor, ActorKind, Channel, Command, now
from warchest.runtime.journey import Journey

P = ParamSpec("P")
R = TypeVar("R")

LINE_CUT = "line_cut"
"""The reason of the TryAgain that a call ends with when nobody knows whether the other cluster has heard it."""


class ClusterLine(Protocol):
    def clusters(self) -> tuple[str, ...]:
        """Codes of the other clusters that this one is joined with, whether they can be reached right now or not."""
        ...

    def call(self, cluster: str, name: str, command: Command, **arguments: Any) -> Any:
        """Have another cluster do what is open to clusters under this name; answers what it answered.

        Raises what was refused there, and TryAgain: ``line_cut`` where it is not known whether it was done.
        """
        ...


class UnableToAskCluster(UnableTo):
    """It is not done there, whoever asks."""

    reasons = frozenset({"call_unknown", "call_malformed"})


class NoLine:
    """A cluster that is joined with no other."""

    def clusters(self) -> tuple[str, ...]:
        return ()

    def call(self, cluster: str, name: str, command: Command, **arguments: Any) -> Any:
        raise TryAgain(LINE_CUT, cluster=cluster)


_line: ClusterLine = NoLine()


def join(line: ClusterLine) -> None:
    """Let this process ask other clusters over this line."""
    global _line
    _line = line


def line() -> ClusterLine:
    return _line


# What is open to clusters.


_ASKED_BY = "asked_by"


@dataclass(frozen=True, slots=True)
class _Open:
    call: Callable[[Command, dict[str, Any]], Any]
    arguments: type[msgspec.Struct]
    answer: Any


_open: dict[str, _Open] = {}


def open_to_clusters(journey: Journey[P, R]) -> Journey[P, R]:
    """Let other clusters call a journey, under its own name."""
    hints = typing.get_type_hints(journey.body)
    answer = hints.pop("return")
    _open[journey.name] = _Open(
        call=lambda command, arguments: journey(command, **arguments).answer,  # type: ignore[call-arg]
        arguments=_shape(journey.name, journey.body, hints),
        answer=answer,
    )
    return journey


def read_by_clusters(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let other clusters ask what changes nothing: a function with keyword-only arguments.

    Where one is called ``asked_by``, it is the code of the cluster that asks, as the line knows it.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        hints = typing.get_type_hints(function)
        answer = hints.pop("return")
        knows_who = hints.pop(_ASKED_BY, None) is not None
        asked: Callable[..., R] = function
        _open[name] = _Open(
            call=lambda command, arguments: asked(
                **arguments, **({_ASKED_BY: command.actor.id} if knows_who else {})
            ),
            arguments=_shape(name, function, hints),
            answer=answer,
        )
        return function

    return decorate


def fingerprints() -> dict[str, str]:
    """Of what is open: its name, and a hash of what it takes and answers. Where two clusters' differ, one can't ask the other."""
    return {name: _fingerprint(found) for name, found in sorted(_open.items())}


def _fingerprint(found: _Open) -> str:
    told = sha256()
    for shape in (found.arguments, found.answer):
        told.update(_spelt(shape, set()).encode())
    return told.hexdigest()[:16]


def _spelt(hint: Any, seen: set[Any]) -> str:
    """A type with all the fields and types in it, by their names."""
    parts = typing.get_args(hint)
    if parts:
        return f"{_name(typing.get_origin(hint))}[{','.join(_spelt(part, seen) for part in parts)}]"
    if not isinstance(hint, type) or hint in seen:
        return _name(hint)
    seen.add(hint)
    if issubclass(hint, Enum):
        return f"{hint.__name__}({','.join(str(each.value) for each in hint)})"
    if issubclass(hint, msgspec.Struct) or dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return f"{hint.__name__}({','.join(f'{name}:{_spelt(hints[name], seen)}' for name in hints)})"
    return hint.__name__


def _name(hint: Any) -> str:
    return str(getattr(hint, "__name__", hint))


def _shape(name: str, function: Callable[..., Any], hints: dict[str, Any]) -> type[msgspec.Struct]:
    asked = [
        each
        for each in inspect.signature(function).parameters.values()
        if each.kind is each.KEYWORD_ONLY and each.name in hints
    ]
    fields: list[Any] = [
        (each.name, hints[each.name])
        if each.default is each.empty
        else (each.name, hints[each.name], each.default)
        for each in asked
    ]
    return msgspec.defstruct(
        name.replace(".", "_"), fields, kw_only=True, forbid_unknown_fields=True, frozen=True
    )


# How a call and its answer are written down, for whatever carries them.


class _Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    key: str
    request_id: str
    arguments: msgspec.Raw


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``outcome``: ``done``, ``refused`` or ``again``."""

    outcome: str
    answer: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    reason: str = ""
    details: dict[str, str | int | bool | None] = {}
    retry_after_s: int = 1


def written_call(name: str, command: Command, arguments: dict[str, Any]) -> bytes:
    return wire.encode(
        _Call(
            name=name,
            key=command.key,
            request_id=command.request_id,
            arguments=msgspec.Raw(wire.encode(arguments)),
        )
    )


def answer_call(data: bytes, *, cluster: str) -> bytes:
    """Do what another cluster asks, and write down what it shall hear. ``cluster`` is who asks, as the line knows it."""
    try:
        answer = _answer_of(data, cluster)
    except UnableTo as refusal:
        return wire.encode(
            _Answer(
                "refused", error=type(refusal).__name__, reason=refusal.reason, details=dict(refusal.details)
            )
        )
    except TryAgain as passing:
        return told_again(passing)
    return wire.encode(_Answer("done", answer=msgspec.Raw(wire.encode(answer))))


def told_again(passing: TryAgain) -> bytes:
    """An answer that says: not now."""
    return wire.encode(
        _Answer(
            "again",
            reason=passing.reason,
            details=dict(passing.details),
            retry_after_s=passing.retry_after_s,
        )
    )


def _answer_of(data: bytes, cluster: str) -> Any:
    try:
        call = wire.decode(data, _Call)
        found = _open.get(call.name)
        if found is None:
            raise UnableToAskCluster("call_unknown", name=call.name[:60])
        arguments = wire.decode(bytes(call.arguments), found.arguments)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnableToAskCluster("call_malformed", explanation=str(error)[:200]) from None
    command = Command(
        actor=Actor(ActorKind.CLUSTER, cluster),
        key=call.key,
        at=now(),
        channel=Channel.API,
        client=f"cluster:{cluster}",
        request_id=call.request_id[:64],
    )
    return found.call(command, {name: getattr(arguments, name) for name in arguments.__struct_fields__})


def read_answer(name: str, data: bytes) -> Any:
    """What the other cluster answered. Raises its refusal, and TryAgain."""
    said = wire.decode(data, _Answer)
    match said.outcome:
        case "done":
            return wire.decode(bytes(said.answer), _open[name].answer)
        case "refused":
            refusal = UnableTo.again(said.error, said.reason, said.details)
            refusal.replayed = False
            raise refusal
        case _:
            raise TryAgain(said.reason, retry_after_s=said.retry_after_s)
