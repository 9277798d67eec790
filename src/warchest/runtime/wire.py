"""How contract data are written down: as JSON, exactly, and read back into the same frozen dataclasses.

``encode`` and ``decode`` do for all that JSON can tell by itself. ``codec`` is for what one method takes or answers, by its
declared type: it also tells apart dataclasses where one of several may come, keys of maps that are more than a word, and
refusals that are part of an answer.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from hashlib import sha256
from typing import Any, Generic, Literal, TypeVar, Union
from uuid import UUID

import msgspec

from warchest.kernel.errors import UnableTo

T = TypeVar("T")


class UnableToTravel(TypeError):
    """Values of this type cannot be written down, such as functions and iterators."""


def _written(value: Any) -> Any:
    if type(value) is Fraction:
        return f"{value.numerator}/{value.denominator}"
    raise NotImplementedError(f"{type(value).__name__} is no contract data")


def _read(into: type, value: Any) -> Any:
    if into is Fraction and isinstance(value, str):
        return Fraction(value)
    raise NotImplementedError(f"{into.__name__} is no contract data")


_encoder = msgspec.json.Encoder(order="deterministic", enc_hook=_written)
# That order is for fingerprints, and knows only maps whose keys are text.
_writer = msgspec.json.Encoder(enc_hook=_written)


def encode(value: Any) -> bytes:
    """Deterministic JSON of contract data: dataclasses, ids, moments, money, whole numbers and text."""
    return _encoder.encode(value)


def decode(data: bytes | str, into: type[T]) -> T:
    """Read what ``encode`` wrote. Raises ``msgspec.ValidationError`` where the shape is another."""
    return msgspec.json.decode(data, type=into, dec_hook=_read)


def fingerprint(value: Any) -> bytes:
    """SHA-256 of the value's JSON: whether two requests under one key are the same request."""
    return sha256(encode(value)).digest()


class Codec(Generic[T]):
    """Writes and reads values of one declared type."""

    def __init__(self, hint: Any) -> None:
        self._plan = _plan(hint)
        self._decoder = msgspec.json.Decoder(self._plan.written, dec_hook=_read)

    def encode(self, value: T) -> bytes:
        return _writer.encode(self._plan.outward(value) if self._plan.outward else value)

    def decode(self, data: bytes) -> T:
        """Raises ``msgspec.DecodeError`` (of which ValidationError is one) where the shape is another."""
        written = self._decoder.decode(data)
        return self._plan.inward(written) if self._plan.inward else written  # type: ignore[no-any-return]


@cache
def codec(hint: Any) -> Codec[Any]:
    """How values of this declared type travel. Raises UnableToTravel."""
    return Codec(hint)


class Arguments:
    """Writes and reads the named arguments of one method. Nothing but these is accepted, each only as its type."""

    def __init__(self, name: str, hints: Mapping[str, Any], *, required: Collection[str]) -> None:
        self._plans = {argument: _plan(hint) for argument, hint in hints.items()}
        # Those that must be said come first, as a struct's fields without a default do.
        fields: list[Any] = [(each, self._plans[each].written) for each in hints if each in required]
        fields += [
            (each, self._plans[each].written | msgspec.UnsetType, msgspec.UNSET)
            if isinstance(self._plans[each].written, type)
            else (each, Union[self._plans[each].written, msgspec.UnsetType], msgspec.UNSET)  # noqa: UP007
            for each in hints
            if each not in required
        ]
        self._decoder = msgspec.json.Decoder(
            msgspec.defstruct(name, fields, forbid_unknown_fields=True, kw_only=True), dec_hook=_read
        )
        self._plain = all(plan.outward is None for plan in self._plans.values())

    def encode(self, arguments: Mapping[str, Any]) -> bytes:
        if not self._plain:
            arguments = {
                name: plan.outward(arguments[name]) if plan.outward else arguments[name]
                for name, plan in self._plans.items()
                if name in arguments
            }
        try:
            return _writer.encode(arguments)
        except UnicodeEncodeError:
            # Half a character, which JSON may bring. No text that is kept has one, so what is looked for is not found.
            return _writer.encode(_sayable(msgspec.to_builtins(arguments, enc_hook=_written)))

    def decode(self, data: bytes) -> dict[str, Any]:
        """Raises ``msgspec.DecodeError`` where anything is missing, unknown, or of another type."""
        struct = self._decoder.decode(data)
        arguments = {}
        for name, plan in self._plans.items():
            value = getattr(struct, name)
            if value is not msgspec.UNSET:
                arguments[name] = plan.inward(value) if plan.inward else value
        return arguments


def _sayable(value: Any) -> Any:
    """The same with U+FFFD in place of what UTF-8 cannot say."""
    match value:
        case str():
            return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        case dict():
            return {_sayable(key): _sayable(each) for key, each in value.items()}
        case list() | tuple():
            return [_sayable(each) for each in value]
        case _:
            return value


# How types travel. A plan says as what a type is written; where that is not the type itself, it says how to get from the one
# to the other.

Turn = Callable[[Any], Any]

_PLAIN = {
    type(None), str, int, bool, float, bytes, Decimal, Fraction, datetime, date, time, timedelta, UUID, Any,
}  # fmt: skip
_KEYS = {str, int, UUID, date, datetime, Decimal}
_LISTS = {list, Sequence, Collection}
_SETS = {set, frozenset, Set}
_MAPS = {dict, Mapping}


@dataclass(frozen=True, slots=True)
class _Plan:
    written: Any
    outward: Turn | None = None
    inward: Turn | None = None


@dataclass(frozen=True, slots=True)
class _Refusal:
    error: str
    reason: str
    details: dict[str, str | int | bool | None]


