"""A hundred thousand cards move as a whole, in a few statements."""

from __future__ import annotations

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from tests.builders.books import assert_books_prove
from tests.builders.people import a_player
from tests.builders.resellers import a_draft, a_reseller, a_stock_batch, arrived, linked, sent
from warchest.cards.contract import Cards
from warchest.cards.models import Card
from warchest.runtime.services import services

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.slow]


@pytest.mark.use_case("CRD-04")
def test_as_many_statements_for_a_hundred_thousand_cards_as_for_ten():
    statements = []
    for quantity in (10, 100_000):
        batch, reseller, player = a_stock_batch(quantity=quantity), a_reseller(), a_player()
        linked(reseller, player.nickname)
        with CaptureQueriesContext(connections[services.alias("cards")]) as asked:
            received = arrived(sent(a_draft(batch, receiver=reseller)), person=player.id)
        assert received.cards == quantity
        assert Card.objects.filter(holder_id=reseller.id, paid_at__isnull=False).count() == quantity
        (row,) = services.get(Cards).stock_of_reseller(reseller_id=reseller.id)
        assert (row.in_stock, row.first_serial, row.last_serial) == (
            quantity,
            batch.cards[0].serial,
            batch.cards[-1].serial,
        )
        statements.append(len(asked))
    assert statements[0] == statements[1]
    assert_books_prove()
