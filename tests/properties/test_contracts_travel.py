"""Everything that a contract takes or answers can be written down and read back as exactly what it was."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, Literal, Union
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warchest.config.wiring import SERVICES
from warchest.kernel.currency import Currency, currency, currency_codes
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.kernel.period import Period, Term, TermUnit
from warchest.ledger.contract import Posted, Refused, UnableToHold
from warchest.runtime import wire
from warchest.runtime.broker import failures
from warchest.runtime.broker.methods import methods_of, staying
from warchest.runtime.services import services

CONTRACTS = sorted(SERVICES)


def contract_of(name: str) -> type:
    return services.contracts()[name]


# What stays where it is called, and why. A method that joins them had better be a decision.
STAYING = {
    "audit": {"export_csv": "answers an iterator: the record may be longer than the memory"},
    "cards": {
        "bought_code": "a code that need not leave the process that shows it to its buyer",
        "check_import": "an older system's file may have hundreds of megabytes",
        "codes_at_desk": "codes that need not leave the process that shows them at the desk",
        "codes_of": "codes that need not leave the process that a store called",
        "gift_words": "what people write to each other need not leave the process that shows it",
        "import_cards": "an older system's file may have hundreds of megabytes",
        "print_file": "answers an iterator: the file has up to hundreds of megabytes",
        "read_store_call": "a store's call has its secret in it",
        "register": "answers an iterator: a batch may be longer than the memory",
        "show_replacement": "a code that need not leave the process that shows it",
        "store_reply": "its answer has codes in it",
        "write_card_paper": "a code is on it, and it stays in the process that mails it",
    },
    "ledger": {"first_difference": "asks its caller back, entry by entry"},
    "payments": {
        "payout_file": "whom money goes to need not leave the process that is asked for the file",
        "read_statement": "the bank's file may be twenty megabytes, and tells of people",
    },
    "members": {
        "draw_api_key": "a secret that need not leave the process that shows it",
        "hash_password": "a secret that need not leave the process that hears it",
    },
}


@pytest.mark.parametrize("name", CONTRACTS)
def test_what_cannot_travel_is_a_decision(name: str) -> None:
    assert set(staying(contract_of(name))) == set(STAYING.get(name, {}))


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_method_names_its_arguments(name: str) -> None:
    """Calls are written down by name; one that had to be told by place would be read by a guess."""
    for method in methods_of(contract_of(name)):
        kinds = {
            parameter.kind
            for parameter in list(inspect.signature(getattr(contract_of(name), method)).parameters.values())[
                1:
            ]
        }
        assert kinds <= {inspect.Parameter.KEYWORD_ONLY}, f"{name}.{method}"


@pytest.mark.parametrize("name", CONTRACTS)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_arguments_and_answers_come_back_as_what_they_were(name: str, data: st.DataObject) -> None:
    contract = contract_of(name)
    for method in methods_of(contract).values():
        if method.arguments is None or method.answer is None:
            continue
        hints = typing.get_type_hints(getattr(contract, method.name))
        asked = {each: data.draw(values(hints[each])) for each in method.parameters}
        assert plain(method.arguments.decode(method.arguments.encode(asked))) == plain(asked), method.name
        answer = data.draw(values(hints["return"]))
        assert plain(method.answer.decode(method.answer.encode(answer))) == plain(answer), method.name


@pytest.mark.parametrize("name", CONTRACTS)
def test_what_may_be_left_out_may_be_left_out(name: str) -> None:
    contract = contract_of(name)
    for method in methods_of(contract).values():
        parameters = inspect.signature(getattr(contract, method.name)).parameters
        required = {each for each in method.parameters if parameters[each].default is inspect.Parameter.empty}
        if method.arguments is None:
            continue
        if required:
            with pytest.raises(msgspec.ValidationError):
                method.arguments.decode(b"{}")
        else:
            assert method.arguments.decode(b"{}") == {}


class TestUnionsOfWhatLooksAlike:
    def test_the_member_is_told_by_its_name(self) -> None:
        codec = wire.codec(Posted | Refused)
        assert codec.decode(codec.encode(Refused("insufficient_funds"))) == Refused("insufficient_funds")

    @pytest.mark.parametrize("written", [b'["Leg", {}]', b'["Posted", {"reason": "x"}]', b'{"reason": "x"}'])
    def test_another_is_refused(self, written: bytes) -> None:
        with pytest.raises(msgspec.ValidationError):
            wire.codec(Posted | Refused).decode(written)


class TestMoney:
    @pytest.mark.parametrize(
        "written",
        [
            b'{"minor": 100, "currency": {"code": "EUR", "exponent": 0}}',
            b'{"minor": 100, "currency": {"code": "ABC", "exponent": 2}}',
            b'{"minor": 1.5, "currency": {"code": "EUR", "exponent": 2}}',
            b'{"minor": "100", "currency": {"code": "EUR", "exponent": 2}}',
            b'{"minor": true, "currency": {"code": "EUR", "exponent": 2}}',
        ],
    )
    def test_none_is_read_that_does_not_exist(self, written: bytes) -> None:
        with pytest.raises(msgspec.ValidationError):
            wire.codec(Money).decode(written)


class TestRefusals:
    def test_all_that_there_are_come_back_as_what_they_were(self) -> None:
        seen = 0
        for kind in _refusals():
            for reason in sorted(kind.reasons):
                refusal = kind(reason, count=3, name="x", well=True, nothing=None)
                back = failures.raised(wire.encode(failures.of(refusal)), called="test")
                assert type(back) is kind
                assert plain(back) == plain(refusal)
                seen += 1
        assert seen > 200

    def test_two_of_one_name_are_told_apart(self) -> None:
        back = failures.raised(wire.encode(failures.of(UnableToHold("hold_closed"))), called="test")
        assert type(back) is UnableToHold

    def test_one_that_is_not_known_here_is_a_refusal_all_the_same(self) -> None:
        told = failures.Failure(failures.Kind.REFUSED, "warchest.later.UnableToFly", "no_wings", {})
        back = failures.raised(wire.encode(told), called="test")
        assert type(back) is UnableTo and back.reason == "no_wings"

    def test_passing_ones_keep_their_pause(self) -> None:
        failure = TryAgain("busy", retry_after_s=9, queue=3)
        back = failures.raised(wire.encode(failures.of(failure)), called="test")
        assert isinstance(back, TryAgain)
        assert (back.reason, back.retry_after_s, back.details) == ("busy", 9, {"queue": 3})


# Values of any declared type.

_MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 2),
    max_value=datetime(9999, 12, 30),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))]),
)
_MINOR = st.integers(-(2**63), 2**63 - 1)
_WORDS = st.text(max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | _MINOR | _WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_WORDS, inner, max_size=2),
    max_leaves=4,
)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: _WORDS,
    int: _MINOR,
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bytes: st.binary(max_size=12),
    type(None): st.none(),
    Any: _JSON,
    UUID: st.uuids(),
    datetime: _MOMENTS,
    date: st.dates(),
    timedelta: st.timedeltas(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12),
    Fraction: st.fractions(),
    Currency: st.sampled_from([currency(code) for code in currency_codes()]),
    Term: st.builds(Term, st.integers(1, 999), st.sampled_from(TermUnit)),
    Period: st.tuples(_MOMENTS, st.timedeltas(timedelta(0), timedelta(hours=20))).map(
        lambda found: Period(found[0], found[0] + found[1])
    ),
}  # fmt: skip
_PLAIN[Money] = st.builds(Money, _MINOR, _PLAIN[Currency])


@cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return st.sampled_from(parts)
    if origin in (Union, types.UnionType):
        return st.one_of(*(values(part) for part in parts))
    if origin is tuple and parts[-1] is not Ellipsis:
        return st.tuples(*(values(part) for part in parts))
    if origin is tuple:
        return st.lists(values(parts[0]), max_size=2).map(tuple)
    if origin in (list, Sequence, Collection):
        return st.lists(values(parts[0]), max_size=2)
    if origin in (frozenset, set, Set):
        return st.frozensets(values(parts[0]), max_size=3)
    if origin in (dict, Mapping):
        return st.dictionaries(values(parts[0]), values(parts[1]), max_size=2)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    if issubclass(hint, UnableTo):
        details = st.dictionaries(st.sampled_from(["count", "name"]), _MINOR | _WORDS, max_size=2)
        return st.builds(
            lambda reason, told: hint(reason, **told), st.sampled_from(sorted(hint.reasons)), details
        )
    assert dataclasses.is_dataclass(hint), hint
    hints = typing.get_type_hints(hint)
    return st.builds(
        hint, **{field.name: values(hints[field.name]) for field in dataclasses.fields(hint) if field.init}
    )


def plain(value: Any) -> Any:
    """To be compared: of which class everything is, and what it holds; tuples and lists are alike."""
    if isinstance(value, UnableTo):
        return type(value), value.reason, dict(value.details)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), [
            (each.name, plain(getattr(value, each.name))) for each in dataclasses.fields(value)
        ]
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(value[key]) for key in value}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return {str(plain(each)) for each in value}
    return type(value), value


def _refusals() -> list[type[UnableTo]]:
    found, waiting = [], [UnableTo]
    while waiting:
        kind = waiting.pop()
        if kind.__module__.startswith("warchest."):
            found.append(kind)
        waiting += kind.__subclasses__()
    return found
