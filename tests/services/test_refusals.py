"""Every named refusal that can reach a person or a program has a sentence of its own."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import pytest
from django.utils.translation import override

import warchest
from warchest.journeys import refusals
from warchest.kernel.errors import TryAgain, UnableTo

# Met by operators on a terminal, where the error's own words are shown.
OPERATORS_ONLY = {
    "UnableToBackUp",
    "UnableToMoveIn",
    "UnableToOpen",
    "UnableToOpenAuthority",
    "UnableToPlaceService",
    "UnableToReadConfiguration",
    "UnableToRestore",
    "UnableToServe",
    "UnableToSignHead",
    "UnableToStartBroker",
    "UnableToStartPostgres",
    "UnableToStopPostgres",
    "UnableToTakeOver",
    "UnableToTry",
    # Of letters between machines: the line answers them with what it tells of any failure.
    "UnableToUnseal",
}


def _all_refusals() -> set[tuple[str, str]]:
    for module in pkgutil.walk_packages(warchest.__path__, "warchest."):
        if module.name.endswith((".contract", ".authority")) or module.name.startswith(
            ("warchest.journeys", "warchest.kernel", "warchest.runtime.command", "warchest.sdk")
        ):
            import_module(module.name)
    return {
        (kind.__name__, reason)
        for kind in UnableTo.__subclasses__()
        if kind.__module__.startswith("warchest.") and kind.__name__ not in OPERATORS_ONLY
        for reason in kind.reasons
    }


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Choose an amount from 1.00 to 1,000.00 EUR."),
        ("de", "Wähl einen Betrag von 1,00 bis 1.000,00 EUR."),
    ],
)
def test_amounts_are_written_as_the_reader_does(language: str, text: str) -> None:
    refusal = UnableTo("amount_out_of_range", currency="EUR", least="1.00", most="1000.00")
    with override(language):
        assert refusals.explain(refusal).text == text


def test_every_refusal_is_told_in_a_sentence_of_its_own() -> None:
    silent = sorted(f"{kind}: {reason}" for kind, reason in _all_refusals() if not refusals.is_told(reason))
    assert not silent


@pytest.mark.parametrize(
    "details", [{}, {"currency": "EUR", "least": "1.00", "most": "5.00", "{odd}": "{x}"}]
)
def test_texts_stand_missing_details(details: dict[str, str]) -> None:
    for _, reason in _all_refusals():
        assert refusals.explain(UnableTo(reason, **details)).text.strip()
    assert refusals.explain(TryAgain("no_such_reason")).status == 503
