"""A player finds a receipt and downloads it; support finds it by its number."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import House

pytestmark = [pytest.mark.browser, pytest.mark.use_case("PAY-14")]


def test_a_receipt_is_two_taps_and_a_download_away(house: House, tmp_path: Path) -> None:
    page, eyes = house.player("Sable")
    page.goto("/documents")
    page.locator(".lines a.line").first.wait_for()
    eyes.look(page, "portal-documents-phone")
    page.locator(".lines a.line").first.click()
    page.wait_for_url("**/documents/*-*")
    eyes.look(page, "portal-document-phone")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download as PDF").click()
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    assert file.suffix == ".pdf" and file.read_bytes().startswith(b"%PDF-")


@pytest.mark.use_case("PAY-19")
def test_support_finds_it_by_its_number_and_sends_it_again(house: House) -> None:
    page, _ = house.player("Sable")
    page.goto("/documents")
    number = page.locator(".lines a.line bdi").first.inner_text()
    office, eyes = house.administrator("sam") if _is_there(house, "sam") else house.administrator("olivia")
    office.goto(f"/find?q={number}")
    office.wait_for_url("**/document/*")
    eyes.look(office, "backoffice-document")
    office.get_by_role("button", name="Send it again").click()
    office.get_by_text(f"{number} goes to the player's address again.").wait_for()


def _is_there(house: House, username: str) -> bool:
    return any(admin["username"] == username for admin in house.file["admins"])
