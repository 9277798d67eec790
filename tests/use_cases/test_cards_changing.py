"""An order that is changed, a batch that is given up, and one that is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from tests.builders.books import assert_books_prove
from tests.builders.cards import (
    a_batch,
    a_made_batch,
    a_print_house,
    an_approved_batch,
    an_order,
    asked,
)
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from warchest.cards.contract import (
    Batch,
    BatchState,
    Cards,
    CardState,
    UnableToActivateCard,
    UnableToAmendBatch,
    UnableToDecideBatch,
    UnableToEndBatch,
    UnableToGenerateBatch,
    UnableToHandOverBatch,
    UnableToOrderBatch,
)
from warchest.jobs.batches import make_batches
from warchest.journeys.activate_card import activate_card
from warchest.journeys.amend_batch import amend_batch
from warchest.journeys.approve_batch import approve_batch
from warchest.journeys.cancel_batch import cancel_batch
from warchest.journeys.close_batch import close_batch
from warchest.journeys.generate_batch import ask_for_cards, generate_batch
from warchest.journeys.refuse_batch import refuse_batch
from warchest.kernel.money import Money
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")


def cards() -> Cards:
    return services.get(Cards)


def _rows(table: str) -> int:
    with services.database("cards").cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def amended(batch: Batch, **changes: object) -> Batch:
    clerk = an_administrator()
    return amend_batch(
        acting_as(clerk), batch=batch.id, digest=batch.digest, terms=replace(batch.terms, **changes)
    ).answer


@pytest.mark.use_case("CRD-01")
class TestAmending:
    def test_makes_a_version_and_voids_the_approval(self) -> None:
        batch = an_approved_batch(quantity=10, expires_at=NOW + timedelta(days=90), regions=("DE",))
        changed = amended(batch, quantity=20, face=Money.parse("12.00", "EUR"))
        assert (changed.state, changed.version, changed.approved_by) == (BatchState.ORDERED, 2, None)
        assert changed.terms.series == batch.terms.series
        assert changed.digest != batch.digest
        (before,) = cards().versions(batch_id=batch.id)
        assert (before.version, before.terms, before.digest) == (1, batch.terms, batch.digest)
        assert (before.ordered_by, before.ordered_at) == (batch.ordered_by, batch.ordered_at)
        assert (before.approved_by, before.approved_at) == (batch.approved_by, batch.approved_at)

        with pytest.raises(UnableToGenerateBatch, match="batch_not_approved"):
            generate_batch(acting_as(an_administrator()), batch=batch.id)
        with pytest.raises(UnableToDecideBatch, match="digest_changed"):
            approve_batch(acting_as(an_administrator(Role.OWNER)), batch=batch.id, digest=batch.digest)
        approve_batch(acting_as(an_administrator(Role.OWNER)), batch=batch.id, digest=changed.digest)
        assert generate_batch(acting_as(an_administrator()), batch=batch.id).answer.terms.quantity == 20
        assert_books_prove()

    def test_keeps_whoever_ordered_any_version_from_approving(self, superuser_dsn_of) -> None:
        owner = an_administrator(Role.OWNER)
        changed = amended(an_order(clerk=owner), quantity=4)
        with pytest.raises(UnableToDecideBatch, match="own_request"):
            approve_batch(acting_as(owner), batch=changed.id, digest=changed.digest)
        with (
            psycopg.connect(superuser_dsn_of("cards")) as attacker,
            pytest.raises(psycopg.errors.Error, match="nobody approves an own order"),
        ):
            attacker.execute(
                "UPDATE cards_batch SET state = 'approved', approved_by = %s, approved_at = now(),"
                " approved_digest = digest",
                [owner.id],
            )

    def test_is_of_the_order_that_was_shown(self) -> None:
        batch = an_order()
        amended(batch, quantity=4)
        with pytest.raises(UnableToAmendBatch, match="digest_changed"):
            amended(batch, quantity=5)

    def test_takes_another_series_with_another_prefix(self) -> None:
        an_order(serial_prefix="XM")
        changed = amended(an_order(), serial_prefix="XM", series=0)
        assert changed.terms.series == 2
        other = an_order()
        with pytest.raises(UnableToOrderBatch, match="serial_series_taken"):
            amended(other, serial_prefix="XM", series=1)
        assert cards().batch(batch_id=other.id) == other

    def test_is_refused_where_nothing_changes_or_nothing_can(self) -> None:
        with pytest.raises(UnableToAmendBatch, match="nothing_changed"):
            amended(an_order())
        with pytest.raises(UnableToOrderBatch, match="quantity_out_of_range"):
            amended(an_order(), quantity=0)
        with pytest.raises(UnableToAmendBatch, match="batch_not_open"):
            amended(a_made_batch(), quantity=4)
        batch = an_order()
        refuse_batch(acting_as(an_administrator(Role.OWNER)), batch=batch.id, reason="no")
        with pytest.raises(UnableToAmendBatch, match="batch_not_open"):
            amended(batch, quantity=4)
        with pytest.raises(UnableToAdminister, match="right_missing"):
            order = an_order()
            amend_batch(
                acting_as(an_administrator(Role.SUPPORT)),
                batch=order.id,
                digest=order.digest,
                terms=replace(order.terms, quantity=4),
            )

    def test_takes_back_that_the_cards_were_asked_for(self) -> None:
        batch = an_approved_batch()
        ask_for_cards(acting_as(an_administrator()), batch=batch.id)
        changed = amended(batch, quantity=4)
        approve_batch(acting_as(an_administrator(Role.OWNER)), batch=batch.id, digest=changed.digest)
        assert make_batches(at=NOW) == 0
        ask_for_cards(acting_as(an_administrator()), batch=batch.id)
        assert make_batches(at=NOW) == 1
        assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.GENERATED: 4}


@pytest.mark.use_case("CRD-21")
class TestCancelling:
    @pytest.mark.parametrize("at_stage", [an_order, an_approved_batch, a_made_batch])
    def test_leaves_nothing_good_before_the_hand_over(self, at_stage) -> None:
        batch = at_stage()
        wanted = asked(batch.id, a_print_house()) if batch.state is BatchState.GENERATED else None
        with pytest.raises(UnableToEndBatch, match="reason_missing"):
            cancel_batch(acting_as(an_administrator()), batch=batch.id, reason=" ")
        done = cancel_batch(acting_as(an_administrator()), batch=batch.id, reason="not needed").answer
        assert (done.state, done.cancellation) == (BatchState.CANCELLED, "not needed")
        assert _rows("cards_printfile") == 0
        if wanted is not None:
            assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.VOID: 3}
            assert cards().hand_overs(batch_id=batch.id)[0].withdrawn_at == NOW
            with pytest.raises(UnableToHandOverBatch, match="batch_not_generated"):
                asked(batch.id, a_print_house())
        with pytest.raises(UnableToEndBatch, match="batch_already_over"):
            cancel_batch(acting_as(an_administrator()), batch=batch.id, reason="again")
        assert_books_prove()

    def test_is_refused_once_codes_are_out(self) -> None:
        with pytest.raises(UnableToEndBatch, match="batch_out_of_the_house"):
            cancel_batch(acting_as(an_administrator()), batch=a_batch().id, reason="too late")


@pytest.mark.use_case("CRD-22")
class TestClosing:
    def test_leaves_good_what_a_reseller_has(self) -> None:
        batch = a_batch(quantity=3, spares=1)
        closed = close_batch(acting_as(an_administrator()), batch=batch.id).answer
        assert (closed.void, closed.entry_id) == (1, None)
        assert cards().batch(batch_id=batch.id).state is BatchState.CLOSED
        activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        with pytest.raises(UnableToActivateCard, match="card_blocked"):
            activate_card(a_command(), player=a_player().id, code=batch.cards[3].code)
        with pytest.raises(UnableToEndBatch, match="batch_already_over"):
            close_batch(acting_as(an_administrator()), batch=batch.id)
        assert_books_prove()

    def test_makes_void_what_lies_in_our_own_stock(self) -> None:
        batch = a_batch(quantity=3, spares=1, reseller="", margin_bps=0, stock=True)
        assert close_batch(acting_as(an_administrator()), batch=batch.id).answer.void == 4
        with pytest.raises(UnableToActivateCard, match="card_blocked"):
            activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.VOID: 4}
        assert_books_prove()

    def test_ends_the_issue_of_virtual_cards(self) -> None:
        batch = an_approved_batch(virtual=True, product="ten")
        assert close_batch(acting_as(an_administrator()), batch=batch.id).answer.void == 0
        assert cards().virtual_stock(at=NOW) == ()

    def test_is_refused_where_nothing_is_out(self) -> None:
        with pytest.raises(UnableToEndBatch, match="batch_in_the_house"):
            close_batch(acting_as(an_administrator()), batch=a_made_batch().id)


@pytest.mark.use_case("CRD-01")
class TestMakingInTheBackground:
    def test_tells_how_far_it_is_and_is_done_once(self) -> None:
        batch = an_approved_batch(quantity=40, spares=4)
        clerk = an_administrator()
        ask_for_cards(acting_as(clerk), batch=batch.id)
        ask_for_cards(acting_as(an_administrator()), batch=batch.id)
        waiting = cards().progress(batch_id=batch.id)
        assert waiting is not None
        assert (waiting.done, waiting.total, waiting.asked_by) == (0, 44, clerk.id)
        assert make_batches(at=NOW) == 1
        done = cards().progress(batch_id=batch.id)
        assert done is not None and (done.done, done.problem) == (44, "")
        assert cards().batch(batch_id=batch.id).state is BatchState.GENERATED
        assert make_batches(at=NOW) == 0
        assert_books_prove()

    def test_is_tried_again_after_a_failure_and_given_up_after_a_refusal(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from warchest.cards import making

        batch = an_approved_batch()
        ask_for_cards(acting_as(an_administrator()), batch=batch.id)
        make = making.codes
        monkeypatch.setattr(making, "codes", lambda **asked: 1 / 0)
        assert make_batches(at=NOW) == 0
        assert _problem(batch) == "failed"
        monkeypatch.setattr(making, "codes", make)
        assert make_batches(at=NOW) == 1
        assert _problem(batch) == ""

        # Serials that another series has: prefix and numbers run into each other.
        a_made_batch(serial_prefix="AB1", series=1, serial_digits=4)
        second = an_approved_batch(serial_prefix="AB", series=1000, serial_digits=5, first_number=10001)
        clerk = an_administrator()
        for _ in range(2):
            ask_for_cards(acting_as(clerk), batch=second.id)
            assert make_batches(at=NOW) == 0
            assert _problem(second) == "serials_taken"
            assert make_batches(at=NOW) == 0

    def test_of_codes_in_each_alphabet(self) -> None:
        from warchest.kernel.codes import is_whole

        for alphabet, length in (("letters", 17), ("digits", 20)):
            made = a_batch(quantity=5, alphabet=alphabet, code_length=length, serial_digits=9)
            assert all(is_whole(card.code, length=length, alphabet=alphabet) for card in made.cards)
            activate_card(a_command(), player=a_player().id, code=made.cards[0].code.lower())
        with pytest.raises(UnableToOrderBatch, match="code_too_guessable"):
            an_order(alphabet="digits", code_length=19)


def _problem(batch: Batch) -> str:
    found = cards().progress(batch_id=batch.id)
    assert found is not None
    return found.problem
