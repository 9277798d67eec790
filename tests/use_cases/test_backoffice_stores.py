"""Stores in the back office: what may be issued for them is ordered and approved like any batch."""

from __future__ import annotations

import re

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.people import a_command
from warchest.cards.contract import OrderLine
from warchest.journeys.sell_to_store import sell_to_store
from warchest.members.contract import Role

pytestmark = pytest.mark.use_case("PLG-05")

ORDER = {
    "quantity": "4",
    "gives": "money",
    "worth_amount": "10.00",
    "worth_currency": "EUR",
    "face_amount": "10.00",
    "face_currency": "EUR",
    "reseller": "softkey",
    "margin_percent": "20",
    "product": "credits-10-backoffice",
}


def test_what_a_store_may_sell_is_ordered_approved_and_counted(office: BackOffice) -> None:
    clerk, owner = office.signed_in(Role.ADMINISTRATOR), office.signed_in(Role.OWNER)
    path = clerk.submit("/batches/order", **ORDER).url.path
    assert re.fullmatch(r"/batches/[0-9a-f-]{36}", path)
    owner.submit(path, action=f"{path}/approve")

    page = clerk.get(path).text
    assert "credits-10-backoffice" in page
    assert f"{path}/generate" not in page, "its cards are never made together"
    sell_to_store(
        a_command(),
        line=OrderLine("softkey", "A-1", "1"),
        reseller="softkey",
        product="credits-10-backoffice",
        quantity=3,
    )

    row = next(row for row in clerk.page("/stores").select("tr") if row.select_one(f'a[href="{path}"]'))
    assert [cell.get_text(strip=True) for cell in row.select("td")][-1] == "1"


def test_a_store_says_where_it_calls_and_what_is_only_assumed(office: BackOffice) -> None:
    text = office.signed_in(Role.SUPPORT).page("/stores").get_text(" ", strip=True)

    assert "/api/v1/stores/softkey" in text
    assert "our assumptions" in text
    assert "a secret that the store knows too" not in text
