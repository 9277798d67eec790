"""What two clusters owe each other is netted, agreed to the cent, and booked by two people on each side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection

from tests.builders.clusters import Clusters, Fate, two_clusters
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from warchest.accounting.contract import Accounting, NettingState, NettingStatement, UnableToNet
from warchest.journeys.conserve import Standing, standing
from warchest.journeys.reverse_entry import UnableToReverse, reverse_entry
from warchest.journeys.settle_intercluster import ask_to_agree, draw_up_statement, settle_intercluster
from warchest.journeys.transfer_units import transfer_units
from warchest.kernel.clock import FixedClock
from warchest.kernel.errors import TryAgain
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.members.contract import Administrator, Role, UnableToAdminister
from warchest.runtime.command import clock_in_force
from warchest.runtime.services import services

EVENING = NOW + timedelta(hours=8)


@pytest.fixture
def houses(lasting_database: Callable[[], AbstractContextManager[str]]) -> Iterator[Clusters]:
    """60 cents and 45 yen went to west, 25 cents came back."""
    with two_clusters(lasting_database) as clusters, clock_in_force(FixedClock(NOW)):
        anna = a_player(with_units="100")
        yumi = a_player(with_units="61", paid_in="JPY")
        with clusters.at("west"):
            ben = a_player(with_units="100")
        send(anna.id, ben.id, "60", "west")
        send(yumi.id, ben.id, "27.45", "west")
        with clusters.at("west"):
            send(ben.id, anna.id, "25", "main")
        clusters.pass_on()
        yield clusters


@pytest.fixture
def ada(houses: Clusters) -> Administrator:
    return an_administrator(Role.ACCOUNTANT)


@pytest.fixture
def bob(houses: Clusters) -> Administrator:
    return an_administrator(Role.ACCOUNTANT)


def send(sender, recipient, amount: str, cluster: str) -> None:
    transfer_units(
        a_command(), sender=sender, recipient=recipient, amount=Money.parse(amount, "XCR"), cluster=cluster
    )


def draw_up(accountant: Administrator, code: str = "EUR", *, at=EVENING) -> NettingStatement:
    return draw_up_statement(
        acting_as(accountant, at=at), cluster="west", currency=code, until=EVENING
    ).answer


def book(accountant: Administrator, statement: NettingStatement) -> NettingStatement:
    return settle_intercluster(
        acting_as(accountant, at=EVENING), statement_id=statement.id, reference="transfer 4711"
    ).answer


def legs_of(statement: NettingStatement) -> set[tuple[str, str, str, str]]:
    entry = services.get(Ledger).entry(entry_id=statement.entry_id)
    return {(leg.side.value, leg.book, leg.owner, str(leg.amount)) for leg in entry.legs}


def towards_west() -> Standing:
    return standing(towards="west")


def test_who_owes_pays_the_rest_and_both_sets_of_books_are_square(houses, ada, bob):
    drawn = draw_up(ada)
    assert (str(drawn.payable), str(drawn.receivable), str(drawn.net)) == ("0.60 EUR", "0.25 EUR", "0.35 EUR")
    agreed = ask_to_agree(acting_as(ada, at=EVENING), statement_id=drawn.id)
    assert agreed.state is NettingState.AGREED
    assert legs_of(book(bob, drawn)) == {
        ("D", "intercompany_payable", "west", "0.60 EUR"),
        ("C", "intercompany_receivable", "west", "0.25 EUR"),
        ("C", "bank", "", "0.35 EUR"),
    }
    assert "EUR" not in {amount.currency.code for amount in towards_west().payable}
    # While the money is on its way to the other bank, the one has booked and the other has not.
    houses.assert_proved()
    with houses.at("west"):
        receipt = book(an_administrator(Role.ACCOUNTANT), drawn)
        assert legs_of(receipt) == {
            ("D", "intercompany_payable", "main", "0.25 EUR"),
            ("C", "intercompany_receivable", "main", "0.60 EUR"),
            ("D", "bank", "", "0.35 EUR"),
        }
    houses.assert_proved()


def test_takes_two_people_and_each_statement_once(houses, ada, bob):
    drawn = draw_up(ada)
    with pytest.raises(UnableToNet, match="statement_not_agreed"):
        book(bob, drawn)
    ask_to_agree(acting_as(ada, at=EVENING), statement_id=drawn.id)
    with pytest.raises(UnableToAdminister, match="own_request"):
        book(ada, drawn)
    with pytest.raises(UnableToAdminister, match="right_missing"):
        book(an_administrator(Role.SUPPORT), drawn)
    book(bob, drawn)
    with pytest.raises(UnableToNet, match="statement_booked"):
        book(bob, drawn)
    with pytest.raises(UnableToNet, match="netting_too_early"):
        draw_up(ada)
    houses.assert_proved()


def test_each_currency_by_itself_and_later_only_what_came_since(houses, ada, bob):
    for code in ("EUR", "JPY"):
        ask_to_agree(acting_as(ada, at=EVENING), statement_id=draw_up(ada, code).id)
    with pytest.raises(UnableToNet, match="nothing_to_settle"):
        draw_up(ada, "USD")
    with houses.at("west"):
        statements = {str(each.receivable) for each in services.get(Accounting).statements()}
        assert statements == {"0.60 EUR", "45 JPY"}
    later = EVENING + timedelta(days=1)
    with pytest.raises(UnableToNet, match="nothing_to_settle"):
        draw_up_statement(acting_as(ada, at=later), cluster="west", currency="EUR", until=later)


def test_nothing_is_drawn_up_of_what_is_not_over(houses, ada):
    houses.line.fate = lambda: Fate.CUT
    carl = a_player(with_units="10")
    with houses.at("west"):
        dora = a_player()
    send(carl.id, dora.id, "10", "west")
    with pytest.raises(UnableToNet, match="transfers_open"):
        draw_up(ada)
    with pytest.raises(UnableToNet, match="netting_in_future"):
        draw_up(ada, at=NOW)


def test_an_answer_that_was_lost_is_asked_for_again(houses, ada):
    drawn = draw_up(ada)
    houses.line.fate = lambda: Fate.LOST
    with pytest.raises(TryAgain):
        ask_to_agree(acting_as(ada, at=EVENING), statement_id=drawn.id)
    with pytest.raises(UnableToNet, match="statement_open"):
        draw_up(ada)
    houses.line.fate = lambda: Fate.TWICE
    again = ask_to_agree(acting_as(ada, at=EVENING), statement_id=drawn.id)
    assert again.state is NettingState.AGREED
    houses.assert_proved()


def test_what_the_other_books_do_not_say_is_not_settled(houses, ada, bob):
    """Both draw up at once: neither agrees, both may begin again."""
    with houses.at("west"):
        zoe = an_administrator(Role.ACCOUNTANT)
        draw_up_statement(acting_as(zoe, at=EVENING), cluster="main", currency="EUR", until=EVENING)
    drawn = draw_up(ada)
    disputed = ask_to_agree(acting_as(ada, at=EVENING), statement_id=drawn.id)
    assert disputed.state is NettingState.DISPUTED
    assert (str(disputed.their_payable), str(disputed.their_receivable)) == ("0.60 EUR", "0.25 EUR")
    with pytest.raises(UnableToNet, match="statement_not_agreed"):
        book(bob, drawn)
    with houses.at("west"):
        (waiting,) = (
            each for each in services.get(Accounting).statements() if each.state is NettingState.DRAWN_UP
        )
        answered = ask_to_agree(acting_as(zoe, at=EVENING), statement_id=waiting.id)
        assert answered.state is NettingState.AGREED
    houses.assert_proved()


def test_an_entry_between_clusters_is_not_reversed_by_hand(houses, ada, bob):
    drawn = draw_up(ada)
    ask_to_agree(acting_as(ada, at=EVENING), statement_id=drawn.id)
    booked = book(bob, drawn)
    with pytest.raises(UnableToReverse, match="cluster_hangs_on_entry"):
        reverse_entry(acting_as(ada), entry_id=booked.entry_id, reason="a mistake")


@pytest.mark.parametrize("change", ["payable_minor = 1", "state = 'booked'", "state = 'drawn_up'"])
def test_the_database_keeps_what_was_agreed(houses, ada, change):
    drawn = draw_up(ada)
    ask_to_agree(acting_as(ada, at=EVENING), statement_id=drawn.id)
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounting_nettingstatement SET {change}")


def test_the_proof_finds_what_was_lost_or_made(houses):
    """Each of the four sums changed by a cent is told by name."""
    from warchest.journeys import conserve

    class Changed:
        def __init__(self, code: str, **changes: object) -> None:
            self.code, self.changes = code, changes

        def standing(self, *, towards: str) -> Standing:
            with houses.at(self.code):
                return replace(standing(towards=towards), **self.changes)

        def credited_among(self, *, transfers: tuple) -> tuple:
            return ()

    with houses.at("main"):
        true = towards_west()
    assert conserve.conserved([Changed("main"), Changed("west")]) == ()
    for changes in (
        {"sent": (Money.parse("0.61", "EUR"), *true.sent[1:])},
        {"received": ()},
        {"payable": ()},
        {"receivable": (Money.parse("0.24", "EUR"),)},
        {"units": true.units + Money.units(1)},
    ):
        found = conserve.conserved([Changed("main", **changes), Changed("west")])
        assert found, changes
