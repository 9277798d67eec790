"""The back office opens to a certificate in force, and a session to the certificate that it was opened with."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import House, sign_in_to_backoffice

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.use_case("ADM-01")]


@pytest.fixture(scope="module")
def owner(house: House) -> Iterator[Page]:
    yield house.administrator("olivia")[0]


def is_let_in(page: Page) -> bool:
    """Whether anything of the back office is shown, be it the question for the password."""
    from playwright.sync_api import Error

    try:
        answer = page.goto("/")
    except Error as refused:
        # What browsers call it, and what Playwright's own end of the handshake does.
        assert "ERR_" in refused.message or "certificate" in refused.message.lower(), refused.message
        return False
    return answer is not None and answer.ok


def certificate_from(owner: Page, *, to: str, folder: Path) -> tuple[Path, str, str]:
    """The file of a new certificate, its passphrase and its serial."""
    owner.goto("/administrators")
    panel = owner.locator("section", has=owner.get_by_role("heading", name=to, exact=True))
    panel.get_by_role("button", name="New certificate").click()
    passphrase = owner.locator(".wb-secret").inner_text()
    href = owner.get_by_role("link", name="Download the certificate").get_attribute("href") or ""
    serial = owner.locator("dd code").last.inner_text()
    file = folder / f"{to}.p12"
    file.write_bytes(base64.b64decode(href.split("base64,")[1]))
    return file, passphrase, serial


def test_without_a_certificate_there_is_no_connection(house: House) -> None:
    page = house.context(base_url=house.backoffice, ignore_https_errors=True).new_page()
    assert not is_let_in(page)


def test_a_revoked_certificate_opens_nothing_any_more_not_even_what_it_had_open(
    house: House, owner: Page, tmp_path: Path
) -> None:
    file, passphrase, serial = certificate_from(owner, to="silas", folder=tmp_path)
    page, _ = house.with_certificate(file, passphrase)
    assert is_let_in(page)
    sign_in_to_backoffice(page, house.listed_administrator("silas")["password"])
    assert page.get_by_text("Today").first.is_visible()

    owner.goto("/administrators")
    owner.locator("li", has=owner.locator(f"code[title='{serial}']")).get_by_role(
        "button", name="Revoke"
    ).click()
    owner.get_by_text("The certificate is revoked.").wait_for()
    assert not is_let_in(page)
    assert not is_let_in(house.with_certificate(file, passphrase)[0])
    # The first one of the same person is in force as before.
    assert house.administrator("silas")[0].get_by_text("Today").first.is_visible()


def test_a_session_is_dead_with_another_certificate(house: House) -> None:
    adrian, _ = house.administrator("adrian")
    listed = house.listed_administrator("ada")
    ada, _ = house.with_certificate(listed["pkcs12"], listed["pkcs12_password"])
    ada.context.add_cookies(adrian.context.cookies())  # type: ignore[arg-type]
    ada.goto("/batches/order")
    assert urlsplit(ada.url).path == "/sign-in"
    assert ada.get_by_text("the certificate of ada").is_visible()
    # Who had it lost it too: somebody else has seen the cookie.
    adrian.goto("/")
    assert urlsplit(adrian.url).path == "/sign-in"


def test_a_wrong_password_is_told_without_saying_more(house: House) -> None:
    listed = house.listed_administrator("amara")
    page, eyes = house.with_certificate(listed["pkcs12"], listed["pkcs12_password"])
    page.goto("/")
    eyes.look(page, "backoffice-sign-in")
    page.get_by_label("Password").fill("not this one")
    with eyes.expecting(403):
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("alert").wait_for()
        eyes.look(page, "backoffice-sign-in-refused")
