"""Cards on their way to resellers in the back office: a drafted shipment leaves, and a card says why it is no good."""

from __future__ import annotations

import re

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.resellers import a_draft, a_reseller, a_stock_batch, by_house, sent
from warchest.cards.contract import Cards, ShipmentState
from warchest.journeys.ship_cards import draft_shipment
from warchest.members.contract import Role
from warchest.runtime.command import now
from warchest.runtime.services import services


@pytest.mark.use_case("CRD-04")
def test_a_drafted_shipment_is_sent_from_its_resellers_page_and_another_is_cancelled(
    office: BackOffice,
) -> None:
    batch, reseller = a_stock_batch(), a_reseller()
    halves = (a_draft(batch, last=5, receiver=reseller), a_draft(batch, first=6, receiver=reseller))
    leaving, staying = (draft_shipment(by_house(now()), draft=half).answer for half in halves)
    clerk, path = office.signed_in(Role.ADMINISTRATOR), f"/resellers/{reseller.id}"
    row = clerk.page(path).find("code", string=leaving.first_serial).find_parent("tr")
    assert [cell.get_text(strip=True) for cell in row.select("td.wb-number")] == ["–", "–"]
    assert (
        "5 cards are on their way." in clerk.submit(path, action=f"/shipments/{leaving.id}", what="send").text
    )
    clerk.submit(path, action=f"/shipments/{staying.id}", what="cancel")
    states = {one.id: one.state for one in services.get(Cards).shipments(reseller_id=reseller.id)}
    assert states == {leaving.id: ShipmentState.SENT, staying.id: ShipmentState.CANCELLED}


@pytest.mark.use_case("CRD-23")
def test_a_card_says_why_it_cannot_be_activated(office: BackOffice) -> None:
    batch, support = a_stock_batch(spares=1, needs_sale=True), office.signed_in(Role.SUPPORT)
    in_stock, away, spare = (batch.cards[place].serial for place in (0, 9, -1))
    sent(a_draft(batch, first=9, last=10, receiver=a_reseller()), at=now())

    def says(serial: str) -> str:
        head = support.page(f"/card/{serial}").select_one("header.wb-head")
        assert head is not None and not head.select(".wb-success")
        return re.sub(r"\s+", " ", head.get_text(" ", strip=True))

    assert "lies in our own stock" in says(in_stock)
    assert "not sold at a till yet" in says(away)
    assert "It is a spare" in says(spare)
