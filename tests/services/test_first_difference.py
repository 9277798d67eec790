"""A difference between an app and its control account names the first entry at which the two part."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction

from tests.builders import lots
from tests.builders.cards import a_batch
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player
from tests.services.test_prove import Tamper, assert_broken, business, found, prove_here, tamper
from tests.use_cases.test_payments_state import a_payment, hear
from tests.use_cases.test_payments_state import parrot as parrot
from warchest.cards.contract import Worth
from warchest.charging.contract import Charging, LotTerms, Source
from warchest.jobs import books
from warchest.journeys.activate_card import activate_card
from warchest.journeys.expire_lots import expire_lots
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Entry, EntryDraft, EntryFilter, Ledger, credit, debit
from warchest.runtime.services import services
from warchest.sdk.payments import Report, Standing

__all__ = ["business", "parrot", "tamper"]


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

        entry = found(
            superuser_dsn, f"SELECT entry_id FROM ledger_postedkey WHERE digest = ledger_key_digest('{key}')"
        )[0]
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
