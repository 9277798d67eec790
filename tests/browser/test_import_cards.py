"""Cards of an older system in the back office as people see it: the file that is looked at, its order, and the file again."""

from __future__ import annotations

from hashlib import sha1
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import House

pytestmark = pytest.mark.browser


@pytest.mark.use_case("CRD-16")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_file_is_checked_ordered_and_taken_in(house: House, tmp_path: Path, scheme: str) -> None:
    clerk, eyes = house.administrator("adrian", color_scheme=scheme)
    owner, _seen = house.administrator("olivia", color_scheme=scheme)
    codes = [f"{len(scheme)}{number:015}" for number in range(1, 41)]
    table = tmp_path / "cards.csv"
    lines = [
        f"{scheme}-{number:03},{sha1(code.encode()).hexdigest()},{code[-4:]}"
        for number, code in enumerate(codes, 1)
    ]
    table.write_text("\n".join(["Serial,Hash,LastFour", *lines]))

    clerk.goto("/batches/import")
    eyes.look(clerk, f"import-01-file-{scheme}")
    clerk.get_by_label("Its table of cards (CSV)").set_input_files(table)
    assert clerk.get_by_label("The code of one of the cards, to try").input_value() == ""
    clerk.get_by_label("The code of one of the cards, to try").fill(codes[6])
    clerk.get_by_role("button", name="Check the file").click()
    clerk.get_by_text(f"is that of card {scheme.upper()}007").wait_for()
    clerk.get_by_label("Amount", exact=True).fill("10.00")
    clerk.get_by_label("Price of a card").fill("10.00")
    clerk.get_by_label("Reseller", exact=True).fill("guild-shop")
    clerk.get_by_label("as other liabilities").check()
    eyes.look(clerk, f"import-02-order-{scheme}")
    clerk.get_by_role("button", name="Order the import").click()
    clerk.get_by_text("bring the same file again").wait_for()
    place = urlsplit(clerk.url).path

    owner.goto(place)
    owner.locator(f"form[action='{place}/approve'] button").click()
    owner.get_by_text("Approved.").wait_for()
    clerk.goto(place)
    eyes.look(clerk, f"import-03-approved-{scheme}")
    clerk.get_by_label("The same file").set_input_files(table)
    clerk.get_by_role("button", name="Take them in").click()
    clerk.get_by_text("40 cards are good here.").wait_for()
    eyes.look(clerk, f"import-04-taken-in-{scheme}")
    assert clerk.get_by_text(f"{scheme.upper()}040").first.is_visible()
