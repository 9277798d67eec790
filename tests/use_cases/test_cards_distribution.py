"""Cards go down a chain of resellers, are paid before or when they are sold, and come back."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, connections, transaction

from tests.builders.books import assert_books_prove
from tests.builders.cards import PrintedBatch, a_batch
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player
from tests.builders.resellers import (
    a_draft,
    a_reseller,
    a_stock_batch,
    arrived,
    by_house,
    by_person,
    linked,
    sent,
    shipped,
)
from warchest.cards.contract import (
    LIABILITY_BOOK,
    RECEIVABLE_BOOK,
    Cards,
    CardState,
    Reseller,
    ResellerTerms,
    ShipmentState,
    UnableToActivateCard,
    UnableToShipCards,
    UnableToTakeOnReseller,
    Worth,
)
from warchest.cards.models import Shipment as ShipmentRow
from warchest.cards.models import ShipmentPart
from warchest.journeys.activate_card import activate_card
from warchest.journeys.ship_cards import (
    cancel_shipment,
    draft_shipment,
    lose_shipment,
    send_shipment,
    ship_cards,
    take_back_cards,
)
from warchest.journeys.take_on_reseller import (
    change_reseller,
    resume_reseller,
    suspend_reseller,
    take_on_reseller,
)
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import UnableToAdminister
from warchest.runtime.services import services

A_MONTH = (Worth.of_period(plan=ARENA_MONTH, periods=1),)

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("CRD-04")]


class Kiosk:
    """A reseller, and a player who acts for it."""

    def __init__(self, **terms: object) -> None:
        self.reseller: Reseller = a_reseller(**terms)  # type: ignore[arg-type]
        self.player = player = a_player()
        self.person: UUID = player.id
        linked(self.reseller, player.nickname)

    @property
    def owes(self) -> str:
        account = AccountRef(RECEIVABLE_BOOK, "EUR", self.reseller.name)
        return services.get(Ledger).balance(account=account).posted.major


def owed_for(batch: PrintedBatch) -> str:
    return services.get(Ledger).balance(account=AccountRef(LIABILITY_BOOK, "EUR", str(batch.id))).posted.major


def balance(book: str, owner: str = "") -> str:
    return services.get(Ledger).balance(account=AccountRef(book, "EUR", owner)).posted.major


def state_of(serial: str) -> CardState:
    return services.get(Cards).card(serial=serial, at=NOW).state


def stock_of(kiosk: Kiosk) -> tuple[int, int, int]:
    """In stock, on consignment, on the way."""
    rows = services.get(Cards).stock_of_reseller(reseller_id=kiosk.reseller.id)
    return (
        sum(row.in_stock for row in rows),
        sum(row.on_consignment for row in rows),
        sum(row.on_the_way for row in rows),
    )


def refusal(act) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises((UnableToShipCards, UnableToTakeOnReseller, UnableToAdminister)) as caught:
        act()
    return caught.value.reason


class TestPrepaid:
    def test_nothing_is_booked_before_the_cards_arrive(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        shipment = sent(a_draft(batch, receiver=kiosk.reseller))
        assert (shipment.state, shipment.cards, kiosk.owes) == (ShipmentState.SENT, 10, "0.00")
        assert stock_of(kiosk) == (0, 0, 10)
        assert state_of(batch.cards[0].serial) is CardState.SHIPPED
        assert_books_prove()

    def test_arrived_cards_are_owed_for_less_the_margin(self):
        batch, kiosk = a_stock_batch(), Kiosk(margin_bps=750)
        received = shipped(batch, kiosk.reseller, kiosk.person)
        assert received.state is ShipmentState.RECEIVED
        assert (kiosk.owes, balance("reseller_margin"), owed_for(batch)) == ("92.50", "7.50", "100.00")
        assert stock_of(kiosk) == (10, 0, 0)
        assert_books_prove()

    def test_a_part_may_arrive_and_the_rest_later(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        shipment = sent(a_draft(batch, receiver=kiosk.reseller))
        serials = [card.serial for card in batch.cards]
        first = arrived(shipment, person=kiosk.person, first=serials[3], last=serials[5])
        assert (first.cards, first.state, kiosk.owes) == (3, ShipmentState.SENT, "27.00")
        assert services.get(Cards).shipment(shipment_id=shipment.id).away == (
            (serials[0], serials[2]),
            (serials[6], serials[9]),
        )
        assert_books_prove()
        rest = arrived(shipment, person=kiosk.person)
        assert (rest.cards, rest.state, kiosk.owes) == (7, ShipmentState.RECEIVED, "90.00")
        assert_books_prove()

    def test_to_receive_twice_is_to_receive_once(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        shipment = sent(a_draft(batch, receiver=kiosk.reseller))
        arrived(shipment, person=kiosk.person)
        assert arrived(shipment, person=kiosk.person).cards == 0
        assert kiosk.owes == "90.00"

    def test_who_scratches_a_card_that_was_paid_gets_what_it_is_worth(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        shipped(batch, kiosk.reseller, kiosk.person)
        player = a_player()
        activate_card(a_command(), player=player.id, code=batch.cards[0].code)
        assert (owed_for(batch), balance("wallet_funding")) == ("90.00", "10.00")
        assert_books_prove()

    def test_a_card_in_our_own_stock_can_t_be_activated(self):
        batch = a_stock_batch()
        with pytest.raises(UnableToActivateCard, match="card_not_sold"):
            activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)

    def test_a_card_on_its_way_can_t_be_activated(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        sent(a_draft(batch, receiver=kiosk.reseller))
        with pytest.raises(UnableToActivateCard, match="card_not_sold"):
            activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)


class TestConsignment:
    def test_nothing_is_booked_until_somebody_activates_a_card(self):
        batch, kiosk = a_stock_batch(), Kiosk(margin_bps=1000)
        shipped(batch, kiosk.reseller, kiosk.person, consignment=True)
        assert (kiosk.owes, owed_for(batch), stock_of(kiosk)) == ("0.00", "0.00", (10, 10, 0))
        activate_card(a_command(), player=a_player().id, code=batch.cards[4].code)
        assert (kiosk.owes, owed_for(batch), balance("wallet_funding")) == ("9.00", "0.00", "10.00")
        assert [row.kind for row in lines_of(kiosk)] == ["sale"]
        assert_books_prove()

    def test_a_card_that_needs_a_sale_waits_for_it(self):
        batch, kiosk = a_stock_batch(needs_sale=True), Kiosk()
        shipped(batch, kiosk.reseller, kiosk.person, consignment=True)
        with pytest.raises(UnableToActivateCard, match="card_not_sold"):
            activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        assert kiosk.owes == "0.00"


def lines_of(kiosk: Kiosk):  # type: ignore[no-untyped-def]
    return services.get(Cards).reseller_lines(reseller_id=kiosk.reseller.id)


class TestReturns:
    def test_prepaid_cards_that_come_back_are_credited_as_they_were_booked(self):
        batch, kiosk = a_stock_batch(), Kiosk(margin_bps=750)
        shipped(batch, kiosk.reseller, kiosk.person)
        # Terms that changed since do not change what was paid.
        terms = kiosk.reseller.terms
        change_reseller(
            by_house(),
            reseller=kiosk.reseller.id,
            terms=ResellerTerms(terms.title, 2000, terms.credit_limit, terms.payment_days),
        )
        back = take_back_cards(
            by_house(), draft=a_draft(batch, first=1, last=4, sender=kiosk.reseller)
        ).answer
        assert (back.cards, kiosk.owes, owed_for(batch)) == (4, "55.50", "60.00")
        assert balance("reseller_margin") == "4.50"
        assert state_of(batch.cards[0].serial) is CardState.RETURNED
        assert_books_prove()

    def test_returned_cards_can_be_shipped_again(self):
        batch, one, other = a_stock_batch(), Kiosk(), Kiosk()
        shipped(batch, one.reseller, one.person)
        take_back_cards(by_house(), draft=a_draft(batch, sender=one.reseller))
        shipped(batch, other.reseller, other.person, consignment=True)
        assert (one.owes, other.owes, stock_of(other)) == ("0.00", "0.00", (10, 10, 0))
        assert_books_prove()

    def test_a_reseller_sends_back_and_the_house_receives(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        shipped(batch, kiosk.reseller, kiosk.person)
        back = sent(a_draft(batch, sender=kiosk.reseller), command=by_person(kiosk.person))
        assert back.is_return
        assert (stock_of(kiosk), kiosk.owes) == ((0, 0, 0), "90.00")
        from warchest.journeys.ship_cards import receive_shipment

        receive_shipment(by_house(), shipment=back.id)
        assert kiosk.owes == "0.00"
        assert_books_prove()

    def test_an_activated_card_does_not_come_back(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        shipped(batch, kiosk.reseller, kiosk.person)
        activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        back = take_back_cards(by_house(), draft=a_draft(batch, sender=kiosk.reseller)).answer
        assert (back.cards, kiosk.owes, owed_for(batch)) == (9, "9.00", "0.00")
        assert_books_prove()

    def test_of_a_batch_that_was_delivered_whole_what_comes_back_is_credited(self):
        kiosk = Kiosk(name="whole-kiosk")
        batch = a_batch(quantity=10, reseller="whole-kiosk", margin_bps=800)
        assert (kiosk.owes, stock_of(kiosk)) == ("92.00", (10, 0, 0))
        take_back_cards(by_house(), draft=a_draft(batch, first=7, last=10, sender=kiosk.reseller))
        assert (kiosk.owes, owed_for(batch), stock_of(kiosk)) == ("55.20", "60.00", (6, 0, 0))
        with pytest.raises(UnableToActivateCard, match="card_not_sold"):
            activate_card(a_command(), player=a_player().id, code=batch.cards[9].code)
        assert_books_prove()


class TestChain:
    def test_the_house_deals_with_the_top_and_below_it_margins_are_split(self):
        batch = a_stock_batch()
        top = Kiosk(margin_bps=1500)
        below = Kiosk(parent=top.reseller, margin_bps=1000)
        shipped(batch, top.reseller, top.person)
        on = sent(
            a_draft(batch, last=6, sender=top.reseller, receiver=below.reseller),
            command=by_person(top.person),
        )
        arrived(on, person=below.person)
        cards = services.get(Cards)
        assert (top.owes, below.owes) == ("85.00", "0.00")
        assert cards.owed_to_parent(reseller_id=below.reseller.id, at=NOW).major == "54.00"
        assert (stock_of(top), stock_of(below)) == ((4, 0, 0), (6, 0, 0))
        assert_books_prove()

    def test_what_is_on_consignment_all_the_way_is_owed_at_each_step_when_it_is_sold(self):
        batch = a_stock_batch()
        top = Kiosk(margin_bps=1500)
        below = Kiosk(parent=top.reseller, margin_bps=1000)
        shipped(batch, top.reseller, top.person, consignment=True)
        draft = a_draft(batch, sender=top.reseller, receiver=below.reseller, consignment=True)
        arrived(sent(draft, command=by_person(top.person)), person=below.person)
        activate_card(a_command(), player=a_player().id, code=batch.cards[2].code)
        cards = services.get(Cards)
        assert top.owes == "8.50"
        assert cards.owed_to_parent(reseller_id=below.reseller.id, at=NOW).major == "9.00"
        kept = [
            sum(
                day.margin.minor
                for day in cards.sales_by_day(reseller_id=one, since=NOW, until=NOW + timedelta(days=1))
            )
            for one in (top.reseller.id, below.reseller.id)
        ]
        assert kept == [50, 100]
        assert_books_prove()

    def test_cards_come_back_step_by_step(self):
        batch = a_stock_batch()
        top = Kiosk(margin_bps=1500)
        below = Kiosk(parent=top.reseller, margin_bps=1000)
        shipped(batch, top.reseller, top.person)
        draft = a_draft(batch, sender=top.reseller, receiver=below.reseller)
        arrived(sent(draft, command=by_person(top.person)), person=below.person)
        back = a_draft(batch, first=3, last=5, sender=below.reseller, receiver=top.reseller)
        take_back_cards(by_person(top.person), draft=back)
        assert services.get(Cards).owed_to_parent(reseller_id=below.reseller.id, at=NOW).major == "63.00"
        take_back_cards(by_house(), draft=a_draft(batch, first=4, last=5, sender=top.reseller))
        assert (top.owes, owed_for(batch)) == ("68.00", "80.00")
        assert_books_prove()

    def test_cards_go_one_step_at_a_time(self):
        batch = a_stock_batch()
        top = Kiosk(margin_bps=1500)
        below = Kiosk(parent=top.reseller, margin_bps=1000)
        assert refusal(lambda: sent(a_draft(batch, receiver=below.reseller))) == "not_next_in_chain"

    def test_the_database_keeps_cards_on_the_chain(self):
        batch = a_stock_batch()
        top, stranger = Kiosk(margin_bps=1500), Kiosk()
        below = Kiosk(parent=top.reseller, margin_bps=1000)
        shipment = sent(a_draft(batch, receiver=top.reseller))
        row = ShipmentRow.objects.get(id=shipment.id)
        for sender, receiver in ((None, below), (stranger, below), (top, stranger)):
            row.pk, row.sender_id = new_id(), sender.reseller.id if sender else None
            row.receiver_id = receiver.reseller.id
            with pytest.raises(DatabaseError, match="one step"), transaction.atomic():
                row.save(force_insert=True)

    def test_a_child_has_no_more_margin_than_its_parent(self):
        top = Kiosk(margin_bps=1000)
        assert (
            refusal(lambda: a_reseller(parent=top.reseller, margin_bps=1001))
            == "reseller_margin_out_of_range"
        )
        below = a_reseller(parent=top.reseller, margin_bps=900)
        terms = ResellerTerms("Top", 899, top.reseller.terms.credit_limit, 30)
        change = lambda: change_reseller(by_house(), reseller=top.reseller.id, terms=terms)  # noqa: E731
        assert refusal(change) == "reseller_above_children"
        from warchest.cards.models import Reseller as ResellerRow

        with pytest.raises(DatabaseError, match="within"), transaction.atomic():
            ResellerRow.objects.filter(id=below.id).update(margin_bps=1001)

    def test_a_child_stays_in_its_parent_s_countries_and_currency(self):
        top = Kiosk(regions=("DE", "AT"))
        for outside in ({"regions": ("FR",)}, {"regions": ()}, {"currency": "USD", "regions": ("DE",)}):
            with pytest.raises(UnableToTakeOnReseller, match="reseller_outside_parent"):
                a_reseller(parent=top.reseller, margin_bps=0, **outside)  # type: ignore[arg-type]
        a_reseller(parent=top.reseller, margin_bps=0, regions=("AT",))


class TestRanges:
    def test_the_same_shipment_under_another_key_is_the_same(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        draft = a_draft(batch, receiver=kiosk.reseller)
        first = sent(draft)
        assert sent(draft).id == first.id
        arrived(first, person=kiosk.person)
        assert sent(draft).id == first.id
        assert kiosk.owes == "90.00"

    def test_what_is_away_is_not_shipped_again(self):
        batch, one, other = a_stock_batch(), Kiosk(), Kiosk()
        sent(a_draft(batch, first=1, last=5, receiver=one.reseller))
        reason = refusal(lambda: sent(a_draft(batch, first=5, last=8, receiver=other.reseller)))
        assert reason == "cards_not_available"
        sent(a_draft(batch, first=6, last=8, receiver=other.reseller))

    def test_a_draft_keeps_its_range(self):
        batch, one, other = a_stock_batch(), Kiosk(), Kiosk()
        drafted = draft_shipment(
            by_house(), draft=a_draft(batch, first=1, last=5, receiver=one.reseller)
        ).answer
        assert refusal(lambda: sent(a_draft(batch, first=5, last=8, receiver=other.reseller))) == "range_away"
        cancel_shipment(by_house(), shipment=drafted.id)
        sent(a_draft(batch, first=5, last=8, receiver=other.reseller))

    def test_the_database_lets_no_number_be_away_twice(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        shipment = sent(a_draft(batch, first=3, last=5, receiver=kiosk.reseller))
        part = ShipmentPart.objects.get(shipment_id=shipment.id)
        part.pk, part.first_number, part.last_number = new_id(), 5, 9
        with pytest.raises(DatabaseError, match="number_away_once"), transaction.atomic():
            part.save(force_insert=True)

    def test_of_two_at_once_one_ships(self):
        batch, one, other = a_stock_batch(quantity=60), Kiosk(), Kiosk()
        outcomes: list[str] = []
        barrier = threading.Barrier(6)

        def ship(place: int) -> None:
            receiver = (one, other)[place % 2].reseller
            command = by_house()
            barrier.wait()
            try:
                ship_cards(command, draft=a_draft(batch, first=1 + place, last=40 + place, receiver=receiver))
                outcomes.append("sent")
            except UnableToShipCards as refused:
                outcomes.append(refused.reason)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=ship, args=(place,)) for place in range(6)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sorted(outcomes)[-1] == "sent" and outcomes.count("sent") == 1, outcomes
        assert_books_prove()

    def test_cancelled_on_its_way_the_cards_are_ours_again(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        shipment = sent(a_draft(batch, receiver=kiosk.reseller))
        arrived(shipment, person=kiosk.person, first=batch.cards[0].serial)
        assert cancel_shipment(by_house(), shipment=shipment.id).answer.state is ShipmentState.CANCELLED
        assert (stock_of(kiosk), kiosk.owes) == ((1, 0, 0), "9.00")
        shipped(batch, kiosk.reseller, kiosk.person, first=2)
        assert kiosk.owes == "90.00"
        assert_books_prove()

    def test_lost_cards_are_blocked_and_may_turn_up(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        shipment = sent(a_draft(batch, receiver=kiosk.reseller))
        arrived(shipment, person=kiosk.person, first=batch.cards[0].serial)
        lost = lose_shipment(by_house(), shipment=shipment.id, reason="the van burnt").answer
        assert lost.state is ShipmentState.LOST
        assert state_of(batch.cards[5].serial) is CardState.BLOCKED
        assert_books_prove()
        found = arrived(
            shipment, person=kiosk.person, first=batch.cards[1].serial, last=batch.cards[4].serial
        )
        assert (found.cards, found.state, kiosk.owes) == (4, ShipmentState.LOST, "45.00")
        assert state_of(batch.cards[2].serial) is CardState.SHIPPED
        assert_books_prove()


@pytest.mark.use_case("CRD-35")
class TestCredit:
    def test_what_is_owed_and_what_is_on_the_way_stay_within_the_limit(self):
        batch, kiosk = a_stock_batch(), Kiosk(credit="81.00", margin_bps=1000)
        shipped(batch, kiosk.reseller, kiosk.person, first=1, last=4)
        sent(a_draft(batch, first=5, last=8, receiver=kiosk.reseller))
        reason = refusal(lambda: sent(a_draft(batch, first=9, last=10, receiver=kiosk.reseller)))
        assert reason == "credit_limit_exceeded"
        sent(a_draft(batch, first=9, last=9, receiver=kiosk.reseller))

    def test_two_shipments_at_once_do_not_both_fit(self):
        batch, kiosk = a_stock_batch(), Kiosk(credit="50.00", margin_bps=0)
        outcomes: list[str] = []
        barrier = threading.Barrier(2)

        def ship(first: int) -> None:
            command = by_house()
            barrier.wait()
            try:
                draft = a_draft(batch, first=first, last=first + 4, receiver=kiosk.reseller)
                ship_cards(command, draft=draft)
                outcomes.append("sent")
            except UnableToShipCards as refused:
                outcomes.append(refused.reason)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=ship, args=(first,)) for first in (1, 6)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sorted(outcomes) == ["credit_limit_exceeded", "sent"]

    def test_who_has_not_paid_in_time_gets_no_new_stock(self):
        batch, kiosk = a_stock_batch(), Kiosk(payment_days=14)
        shipped(batch, kiosk.reseller, kiosk.person, first=1, last=2)
        late = NOW + timedelta(days=15)
        for consignment in (False, True):
            draft = a_draft(batch, first=3, last=4, receiver=kiosk.reseller, consignment=consignment)
            assert refusal(lambda draft=draft: sent(draft, at=late)) == "reseller_overdue"
        sent(a_draft(batch, first=3, last=4, receiver=kiosk.reseller), at=NOW + timedelta(days=13))

    def test_who_has_returned_or_paid_the_oldest_is_not_overdue(self):
        batch, kiosk = a_stock_batch(), Kiosk(payment_days=14)
        shipped(batch, kiosk.reseller, kiosk.person, first=1, last=2)
        soon = NOW + timedelta(days=10)
        shipped(batch, kiosk.reseller, kiosk.person, first=3, last=4, at=soon)
        take_back_cards(by_house(soon), draft=a_draft(batch, first=3, last=4, sender=kiosk.reseller))
        sent(a_draft(batch, first=5, last=6, receiver=kiosk.reseller), at=NOW + timedelta(days=15))

    def test_a_suspended_reseller_gets_nothing(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        suspend_reseller(by_house(), reseller=kiosk.reseller.id, reason="contract ended")
        assert refusal(lambda: sent(a_draft(batch, receiver=kiosk.reseller))) == "reseller_suspended"
        resume_reseller(by_house(), reseller=kiosk.reseller.id)
        sent(a_draft(batch, receiver=kiosk.reseller))

    def test_cards_of_other_countries_are_not_shipped(self):
        batch, kiosk = a_stock_batch(regions=("FR",)), Kiosk(regions=("DE",))
        assert refusal(lambda: sent(a_draft(batch, receiver=kiosk.reseller))) == "batch_outside_region"

    def test_what_can_t_be_a_reseller(self):
        good = ResellerTerms("Kiosk", 500, Money.parse("10.00", "EUR"), 30)
        for name, terms, reason in (
            ("Kiosk!", good, "reseller_name_malformed"),
            ("kiosk", ResellerTerms("", 500, good.credit_limit, 30), "reseller_title_missing"),
            ("kiosk", ResellerTerms("K", 10_001, good.credit_limit, 30), "reseller_margin_out_of_range"),
            ("kiosk", ResellerTerms("K", 0, Money.units(5), 30), "reseller_credit_malformed"),
            ("kiosk", ResellerTerms("K", 0, good.credit_limit, 366), "reseller_credit_malformed"),
            ("kiosk", ResellerTerms("K", 0, good.credit_limit, 30, ("XX",)), "region_unknown"),
        ):

            def take(name=name, terms=terms):
                return take_on_reseller(by_house(), name=name, parent=None, terms=terms)

            assert refusal(take) == reason
        take_on_reseller(by_house(), name="kiosk", parent=None, terms=good)
        again = lambda: take_on_reseller(by_house(), name="kiosk", parent=None, terms=good)  # noqa: E731
        assert refusal(again) == "reseller_name_taken"


class TestWhoMay:
    def test_nobody_receives_for_another(self):
        batch, kiosk, stranger = a_stock_batch(), Kiosk(), Kiosk()
        shipment = sent(a_draft(batch, receiver=kiosk.reseller))
        assert refusal(lambda: arrived(shipment, person=stranger.person)) == "right_missing"
        assert refusal(lambda: arrived(shipment, person=a_player().id)) == "right_missing"

    def test_a_reseller_s_person_ships_nothing_of_ours(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        draft = a_draft(batch, receiver=kiosk.reseller)
        assert refusal(lambda: sent(draft, command=by_person(kiosk.person))) == "right_missing"
        drafted = draft_shipment(by_house(), draft=draft).answer
        send = lambda: send_shipment(by_person(kiosk.person), shipment=drafted.id)  # noqa: E731
        assert refusal(send) == "right_missing"


@pytest.mark.use_case("CRD-12")
class TestSinglePurpose:
    def test_the_tax_is_due_with_the_delivery_and_comes_back_with_the_return(self):
        batch, kiosk = a_stock_batch(tax_country="DE", gives=A_MONTH), Kiosk(margin_bps=1000)
        shipped(batch, kiosk.reseller, kiosk.person)
        # 10.00 with 19 % in it: 1.60 of tax.
        assert (kiosk.owes, owed_for(batch), balance("tax_payable", "DE")) == ("90.00", "84.00", "16.00")
        take_back_cards(by_house(), draft=a_draft(batch, first=1, last=5, sender=kiosk.reseller))
        assert (kiosk.owes, owed_for(batch), balance("tax_payable", "DE")) == ("45.00", "42.00", "8.00")
        assert_books_prove()

    def test_on_consignment_the_tax_is_due_with_the_sale(self):
        batch, kiosk = a_stock_batch(tax_country="DE", gives=A_MONTH), Kiosk(margin_bps=1000)
        shipped(batch, kiosk.reseller, kiosk.person, consignment=True)
        assert balance("tax_payable", "DE") == "0.00"
        activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        assert (kiosk.owes, owed_for(batch), balance("tax_payable", "DE")) == ("9.00", "0.00", "1.60")
        assert_books_prove()

    def test_of_a_batch_delivered_whole_the_tax_comes_back_with_what_is_returned(self):
        kiosk = Kiosk(name="taxed-kiosk")
        batch = a_batch(quantity=10, reseller="taxed-kiosk", margin_bps=1000, tax_country="DE", gives=A_MONTH)
        assert (kiosk.owes, owed_for(batch), balance("tax_payable", "DE")) == ("90.00", "84.00", "16.00")
        take_back_cards(by_house(), draft=a_draft(batch, first=1, last=2, sender=kiosk.reseller))
        assert (kiosk.owes, owed_for(batch), balance("tax_payable", "DE")) == ("72.00", "67.20", "12.80")
        assert_books_prove()

    @pytest.mark.use_case("ACC-20")
    def test_what_is_owed_for_cards_stands_by_batch(self):
        whole, stock, kiosk = a_batch(), a_stock_batch(tax_country="DE", gives=A_MONTH), Kiosk()
        shipped(stock, kiosk.reseller, kiosk.person, first=1, last=4)
        activate_card(a_command(), player=a_player().id, code=stock.cards[0].code)
        activate_card(a_command(), player=a_player().id, code=whole.cards[0].code)
        rows = {row.batch: row for row in services.get(Cards).liability_by_batch()}
        assert {row.batch: (row.cards, row.owed.major, row.activated) for row in rows.values()} == {
            whole.id: (2, "20.00", 1),
            stock.id: (3, "25.20", 1),
        }
