"""What script/checks/licences.py lets pass of what dependencies say of their licences, and what it refuses."""

from __future__ import annotations

import importlib.util
from email.message import Message
from pathlib import Path

import pytest

_FILE = Path(__file__).parents[2] / "script" / "checks" / "licences.py"
_spec = importlib.util.spec_from_file_location("licences", _FILE)
assert _spec and _spec.loader
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)

pytestmark = pytest.mark.in_process("nothing of the house is asked")
GPL = "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"


def a_distribution(monkeypatch: pytest.MonkeyPatch, *headers: tuple[str, str]) -> None:
    told = Message()
    for name, value in headers:
        told[name] = value
    monkeypatch.setattr(check.metadata, "metadata", lambda name: told)


@pytest.mark.parametrize(
    ("headers", "licence"),
    [
        ([("License-Expression", "MIT")], "MIT"),
        ([("License-Expression", "GPL-2.0-only OR Apache-2.0")], "Apache-2.0"),
        ([("License-Expression", "BSD-3-Clause AND MIT")], "BSD AND MIT"),
        ([("Classifier", "License :: OSI Approved :: BSD License")], "BSD"),
        ([("Classifier", GPL), ("Classifier", "License :: OSI Approved :: MIT License")], "MIT"),
        ([("License", "Apache 2.0\n\nand its whole text")], "Apache-2.0"),
    ],
)
def test_takes_what_is_allowed(monkeypatch: pytest.MonkeyPatch, headers: list, licence: str) -> None:
    a_distribution(monkeypatch, *headers)
    assert check.licence_of("something") == (licence, "")


@pytest.mark.parametrize(
    "headers",
    [
        [("License-Expression", "GPL-3.0-or-later")],
        [("License-Expression", "AGPL-3.0-only")],
        [("License-Expression", "MIT AND GPL-2.0-only")],
        [("Classifier", GPL)],
        [("License", "LGPL-3.0-only")],
        [("License", "Do what we say")],
        [],
    ],
)
def test_refuses_what_binds_others_and_what_nobody_has_looked_at(
    monkeypatch: pytest.MonkeyPatch, headers: list
) -> None:
    a_distribution(monkeypatch, *headers)
    licence, trouble = check.licence_of("something")
    assert not licence
    assert trouble


def test_tools_of_tests_are_none_of_what_is_installed_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [
        name for name, locks in check.locked().items() if name in check.TOOLS and check.LOCKS[0] in locks
    ]
    a_distribution(monkeypatch, ("License-Expression", "GPL-2.0-only"))
    monkeypatch.setattr(check, "locked", lambda: {name: "requirements.lock" for name in check.TOOLS})
    monkeypatch.setattr(check, "TAKEN", {})
    assert len(list(check.findings())) == len(check.TOOLS)


def test_all_that_is_locked_may_be_used() -> None:
    assert list(check.findings()) == []
