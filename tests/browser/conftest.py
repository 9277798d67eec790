"""A browser, and a small league to use it on, for the tests of this folder together.

``WARCHEST_CHROMIUM`` names another browser than Debian's; pictures of all pages are kept where ``WARCHEST_SCREENSHOTS`` says.
"""

from __future__ import annotations

import os
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.browser.eyes import DESK, PHONE, Eyes
from tests.builders.demo import Demo, a_demo

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = os.environ.get("WARCHEST_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
PATIENCE_MS = 30_000
"""Long, since a machine may have other work: who waits in vain fails all the same, and nobody else waits."""


# For this folder alone: while Playwright runs, its event loop holds the thread, and Django's database refuses to work there.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    if not shutil.which(CHROMIUM):
        pytest.skip(f"browser tests are skipped: no Chromium at {CHROMIUM}")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("browser tests are skipped: no Chromium can be driven without playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def demo(chromium: Browser) -> Iterator[Demo]:
    with a_demo() as running:
        yield running


@pytest.fixture(scope="package")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = os.environ.get("WARCHEST_SCREENSHOTS")
    if not folder:
        return tmp_path_factory.mktemp("screenshots")
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)


class House:
    """People of the demo, each in a browser of their own."""

    def __init__(self, demo: Demo, browser: Browser, pictures: Path) -> None:
        self.demo = demo
        self.file: dict[str, Any] = demo.file()
        self.portal: str = self.file["portal"]
        self.backoffice: str = self.file["backoffice"]
        self._browser = browser
        self._pictures = pictures
        self._open = ExitStack()

    def close(self) -> None:
        self._open.close()

    @property
    def hosts(self) -> set[str]:
        sandbox = (self.demo.folder / "sandbox" / "base-url").read_text().strip()
        return {urlsplit(url).netloc for url in (self.portal, self.backoffice, sandbox)}

    def context(self, **options: Any) -> BrowserContext:
        asked = {"viewport": PHONE, "locale": "en-GB", "color_scheme": "dark", **options}
        context = self._open.enter_context(self._browser.new_context(**asked))
        context.set_default_timeout(PATIENCE_MS)
        return context

    def visitor(self, **options: Any) -> tuple[Page, Eyes]:
        """Somebody at the portal who has not signed in."""
        context = self.context(base_url=self.portal, **options)
        return context.new_page(), Eyes(context, self._pictures, self.hosts)

    def player(self, nickname: str, **options: Any) -> tuple[Page, Eyes]:
        """One of the players of demo.json, signed in."""
        listed = next(player for player in self.file["players"] if player["nickname"] == nickname)
        page, eyes = self.visitor(**options)
        page.goto("/sign-in")
        page.locator("#id_login").fill(listed["email"])
        page.locator("#id_password").fill(listed["password"])
        page.locator(".door button.button-main").click()
        page.wait_for_url(self.portal + "/")
        return page, eyes

    def with_certificate(self, path: str | Path, passphrase: str, **options: Any) -> tuple[Page, Eyes]:
        """A browser at the door of the back office."""
        certificate = {"origin": self.backoffice, "pfxPath": str(path), "passphrase": passphrase}
        context = self.context(
            base_url=self.backoffice,
            # Its own authority signed the server's certificate; who asks is what these tests are about.
            ignore_https_errors=True,
            client_certificates=[certificate],
            viewport=DESK,
            **{"color_scheme": "light", **options},
        )
        return context.new_page(), Eyes(context, self._pictures, self.hosts)

    def administrator(self, username: str, **options: Any) -> tuple[Page, Eyes]:
        """One of the administrators of demo.json, signed in."""
        listed = self.listed_administrator(username)
        from playwright.sync_api import TimeoutError as PlaywrightTimeout

        page, eyes = self.with_certificate(listed["pkcs12"], listed["pkcs12_password"], **options)
        try:
            page.goto("/")
        except PlaywrightTimeout:
            # Seen once in many runs, and not understood yet. It is told with what the servers said, so that it cannot hide.
            warnings.warn(f"the first page did not come; tried again. {self.demo.output()}", stacklevel=1)
            page, eyes = self.with_certificate(listed["pkcs12"], listed["pkcs12_password"], **options)
            page.goto("/")
        sign_in_to_backoffice(page, listed["password"])
        return page, eyes

    def listed_administrator(self, username: str) -> dict[str, str]:
        return next(admin for admin in self.file["admins"] if admin["username"] == username)


def sign_in_to_backoffice(page: Page, password: str) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "sign-in" not in url)


@pytest.fixture(scope="module")
def house(demo: Demo, chromium: Browser, pictures: Path) -> Iterator[House]:
    here = House(demo, chromium, pictures)
    yield here
    here.close()


@pytest.fixture(scope="package")
def shop() -> Iterator[str]:
    """The address of a page that a provider's page sends people back to."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<!doctype html><html lang=en><title>Back</title><main><h1>Back in the shop</h1></main>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/back?payment=7"
        server.shutdown()


@pytest.fixture
def abroad(chromium: Browser, pictures: Path, shop: str) -> Iterator[Callable[[str], tuple[Page, Eyes]]]:
    """A player's phone at a provider, and whoever looks over their shoulder: ``abroad(its_url)``."""
    with ExitStack() as contexts:

        def open_at(url: str) -> tuple[Page, Eyes]:
            context = contexts.enter_context(chromium.new_context(viewport=PHONE, locale="en-GB"))
            context.set_default_timeout(PATIENCE_MS)
            # Browsers ask for it once, wherever they are.
            context.route("**/favicon.ico", lambda route: route.fulfill(body=""))
            return context.new_page(), Eyes(context, pictures, {urlsplit(url).netloc, urlsplit(shop).netloc})

        yield open_at
