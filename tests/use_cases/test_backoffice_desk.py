"""CRD-34: cards sold at the desk, through the back office's pages."""

from __future__ import annotations

import re

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.cards import an_approved_batch
from warchest.members.contract import Role

pytestmark = pytest.mark.use_case("CRD-34")

_CODE = re.compile(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}")


def test_the_desk_sells_shows_codes_once_and_takes_back(office: BackOffice) -> None:
    batch = an_approved_batch(
        quantity=10, virtual=True, stock=True, reseller="", margin_bps=0, product="desk-page-10"
    )
    clerk, other = office.signed_in(Role.ADMINISTRATOR), office.signed_in(Role.ADMINISTRATOR)
    sold = clerk.submit("/desk", batch=str(batch.id), quantity="2", note="for the hall")
    place = sold.url.path
    assert re.fullmatch(r"/desk/[0-9a-f-]{36}", place)
    assert len(clerk.page(place).select("td code")) == 2
    assert not other.page(place).select(f'form[action="{place}"], form:not([action])')

    shown = clerk.submit(place)
    codes = _CODE.findall(shown.text)
    assert len(codes) == 2
    assert "no-store" in shown.headers["cache-control"]

    again = clerk.get(place).text
    assert not _CODE.findall(again)
    assert "Show the codes" not in again
    assert "codes shown" in again
    clerk.submit(place, action=f"{place}/take-back")
    assert "taken back" in clerk.get(place).text
    assert "desk-page-10" in clerk.get("/desk").text


def test_support_does_not_sell(office: BackOffice) -> None:
    assert office.signed_in(Role.SUPPORT).get("/desk").status_code == 403
