"""Tills sell cards and take sales back, through the HTTP API, by request ids of their own."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.cards import PrintedBatch, a_batch
from tests.builders.people import NOW, a_command, a_player
from tests.builders.resellers import a_draft, a_reseller, a_stock_batch, by_house, linked, sent, shipped
from tests.use_cases.test_cards_distribution import Kiosk, owed_for
from warchest.journeys.activate_card import activate_card
from warchest.journeys.ship_cards import take_back_cards
from warchest.journeys.take_on_reseller import bind_till, suspend_reseller
from warchest.kernel.clock import FixedClock
from warchest.members.contract import Members, Scope
from warchest.runtime.command import clock_in_force
from warchest.runtime.services import services

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("CRD-15")]


@pytest.fixture(autouse=True)
def _at_noon():
    with clock_in_force(FixedClock(NOW)):
        yield


def sell(key: str, serial: str, kiosk: Kiosk | str, request_id: str = "s-1", **changes: object):
    name = kiosk if isinstance(kiosk, str) else kiosk.reseller.name
    body = {"request_id": request_id, "reseller": name, "sold_at": "2026-03-15T11:59:00Z", **changes}
    return call(key, "POST", f"/cards/{serial}/sale", body, key="")


def reverse(key: str, serial: str, request_id: str = "r-1", original: str = "s-1", **more: object):
    body = {"request_id": request_id, "original_request_id": original, **more}
    return call(key, "POST", f"/cards/{serial}/sale/reversal", body, key="")


def code_of(answer) -> tuple[int, str]:  # type: ignore[no-untyped-def]
    return answer.status_code, answer.json().get("code", "")


def consigned(**terms: object) -> tuple[PrintedBatch, Kiosk]:
    batch, kiosk = a_stock_batch(needs_sale=True, **terms), Kiosk(margin_bps=1000)
    shipped(batch, kiosk.reseller, kiosk.person, consignment=True)
    return batch, kiosk


class TestSale:
    def test_books_a_card_on_consignment_and_lets_it_be_activated(self):
        batch, kiosk = consigned()
        card = batch.cards[0]
        answer = sell(an_api_client(), card.serial, kiosk)
        assert answer.status_code == 201
        sold = answer.json()
        assert sold == {
            "kind": "sale",
            "request_id": "s-1",
            "original_request_id": "s-1",
            "serial": card.serial,
            "reseller": kiosk.reseller.name,
            "state": "sold",
            "sold_at": "2026-03-15T11:59:00Z",
            "recorded_at": "2026-03-15T12:00:00Z",
            "journal_entry": sold["journal_entry"],
        }
        assert sold["journal_entry"]
        assert (kiosk.owes, owed_for(batch)) == ("9.00", "10.00")
        assert_books_prove()
        activate_card(a_command(), player=a_player().id, code=card.code)
        assert (kiosk.owes, owed_for(batch)) == ("9.00", "0.00")
        assert_books_prove()

    def test_of_a_prepaid_card_books_nothing_more(self):
        batch, kiosk = a_stock_batch(needs_sale=True), Kiosk(margin_bps=1000)
        shipped(batch, kiosk.reseller, kiosk.person)
        answer = sell(an_api_client(), batch.cards[0].serial, kiosk)
        assert (answer.status_code, answer.json()["journal_entry"], kiosk.owes) == (201, None, "90.00")
        activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        assert_books_prove()

    def test_of_a_batch_that_was_delivered_whole(self):
        kiosk = Kiosk(name="kiosk-whole")
        batch = a_batch(reseller="kiosk-whole", needs_sale=True)
        client = an_api_client()
        assert sell(client, batch.cards[0].serial, kiosk).status_code == 201
        activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        assert reverse(client, batch.cards[0].serial).json()["code"] == "card_already_activated"
        assert sell(client, batch.cards[1].serial, kiosk, "s-2").status_code == 201
        assert reverse(client, batch.cards[1].serial, "r-2", "s-2").status_code == 200
        assert sell(client, batch.cards[1].serial, kiosk, "s-3").status_code == 201
        assert_books_prove()

    def test_repeated_is_answered_as_the_first_time_whatever_happened_since(self):
        batch, kiosk = consigned()
        client, serial = an_api_client(), batch.cards[0].serial
        first = sell(client, serial, kiosk)
        again = sell(client, serial, kiosk)
        assert (again.status_code, again.json()) == (201, first.json())
        assert again["Idempotent-Replayed"] == "true"
        reverse(client, serial)
        later = call(
            client,
            "POST",
            f"/cards/{serial}/sale",
            {"request_id": "s-1", "reseller": kiosk.reseller.name, "sold_at": "2026-03-15T11:59:00Z"},
            key="quite another key",
        )
        assert (later.status_code, later.json()) == (201, first.json())
        assert kiosk.owes == "0.00"
        assert_books_prove()

    def test_a_request_id_serves_once(self):
        batch, kiosk = consigned()
        client = an_api_client()
        sell(client, batch.cards[0].serial, kiosk)
        assert code_of(sell(client, batch.cards[1].serial, kiosk)) == (422, "request_id_reused")
        assert code_of(reverse(client, batch.cards[0].serial, "s-1")) == (422, "request_id_reused")

    @pytest.mark.parametrize("request_id", ["", "x" * 41, "ä", " x"])
    def test_a_request_id_is_short_and_printable(self, request_id: str):
        batch, kiosk = consigned()
        answer = sell(an_api_client(), batch.cards[0].serial, kiosk, request_id)
        assert code_of(answer) == (422, "request_id_malformed")
        answer = reverse(an_api_client(), batch.cards[0].serial, original=request_id + "\0")
        assert code_of(answer) == (422, "request_id_malformed")
        assert sell(an_api_client(), batch.cards[0].serial, kiosk, "y" * 40).status_code == 201

    def test_of_the_same_request_many_times_at_once_one_sells(self):
        batch, kiosk = consigned()
        client, serial = an_api_client(), batch.cards[0].serial
        answers: list[tuple[int, str]] = []
        barrier = threading.Barrier(8)

        def one() -> None:
            barrier.wait()
            try:
                answer = sell(client, serial, kiosk)
                answers.append((answer.status_code, answer.content.decode()))
            finally:
                connections.close_all()

        def at_noon() -> None:
            with clock_in_force(FixedClock(NOW)):
                one()

        threads = [threading.Thread(target=at_noon) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert len(set(answers)) == 1 and answers[0][0] == 201, answers
        assert kiosk.owes == "9.00"
        assert_books_prove()

    def test_two_tills_do_not_sell_one_card_twice(self):
        batch, kiosk = consigned()
        client, serial = an_api_client(), batch.cards[0].serial
        answers: list[tuple[int, str]] = []
        barrier = threading.Barrier(6)

        def one(place: int) -> None:
            with clock_in_force(FixedClock(NOW)):
                barrier.wait()
                try:
                    answers.append(code_of(sell(client, serial, kiosk, f"s-{place}")))
                finally:
                    connections.close_all()

        threads = [threading.Thread(target=one, args=(place,)) for place in range(6)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sorted(answers) == [(201, "")] + [(409, "card_already_sold")] * 5
        assert kiosk.owes == "9.00"
        assert_books_prove()

    def test_what_can_t_be_sold(self):
        batch, kiosk = consigned()
        other, client = Kiosk(), an_api_client()
        serial = batch.cards[0].serial
        assert code_of(sell(client, "WC00019999999", kiosk)) == (404, "card_unknown")
        assert code_of(sell(client, serial, "nobody")) == (404, "reseller_unknown")
        assert code_of(sell(client, serial, other)) == (409, "card_not_in_stock")
        in_stock = a_stock_batch().cards[0].serial
        assert code_of(sell(client, in_stock, kiosk)) == (409, "card_not_in_stock")
        for moment in ("2026-02-01T00:00:00Z", "2026-03-15T12:30:00Z"):
            answer = sell(client, serial, kiosk, sold_at=moment)
            assert code_of(answer) == (422, "sold_at_out_of_range")
        suspend_reseller(by_house(), reseller=kiosk.reseller.id, reason="left")
        assert code_of(sell(client, serial, kiosk)) == (409, "reseller_suspended")

    def test_a_card_on_its_way_is_nobody_s(self):
        batch, kiosk = a_stock_batch(), Kiosk()
        sent(a_draft(batch, receiver=kiosk.reseller))
        answer = sell(an_api_client(), batch.cards[0].serial, kiosk)
        assert code_of(answer) == (409, "card_not_in_stock")

    def test_a_sold_card_does_not_come_back(self):
        batch, kiosk = consigned()
        sell(an_api_client(), batch.cards[0].serial, kiosk)
        from warchest.cards.contract import UnableToShipCards

        with pytest.raises(UnableToShipCards, match="cards_not_available"):
            take_back_cards(by_house(), draft=a_draft(batch, sender=kiosk.reseller))


class TestKeysOfTills:
    def a_till(self, kiosk: Kiosk, *scopes: Scope) -> str:
        client, key = services.get(Members).issue_api_key(
            name="till", scopes=scopes or (Scope.CARDS_SELL,), calls_per_second=1000, at=NOW
        )
        bind_till(by_house(), reseller=kiosk.reseller.id, client=client.id, title="Till 1")
        return key

    @pytest.mark.use_case("CRD-35")
    def test_a_bound_key_sells_for_its_own_reseller_only(self):
        batch, kiosk = consigned()
        till, stranger = self.a_till(kiosk), self.a_till(Kiosk())
        serial = batch.cards[0].serial
        assert code_of(sell(stranger, serial, kiosk)) == (403, "till_of_another_reseller")
        assert sell(till, serial, kiosk).status_code == 201
        # Neither is a sale of another's taken back, nor told of.
        assert code_of(reverse(stranger, serial)) == (404, "sale_unknown")
        assert code_of(call(stranger, "GET", "/till-requests/s-1")) == (404, "request_unknown")
        assert call(till, "GET", "/till-requests/s-1").json()["serial"] == serial

    def test_a_key_without_the_scope_sells_nothing(self):
        batch, kiosk = consigned()
        answer = sell(an_api_client(Scope.CARDS_READ), batch.cards[0].serial, kiosk)
        assert code_of(answer) == (403, "scope_missing")

    def test_a_key_sells_as_often_as_it_may(self):
        batch, kiosk = consigned()
        client = an_api_client(Scope.CARDS_SELL, calls_per_second=1)
        sell(client, batch.cards[0].serial, kiosk)
        assert code_of(sell(client, batch.cards[1].serial, kiosk, "s-2")) == (429, "too_many_requests")


class TestReversal:
    def test_takes_the_entry_back_and_the_card_can_be_sold_again(self):
        batch, kiosk = consigned()
        client, serial = an_api_client(), batch.cards[0].serial
        sell(client, serial, kiosk)
        answer = reverse(client, serial)
        taken = answer.json()
        assert (answer.status_code, taken["kind"], taken["state"]) == (200, "reversal", "reversed")
        assert (taken["original_request_id"], kiosk.owes, owed_for(batch)) == ("s-1", "0.00", "0.00")
        again = reverse(client, serial)
        assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (200, taken, "true")
        assert code_of(reverse(client, serial, "r-2")) == (409, "sale_already_reversed")
        assert sell(client, serial, kiosk, "s-2").status_code == 201
        assert kiosk.owes == "9.00"
        assert_books_prove()

    def test_is_refused_when_the_minutes_are_over(self):
        batch, kiosk = consigned()
        client, serial = an_api_client(), batch.cards[0].serial
        sell(client, serial, kiosk)
        with clock_in_force(FixedClock(NOW + timedelta(minutes=60, seconds=1))):
            assert code_of(reverse(client, serial)) == (409, "reversal_too_late")
        with clock_in_force(FixedClock(NOW + timedelta(minutes=60))):
            assert reverse(client, serial, "r-2").status_code == 200

    def test_is_refused_once_the_card_is_activated(self):
        batch, kiosk = consigned()
        client, card = an_api_client(), batch.cards[0]
        sell(client, card.serial, kiosk)
        activate_card(a_command(), player=a_player().id, code=card.code)
        assert code_of(reverse(client, card.serial)) == (409, "card_already_activated")
        assert kiosk.owes == "9.00"
        assert_books_prove()

    def test_races_with_the_activation_and_one_of_them_wins(self):
        batch, kiosk = consigned(quantity=12)
        client, player = an_api_client(), a_player()
        for place, card in enumerate(batch.cards):
            sell(client, card.serial, kiosk, f"s-{place}")
        barrier = threading.Barrier(2)
        outcomes: list[set[str]] = []

        for place, card in enumerate(batch.cards):
            won: set[str] = set()

            def activate(card=card, won=won) -> None:
                barrier.wait()
                try:
                    activate_card(a_command(), player=player.id, code=card.code)
                    won.add("activated")
                except Exception as refused:
                    assert "card_not_sold" in str(refused), refused
                finally:
                    connections.close_all()

            def take_back(card=card, place=place, won=won) -> None:
                with clock_in_force(FixedClock(NOW)):
                    barrier.wait()
                    try:
                        if reverse(client, card.serial, f"r-{place}", f"s-{place}").status_code == 200:
                            won.add("reversed")
                    finally:
                        connections.close_all()

            threads = [threading.Thread(target=activate), threading.Thread(target=take_back)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            outcomes.append(won)
        assert all(len(won) == 1 for won in outcomes), outcomes
        assert kiosk.owes == f"{9 * sum('activated' in won for won in outcomes)}.00"
        assert_books_prove()

    def test_of_another_card_or_an_unknown_sale(self):
        batch, kiosk = consigned()
        client = an_api_client()
        sell(client, batch.cards[0].serial, kiosk)
        for serial, original in ((batch.cards[1].serial, "s-1"), (batch.cards[0].serial, "s-9")):
            assert code_of(reverse(client, serial, original=original)) == (404, "sale_unknown")


class TestStatus:
    def test_tells_what_was_done_under_an_id(self):
        batch, kiosk = consigned()
        client, serial = an_api_client(), batch.cards[0].serial
        sold = sell(client, serial, kiosk).json()
        taken = reverse(client, serial).json()
        ask = f"?reseller={kiosk.reseller.name}"
        assert call(client, "GET", f"/till-requests/s-1{ask}").json() == sold
        assert call(client, "GET", f"/till-requests/r-1{ask}").json() == taken
        assert code_of(call(client, "GET", f"/till-requests/x-1{ask}")) == (404, "request_unknown")
        assert code_of(call(client, "GET", "/till-requests/s-1")) == (404, "reseller_unknown")

    def test_a_sale_of_one_below_is_owed_by_each_that_has_it_on_consignment(self):
        top = Kiosk(margin_bps=1500)
        below = a_reseller(parent=top.reseller, margin_bps=1000)
        person = a_player()
        linked(below, person.nickname)
        batch = a_stock_batch(needs_sale=True)
        shipped(batch, top.reseller, top.person, consignment=True)
        from tests.builders.resellers import arrived, by_person

        draft = a_draft(batch, sender=top.reseller, receiver=below, consignment=True)
        arrived(sent(draft, command=by_person(top.person)), person=person.id)
        client = an_api_client()
        assert code_of(sell(client, batch.cards[0].serial, top)) == (409, "card_not_in_stock")
        assert sell(client, batch.cards[0].serial, below.name).status_code == 201
        assert top.owes == "8.50"
        reverse(client, batch.cards[0].serial)
        assert top.owes == "0.00"
        assert_books_prove()
