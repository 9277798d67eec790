"""``kill -9`` at each step of the making of a batch and of its hand-over: all of it or none, and what is left goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.cards import (
    PrintHouse,
    a_made_batch,
    a_print_house,
    an_approved_batch,
    asked,
    fetched,
    handed_over,
    printed,
)
from tests.builders.killing import STEPS_MAX, dies_at
from tests.builders.people import NOW, acting_as, an_administrator
from warchest.cards import encrypting, keeping, making
from warchest.cards.contract import Batch, BatchState, Cards, CardState, UnableToFetchPrintFile
from warchest.cards.operations import generation, handing_over
from warchest.jobs.batches import make_batches
from warchest.journeys.generate_batch import ask_for_cards
from warchest.journeys.hand_over_batch import confirm_hand_over, open_print_file
from warchest.ledger.contract import AccountRef, Ledger
from warchest.runtime.services import services

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.in_process("processes of the test's own die"),
]
CARDS, SPARES = 120, 5


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "CARDS_PER_PART", 50)
    monkeypatch.setattr(generation, "PARTS_PER_COPY", 2)
    monkeypatch.setattr(encrypting, "PART_BYTES", 1500)


def kept_of(table: str, batch: Batch) -> int:
    with services.database("cards").cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE batch_id = %s", [batch.id])
        return int(cursor.fetchone()[0])


def state_of(batch: Batch) -> BatchState:
    return services.get(Cards).batch(batch_id=batch.id).state


@pytest.mark.use_case("CRD-01")
def test_a_batch_is_made_wholly_or_not_at_all_and_the_next_worker_makes_it() -> None:
    steps_died, states = 0, set()
    for step in range(1, STEPS_MAX):
        batch = an_approved_batch(quantity=CARDS, spares=SPARES)
        ask_for_cards(acting_as(an_administrator()), batch=batch.id)
        died = dies_at(
            step,
            lambda: make_batches(at=NOW),
            also=((making, "codes"), (keeping, "seal"), (generation, "_tell")),
        )
        steps_died += died
        found = (state_of(batch), kept_of("cards_card", batch), kept_of("cards_printfile", batch))
        assert found in {
            (BatchState.APPROVED, 0, 0),
            (BatchState.GENERATED, CARDS + SPARES, 4),
        }, f"step {step}"
        states.add(found[0])
        assert make_batches(at=NOW) == (found[0] is BatchState.APPROVED), f"step {step}"
        assert services.get(Cards).counts(batch_id=batch.id, at=NOW) == {
            CardState.GENERATED: CARDS,
            CardState.SPARE: SPARES,
        }
        if not died:
            break
    assert states == {BatchState.APPROVED, BatchState.GENERATED} and 8 <= steps_died < STEPS_MAX
    printer = a_print_house()
    handed_over(batch.id, printer)
    assert len(printed(printer.read(fetched(batch.id)))) == CARDS + SPARES
    assert_books_prove()


@pytest.mark.use_case("CRD-02")
@pytest.mark.parametrize("caller_asks_again", [True, False])
def test_a_hand_over_is_confirmed_wholly_or_not_at_all(caller_asks_again: bool) -> None:
    printer, ends, steps_died = a_print_house(), set(), 0
    for step in range(1, STEPS_MAX):
        batch = a_made_batch(quantity=CARDS)
        wanted, command = asked(batch.id, printer), acting_as(an_administrator())

        def confirm(command=command, wanted=wanted):
            return confirm_hand_over(command, hand_over=wanted.id, fingerprint=wanted.fingerprint).answer

        died = dies_at(
            step, confirm, also=((keeping, "unseal"), (encrypting, "encrypt"), (handing_over._Kept, "keep"))
        )
        steps_died += died
        if caller_asks_again:
            confirm()
        state = state_of(batch)
        ends.add(state)
        owed = services.get(Ledger).balance(account=AccountRef("cards_sold", "EUR", str(batch.id)))
        if state is BatchState.HANDED_OVER:
            assert owed.posted.minor == CARDS * 1000
            _reads_all(printer, batch)
        else:
            assert owed.posted.minor == 0 and not caller_asks_again and died
        if not died:
            break
    assert 5 <= steps_died < STEPS_MAX
    assert ends == (
        {BatchState.HANDED_OVER} if caller_asks_again else {BatchState.GENERATED, BatchState.HANDED_OVER}
    )
    assert_books_prove()


@pytest.mark.use_case("CRD-02")
def test_a_download_that_dies_is_begun_again_unless_all_was_sent(tmp_path: Path) -> None:
    printer, ends = a_print_house(), set()
    clerk = an_administrator()
    for step in range(1, STEPS_MAX):
        batch = a_made_batch(quantity=CARDS)
        handed_over(batch.id, printer)
        file = tmp_path / str(step)

        def fetch(batch=batch, file=file):
            open_print_file(acting_as(clerk), batch=batch.id)
            with file.open("wb", buffering=0) as sent:
                for part in services.get(Cards).print_file(batch_id=batch.id, fetched_by=clerk.id, at=NOW):
                    sent.write(part)

        died = dies_at(step, fetch, also=((handing_over, "_waiting"), (handing_over, "_forget")))
        given = services.get(Cards).hand_overs(batch_id=batch.id)[0]
        ends.add(given.fetched_at is not None)
        if given.fetched_at is not None:
            assert len(printed(printer.read(file.read_bytes()))) == CARDS, f"step {step}"
            with pytest.raises(UnableToFetchPrintFile, match="print_file_gone"):
                fetched(batch.id)
        else:
            assert died
            _reads_all(printer, batch)
        assert kept_of("cards_printfile", batch) == 0
        if not died:
            break
    assert ends == {True, False} and 5 <= step < STEPS_MAX
    assert_books_prove()


def _reads_all(printer: PrintHouse, batch: Batch) -> None:
    assert len(printed(printer.read(fetched(batch.id)))) == CARDS
