"""A batch from its order to the hand-over of its codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db.utils import DatabaseError

from tests.builders.books import assert_books_prove
from tests.builders.cards import (
    TEN_EUROS,
    a_batch,
    a_made_batch,
    a_print_house,
    an_approved_batch,
    an_order,
    asked,
)
from tests.builders.databases import named
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, acting_as, an_administrator
from warchest.cards import making
from warchest.cards.contract import (
    BatchState,
    BatchTerms,
    Cards,
    CardState,
    UnableToDecideBatch,
    UnableToFindCard,
    UnableToGenerateBatch,
    UnableToOrderBatch,
    Worth,
)
from warchest.cards.operations import generation
from warchest.journeys.approve_batch import approve_batch
from warchest.journeys.generate_batch import generate_batch
from warchest.journeys.hand_over_batch import confirm_hand_over
from warchest.journeys.order_batch import order_batch
from warchest.journeys.refuse_batch import refuse_batch
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.databases import aliases
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def cards_dsn(superuser_dsn_of: Callable[[str], str]) -> str:
    """How somebody with all rights signs in to the database of the cards."""
    return superuser_dsn_of("cards")


def cards() -> Cards:
    return services.get(Cards)


class TestOrder:
    def test_says_what_was_ordered_and_awaits_the_owner(self) -> None:
        clerk = an_administrator()
        batch = an_order(clerk=clerk, quantity=500, regions=("FR", "DE", "FR"))
        assert (batch.state, batch.ordered_by, batch.terms.quantity) == (BatchState.ORDERED, clerk.id, 500)
        assert batch.terms.regions == ("DE", "FR")
        assert batch.terms.entropy_bits == 75
        assert str(batch.terms.face_total) == "5000.00 EUR"
        assert [found.id for found in cards().batches_awaiting_approval()] == [batch.id]
        assert cards().counts(batch_id=batch.id, at=NOW) == {}

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"quantity": 0}, "quantity_out_of_range"),
            ({"quantity": 5_000_001}, "quantity_out_of_range"),
            ({"code_length": 12}, "code_too_guessable"),
            ({"code_length": 33}, "code_too_long"),
            ({"gives": ()}, "card_worth_malformed"),
            ({"gives": (Worth.of_money(Money.parse("0.00", "XCR")),)}, "card_worth_malformed"),
            ({"gives": (Worth.of_period(plan=ARENA_MONTH, periods=0),)}, "card_worth_malformed"),
            ({"face": Money.parse("-1.00", "EUR")}, "card_face_malformed"),
            ({"face": Money.parse("10.00", "XCR")}, "card_face_malformed"),
            ({"serial_prefix": "w"}, "serial_prefix_malformed"),
            ({"serial_prefix": "1A"}, "serial_prefix_malformed"),
            ({"series": 10_000}, "serial_series_malformed"),
            ({"expires_at": NOW}, "card_expiry_in_past"),
            ({"regions": ("DE", "XX")}, "region_unknown"),
            ({"margin_bps": 10_001}, "margin_out_of_range"),
            ({"reseller": ""}, "margin_out_of_range"),
        ],
    )
    def test_is_refused_when_it_makes_no_sense(self, changes: dict[str, object], reason: str) -> None:
        with pytest.raises(UnableToOrderBatch) as refused:
            an_order(**changes)  # type: ignore[arg-type]
        assert refused.value.reason == reason

    @pytest.mark.use_case("CRD-05")
    def test_needs_longer_codes_the_more_cards_are_live(self) -> None:
        an_order(quantity=1_000_000, code_length=13)
        with pytest.raises(UnableToOrderBatch, match="code_too_guessable") as refused:
            an_order(quantity=200_000, code_length=13)
        assert refused.value.details["entropy_bits_min"] == 61
        an_order(quantity=200_000, code_length=14)

    def test_takes_the_next_series_or_the_one_asked_for_and_each_once(self) -> None:
        first, second, asked = an_order(), an_order(), an_order(series=40)
        assert (first.terms.series, second.terms.series, asked.terms.series) == (1, 2, 40)
        assert an_order().terms.series == 41
        assert an_order(serial_prefix="XM").terms.series == 1
        with pytest.raises(UnableToOrderBatch, match="serial_series_taken"):
            an_order(series=40)

    def test_needs_the_right(self) -> None:
        with pytest.raises(UnableToAdminister, match="right_missing"):
            an_order(clerk=an_administrator(Role.SUPPORT))

    def test_is_placed_once_under_a_key(self) -> None:
        command = acting_as(an_administrator())
        first = order_batch(command, terms=TEN_EUROS)
        again = order_batch(command, terms=TEN_EUROS)
        assert again.replayed and again.answer == first.answer
        assert len(cards().batches()) == 1


@pytest.mark.use_case("CRD-18")
class TestApproval:
    def test_is_of_exactly_what_was_ordered(self) -> None:
        batch = an_order()
        owner = an_administrator(Role.OWNER)
        approved = approve_batch(acting_as(owner), batch=batch.id, digest=batch.digest).answer
        assert (approved.state, approved.approved_by, approved.digest) == (
            BatchState.APPROVED,
            owner.id,
            batch.digest,
        )
        assert cards().batches_awaiting_approval() == ()

    def test_is_refused_to_whoever_ordered(self) -> None:
        owner = an_administrator(Role.OWNER)
        batch = an_order(clerk=owner)
        with pytest.raises(UnableToDecideBatch, match="own_request"):
            approve_batch(acting_as(owner), batch=batch.id, digest=batch.digest)
        assert cards().batch(batch_id=batch.id).state is BatchState.ORDERED

    def test_is_refused_for_another_digest(self) -> None:
        batch, other = an_order(), an_order()
        with pytest.raises(UnableToDecideBatch, match="digest_changed"):
            approve_batch(acting_as(an_administrator(Role.OWNER)), batch=batch.id, digest=other.digest)

    def test_is_refused_when_the_database_was_tampered_with(self, cards_dsn: str) -> None:
        batch = an_order()
        with psycopg.connect(cards_dsn, autocommit=True) as attacker:
            attacker.execute("SET session_replication_role = replica")
            attacker.execute("UPDATE cards_batch SET quantity = 1000000")
        with pytest.raises(UnableToDecideBatch, match="digest_changed"):
            approve_batch(acting_as(an_administrator(Role.OWNER)), batch=batch.id, digest=batch.digest)

    def test_is_only_the_owners(self) -> None:
        batch = an_order()
        with pytest.raises(UnableToAdminister, match="right_missing"):
            approve_batch(acting_as(an_administrator()), batch=batch.id, digest=batch.digest)

    @pytest.mark.use_case("CRD-19")
    def test_or_refusal_with_a_reason_is_given_once(self) -> None:
        batch, owner = an_order(), an_administrator(Role.OWNER)
        with pytest.raises(UnableToDecideBatch, match="reason_missing"):
            refuse_batch(acting_as(owner), batch=batch.id, reason="  ")
        refused = refuse_batch(acting_as(owner), batch=batch.id, reason="Too many for one kiosk").answer
        assert (refused.state, refused.refusal) == (BatchState.REFUSED, "Too many for one kiosk")
        with pytest.raises(UnableToDecideBatch, match="batch_already_decided"):
            approve_batch(acting_as(owner), batch=batch.id, digest=batch.digest)

    @pytest.mark.parametrize(
        "change",
        [
            "quantity = 1000",
            "face_minor = 1",
            "approved_digest = decode(repeat('00', 32), 'hex')",
            "approved_by = ordered_by",
            "state = 'ordered'",
        ],
    )
    def test_stands_for_ever_even_against_the_databases_owner(self, change: str, cards_dsn: str) -> None:
        an_approved_batch()
        with psycopg.connect(cards_dsn) as attacker, pytest.raises(psycopg.errors.Error) as refused:
            attacker.execute(f"UPDATE cards_batch SET {change}")
        assert refused.value.sqlstate in ("WC001", "23514")

    def test_of_ones_own_order_is_refused_by_the_database_itself(self, cards_dsn: str) -> None:
        an_order()
        with (
            psycopg.connect(cards_dsn) as attacker,
            pytest.raises(psycopg.errors.CheckViolation) as refused,
        ):
            attacker.execute(
                "UPDATE cards_batch SET state = 'approved', approved_by = ordered_by, approved_at = now(),"
                " approved_digest = digest"
            )
        assert refused.value.diag.constraint_name == "approval_by_another"


class TestGeneration:
    def test_makes_all_cards_with_whole_codes_and_the_printed_serials(self) -> None:
        batch = a_made_batch(quantity=1200)
        assert batch.state is BatchState.GENERATED
        assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.GENERATED: 1200}
        assert cards().card(serial=batch.first_serial, at=NOW).state is CardState.GENERATED
        assert cards().card(serial=batch.last_serial, at=NOW).batch == batch.id
        with pytest.raises(UnableToFindCard, match="card_unknown"):
            cards().card(serial="WC0001000120", at=NOW)
        assert_books_prove()

    def test_needs_an_approval(self) -> None:
        batch = an_order()
        with pytest.raises(UnableToGenerateBatch, match="batch_not_approved"):
            generate_batch(acting_as(an_administrator()), batch=batch.id)

    def test_happens_once(self) -> None:
        batch = a_made_batch()
        with pytest.raises(UnableToGenerateBatch, match="batch_already_generated"):
            generate_batch(acting_as(an_administrator()), batch=batch.id)

    def test_leaves_nothing_when_it_breaks_half_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        batch = an_approved_batch(quantity=250)
        monkeypatch.setattr(generation, "CARDS_PER_PART", 100)
        make, made = making.codes, []

        def breaks_in_the_third_part(*, count: int, **format: object) -> list[bytes]:
            made.append(count)
            if len(made) == 3:
                raise KeyboardInterrupt
            return make(count=count, **format)

        monkeypatch.setattr(making, "codes", breaks_in_the_third_part)
        command = acting_as(an_administrator())
        with pytest.raises(KeyboardInterrupt):
            generate_batch(command, batch=batch.id)
        assert _rows("cards_card") == _rows("cards_printfile") == 0
        assert cards().batch(batch_id=batch.id).state is BatchState.APPROVED

        monkeypatch.setattr(making, "codes", make)
        generate_batch(command, batch=batch.id)
        assert (_rows("cards_card"), _rows("cards_printfile")) == (250, 3)

    def test_never_repeats_a_code_of_any_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from warchest.kernel.errors import TryAgain

        first = a_batch(quantity=5)
        second = an_approved_batch(quantity=5)
        repeated = [card.code.encode() for card in first.cards]
        monkeypatch.setattr(making, "codes", lambda **asked: repeated)
        with pytest.raises(TryAgain):
            generate_batch(acting_as(an_administrator()), batch=second.id)
        assert _rows("cards_card") == 5

    def test_of_unapproved_cards_is_refused_by_the_database_itself(self) -> None:
        batch = an_order()
        with pytest.raises(DatabaseError, match="only as approved"), _tables() as cursor:
            cursor.execute(
                "INSERT INTO cards_card (serial, batch_id, number, code_hash, last_four)"
                " VALUES ('WC1', %s, 1, decode(repeat('00', 32), 'hex'), '0000')",
                [batch.id],
            )

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM cards_card",
            "TRUNCATE cards_card",
            "UPDATE cards_card SET code_hash = decode(repeat('00', 32), 'hex')",
            "UPDATE cards_card SET serial = 'WC1'",
            "DELETE FROM cards_batch",
        ],
    )
    def test_is_for_ever(self, statement: str, cards_dsn: str) -> None:
        a_made_batch()
        with pytest.raises(DatabaseError), technical_transaction("cards"), _tables() as cursor:
            cursor.execute(statement)
        with psycopg.connect(cards_dsn) as attacker, pytest.raises(psycopg.errors.Error) as refused:
            attacker.execute(statement)
        assert not isinstance(refused.value, psycopg.errors.UndefinedTable)


class TestHandOver:
    def test_leaves_no_plain_code_anywhere(self, server_dsn: Callable[[str], str], database: str) -> None:
        printed_batch = a_batch(quantity=2)
        codes = [card.code for card in printed_batch.cards]
        serial = printed_batch.cards[0].serial
        dsns = [server_dsn(named(database, alias)) for alias in aliases()]
        assert "public.cards_card" in [table for dsn in dsns for table in _where(dsn, serial)]
        assert [table for dsn in dsns for code in codes for table in _where(dsn, code)] == []
        assert _rows("cards_printfile") == 0

    def test_books_what_the_reseller_owes(self) -> None:
        batch = a_batch(quantity=50)
        (entry,) = _entries(f"batch-delivered:{batch.id}")
        legs = {(leg.side, leg.book, leg.owner): str(leg.amount) for leg in entry.legs}
        assert legs == {
            ("D", "reseller_receivable", "kiosk-berlin"): "460.00 EUR",
            ("D", "reseller_margin", ""): "40.00 EUR",
            ("C", "cards_sold", str(batch.id)): "500.00 EUR",
        }
        assert_books_prove()

    @pytest.mark.parametrize("changes", [{"reseller": ""}, {"reseller": "", "stock": True}])
    def test_books_nothing_for_cards_that_are_given_away_or_lie_in_our_stock(
        self, changes: dict[str, object]
    ) -> None:
        wanted = asked(a_made_batch(margin_bps=0, **changes).id, a_print_house())
        answer = confirm_hand_over(
            acting_as(an_administrator()), hand_over=wanted.id, fingerprint=wanted.fingerprint
        ).answer
        assert answer.entry_id is None
        assert_books_prove()


def test_batches_are_listed_newest_first() -> None:
    first, second, third = an_order(), an_order(), an_order()
    assert [found.id for found in cards().batches(limit=2)] == [third.id, second.id]
    assert [found.id for found in cards().batches(before=second.id)] == [first.id]


def test_an_answer_reads_back_as_it_was() -> None:
    command = acting_as(an_administrator())
    terms = replace(TEN_EUROS, expires_at=NOW + timedelta(days=365), regions=("DE",))
    first = order_batch(command, terms=terms).answer
    assert order_batch(command, terms=terms).answer == first == cards().batch(batch_id=first.id)
    assert isinstance(first.terms, BatchTerms)


def _where(dsn: str, text: str) -> list[str]:
    """The tables of a database in which this stands anywhere, as text or as bytes."""
    look = " WHERE strpos(upper(line::text), %s) + strpos(line::text, %s) > 0 LIMIT 1"
    with psycopg.connect(dsn) as everything:
        tables = everything.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        return [
            table
            for (table,) in tables
            if everything.execute(
                f"SELECT 1 FROM {table} AS line{look}", [text, text.encode().hex()]
            ).fetchone()
        ]


def _tables() -> Any:
    """What lies below the service of cards."""
    return services.database("cards").cursor()


def _rows(table: str) -> int:
    with _tables() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def _entries(key: str) -> list[object]:
    with services.database("ledger").cursor() as cursor:
        cursor.execute("SELECT entry_id FROM ledger_postedkey WHERE digest = ledger_key_digest(%s)", [key])
        ids: list[UUID] = [row[0] for row in cursor.fetchall()]
    return [services.get(Ledger).entry(entry_id=entry_id) for entry_id in ids]