@cache
def _plan(hint: Any) -> _Plan:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint in _PLAIN or origin is Literal:
        return _Plan(hint)
    if origin in (Union, types.UnionType):
        return _plan_of_union(parts)
    if origin is tuple and len(parts) == 2 and parts[1] is Ellipsis:
        return _plan_of_many(parts[0], list, tuple, hint)
    if origin is tuple:
        return _plan_of_row(parts, hint)
    if origin in _LISTS:
        return _plan_of_many(parts[0], list, list, hint)
    if origin in _SETS:
        return _plan_of_many(parts[0], list, frozenset, hint)
    if origin in _MAPS:
        return _plan_of_map(parts[0], parts[1], hint)
    if isinstance(hint, type) and origin is None:
        if issubclass(hint, Enum):
            return _Plan(hint)
        if issubclass(hint, UnableTo):
            return _Plan(_Refusal, _refusal_written, _refusal_read)
        if dataclasses.is_dataclass(hint):
            return _plan_of_dataclass(hint)
    raise UnableToTravel(f"{hint} cannot travel")


def _plan_of_many(part: Any, written: Any, into: Any, hint: Any) -> _Plan:
    plan = _plan(part)
    if plan.outward is None or plan.inward is None:
        return _Plan(hint)
    outward, inward = plan.outward, plan.inward
    return _Plan(
        written[plan.written],
        lambda values: [outward(value) for value in values],
        lambda values: into(inward(value) for value in values),
    )


def _plan_of_row(parts: tuple[Any, ...], hint: Any) -> _Plan:
    plans = [_plan(part) for part in parts]
    if all(plan.outward is None for plan in plans):
        return _Plan(hint)
    return _Plan(
        tuple[tuple(plan.written for plan in plans)],  # type: ignore[misc]
        lambda values: [_out(plan, value) for plan, value in zip(plans, values, strict=True)],
        lambda values: tuple(_in(plan, value) for plan, value in zip(plans, values, strict=True)),
    )


def _plan_of_map(key: Any, value: Any, hint: Any) -> _Plan:
    keys, values = _plan(key), _plan(value)
    if key in _KEYS or (isinstance(key, type) and issubclass(key, Enum)):
        if values.outward is None:
            return _Plan(hint)
        return _Plan(
            dict[key, values.written],  # type: ignore[valid-type, name-defined]
            lambda found: {each: _out(values, found[each]) for each in found},
            lambda found: {each: _in(values, found[each]) for each in found},
        )
    # JSON's keys are words: others travel as pairs.
    return _Plan(
        list[tuple[keys.written, values.written]],  # type: ignore[name-defined]
        lambda found: [(_out(keys, each), _out(values, found[each])) for each in found],
        lambda pairs: {_in(keys, each): _in(values, value) for each, value in pairs},
    )


def _plan_of_union(parts: tuple[Any, ...]) -> _Plan:
    plans = {part: _plan(part) for part in parts}
    objects = [part for part in parts if isinstance(part, type) and dataclasses.is_dataclass(part)]
    if len(objects) <= 1 and all(plan.outward is None for plan in plans.values()):
        return _Plan(Union[tuple(plan.written for plan in plans.values())])  # noqa: UP007
    if len(parts) == 2 and type(None) in parts:
        (plan,) = (plan for part, plan in plans.items() if part is not type(None))
        return _Plan(
            Union[plan.written, None],  # noqa: UP007
            lambda value: None if value is None else _out(plan, value),
            lambda value: None if value is None else _in(plan, value),
        )
    # One of several that look alike in JSON: written with its name.
    by_name = {_name(part): (typing.get_origin(part) or part, codec(part)) for part in parts}

    def outward(value: Any) -> tuple[str, msgspec.Raw]:
        for name, (kind, each) in by_name.items():
            if isinstance(value, kind):
                return name, msgspec.Raw(each.encode(value))
        raise TypeError(f"{type(value).__name__} is none of {', '.join(by_name)}")

    def inward(written: tuple[str, msgspec.Raw]) -> Any:
        name, raw = written
        if name not in by_name:
            raise msgspec.ValidationError(f"{name!r} is none of {', '.join(by_name)}")
        return by_name[name][1].decode(bytes(raw))

    return _Plan(tuple[str, msgspec.Raw], outward, inward)


def _plan_of_dataclass(kind: type) -> _Plan:
    hints = typing.get_type_hints(kind)
    fields = [field for field in dataclasses.fields(kind) if field.init]
    plans = {field.name: _plan(hints[field.name]) for field in fields}
    if all(plan.outward is None for plan in plans.values()):
        return _Plan(kind)
    written = msgspec.defstruct(kind.__name__, [(name, plan.written) for name, plan in plans.items()])
    return _Plan(
        written,
        lambda value: {name: _out(plan, getattr(value, name)) for name, plan in plans.items()},
        lambda struct: kind(**{name: _in(plan, getattr(struct, name)) for name, plan in plans.items()}),
    )


def _out(plan: _Plan, value: Any) -> Any:
    return plan.outward(value) if plan.outward else value


def _in(plan: _Plan, value: Any) -> Any:
    return plan.inward(value) if plan.inward else value


def _name(part: Any) -> str:
    return str(getattr(part, "__name__", part))


def _refusal_written(refusal: UnableTo) -> _Refusal:
    return _Refusal(type(refusal).__name__, refusal.reason, dict(refusal.details))


def _refusal_read(written: _Refusal) -> UnableTo:
    refusal = UnableTo.again(written.error, written.reason, written.details)
    refusal.replayed = False
    return refusal
