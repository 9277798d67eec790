"""A run of the kit as text for people, as JSON, and as JUnit's XML for machines that collect results."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from xml.etree import ElementTree

from warchest.sdk.conformance.session import Outcome, Result

_WIDTH = 110
_INDENT = " " * 9


def line(result: Result, *, name_width: int) -> str:
    """One step, and beneath it why it failed or was skipped."""
    word = "FAILED" if result.outcome is Outcome.FAILED else str(result.outcome)
    told = f"{word:8} {result.step:{name_width}} {result.took_s:6.2f} s".rstrip()
    if result.outcome is Outcome.SKIPPED:
        told = f"{word:8} {result.step}\n{_wrapped(result.detail)}"
    if result.outcome is Outcome.FAILED:
        told += f"\n{_wrapped(result.about)}\n{_wrapped(f'But {result.detail}.')}"
    return told


def summary(results: Sequence[Result]) -> str:
    """``61 passed, 1 failed, 3 skipped in 12.3 s``."""
    counted = Counter(result.outcome for result in results)
    parts = ", ".join(f"{counted[outcome]} {outcome}" for outcome in Outcome)
    return f"{parts} in {sum(result.took_s for result in results):.1f} s"


def as_json(provider: str, results: Sequence[Result]) -> str:
    counted = Counter(result.outcome for result in results)
    document = {
        "provider": provider,
        "counts": {str(outcome): counted[outcome] for outcome in Outcome},
        "steps": [asdict(result) | {"took_s": round(result.took_s, 3)} for result in results],
    }
    return json.dumps(document, indent=2)


def as_junit(provider: str, results: Sequence[Result]) -> str:
    counted = Counter(result.outcome for result in results)
    suite = ElementTree.Element(
        "testsuite",
        name=f"conformance of {provider}",
        tests=str(len(results)),
        failures=str(counted[Outcome.FAILED]),
        skipped=str(counted[Outcome.SKIPPED]),
        time=f"{sum(result.took_s for result in results):.3f}",
    )
    for result in results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=provider, name=result.step, time=f"{result.took_s:.3f}"
        )
        if result.outcome is Outcome.FAILED:
            ElementTree.SubElement(case, "failure", message=result.detail).text = result.about
        if result.outcome is Outcome.SKIPPED:
            ElementTree.SubElement(case, "skipped", message=result.detail)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
