"""What becomes of an older system's cards once they are here: all that becomes of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.imports import SCHEMES, guildhall, imported, some_codes
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from tests.builders.resellers import a_reseller, by_house
from tests.builders.tampering import with_all_rights
from warchest.cards import batch_invariants
from warchest.cards.contract import Cards, CardSelection, CardState, ShipmentDraft, UnableToActivateCard
from warchest.journeys.activate_card import activate_card
from warchest.journeys.close_batch import close_batch
from warchest.journeys.extend_cards import extend_cards
from warchest.journeys.replace_card import replace_card
from warchest.journeys.ship_cards import receive_shipment, ship_cards
from warchest.runtime.services import services

pytestmark = [
    pytest.mark.usefixtures("database", "older_systems"),
    pytest.mark.use_case("CRD-16"),
]
STOCK = {"reseller": "", "margin_bps": 0, "stock": True}


@pytest.fixture
def older_systems() -> Iterator[None]:
    with changed_configuration(cards={"schemes": SCHEMES}):
        yield


def cards() -> Cards:
    return services.get(Cards)


def serials(batch_id: object) -> list[str]:
    return [line.serial for line in cards().register(batch_id=batch_id, at=NOW)]  # type: ignore[arg-type]


def test_they_are_shipped_by_ranges_of_their_serials() -> None:
    batch = imported(guildhall(*some_codes(6)), **STOCK)
    given = serials(batch.id)
    kiosk = a_reseller()
    draft = ShipmentDraft(
        sender=None, receiver=kiosk.id, first_serial=given[1], last_serial=given[3], consignment=False
    )
    sent = ship_cards(by_house(), draft=draft).answer
    receive_shipment(by_house(), shipment=sent.id)
    arrived = cards().shipment(shipment_id=sent.id)
    assert (arrived.first_serial, arrived.last_serial, arrived.arrived) == (given[1], given[3], 3)
    (stock,) = cards().stock_of_reseller(reseller_id=kiosk.id)
    assert (stock.first_serial, stock.last_serial, stock.in_stock) == (given[1], given[3], 3)
    assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.SHIPPED: 3, CardState.HANDED_OVER: 3}
    closed = close_batch(acting_as(an_administrator()), batch=batch.id).answer
    assert closed.void == 3
    states = [line.state for line in cards().register(batch_id=batch.id, at=NOW)]
    assert states == [CardState.VOID, *[CardState.SHIPPED] * 3, CardState.VOID, CardState.VOID]
    assert_books_prove()


def test_they_end_and_are_extended() -> None:
    codes = some_codes(4)
    batch = imported(guildhall(*codes), expires_at=NOW + timedelta(days=30))
    given = serials(batch.id)
    later = NOW + timedelta(days=90)
    extended = extend_cards(
        acting_as(an_administrator()),
        selection=CardSelection(first_serial=given[0], last_serial=given[1]),
        ends_at=later,
        reason="winter",
    ).answer
    assert (extended.first_serial, extended.last_serial, extended.count) == (given[0], given[1], 2)
    after = NOW + timedelta(days=31)
    states = [line.state for line in cards().register(batch_id=batch.id, at=after)]
    assert states.count(CardState.EXPIRED) == 2
    assert states[:2] == [CardState.HANDED_OVER] * 2
    assert_books_prove()


def test_what_is_issued_in_their_place_is_of_ours() -> None:
    codes = some_codes(3)
    batch = imported(guildhall(*codes), serial_prefix="GA")
    (void,) = [line.serial for line in cards().register(batch_id=batch.id, at=NOW)][1:2]
    last_four = cards().card(serial=void, at=NOW).last_four
    done = replace_card(
        acting_as(an_administrator()), serial=void, last_four=last_four, reason="unreadable"
    ).answer
    assert done.serial.startswith("GA") and done.void == void
    code = cards().show_replacement(void=void, at=NOW)
    assert code
    assert activate_card(a_command(), player=a_player().id, code=code).answer.serial == done.serial
    old = next(one for one in codes if one.endswith(last_four))
    with pytest.raises(UnableToActivateCard, match="card_blocked"):
        activate_card(a_command(), player=a_player().id, code=old)
    # Its serial lies before all of theirs, and it stands in the register all the same.
    assert serials(batch.id)[0] == done.serial and len(serials(batch.id)) == 4
    assert_books_prove()


def test_who_does_not_know_the_end_of_a_code_has_it_never_right() -> None:
    file = b"\n".join(line.rpartition(b",")[0] for line in guildhall(*some_codes(1)).splitlines())
    batch = imported(file)
    (serial,) = serials(batch.id)
    assert cards().card(serial=serial, at=NOW).last_four == ""
    seen = cards().verify(
        code_hash="", serial=serial, last_four="-", reason="at the counter", actor="administrator:1", at=NOW
    )
    assert not seen.right


@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE cards_card SET number = 4 - number",
        "UPDATE cards_importmark SET serial = 'GH99999' WHERE number = 1",
        "DELETE FROM cards_importmark WHERE number = 3",
    ],
)
def test_numbers_that_do_not_follow_the_serials_are_found(
    forged: str, superuser_dsn_of: Callable[[str], str]
) -> None:
    batch = imported(guildhall(*some_codes(3)))
    assert not list(batch_invariants._imports_out_of_order())
    with_all_rights(superuser_dsn_of("cards"), forged)
    found, *_ = batch_invariants._imports_out_of_order()
    assert batch.terms.serial_prefix in found
