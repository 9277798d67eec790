"""Codes leave the house: encrypted to a print house, by two people, once."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import psycopg
import pyrage
import pytest

from tests.builders.books import assert_books_prove
from tests.builders.cards import (
    a_batch,
    a_made_batch,
    a_print_house,
    an_order,
    asked,
    fetched,
    handed_over,
    printed,
)
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from warchest.cards import encrypting
from warchest.cards.contract import (
    BatchState,
    Cards,
    CardState,
    UnableToActivateCard,
    UnableToFetchPrintFile,
    UnableToHandOverBatch,
    UnableToKeepPrinter,
    UnableToReplaceSpoiled,
    Worth,
)
from warchest.cards.operations.handing_over import FILE_LIFETIME
from warchest.journeys.activate_card import activate_card
from warchest.journeys.close_batch import close_batch
from warchest.journeys.hand_over_batch import (
    ask_hand_over,
    confirm_hand_over,
    open_print_file,
    withdraw_hand_over,
)
from warchest.journeys.keep_printers import add_printer, change_printer_key, retire_printer
from warchest.journeys.replace_spoiled_cards import replace_spoiled_cards
from warchest.kernel.codes import is_whole
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.services import services

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("CRD-02")]


def cards() -> Cards:
    return services.get(Cards)


def _rows(table: str) -> int:
    with services.database("cards").cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


class TestHandOver:
    def test_gives_the_codes_once_and_only_the_print_house_reads_them(self) -> None:
        batch, printer = a_made_batch(quantity=60, spares=6), a_print_house()
        given = handed_over(batch.id, printer)
        assert (given.cards, given.fingerprint) == (66, encrypting.fingerprint(printer.key))
        file = fetched(batch.id)
        assert len(file) == given.file_bytes and file.startswith(b"age-encryption.org/v1")
        plain = printer.read(file)
        assert sha256(plain).hexdigest() == given.control_digest
        pairs = printed(plain)
        assert len({card.code for card in pairs}) == len({card.serial for card in pairs}) == 66
        assert all(is_whole(card.code, length=16) for card in pairs)
        assert (pairs[0].serial, pairs[59].serial) == (batch.first_serial, batch.last_serial)
        assert pairs[65].serial == batch.last_spare_serial
        with pytest.raises(pyrage.DecryptError):
            a_print_house().read(file)

        with pytest.raises(UnableToFetchPrintFile, match="print_file_gone"):
            fetched(batch.id)
        with pytest.raises(UnableToHandOverBatch, match="already_handed_over"):
            asked(batch.id, printer)
        assert _rows("cards_printfile") == 0
        assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.HANDED_OVER: 60, CardState.SPARE: 6}
        history = cards().card(serial=batch.first_serial, at=NOW).history
        assert [moment.what for moment in history] == [
            "generated",
            "handed_over",
            "print_file_opened",
            "print_file_fetched",
        ]
        assert_books_prove()

    def test_of_many_parts_is_one_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(encrypting, "PART_BYTES", 1000)
        monkeypatch.setattr("warchest.cards.operations.generation.CARDS_PER_PART", 700)
        monkeypatch.setattr("warchest.cards.operations.generation.PARTS_PER_COPY", 2)
        batch, printer = a_made_batch(quantity=3000, spares=300), a_print_house()
        handed_over(batch.id, printer)
        assert _rows("cards_printfile") > 1
        assert len(printed(printer.read(fetched(batch.id)))) == 3300

    def test_is_confirmed_by_a_second_person(self) -> None:
        batch, printer = a_made_batch(), a_print_house()
        first, second = an_administrator(), an_administrator()
        wanted = ask_hand_over(acting_as(first), batch=batch.id, printer=printer.name).answer
        with pytest.raises(UnableToHandOverBatch, match="own_request"):
            confirm_hand_over(acting_as(first), hand_over=wanted.id, fingerprint=wanted.fingerprint)
        with pytest.raises(UnableToHandOverBatch, match="hand_over_asked"):
            asked(batch.id, printer)
        assert [one.id for one, _ in cards().hand_overs_awaiting()] == [wanted.id]
        confirm_hand_over(acting_as(second), hand_over=wanted.id, fingerprint=wanted.fingerprint)
        assert cards().hand_overs_awaiting() == ()
        with pytest.raises(UnableToHandOverBatch, match="already_handed_over"):
            confirm_hand_over(
                acting_as(an_administrator()), hand_over=wanted.id, fingerprint=wanted.fingerprint
            )
        with pytest.raises(UnableToAdminister, match="right_missing"):
            ask_hand_over(acting_as(an_administrator(Role.SUPPORT)), batch=batch.id, printer=printer.name)

    def test_by_one_alone_is_refused_by_the_database_itself(self, superuser_dsn_of) -> None:
        wanted = asked(a_made_batch().id, a_print_house())
        with (
            psycopg.connect(superuser_dsn_of("cards")) as attacker,
            pytest.raises(psycopg.errors.CheckViolation) as refused,
        ):
            attacker.execute(
                "UPDATE cards_handover SET confirmed_by = asked_by, confirmed_at = now(), control_digest = 'x'"
                " WHERE id = %s",
                [wanted.id],
            )
        assert refused.value.diag.constraint_name == "hand_over_by_two"

    def test_is_withdrawn_and_asked_anew(self) -> None:
        batch, printer = a_made_batch(), a_print_house()
        wanted = asked(batch.id, printer)
        withdraw_hand_over(acting_as(an_administrator()), hand_over=wanted.id)
        with pytest.raises(UnableToHandOverBatch, match="hand_over_withdrawn"):
            confirm_hand_over(
                acting_as(an_administrator()), hand_over=wanted.id, fingerprint=wanted.fingerprint
            )
        assert cards().batch(batch_id=batch.id).state is BatchState.GENERATED
        handed_over(batch.id, printer)
        assert len(cards().hand_overs(batch_id=batch.id)) == 2

    def test_goes_to_no_other_key_than_the_one_that_was_shown(self) -> None:
        batch, printer, other = a_made_batch(), a_print_house(), a_print_house()
        wanted = asked(batch.id, printer)
        with pytest.raises(UnableToHandOverBatch, match="printer_key_differs"):
            confirm_hand_over(
                acting_as(an_administrator()),
                hand_over=wanted.id,
                fingerprint=encrypting.fingerprint(other.key),
            )
        # What was asked under a key that is no longer theirs is asked anew.
        change_printer_key(acting_as(an_administrator()), name=printer.name, key=a_print_house().key)
        with pytest.raises(UnableToHandOverBatch, match="printer_key_differs"):
            confirm_hand_over(
                acting_as(an_administrator()), hand_over=wanted.id, fingerprint=wanted.fingerprint
            )
        assert cards().batch(batch_id=batch.id).state is BatchState.GENERATED

    def test_goes_to_the_print_house_and_the_key_that_were_approved(self) -> None:
        printer, other = a_print_house(), a_print_house()
        fingerprint = encrypting.fingerprint(printer.key)
        batch = a_made_batch(printer=printer.name, printer_key=fingerprint)
        with pytest.raises(UnableToHandOverBatch, match="printer_differs"):
            asked(batch.id, other)
        change_printer_key(acting_as(an_administrator()), name=printer.name, key=other.key)
        with pytest.raises(UnableToHandOverBatch, match="printer_key_differs"):
            asked(batch.id, printer)
        change_printer_key(acting_as(an_administrator()), name=printer.name, key=printer.key)
        assert handed_over(batch.id, printer).fingerprint == fingerprint

    def test_needs_cards_and_a_print_house(self) -> None:
        printer = a_print_house()
        with pytest.raises(UnableToHandOverBatch, match="batch_not_generated"):
            asked(an_order().id, printer)
        batch = a_made_batch()
        with pytest.raises(UnableToHandOverBatch, match="printer_unknown"):
            ask_hand_over(acting_as(an_administrator()), batch=batch.id, printer="nobody")
        retire_printer(acting_as(an_administrator()), name=printer.name)
        with pytest.raises(UnableToHandOverBatch, match="printer_unknown"):
            asked(batch.id, printer)


class TestSinglePurpose:
    @pytest.mark.use_case("CRD-12")
    def test_cards_are_taxed_with_their_delivery_and_not_again(self) -> None:
        month = (Worth.of_period(plan=ARENA_MONTH, periods=1),)
        batch = a_batch(quantity=3, gives=month, face=Money.parse("11.90", "EUR"), tax_country="DE")
        owed = {
            book: services.get(Ledger).balance(account=AccountRef(book, "EUR", owner)).posted.major
            for book, owner in (
                ("reseller_receivable", "kiosk-berlin"),
                ("tax_payable", "DE"),
                ("cards_sold", str(batch.id)),
            )
        }
        # 35.70 less 8 per cent; 1.90 of each card is tax.
        assert owed == {"reseller_receivable": "32.84", "tax_payable": "5.70", "cards_sold": "30.00"}
        assert_books_prove()
        activate_card(a_command(), player=a_player(country="DE").id, code=batch.cards[0].code)
        tax = services.get(Ledger).balance(account=AccountRef("tax_payable", "EUR", "DE"))
        assert tax.posted.major == "5.70"
        assert_books_prove()

    def test_the_tax_goes_back_with_a_delivery_that_never_was_one(self) -> None:
        month = (Worth.of_period(plan=ARENA_MONTH, periods=1),)
        batch = a_made_batch(quantity=3, gives=month, face=Money.parse("11.90", "EUR"), tax_country="DE")
        handed_over(batch.id, a_print_house())
        close_batch(acting_as(an_administrator()), batch=batch.id)
        for book, owner in (
            ("reseller_receivable", "kiosk-berlin"),
            ("tax_payable", "DE"),
            ("cards_sold", str(batch.id)),
        ):
            assert not services.get(Ledger).balance(account=AccountRef(book, "EUR", owner)).posted.minor
        assert_books_prove()


class TestFile:
    def test_that_breaks_off_is_begun_again_and_a_whole_one_ends_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(encrypting, "PART_BYTES", 500)
        batch, printer, clerk = a_made_batch(quantity=50), a_print_house(), an_administrator()
        handed_over(batch.id, printer)

        open_print_file(acting_as(clerk), batch=batch.id)
        parts = cards().print_file(batch_id=batch.id, fetched_by=clerk.id, at=NOW)
        assert next(parts)
        parts.close()
        assert cards().hand_overs(batch_id=batch.id)[0].fetched_at is None

        assert len(printed(printer.read(fetched(batch.id)))) == 50
        assert cards().hand_overs(batch_id=batch.id)[0].fetched_at == NOW
        with pytest.raises(UnableToFetchPrintFile, match="print_file_gone"):
            open_print_file(acting_as(clerk), batch=batch.id)
        history = cards().card(serial=batch.first_serial, at=NOW).history
        assert [moment.what for moment in history].count("print_file_opened") == 2

    def test_waits_three_days(self) -> None:
        batch = a_made_batch()
        handed_over(batch.id, a_print_house())
        late = NOW + FILE_LIFETIME
        assert cards().forget_print_files(at=late - timedelta(seconds=1)) == 0
        with pytest.raises(UnableToFetchPrintFile, match="print_file_gone"):
            next(cards().print_file(batch_id=batch.id, fetched_by=an_administrator().id, at=late))
        assert cards().forget_print_files(at=late) == 1
        assert _rows("cards_printfile") == 0

    def test_that_nobody_fetched_leaves_cards_that_closing_makes_void_and_unbooks(self) -> None:
        batch = a_made_batch(quantity=7, spares=2)
        handed_over(batch.id, a_print_house())
        cards().forget_print_files(at=NOW + FILE_LIFETIME)
        assert_books_prove()
        closed = close_batch(acting_as(an_administrator()), batch=batch.id).answer
        assert closed.void == 9 and closed.entry_id is not None
        assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.VOID: 9}
        assert_books_prove()


class TestPrinter:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"name": "Press"}, "printer_name_malformed"),
            ({"title": " "}, "printer_title_missing"),
            ({"key": "age1qqqq"}, "printer_key_malformed"),
            ({"key": str(pyrage.x25519.Identity.generate())}, "printer_key_malformed"),
        ],
    )
    def test_is_refused_when_it_makes_no_sense(self, changes: dict[str, str], reason: str) -> None:
        said = {"name": "press", "title": "The Press", "key": a_print_house().key} | changes
        with pytest.raises(UnableToKeepPrinter) as refused:
            add_printer(acting_as(an_administrator()), **said)
        assert refused.value.reason == reason

    def test_is_kept_once_under_its_name(self) -> None:
        key = a_print_house().key
        add_printer(acting_as(an_administrator()), name="press", title="The Press", key=f" {key}\n")
        with pytest.raises(UnableToKeepPrinter, match="printer_name_taken"):
            add_printer(acting_as(an_administrator()), name="press", title="Another", key=key)
        found = next(one for one in cards().printers() if one.name == "press")
        assert (found.key, found.fingerprint) == (key, sha256(key.encode()).hexdigest())
        with pytest.raises(UnableToAdminister, match="right_missing"):
            retire_printer(acting_as(an_administrator(Role.ACCOUNTANT)), name="press")


class TestSpares:
    def test_take_the_places_of_spoiled_cards_and_nothing_is_booked(self) -> None:
        batch = a_batch(quantity=4, spares=2)
        spoiled, spare = batch.cards[1], batch.cards[4]
        player = a_player()
        with pytest.raises(UnableToActivateCard, match="card_not_sold"):
            activate_card(a_command(), player=player.id, code=spare.code)
        (done,) = replace_spoiled_cards(
            acting_as(an_administrator()), batch=batch.id, serials=(spoiled.serial,), reason="torn"
        ).answer
        assert (done.spoiled, done.spare) == (spoiled.serial, spare.serial)
        with pytest.raises(UnableToActivateCard, match="card_blocked"):
            activate_card(a_command(), player=player.id, code=spoiled.code)
        activate_card(a_command(), player=player.id, code=spare.code)
        assert cards().counts(batch_id=batch.id, at=NOW) == {
            CardState.HANDED_OVER: 3,
            CardState.VOID: 1,
            CardState.SPARE: 1,
            CardState.ACTIVATED: 1,
        }
        assert_books_prove()

    def test_are_refused_for_what_is_no_longer_as_printed_and_run_out(self) -> None:
        batch = a_batch(quantity=3, spares=1)
        clerk = an_administrator()
        activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        for serials, reason in (
            ((batch.cards[0].serial,), "card_not_as_printed"),
            ((batch.cards[3].serial,), "card_not_as_printed"),
            (("WC99990000001",), "card_unknown"),
            ((), "cards_out_of_range"),
            ((batch.cards[1].serial, batch.cards[2].serial), "spares_used_up"),
        ):
            with pytest.raises(UnableToReplaceSpoiled) as refused:
                replace_spoiled_cards(acting_as(clerk), batch=batch.id, serials=serials, reason="torn")
            assert refused.value.reason == reason
        assert cards().counts(batch_id=batch.id, at=NOW)[CardState.SPARE] == 1
