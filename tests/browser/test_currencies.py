"""The accountant's work with other currencies and with files, in a real browser."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.browser.conftest import House
from tests.browser.eyes import DESK, PHONE

pytestmark = pytest.mark.browser


def test_an_exchange_is_typed_looked_at_booked_and_told(house: House) -> None:
    page, eyes = house.administrator("amara")
    page.goto("/exchange")
    page.get_by_label("Amount that went").fill("100.00")
    page.get_by_label("Or the rate").fill("0.91")
    page.get_by_label("Reference").fill("statement 7")
    page.get_by_role("button", name="Look at the entry").click()
    page.get_by_role("main").get_by_text("One USD brought 0.91 EUR").wait_for()
    eyes.look(page, "backoffice-exchange-preview-light", sizes=(PHONE, DESK))

    page.get_by_role("button", name="Book the exchange").click()
    page.get_by_text("The exchange is booked.").wait_for()
    assert "statement 7" in page.get_by_role("main").inner_text()

    page.goto("/exchange-differences")
    assert "EUR-USD" in page.get_by_role("main").inner_text()
    eyes.look(page, "backoffice-exchange-differences-told-light", sizes=(PHONE, DESK))
    page.goto("/currency-rates")
    eyes.look(page, "backoffice-currency-rates-light", sizes=(PHONE, DESK))


def test_the_journal_comes_as_a_file_and_the_page_stays(house: House, tmp_path: Path) -> None:
    page, eyes = house.administrator("amara")
    page.goto("/journal/export")
    files = []
    for title in ("CSV", "beancount"):
        page.get_by_label(title, exact=False).first.check()
        with page.expect_download() as coming:
            page.get_by_role("button", name="Download").click()
        files.append(tmp_path / coming.value.suggested_filename)
        coming.value.save_as(files[-1])

    table, text = files
    entries = {row["entry_id"] for row in csv.DictReader(table.open(newline=""))}
    assert len(entries) > 100
    # The house is open, and may have booked something between the two.
    assert len(entries) <= text.read_text().count("\n  id: ")
    eyes.assert_nothing_wrong()
