"""What of a contract can be called from another process, and how its arguments and answers travel."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from warchest.runtime.wire import Arguments, Codec, UnableToTravel, codec

REQUEST_BYTES_MAX = 1024 * 1024
"""A longer request is refused unread."""


@dataclass(frozen=True, slots=True)
class Method:
    """``arguments`` and ``answer`` are None where it cannot be called from afar, and runs where it is called."""

    name: str
    parameters: tuple[str, ...]
    arguments: Arguments | None
    answer: Codec[Any] | None
    at_most_once: bool


@cache
def methods_of(contract: type) -> Mapping[str, Method]:
    """The public methods of a contract, by name."""
    return {
        name: _method(name, function)
        for name, function in inspect.getmembers(contract, inspect.isfunction)
        if not name.startswith("_")
    }


def staying(contract: type) -> tuple[str, ...]:
    """Those that cannot be called from afar: they take or answer what cannot travel, or too much."""
    return tuple(name for name, method in methods_of(contract).items() if method.arguments is None)


def subject(*, cluster: str, service: str, method: str) -> str:
    return f"warchest.{cluster}.{service}.{method}"


def control_subject(*, cluster: str, instance: str) -> str:
    return f"warchest.{cluster}.control.{instance}"


def _method(name: str, function: Any) -> Method:
    parameters = dict(list(inspect.signature(function).parameters.items())[1:])
    arguments, answer = None, None
    if not getattr(function, "__runs_here__", False):
        hints = typing.get_type_hints(function)
        required = [each for each, found in parameters.items() if found.default is found.empty]
        try:
            answer = codec(hints["return"])
            arguments = Arguments(name, {each: hints[each] for each in parameters}, required=required)
        except UnableToTravel:
            answer = None
    return Method(
        name, tuple(parameters), arguments, answer, at_most_once=getattr(function, "__at_most_once__", False)
    )
