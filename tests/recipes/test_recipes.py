"""Every recipe in ``docs/recipes`` runs as it stands: what a page says that code prints is what the code prints."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.configuration import changed_configuration
from tests.recipes import kitchen

PAGES = sorted((Path(__file__).parents[2] / "docs" / "recipes").glob("*.md"))
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def provider() -> Iterator[None]:
    """A configured provider that nobody ever reaches: recipes tell what is said, not how it travels."""
    table = {"base_url": "http://127.0.0.1:9", "api_secret": "s" * 32, "notice_secret": "s" * 32}
    with changed_configuration(providers={"sandbox": table}):
        yield


# Some start whole houses.
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("database", "provider")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_prints_what_it_says(page: Path) -> None:
    names = dict(vars(kitchen))
    printed, checked = "", 0
    try:
        for language, text in _FENCE.findall(page.read_text()):
            if language == "python":
                output = io.StringIO()
                with contextlib.redirect_stdout(output):
                    exec(compile(text, str(page), "exec"), names)
                printed = output.getvalue()
            elif language == "text":
                assert printed == text
                checked += 1
    finally:
        for each in names.values():
            if isinstance(each, (kitchen.Sandbox, kitchen.Servers, kitchen.Watched)):
                each.close()
    assert checked, "a recipe shows what it gives"
