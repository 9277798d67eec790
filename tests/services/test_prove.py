"""``warchest prove`` names what somebody with all rights has done to the books, and says so by its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner
from django.db import connections, transaction

from tests.builders import lots
from tests.builders.cards import a_batch
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player
from tests.builders.tampering import COMPUTE_THE_CHAIN_ANEW, with_all_rights
from tests.use_cases.test_payments_state import a_payment, hear
from tests.use_cases.test_payments_state import parrot as parrot
from warchest.cards.contract import Worth
from warchest.charging.contract import Charging, LotTerms, Source
from warchest.cli.prove import command
from warchest.jobs import books
from warchest.journeys.activate_card import activate_card
from warchest.journeys.expire_lots import expire_lots
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger import heads
from warchest.ledger.contract import Entry, EntryDraft, EntryFilter, Ledger, credit, debit
from warchest.runtime.services import services
from warchest.sdk.payments import Report, Standing

Tamper = Callable[..., None]


def prove_here() -> subprocess.CompletedProcess[str]:
    """The same command without a process of its own: that takes seconds to start, and there are many ways to tamper."""
    done = CliRunner().invoke(command)
    return subprocess.CompletedProcess(["prove"], done.exit_code, done.stdout, done.stderr)


def prove(database: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "warchest.cli.main", "prove"],
        env={**os.environ, "WARCHEST_DATABASE_NAME": database, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def business(database: str) -> str:
    """A database in which something was bought; all of it is folded, and sealed in blocks of two entries with a head each."""
    ledger = services.get(Ledger)
    for _ in range(3):
        player = a_player(with_units="2000")
        prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
        for _ in range(3):
            ledger.fold()
        while ledger.seal(entries_max=2):
            assert ledger.sign_head(at=NOW)
    assert ledger.sealing().number >= 3
    assert ledger.sealing().behind == 0
    return database


@pytest.fixture
def tamper(superuser_dsn: str) -> Tamper:
    def act(*statements: str) -> None:
        with_all_rights(superuser_dsn, *statements)

    return act


def found(superuser_dsn: str, query: str) -> tuple[str, ...]:
    with psycopg.connect(superuser_dsn) as superuser:
        row = superuser.execute(query).fetchone()
        assert row is not None
        return tuple(map(str, row))


def assert_broken(done: subprocess.CompletedProcess[str], *names: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    for name in names:
        assert name in done.stdout


def test_proves_clean_books(business: str) -> None:
    done = prove(business)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "The books are proved." in done.stdout
    sealing = services.get(Ledger).sealing()
    assert (
        f"sealed    {sealing.entries}, up to position {sealing.position} in block {sealing.number}"
        in done.stdout
    )
    assert f"signed    up to block {sealing.number}" in done.stdout
    assert "unsealed  0" in done.stdout


@pytest.mark.parametrize(
    ("tampering", "names"),
    [
        ("UPDATE ledger_balance SET posted_minor = posted_minor + 1", "its balance or what is held differs"),
        ("UPDATE charging_lot SET units_left_minor = units_left_minor - 1", "lots hold"),
        ("UPDATE charging_lot SET consideration_left_minor = 0", "wallet funding is"),
        ("UPDATE ledger_posting SET amount_minor = amount_minor + 1 WHERE leg = 1", "its postings differ"),
        ("DELETE FROM ledger_posting WHERE leg = 2", "its postings differ"),
        ("UPDATE ledger_posting SET net_after_minor = net_after_minor + 1", "the balance after it differs"),
        ("UPDATE ledger_account SET debit_minor = debit_minor + 1", "its sums differ"),
        ("UPDATE ledger_daysum SET debit_minor = debit_minor + 1", "the sum of the day differs"),
        ("DELETE FROM ledger_entrykey", "key missing"),
        (
            "UPDATE subscriptions_deferral SET recognised_minor = recognised_minor + 1",
            "are recognised, the runs",
        ),
    ],
)
def test_names_what_was_tampered_with(business: str, tamper: Tamper, tampering: str, names: str) -> None:
    tamper(tampering)

    assert_broken(prove_here(), names)


def test_ends_as_a_process_with_what_it_found(business: str, tamper: Tamper) -> None:
    tamper("UPDATE ledger_balance SET posted_minor = posted_minor + 1")

    assert_broken(prove(business), "its balance or what is held differs", "Broken: ")


_SECOND = "SELECT id, position FROM ledger_journalentry ORDER BY position OFFSET 1 LIMIT 1"
_OF_SECOND = "WHERE position = (SELECT position FROM ledger_journalentry ORDER BY position OFFSET 1 LIMIT 1)"


@pytest.mark.use_case("ACC-03")
class TestControlAccounts:
    """What the books say of wallets, cards and subscriptions is what these say of themselves, to the last unit."""

    @pytest.mark.parametrize(
        ("tampering", "names"),
        [
            ("UPDATE charging_lot SET units_left_minor = units_left_minor - 1", "minor units, the ledger"),
            (
                "UPDATE charging_lot SET consideration_left_minor = consideration_left_minor - 1",
                "wallet funding is",
            ),
            (
                "UPDATE subscriptions_deferral SET recognised_minor = recognised_minor + 1",
                "the book deferred_revenue",
            ),
            (
                "UPDATE cards_batch SET face_minor = face_minor - 1",
                "minor are not activated, the books say",
            ),
        ],
    )
    def test_that_differ_are_named(self, business: str, tamper: Tamper, tampering: str, names: str) -> None:
        a_batch(quantity=2)
        books.fold_journal()
        assert prove_here().returncode == 0
        tamper(tampering)

        assert_broken(prove_here(), names)

    def test_that_an_entry_has_changed_are_told_with_the_first_such_entry(
        self, business: str, tamper: Tamper, superuser_dsn: str
    ) -> None:
        entry, position = found(superuser_dsn, _SECOND)
        # Balanced, and past the tables that follow from it: only the seal knows.
        tamper(
            f"UPDATE ledger_journalentry SET amounts = (SELECT array_agg(2 * amount ORDER BY leg)"
            f" FROM unnest(amounts) WITH ORDINALITY AS l(amount, leg)) WHERE position >= {position}"
        )

        done = prove_here()

        assert_broken(done, f"entry {entry}: its postings differ", "the ledger")
        rule = done.stdout[done.stdout.index("broken  Every sealed entry") :].splitlines()
        assert rule[1].strip().startswith(f"entry {entry} at position {position}, ")


def entries_of(kind: str) -> list[Entry]:
    """In the order of the books."""
    found = services.get(Ledger).find_entries(only=EntryFilter(kind=kind), limit=100)
    return sorted(found, key=lambda entry: entry.position)


def buy(player: UUID, *, times: int) -> None:
    for _ in range(times):
        prolong_subscription(a_command(), player=player, plan=ARENA_MONTH, periods=1)


def assert_first(done: subprocess.CompletedProcess[str], place: str, entry: Entry) -> None:
    """Each line of this beginning names the entry, and there is one."""
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip().startswith(place)]
    assert lines, done.stdout
    assert all(f"first at entry {entry.id} (position {entry.position})," in line for line in lines), lines


@pytest.mark.use_case("ACC-03")
class TestTheFirstEntry:
    """Where a control account and what an app keeps differ, the first entry at which they part is named."""

    @pytest.fixture
    def shop(self, business: str) -> tuple[UUID, UUID]:
        """A sponsor, and a player whom he invited and who bought three times; others bought before and after."""
        sponsor = a_player()
        player = a_player(with_units="9000", sponsor=sponsor).id
        buy(player, times=3)
        buy(a_player(with_units="2000").id, times=1)
        books.fold_journal()
        assert prove_here().returncode == 0
        return sponsor.id, player

    def test_where_slices_and_lots_say_less_of_one_purchase(
        self, shop: tuple[UUID, UUID], tamper: Tamper
    ) -> None:
        _, player = shop
        second = entries_of("subscription")[4]
        of_second = f"WHERE reference = '{second.key}'"
        tamper(
            "UPDATE charging_lot SET units_left_minor = units_left_minor + 7,"
            " consideration_left_minor = consideration_left_minor + 3"
            f" WHERE id = (SELECT lot_id FROM charging_lotslice {of_second})",
            "UPDATE charging_lotslice SET units_minor = units_minor - 7,"
            f" consideration_minor = consideration_minor - 3 {of_second}",
        )

        done = prove_here()

        assert_first(done, f"wallet {player}: lots hold", second)
        assert_first(done, "EUR: lots carry", second)

    @pytest.mark.parametrize(
        ("column", "place"), [("units", "wallet {}: lots hold"), ("consideration", "EUR: lots carry")]
    )
    def test_where_less_is_left_of_a_lot_than_was_taken(
        self, shop: tuple[UUID, UUID], tamper: Tamper, column: str, place: str
    ) -> None:
        _, player = shop
        tamper(
            f"UPDATE charging_lot SET {column}_left_minor = {column}_left_minor - 1 WHERE wallet_id = '{player}'"
        )

        assert_first(prove_here(), place.format(player), entries_of("top_up")[3])

    def test_where_a_purchase_has_no_slice(self, shop: tuple[UUID, UUID], tamper: Tamper) -> None:
        _, player = shop
        second = entries_of("subscription")[4]
        tamper(
            "UPDATE charging_lot AS lot SET units_left_minor = units_left_minor + slice.units_minor"
            f" FROM charging_lotslice AS slice WHERE slice.lot_id = lot.id AND slice.reference = '{second.key}'",
            f"DELETE FROM charging_lotslice WHERE reference = '{second.key}'",
        )

        assert_first(prove_here(), f"wallet {player}: lots hold", second)

    @pytest.mark.parametrize("column", ["units", "consideration"])
    @pytest.mark.parametrize("changed", ["spent", "returned", "moved", "expired"])
    def test_where_lots_that_came_back_moved_or_expired_are_not_what_was_booked(
        self, shop: tuple[UUID, UUID], tamper: Tamper, superuser_dsn: str, changed: str, column: str
    ) -> None:
        player, other = a_player().id, a_player().id
        lots.a_lot(player, "10", paid="0.10 EUR", transferable=True, expires_at=NOW + timedelta(days=9))
        lots.spend(player, "4", reference="spend:1")
        (returned,) = lots.give_back(player, "spend:1", "3")
        (moved,) = lots.move(player, other, "2")
        later = NOW + timedelta(days=10)
        due = services.get(Charging).expired_lots(at=later, limit=9)
        expired = expire_lots(a_command(at=later), lots=due).answer[0].lot
        assert prove_here().returncode == 0
        wallet, key = {
            "spent": (player, "spend:1"),
            "returned": (player, returned.reference),
            "moved": (other, moved.reference),
            "expired": (expired.player, expired.reference),
        }[changed]
        tamper(
            "ALTER TABLE charging_lot DROP CONSTRAINT lot_units_within, DROP CONSTRAINT lot_consideration_within,"
            " DROP CONSTRAINT lot_empty_of_both",
            f"UPDATE charging_lot SET {column}_left_minor = {column}_left_minor + 1"
            f" WHERE reference = '{key}' OR id IN (SELECT lot_id FROM charging_lotslice"
            f" WHERE reference = '{key}' AND use <> 'transfer')",
            f"UPDATE charging_lotslice SET {column}_minor = {column}_minor - 1"
            f" WHERE reference = '{key}' AND use <> 'transfer'",
        )

        entry = found(superuser_dsn, f"SELECT entry_id FROM ledger_entrykey WHERE key = '{key}'")[0]
        place = f"wallet {wallet}: lots hold" if column == "units" else "EUR: lots carry"
        lines = [line for line in prove_here().stdout.splitlines() if line.strip().startswith(place)]
        assert len(lines) == 1
        assert f"; first at entry {entry} " in lines[0]

    def test_where_a_lot_has_no_entry(self, shop: tuple[UUID, UUID]) -> None:
        _, player = shop
        lot = new_id()
        with transaction.atomic():
            services.get(Charging).fund(
                lot_id=lot,
                player=player,
                units=Money.units(500),
                consideration=Money.parse("0.05", "EUR"),
                source=Source.GIFT,
                reference="gift:1",
                terms=LotTerms(),
                at=NOW,
            )

        done = prove_here()

        assert_broken(done, f"; lot {lot} of 500 has no entry", f"; lot {lot} of 5 has no entry")

    def test_where_somebody_posted_past_the_apps(self, shop: tuple[UUID, UUID]) -> None:
        sponsor, player = shop
        euro, unit = Money.parse("1.00", "EUR"), Money.units(100)
        legs = (
            *(debit("units_issued", unit), credit("wallet_units", unit, owner=player)),
            *(debit("wallet_funding", euro), credit("deferred_revenue", euro)),
            *(debit("commission_cost", euro), credit("commission_on_hold", euro, owner=sponsor)),
            *(debit("provider_clearing", euro, owner="sandbox"), credit("revenue", euro)),
            *(debit("revenue", euro), credit("cards_sold", euro, owner="nobody")),
        )
        for number in (1, 2):
            services.get(Ledger).post(
                entry=EntryDraft(new_id(), f"past:{number}", "past", NOW, legs, details={"number": number})
            )
            buy(player, times=1)

        done = prove_here()

        first = entries_of("past")[0]
        for place in (
            f"wallet {player}: lots hold",
            "EUR: lots carry",
            "EUR: grants defer",
            f"sponsor {sponsor}, EUR: commissions",
            "sandbox EUR: payments make",
            "the books hold 200 EUR minor of cards for nobody",
        ):
            assert_first(done, place, first)

    def test_where_amounts_of_the_journal_changed_before_they_were_folded(
        self, shop: tuple[UUID, UUID], tamper: Tamper
    ) -> None:
        sponsor, player = shop
        buy(player, times=1)
        buy(a_player(with_units="2000").id, times=1)
        entry = entries_of("subscription")[-2]
        tamper(
            "UPDATE ledger_journalentry SET amounts = (SELECT array_agg(2 * amount ORDER BY leg)"
            f" FROM unnest(amounts) WITH ORDINALITY AS l(amount, leg)) WHERE position >= {entry.position}"
        )

        done = prove_here()

        for place in (
            f"wallet {player}: lots hold",
            "EUR: lots carry",
            "EUR: grants defer",
            f"sponsor {sponsor}, EUR: commissions",
        ):
            assert_first(done, place, entry)

    @pytest.mark.parametrize(
        "tampering",
        [
            "UPDATE referrals_commission SET amount_minor = amount_minor - 1 WHERE entry_id = '{}'",
            "DELETE FROM referrals_commission WHERE entry_id = '{}'",
            "UPDATE referrals_commission SET currency = 'USD' WHERE entry_id = '{}'",
        ],
    )
    def test_where_a_commission_is_not_what_was_booked(
        self, shop: tuple[UUID, UUID], tamper: Tamper, tampering: str
    ) -> None:
        sponsor, _ = shop
        second = entries_of("subscription")[4]
        tamper(tampering.format(second.id))

        assert_first(prove_here(), f"sponsor {sponsor}, EUR: commissions", second)

    @pytest.mark.parametrize("recognised", [False, True])
    @pytest.mark.parametrize(
        "column", ["net_minor = net_minor - 1", "recognised_minor = recognised_minor + 1"]
    )
    def test_where_a_deferral_is_not_what_was_booked(
        self, shop: tuple[UUID, UUID], tamper: Tamper, column: str, recognised: bool
    ) -> None:
        if recognised:
            recognise_revenue(a_command(at=NOW + timedelta(days=50)), day=NOW.date() + timedelta(days=40))
            assert prove_here().returncode == 0
            buy(shop[1], times=1)
        second = entries_of("subscription")[4]
        tamper(
            f"UPDATE subscriptions_deferral SET {column} WHERE grant_id IN"
            f" (SELECT id FROM subscriptions_grant WHERE entry_id = '{second.id}')"
        )

        assert_first(prove_here(), "EUR: grants defer", second)

    def test_where_the_deferral_of_a_card_is_not_what_was_booked(
        self, shop: tuple[UUID, UUID], tamper: Tamper
    ) -> None:
        for card in a_batch(gives=(Worth.of_period(plan=ARENA_MONTH, periods=1),)).cards:
            activate_card(a_command(), player=shop[1], code=card.code)
        assert prove_here().returncode == 0
        second = entries_of("card_activated")[1]
        tamper(
            "UPDATE subscriptions_deferral SET net_minor = net_minor - 1 WHERE grant_id IN"
            f" (SELECT id FROM subscriptions_grant WHERE entry_id = '{second.id}')"
        )

        assert_first(prove_here(), "EUR: grants defer", second)

    def test_where_a_run_of_recognition_booked_something_else(
        self, shop: tuple[UUID, UUID], tamper: Tamper
    ) -> None:
        for days in (10, 20, 30):
            recognise_revenue(a_command(at=NOW + timedelta(days=50)), day=NOW.date() + timedelta(days=days))
        tamper(
            "UPDATE ledger_journalentry SET amounts = ARRAY[amounts[1] + 1, amounts[2] + 1]"
            f" WHERE key = 'recognise:{NOW.date() + timedelta(days=20)}'"
        )

        assert_first(prove_here(), "EUR: grants defer", entries_of("recognition")[1])

    def test_where_cards_are_not_what_was_booked(self, shop: tuple[UUID, UUID], tamper: Tamper) -> None:
        batch, other = a_batch(quantity=3), a_batch(quantity=2)
        for card in (*batch.cards, other.cards[0]):
            activate_card(a_command(), player=shop[1], code=card.code)
        second = entries_of("card_activated")[1]
        tamper(
            "UPDATE cards_card SET state = 'as_batch', player_id = NULL, activated_at = NULL, units_minor = NULL,"
            f" entry_id = NULL WHERE serial = '{batch.cards[1].serial}'",
            f"UPDATE cards_batch SET face_minor = face_minor - 1 WHERE id = '{other.id}'",
        )

        done = prove_here()

        lines = [line for line in done.stdout.splitlines() if "minor are not activated" in line]
        assert len(lines) == 2
        assert any(f"first at entry {second.id} " in line for line in lines)
        assert any(f"first at entry {entries_of('batch_delivered')[1].id} " in line for line in lines)

    @pytest.mark.usefixtures("parrot")
    @pytest.mark.parametrize(
        "tampering",
        [
            "amount_minor = amount_minor + 1",
            "currency = 'USD'",
            "status = 'review', credited_at = NULL, journal_entry = NULL, lot = NULL",
        ],
    )
    def test_where_payments_are_not_what_was_booked(self, shop: None, tamper: Tamper, tampering: str) -> None:
        payments = [a_payment() for _ in range(3)]
        for payment in payments:
            hear(payment, Report(Standing.SUCCEEDED, amount=payment.amount))
        assert prove_here().returncode == 0
        tamper(f"UPDATE payments_payment SET {tampering} WHERE id = '{payments[1].id}'")

        second = next(entry for entry in entries_of("top_up") if entry.reference == str(payments[1].id))
        assert_first(prove_here(), "parrot EUR: payments make", second)


class TestTheJournal:
    def test_with_a_byte_flipped_in_a_sealed_row(
        self, business: str, tamper: Tamper, superuser_dsn: str
    ) -> None:
        entry, position = found(superuser_dsn, _SECOND)
        tamper(f"UPDATE ledger_journalentry SET details = '{{}}' {_OF_SECOND}")

        assert_broken(
            prove(business), f"entry {entry} at position {position}, or an account that it names, is not what"
        )

    def test_with_an_amount_changed_past_its_constraint(
        self, business: str, tamper: Tamper, superuser_dsn: str
    ) -> None:
        entry, position = found(superuser_dsn, _SECOND)
        tamper(
            "ALTER TABLE ledger_journalentry DROP CONSTRAINT entry_balanced",
            f"UPDATE ledger_journalentry SET amounts[1] = amounts[1] + 1 {_OF_SECOND}",
        )

        assert_broken(
            prove_here(), f"entry {entry} does not balance", f"entry {entry} at position {position}"
        )

    def test_with_an_amount_changed_behind_a_constraint_that_says_it_holds(
        self, business: str, tamper: Tamper, superuser_dsn: str
    ) -> None:
        entry, _ = found(superuser_dsn, _SECOND)
        tamper(
            "CREATE TEMPORARY TABLE kept AS SELECT pg_get_constraintdef(oid) AS rule FROM pg_constraint"
            " WHERE conname = 'entry_balanced' AND conrelid = 'ledger_journalentry'::regclass",
            "ALTER TABLE ledger_journalentry DROP CONSTRAINT entry_balanced",
            f"UPDATE ledger_journalentry SET amounts[1] = amounts[1] + 1 {_OF_SECOND}",
            "DO $$ BEGIN EXECUTE 'ALTER TABLE ledger_journalentry ADD CONSTRAINT entry_balanced '"
            " || (SELECT rule FROM kept) || ' NOT VALID'; END $$",
            "UPDATE pg_constraint SET convalidated = true WHERE conname = 'entry_balanced'",
        )

        assert_broken(prove_here(), f"entry {entry} does not balance")

    def test_with_a_sealed_row_dropped(self, business: str, tamper: Tamper, superuser_dsn: str) -> None:
        entry, _ = found(superuser_dsn, _SECOND)
        tamper(f"DELETE FROM ledger_journalentry {_OF_SECOND}")

        assert_broken(prove(business), f"entry {entry}, sealed in block 1 (positions 1 to", "is missing")

    def test_with_a_row_put_among_the_sealed(self, business: str, tamper: Tamper, superuser_dsn: str) -> None:
        # Its id is of another month, where the position is still free.
        entry = "01000000-0000-7000-8000-000000000000"
        _, position = found(superuser_dsn, _SECOND)
        tamper(
            "INSERT INTO ledger_journalentry (position, occurred_at, recorded_at, id, cluster, kind, key, reference,"
            " sides, currencies, accounts, amounts) SELECT position, occurred_at, recorded_at,"
            f" '{entry}', cluster, kind, 'smuggled', reference, sides, currencies, accounts, amounts"
            f" FROM ledger_journalentry {_OF_SECOND}"
        )

        assert_broken(prove_here(), f"entry {entry} at position {position} was put into block 1")

    def test_with_an_account_given_to_another(
        self, business: str, tamper: Tamper, superuser_dsn: str
    ) -> None:
        entry, position = found(
            superuser_dsn,
            "SELECT e.id, e.position FROM ledger_journalentry AS e JOIN ledger_account AS a ON a.id = ANY (e.accounts)"
            " WHERE a.book_id = 'wallet_units' ORDER BY e.position LIMIT 1",
        )
        tamper("UPDATE ledger_account SET owner = owner || 'x' WHERE book_id = 'wallet_units'")

        assert_broken(
            prove_here(), f"entry {entry} at position {position}, or an account that it names, is not what"
        )


@pytest.mark.use_case("ACC-03")
class TestTheChain:
    def test_with_a_block_changed(self, business: str, tamper: Tamper) -> None:
        tamper(
            "UPDATE ledger_seal SET digests = set_byte(digests, 3, get_byte(digests, 3) # 1) WHERE number = 2"
        )

        assert_broken(prove_here(), "block 2 (positions 3 to 4): its hash is not that of its contents")

    def test_with_a_block_taken_out(self, business: str, tamper: Tamper) -> None:
        tamper("DELETE FROM ledger_seal WHERE number = 2")

        assert_broken(
            prove_here(), "block 2 is missing before block 3", "block 2 (positions up to 4) is not in the"
        )

    def test_computed_anew_over_a_changed_entry(self, business: str, tamper: Tamper) -> None:
        tamper(
            "UPDATE ledger_journalentry SET details = '{}' WHERE position = 3",
            COMPUTE_THE_CHAIN_ANEW,
            "TRUNCATE ledger_sealhead",
        )

        done = prove(business)

        # All is consistent, but it is not what was signed.
        assert "holds   Every sealed entry" in done.stdout
        assert "holds   The sealed blocks form one chain" in done.stdout
        assert_broken(
            done,
            f"block 2 is not the one whose head was signed at 2026-03-15 12:00:00 UTC ({heads.own_file()}, line 2):"
            " the chain was computed anew; something changed in positions 3 to 4",
        )

    def test_computed_anew_with_its_end_cut_off(self, business: str, tamper: Tamper) -> None:
        number = services.get(Ledger).sealing().number
        tamper(
            f"DELETE FROM ledger_seal WHERE number = {number}",
            f"DELETE FROM ledger_sealhead WHERE number = {number}",
        )

        assert_broken(
            prove_here(),
            f"block {number} (positions up to",
            "is not in the database, though its head was signed",
        )

    @pytest.mark.parametrize("tables", ["ledger_seal", "ledger_seal, ledger_sealhead"])
    def test_with_all_of_it_gone(self, business: str, tamper: Tamper, tables: str) -> None:
        tamper(f"TRUNCATE {tables}")

        assert_broken(prove_here(), "block 1 (positions up to 2) is not in the database")

    def test_that_no_signed_head_bears_witness_to(self, business: str, tamper: Tamper) -> None:
        tamper("TRUNCATE ledger_sealhead", "UPDATE ledger_seal SET sealed_at = sealed_at - interval '1 hour'")
        heads.own_file().unlink()

        assert_broken(prove_here(), "block 1 and those behind it: no signed head is known")


class TestTheHeads:
    def test_with_a_line_changed(self, business: str) -> None:
        file = heads.own_file()
        file.write_text(file.read_text().replace('"number":2', '"number":9', 1))

        assert_broken(
            prove(business),
            f"{file}, line 2: not a head that was signed here: its signature is of something else",
        )

    def test_with_a_line_taken_out(self, business: str) -> None:
        file = heads.own_file()
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(lines[:1] + lines[2:]))

        assert_broken(prove_here(), f"{file}, line 2: the head of block 2 should stand before it")

    @pytest.mark.parametrize("left", [0, 2])
    def test_with_the_end_cut_off(self, business: str, left: int) -> None:
        file = heads.own_file()
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(lines[:left]))

        assert_broken(
            prove_here(),
            f"{file} ends at block {left}, though the head of block {len(lines)} was written to it",
        )

    def test_with_noise_in_their_place(self, business: str) -> None:
        file = heads.own_file()
        file.write_bytes(bytes(range(256)) * 8)

        assert_broken(prove_here(), f"{file}, line 1: not a head that was signed here")

    def test_with_the_file_gone(self, business: str) -> None:
        file = heads.own_file()
        file.unlink()

        assert_broken(prove_here(), f"{file} is missing, though the head of block")

    def test_changed_in_the_database_and_looked_for_where_no_file_is(
        self, business: str, tamper: Tamper, tmp_path: Path
    ) -> None:
        tamper(
            "UPDATE ledger_sealhead SET line = replace(line, '\"entries\":2', '\"entries\":1') WHERE number = 1"
        )

        done = prove(business, WARCHEST_HEADS_FOLDER=str(tmp_path))

        assert_broken(
            done, f"ledger_sealhead, {heads.own_file().name}, line 1: not a head that was signed here"
        )


def test_proves_books_that_are_being_written(business: str) -> None:
    stop, failed = Event(), []

    def repeat(call: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                call()
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    def buy() -> None:
        prolong_subscription(a_command(), player=a_player(with_units="2000").id, plan=ARENA_MONTH, periods=1)

    threads = [
        Thread(target=repeat, args=(call,)) for call in (buy, buy, books.fold_journal, books.seal_journal)
    ]
    for thread in threads:
        thread.start()
    try:
        before = services.get(Ledger).sealing().number
        proofs = [prove(business) for _ in range(3)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert not failed
    assert services.get(Ledger).sealing().number > before + 3
    for done in proofs:
        assert done.returncode == 0, done.stdout + done.stderr
