"""Every plug-in in ``plugins/`` that takes money or sells codes brings a rig, and its own tests run the conformance kit."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from warchest.sdk.conformance.session import PROVIDERS, RIGS, installed, unknown_skips
from warchest.sdk.store_conformance import RIGS as STORE_RIGS
from warchest.sdk.store_conformance import STORES

PLUGINS = Path(__file__).parents[2] / "plugins"
_RUNS_THE_KIT = re.compile(r"conformance_tests\(|store_conformance")


def _named(group: str) -> dict[str, Path]:
    """The names that the shipped distributions give under a group of entry points, and their folders."""
    found: dict[str, Path] = {}
    for file in PLUGINS.glob("*/pyproject.toml"):
        project = tomllib.loads(file.read_text())["project"]
        found |= dict.fromkeys(project.get("entry-points", {}).get(group, {}), file.parent)
    return found


@pytest.mark.parametrize(("group", "rigs"), [(PROVIDERS, RIGS), (STORES, STORE_RIGS)])
def test_each_brings_a_rig_and_is_tried_by_its_tests(group: str, rigs: str) -> None:
    plugins = _named(group)
    assert plugins and plugins == _named(rigs)
    for name, folder in plugins.items():
        tests = "\n".join(file.read_text() for file in folder.glob("tests/*.py"))
        assert _RUNS_THE_KIT.search(tests), f"no test of {name} runs the kit"
        assert (folder / "README.md").exists(), f"{name} has no README.md"


@pytest.mark.parametrize("name", sorted(_named(PROVIDERS)))
def test_what_is_skipped_has_a_reason_for_people(name: str) -> None:
    rig, _ = installed(name)
    assert rig.provider == name
    assert unknown_skips(rig) == []
    for step, reason in rig.skips.items():
        assert re.fullmatch(r"[A-Z].{12,}\.", reason, re.DOTALL), f"{name} skips {step}: {reason!r}"
