"""Two at once about one batch: one of them gets what it asked for, and the other hears why not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.cards import (
    a_batch,
    a_made_batch,
    a_print_house,
    an_approved_batch,
    an_order,
    asked,
    printed,
)
from tests.builders.people import NOW, acting_as, an_administrator
from warchest.cards import encrypting
from warchest.cards.contract import BatchState, Cards, CardState
from warchest.journeys.amend_batch import amend_batch
from warchest.journeys.approve_batch import approve_batch
from warchest.journeys.cancel_batch import cancel_batch
from warchest.journeys.close_batch import close_batch
from warchest.journeys.generate_batch import generate_batch
from warchest.journeys.hand_over_batch import confirm_hand_over, open_print_file
from warchest.journeys.replace_spoiled_cards import replace_spoiled_cards
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")
TIMES = 5


def at_once(*works: Callable[[], Any]) -> list[str]:
    """What each of them heard: "done" or the reason of its refusal."""
    start = threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> str:
        try:
            start.wait(30)
            work()
        except (UnableTo, TryAgain) as refusal:
            return refusal.reason
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(one, works))


def cards() -> Cards:
    return services.get(Cards)


@pytest.mark.use_case("CRD-18")
def test_two_owners_approve_once() -> None:
    for _ in range(TIMES):
        batch = an_order()
        heard = at_once(
            *(
                partial(
                    approve_batch,
                    acting_as(an_administrator(Role.OWNER)),
                    batch=batch.id,
                    digest=batch.digest,
                )
                for _ in range(2)
            )
        )
        assert sorted(heard) == ["batch_already_decided", "done"]


@pytest.mark.use_case("CRD-01")
@pytest.mark.use_case("CRD-18")
def test_what_is_changed_while_it_is_approved_is_never_approved_unseen() -> None:
    for _ in range(TIMES):
        batch = an_order()
        owner = an_administrator(Role.OWNER)
        heard = at_once(
            partial(approve_batch, acting_as(owner), batch=batch.id, digest=batch.digest),
            partial(
                amend_batch,
                acting_as(an_administrator()),
                batch=batch.id,
                digest=batch.digest,
                terms=replace(batch.terms, quantity=99),
            ),
        )
        # Whoever came first: the change stands, and nobody has approved it.
        assert heard in (["done", "done"], ["digest_changed", "done"])
        found = cards().batch(batch_id=batch.id)
        assert (found.state, found.terms.quantity, found.approved_by) == (BatchState.ORDERED, 99, None)
        (before,) = cards().versions(batch_id=batch.id)
        assert (before.approved_by == owner.id) == (heard[0] == "done")
    assert_books_prove()


@pytest.mark.use_case("CRD-01")
def test_two_changes_do_not_swallow_each_other() -> None:
    for _ in range(TIMES):
        batch = an_order()
        heard = at_once(
            *(
                partial(
                    amend_batch,
                    acting_as(an_administrator()),
                    batch=batch.id,
                    digest=batch.digest,
                    terms=replace(batch.terms, quantity=quantity),
                )
                for quantity in (7, 8)
            )
        )
        assert sorted(heard) == ["digest_changed", "done"]
        assert cards().batch(batch_id=batch.id).version == 2
    assert_books_prove()


@pytest.mark.use_case("CRD-02")
def test_two_confirm_and_it_is_booked_once() -> None:
    printer = a_print_house()
    for _ in range(TIMES):
        batch = a_made_batch(quantity=20)
        wanted = asked(batch.id, printer)
        heard = at_once(
            *(
                partial(
                    confirm_hand_over,
                    acting_as(an_administrator()),
                    hand_over=wanted.id,
                    fingerprint=wanted.fingerprint,
                )
                for _ in range(2)
            )
        )
        assert sorted(heard) == ["already_handed_over", "done"]
        owed = services.get(Ledger).balance(account=AccountRef("cards_sold", "EUR", str(batch.id)))
        assert owed.posted.minor == 20_000
    assert_books_prove()


@pytest.mark.use_case("CRD-02")
def test_two_fetch_and_one_has_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encrypting, "PART_BYTES", 400)
    printer = a_print_house()
    for _ in range(TIMES):
        batch = a_made_batch(quantity=40)
        wanted = asked(batch.id, printer)
        confirm_hand_over(acting_as(an_administrator()), hand_over=wanted.id, fingerprint=wanted.fingerprint)
        files: list[bytes] = []

        def fetch(batch=batch, files=files) -> None:
            clerk = an_administrator()
            open_print_file(acting_as(clerk), batch=batch.id)
            files.append(b"".join(cards().print_file(batch_id=batch.id, fetched_by=clerk.id, at=NOW)))

        heard = at_once(fetch, fetch, fetch)
        assert heard.count("done") == 1 and len(files) == 1
        assert set(heard) <= {"done", "print_file_being_fetched", "print_file_gone"}
        assert len(printed(printer.read(files[0]))) == 40
    assert_books_prove()


@pytest.mark.use_case("CRD-21")
def test_what_is_cancelled_while_it_is_made_is_good_for_nothing() -> None:
    for _ in range(TIMES):
        batch = an_approved_batch(quantity=2000)
        heard = at_once(
            partial(generate_batch, acting_as(an_administrator()), batch=batch.id),
            partial(cancel_batch, acting_as(an_administrator()), batch=batch.id, reason="not needed"),
        )
        assert heard in (["done", "done"], ["batch_not_approved", "done"])
        assert cards().batch(batch_id=batch.id).state is BatchState.CANCELLED
        assert cards().counts(batch_id=batch.id, at=NOW) == (
            {CardState.VOID: 2000} if heard[0] == "done" else {}
        )
    assert_books_prove()


@pytest.mark.use_case("CRD-02")
def test_what_is_cancelled_while_it_is_confirmed_is_one_of_both() -> None:
    printer = a_print_house()
    for _ in range(TIMES):
        batch = a_made_batch(quantity=20)
        wanted = asked(batch.id, printer)
        heard = at_once(
            partial(
                confirm_hand_over,
                acting_as(an_administrator()),
                hand_over=wanted.id,
                fingerprint=wanted.fingerprint,
            ),
            partial(cancel_batch, acting_as(an_administrator()), batch=batch.id, reason="not needed"),
        )
        assert heard in (["done", "batch_out_of_the_house"], ["hand_over_withdrawn", "done"])
    assert_books_prove()


@pytest.mark.use_case("CRD-22")
def test_a_spare_is_put_in_one_place_and_closing_waits_its_turn() -> None:
    for _ in range(TIMES):
        batch = a_batch(quantity=6, spares=2)
        heard = at_once(
            *(
                partial(
                    replace_spoiled_cards,
                    acting_as(an_administrator()),
                    batch=batch.id,
                    serials=(batch.cards[place].serial,),
                    reason="torn",
                )
                for place in range(3)
            ),
            partial(close_batch, acting_as(an_administrator()), batch=batch.id),
        )
        replaced = heard[:3].count("done")
        assert heard[3] == "done" and replaced <= 2
        assert set(heard[:3]) <= {"done", "spares_used_up", "batch_not_handed_over"}
        counts = cards().counts(batch_id=batch.id, at=NOW)
        # Six good cards, whoever came first: each spoiled one has its spare, and spares that are left are void.
        assert counts == {CardState.HANDED_OVER: 6, CardState.VOID: 2}
    assert_books_prove()
