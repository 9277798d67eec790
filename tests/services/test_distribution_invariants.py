"""Whoever changes a card, a shipment or a line behind the journeys' back is found by name."""

from __future__ import annotations

import pytest

from tests.builders.api import an_api_client
from tests.builders.books import assert_books_prove
from tests.builders.people import NOW
from tests.builders.resellers import a_stock_batch, shipped
from tests.use_cases.test_api_tills import sell
from tests.use_cases.test_cards_distribution import Kiosk
from warchest.cards.models import Card, ResellerLine, Shipment
from warchest.kernel.clock import FixedClock
from warchest.runtime import invariants
from warchest.runtime.command import clock_in_force

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("CRD-12")]


@pytest.fixture
def kiosk():
    """Ten prepaid cards, of which a till has sold the first; and ten on consignment, of which one is sold."""
    prepaid, consigned, kiosk = a_stock_batch(), a_stock_batch(), Kiosk()
    shipped(prepaid, kiosk.reseller, kiosk.person)
    shipped(consigned, kiosk.reseller, kiosk.person, consignment=True)
    with clock_in_force(FixedClock(NOW)):
        for number, batch in enumerate((prepaid, consigned)):
            assert sell(an_api_client(), batch.cards[0].serial, kiosk, f"s-{number}").status_code == 201
    assert_books_prove()
    return kiosk


def broken() -> set[str]:
    return {check.name for check in invariants.kept() if any(True for _ in check.violations())}


def test_a_card_with_another_than_it_was_sent_to(kiosk: Kiosk):
    Card.objects.filter(state="shipped", holder_id=kiosk.reseller.id).update(holder_id=Kiosk().reseller.id)
    assert "cards_where_sent" in broken()


def test_a_card_that_nobody_has(kiosk: Kiosk):
    Card.objects.filter(state="shipped", holder_id=kiosk.reseller.id).update(holder_id=None)
    assert "cards_where_sent" in broken()


def test_a_card_that_is_owed_for_at_another_amount(kiosk: Kiosk):
    Card.objects.filter(state="sold").update(owed_minor=999)
    assert broken() == {"cards_liability"}


def test_a_card_that_nobody_has_paid_for(kiosk: Kiosk):
    Card.objects.filter(state="shipped", paid_at__isnull=False).update(
        paid_at=None, owed_minor=None, owed_currency=""
    )
    assert broken() == {"cards_liability"}


def test_a_sale_whose_card_lies_in_stock(kiosk: Kiosk):
    Card.objects.filter(state="sold").update(state="shipped")
    assert broken() == {"sales_of_cards"}


def test_a_line_that_no_entry_books(kiosk: Kiosk):
    line = ResellerLine.objects.filter(kind="delivery").get()
    line.pk, line.cards = line.pk.__class__(int=line.pk.int + 1), 1
    line.save(force_insert=True)
    assert "reseller_lines_booked" in broken()


def test_a_shipment_that_brought_more_than_was_sent(kiosk: Kiosk):
    Shipment.objects.update(cards=9)
    assert broken() == {"shipments_whole"}
