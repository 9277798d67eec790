"""How the tests look at a page: in two widths, for faults that no page may have, and with a picture kept for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}

_FAULTS = (Path(__file__).parent / "faults.js").read_text()


@dataclass
class Eyes:
    """Sees everything that one person's browser does. ``hosts`` are those that it may speak to."""

    context: BrowserContext
    pictures: Path
    hosts: Collection[str]
    wrong: list[str] = field(default_factory=list)
    _expected: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self._note(f"script failed: {error.error}"))
        self.context.on("request", self._asked)
        self.context.on("requestfailed", self._failed)
        self.context.on("response", self._answered)

    def look(self, page: Page, name: str, *, sizes: Collection[dict[str, int]] = (PHONE, DESK)) -> None:
        """Fails where the page has a fault in any width, or its browser met one on the way here."""
        # Whoever clicked has only seen the next page begin.
        page.wait_for_load_state()
        was = page.viewport_size
        for size in sizes:
            page.set_viewport_size(size)  # type: ignore[arg-type]
            faults = page.evaluate(_FAULTS)
            # As tall as the page, so that what stands at the window's end covers nothing.
            height = max(size["height"], page.evaluate("document.documentElement.scrollHeight"))
            page.set_viewport_size({"width": size["width"], "height": height})
            page.screenshot(path=self.pictures / f"{name}-{size['width']}.png")
            self.wrong += [f"{name} at {size['width']} px {fault}" for fault in faults]
        if was:
            page.set_viewport_size(was)
        self.assert_nothing_wrong()

    def assert_nothing_wrong(self) -> None:
        found, self.wrong[:] = "\n".join(self.wrong), []
        assert not found, found

    @contextmanager
    def expecting(self, *answers: int) -> Iterator[None]:
        """These refusals are what the test is about, and the browser's own words about them."""
        self._expected = re.compile("|".join(rf"\b{answer}\b" for answer in answers))
        try:
            yield
        finally:
            self._expected = None

    def _note(self, what: str) -> None:
        if not (self._expected and self._expected.search(what)):
            self.wrong.append(what)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._note(f"console: {message.text} at {message.location.get('url', '')}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc not in self.hosts:
            self._note(f"asked a stranger: {request.url}")

    def _failed(self, request: Request) -> None:
        # What is under way when a page is left is given up, and nobody misses it; so is what becomes a download.
        if request.failure not in ("net::ERR_ABORTED", None):
            self._note(f"request failed: {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._note(f"answer {response.status}: {response.url}")


@contextmanager
def pages_loaded(page: Page, *, at_most: int) -> Iterator[Callable[[], int]]:
    """Counts the documents that the page loads meanwhile, redirects not counted."""
    loaded: list[str] = []

    def count(shown: Page) -> None:
        loaded.append(shown.url)

    page.on("domcontentloaded", count)
    yield lambda: len(loaded)
    page.remove_listener("domcontentloaded", count)
    assert len(loaded) <= at_most, loaded
