"""Support looks at cards without using them, and replaces those that can't be read."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.cards import PrintedBatch, a_batch
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from tests.use_cases.test_cards_activation import NO_CODE, at_once
from tests.use_cases.test_cards_ends import owed
from warchest.audit.contract import Audit, OperationFilter
from warchest.cards.contract import (
    Cards,
    CardSelection,
    CardState,
    UnableToActivateCard,
    UnableToReplaceCard,
    UnableToVerifyCard,
    VerifiedCard,
    Worth,
)
from warchest.jobs.card_ends import expire_due_cards
from warchest.journeys.activate_card import activate_card
from warchest.journeys.block_cards import block_cards
from warchest.journeys.replace_card import replace_card
from warchest.journeys.verify_card import verify_card
from warchest.kernel.errors import TryAgain
from warchest.kernel.money import Money
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")

END = NOW + timedelta(days=30)


def support():  # type: ignore[no-untyped-def]
    return an_administrator(Role.SUPPORT)


def history(serial: str) -> list[tuple[str, str]]:
    card = services.get(Cards).card(serial=serial, at=NOW)
    return [(moment.what, moment.reason) for moment in card.history]


@pytest.mark.use_case("CRD-24")
class TestVerification:
    def test_of_a_whole_code_tells_what_the_card_is_and_leaves_it_good(self) -> None:
        batch, clerk = a_batch(), support()
        card = batch.cards[0]
        seen = verify_card(acting_as(clerk), code=card.code.lower(), reason="Ticket 7").answer
        assert seen == VerifiedCard(
            right=True,
            serial=card.serial,
            state=CardState.HANDED_OVER,
            gives=(Worth.of_money(Money.parse("10.00", "EUR")),),
            face=Money.parse("10.00", "EUR"),
        )
        assert history(card.serial)[-1] == ("verified", "Ticket 7")
        activate_card(a_command(), player=a_player().id, code=card.code)

    @pytest.mark.use_case("CRD-09")
    def test_by_serial_wants_the_end_of_the_code(self) -> None:
        batch, clerk = a_batch(), support()
        card, other = batch.cards[0], batch.cards[1]
        right = card.code[-4:].lower()
        assert verify_card(
            acting_as(clerk), serial=card.serial, last_four=right, reason="Scratched off"
        ).answer.right
        wrong = other.code[-4:] if other.code[-4:] != card.code[-4:] else "0000"
        seen = verify_card(acting_as(clerk), serial=card.serial, last_four=wrong, reason="Again").answer
        assert (seen.right, seen.state) == (False, CardState.HANDED_OVER)
        assert history(card.serial)[-2:] == [("verified", "Scratched off"), ("verified_wrongly", "Again")]

    def test_is_kept_in_the_record_of_operations_with_who_and_why_and_no_code(self) -> None:
        card, clerk = a_batch().cards[0], support()
        verify_card(acting_as(clerk), code=card.code, reason="Ticket 7")
        (line,) = services.get(Audit).operations(where=OperationFilter(name="cards.verify")).items
        assert (line.subject_id, line.actor_id) == (card.serial, str(clerk.id))
        assert line.details["reason"] == "Ticket 7"
        assert card.code not in repr(line) and card.code[:8] not in repr(line)

    def test_of_a_wrong_code_is_a_guess_of_whoever_typed_it(self) -> None:
        card, clerk = a_batch().cards[0], support()
        for _ in range(3):
            assert verify_card(acting_as(clerk), code=NO_CODE, reason="?").answer == VerifiedCard(False)
        for _ in range(2):
            verify_card(acting_as(clerk), serial=card.serial, last_four="0000", reason="?")
        with pytest.raises(TryAgain, match="too_many_attempts"):
            verify_card(acting_as(clerk), code=card.code, reason="?")
        assert verify_card(acting_as(support()), code=card.code, reason="?").answer.right

    def test_needs_its_right_a_reason_and_something_to_look_at(self) -> None:
        card = a_batch().cards[0]
        with pytest.raises(UnableToAdminister, match="right_missing"):
            verify_card(acting_as(an_administrator(Role.ACCOUNTANT)), code=card.code, reason="?")
        with pytest.raises(UnableToVerifyCard, match="reason_missing"):
            verify_card(acting_as(support()), code=card.code, reason=" ")
        for wanted in ({}, {"serial": card.serial}, {"last_four": "ABCD"}):
            with pytest.raises(UnableToVerifyCard, match="nothing_to_verify"):
                verify_card(acting_as(support()), reason="?", **wanted)
        with pytest.raises(UnableToVerifyCard, match="card_unknown"):
            verify_card(acting_as(support()), serial="WC99990000001", last_four="ABCD", reason="?")


def replaced(batch: PrintedBatch, number: int = 0):  # type: ignore[no-untyped-def]
    card = batch.cards[number]
    return replace_card(
        acting_as(support()), serial=card.serial, last_four=card.code[-4:], reason="Scratched off"
    ).answer


@pytest.mark.use_case("CRD-09")
class TestReplacement:
    def test_makes_the_old_card_void_and_owes_the_same_for_the_new_one(self) -> None:
        batch, player = a_batch(), a_player()
        new = replaced(batch)
        assert (owed(batch), new.void) == ("30.00 EUR", batch.cards[0].serial)
        with pytest.raises(UnableToActivateCard, match="card_blocked"):
            activate_card(a_command(), player=player.id, code=batch.cards[0].code)
        assert_books_prove()
        code = services.get(Cards).show_replacement(void=new.void, at=NOW)
        assert code is not None
        assert services.get(Cards).show_replacement(void=new.void, at=NOW) is None
        answer = activate_card(a_command(), player=player.id, code=code).answer
        assert (answer.serial, str(answer.units)) == (new.serial, "1000.00 XCR")
        assert owed(batch) == "20.00 EUR"
        assert services.get(Cards).counts(batch_id=batch.id, at=NOW) == {
            CardState.VOID: 1,
            CardState.ACTIVATED: 1,
            CardState.HANDED_OVER: 2,
        }
        assert history(new.void)[-1] == ("replaced", f"Scratched off → {new.serial}")
        assert ("issued_in_place", new.void) in history(new.serial)
        assert_books_prove()

    def test_wants_the_end_of_the_code_and_counts_a_wrong_one(self) -> None:
        card, clerk = a_batch().cards[0], support()
        for _ in range(5):
            with pytest.raises(UnableToReplaceCard, match="last_four_wrong"):
                replace_card(acting_as(clerk), serial=card.serial, last_four="????", reason="Broken")
        with pytest.raises(TryAgain):
            replace_card(acting_as(clerk), serial=card.serial, last_four=card.code[-4:], reason="Broken")

    def test_of_one_card_by_many_at_once_issues_one(self) -> None:
        batch = a_batch(quantity=6)
        assert at_once(8, lambda _: replaced(batch)) == Counter(done=1, card_void=7)
        assert at_once(5, lambda number: replaced(batch, number + 1)) == Counter(done=5)
        assert owed(batch) == "60.00 EUR"
        assert_books_prove()

    def test_races_with_activation_and_one_of_the_two_happens(self) -> None:
        batch, players = a_batch(quantity=6), [a_player() for _ in range(6)]

        def work(number: int) -> None:
            place = number // 2
            if number % 2:
                replaced(batch, place)
            else:
                activate_card(a_command(), player=players[place].id, code=batch.cards[place].code)

        ends = at_once(12, work)
        assert ends["done"] == 6
        assert ends["card_blocked"] + ends["card_already_activated"] == 6
        assert_books_prove()

    def test_can_be_done_again_for_the_new_card(self) -> None:
        batch = a_batch()
        first = replaced(batch)
        code = services.get(Cards).show_replacement(void=first.void, at=NOW)
        assert code is not None
        again = replace_card(
            acting_as(support()), serial=first.serial, last_four=code[-4:], reason="Lost the mail"
        ).answer
        assert again.void == first.serial
        assert services.get(Cards).show_replacement(void=again.void, at=NOW)
        assert owed(batch) == "30.00 EUR"
        assert_books_prove()

    def test_whose_code_got_lost_is_replaced_by_who_still_has_the_damaged_card(self) -> None:
        batch = a_batch()
        first = replaced(batch)
        damaged = batch.cards[0]
        again = replace_card(
            acting_as(support()), serial=first.serial, last_four=damaged.code[-4:], reason="Page closed"
        ).answer
        code = services.get(Cards).show_replacement(void=again.void, at=NOW)
        assert code is not None
        activate_card(a_command(), player=a_player().id, code=code)
        assert owed(batch) == "20.00 EUR"
        assert_books_prove()

    def test_keeps_the_end_and_expires_like_the_old_one(self) -> None:
        batch = a_batch(expires_at=END)
        replaced(batch)
        assert expire_due_cards(at=END) == 3
        assert owed(batch) == "0.00 EUR"
        assert_books_prove()

    def test_is_refused_where_nobody_can_have_a_good_card(self) -> None:
        batch, ending, unsold = a_batch(quantity=4), a_batch(expires_at=END), a_batch(needs_sale=True)
        activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        with pytest.raises(UnableToReplaceCard, match="card_already_activated"):
            replaced(batch, 0)
        with pytest.raises(UnableToReplaceCard, match="card_not_sold"):
            replaced(unsold)
        expire_due_cards(at=END)
        with pytest.raises(UnableToReplaceCard, match="card_expired"):
            replaced(ending)
        whole = CardSelection(batch=batch.id)
        block_cards(acting_as(support()), selection=whole, reason="Burgled")
        with pytest.raises(UnableToReplaceCard, match="card_blocked"):
            replaced(batch, 1)
