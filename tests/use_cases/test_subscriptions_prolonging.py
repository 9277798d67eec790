"""Prolonging a subscription from the wallet: what is charged, what is booked, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.house import ARENA, ARENA_MONTH, ARENA_YEAR
from tests.builders.people import NOW, a_command, a_player, fund
from warchest.catalogue.contract import Catalogue, UnableToOffer
from warchest.charging.contract import Charging, Source, UnableToSpend
from warchest.journeys.prolong_subscription import (
    UnableToProlong,
    prolong_preview,
    prolong_subscription,
)
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.kernel.period import Term, TermUnit
from warchest.ledger.contract import Ledger
from warchest.members.contract import UnableToFindPlayer
from warchest.referrals.contract import Referrals
from warchest.runtime.services import services
from warchest.subscriptions.contract import GrantSource, Subscriptions

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("SUB-01")]


def prolong(player, *, plan=ARENA_MONTH, periods=1, at=NOW, key=None):
    return prolong_subscription(a_command(at=at, key=key), player=player.id, plan=plan, periods=periods)


def legs_of(entry_id: UUID, names: dict[str, str]) -> list[str]:
    """The entry as an accountant reads it, a leg a line."""
    entry = services.get(Ledger).entry(entry_id=entry_id)
    return sorted(
        f"{'Dr' if leg.side.value == 'D' else 'Cr'} {leg.book} {names.get(leg.owner, leg.owner)}".rstrip()
        + f" {leg.amount}"
        for leg in entry.legs
    )


class TestProlonging:
    def test_one_entry_holds_price_tax_deferral_and_five_commissions(self):
        line = [a_player(nickname="root")]
        for name in ("grandad", "uncle", "aunt", "mentor", "buyer"):
            line.append(
                a_player(nickname=name, sponsor=line[-1], with_units="500" if name == "buyer" else "0")
            )
        names = {str(player.id): player.nickname for player in line}

        done = prolong(line[-1]).answer

        assert legs_of(done.journal_entry, names) == sorted(
            [
                "Dr wallet_units buyer 500.00 XCR",
                "Cr units_issued 500.00 XCR",
                "Dr wallet_funding 5.00 EUR",
                "Cr deferred_revenue 4.20 EUR",  # 5.00 / 1.19, half to even
                "Cr tax_payable DE 0.80 EUR",
                "Dr commission_cost 0.88 EUR",
                "Cr commission_on_hold mentor 0.42 EUR",  # 10 % of 4.20
                "Cr commission_on_hold aunt 0.21 EUR",  # 5 %
                "Cr commission_on_hold uncle 0.13 EUR",  # 3 %: 0.126
                "Cr commission_on_hold grandad 0.08 EUR",  # 2 %: 0.084
                "Cr commission_on_hold root 0.04 EUR",  # 1 %: 0.042
            ]
        )
        assert done.charged == Money.parse("500", "XCR")
        assert (done.starts_at, done.ends_at) == (NOW, datetime(2026, 4, 15, 12, tzinfo=UTC))
        assert services.get(Charging).wallet(player=line[-1].id).available == Money.parse("0", "XCR")
        assert_books_prove()

    def test_each_commission_explains_itself(self):
        sponsor = a_player()
        buyer = a_player(sponsor=sponsor, with_units="500")
        done = prolong(buyer).answer
        (line,) = services.get(Referrals).commissions(player=sponsor.id).items
        assert (line.sale, line.entry_id, line.buyer, line.level) == (
            done.id,
            done.journal_entry,
            buyer.id,
            1,
        )
        assert (str(line.base), line.rate_bps, str(line.amount)) == ("4.20 EUR", 1000, "0.42 EUR")
        assert (str(line.exact_minor), str(line.rounding_minor)) == ("42.0000", "0.0000")

    def test_time_adds_to_what_is_left(self):
        player = a_player(with_units="1500")
        first, second = prolong(player).answer, prolong(player, periods=2, at=NOW + timedelta(days=3)).answer
        assert first.id == second.id
        assert (second.starts_at, second.ends_at) == (first.ends_at, datetime(2026, 6, 15, 12, tzinfo=UTC))
        assert_books_prove()

    def test_after_a_gap_time_begins_anew(self):
        player = a_player(with_units="1000")
        prolong(player)
        later = NOW + timedelta(days=60)
        again = prolong(player, at=later).answer
        assert again.starts_at == later
        history = services.get(Subscriptions).grants(subscription_id=again.id)
        assert [grant.source for grant in history] == [GrantSource.PAID, GrantSource.PAID]
        assert_books_prove()

    def test_the_31st_stays_the_anchor_through_february(self):
        player = a_player(with_units="1500")
        january = datetime(2026, 1, 31, 9, tzinfo=UTC)
        ends = [prolong(player, at=january).answer.ends_at for _ in range(3)]
        assert [f"{end:%m-%d}" for end in ends] == ["02-28", "03-31", "04-30"]

    def test_another_plan_of_the_same_service_prolongs_the_same_subscription(self):
        player = a_player(with_units="5500")
        month, year = prolong(player).answer, prolong(player, plan=ARENA_YEAR).answer
        assert (year.id, year.starts_at) == (month.id, month.ends_at)
        assert year.ends_at == datetime(2027, 4, 15, 12, tzinfo=UTC)

    def test_units_paid_in_two_currencies_post_in_both(self):
        sponsor = a_player(nickname="sponsor")
        player = a_player(nickname="payer", sponsor=sponsor)
        fund(player.id, units=Money.parse("200", "XCR"), paid=Money.parse("2.00", "EUR"))
        fund(player.id, units=Money.parse("300", "XCR"), paid=Money.parse("490", "JPY"))
        done = prolong(player).answer
        names = {str(player.id): "payer", str(sponsor.id): "sponsor"}
        assert legs_of(done.journal_entry, names) == sorted(
            [
                "Dr wallet_units payer 500.00 XCR",
                "Cr units_issued 500.00 XCR",
                "Dr wallet_funding 2.00 EUR",
                "Cr deferred_revenue 1.68 EUR",
                "Cr tax_payable DE 0.32 EUR",
                "Dr wallet_funding 490 JPY",
                "Cr deferred_revenue 412 JPY",
                "Cr tax_payable DE 78 JPY",
                "Dr commission_cost 0.17 EUR",
                "Cr commission_on_hold sponsor 0.17 EUR",
                "Dr commission_cost 41 JPY",
                "Cr commission_on_hold sponsor 41 JPY",
            ]
        )
        assert_books_prove()

    def test_promotional_units_bring_neither_revenue_nor_commissions(self):
        sponsor = a_player()
        player = a_player(sponsor=sponsor)
        fund(
            player.id, units=Money.parse("500", "XCR"), paid=Money.parse("0", "EUR"), source=Source.PROMOTION
        )
        done = prolong(player).answer
        assert legs_of(done.journal_entry, {str(player.id): "player"}) == [
            "Cr units_issued 500.00 XCR",
            "Dr wallet_units player 500.00 XCR",
        ]
        assert services.get(Referrals).commissions(player=sponsor.id).items == ()
        assert_books_prove()

    def test_the_same_key_buys_once(self):
        player = a_player(with_units="1000")
        first, second = prolong(player, key="once"), prolong(player, key="once")
        assert second.replayed and second.answer == first.answer
        assert services.get(Charging).wallet(player=player.id).available == Money.parse("500", "XCR")

    def test_the_preview_says_what_the_journey_then_does(self):
        player = a_player(with_units="1500")
        prolong(player)
        shown = prolong_preview(player=player.id, plan=ARENA_MONTH, periods=2, at=NOW)
        done = prolong(player, periods=2).answer
        assert (shown.starts_at, shown.ends_at, shown.charge) == (done.starts_at, done.ends_at, done.charged)

    def test_a_price_counts_from_its_moment_on(self):
        player = a_player(with_units="1200")
        services.get(Catalogue).add_price(
            plan_id=ARENA_MONTH, amount=Money.parse("700", "XCR"), valid_from=NOW + timedelta(days=1), at=NOW
        )
        charged = [prolong(player, at=NOW + timedelta(days=days)).answer.charged.major for days in (0, 1)]
        assert charged == ["500.00", "700.00"]


class TestRefusals:
    def test_too_few_units(self):
        player = a_player(with_units="499.99")
        with pytest.raises(UnableToSpend) as refusal:
            prolong(player)
        assert refusal.value.reason == "insufficient_funds"
        assert services.get(Subscriptions).subscriptions(player=player.id) == ()
        assert_books_prove()

    @pytest.mark.parametrize("periods", [0, -1, 37])
    def test_periods_out_of_range(self, periods):
        player = a_player(with_units="500")
        with pytest.raises(UnableToProlong) as refusal:
            prolong(player, periods=periods)
        assert refusal.value.reason == "periods_out_of_range"

    @pytest.mark.parametrize("state", ["frozen", "closed"])
    def test_a_player_who_is_not_active(self, state):
        player = a_player(with_units="500")
        with services.database("members").cursor() as cursor:
            cursor.execute("UPDATE members_player SET state = %s WHERE id = %s", [state, player.id])
        with pytest.raises(UnableToProlong) as refusal:
            prolong(player)
        assert refusal.value.reason == "player_frozen"

    def test_an_unknown_plan_or_player(self):
        player = a_player(with_units="500")
        with pytest.raises(UnableToOffer) as refusal:
            prolong(player, plan=new_id())
        assert refusal.value.reason == "plan_unknown"
        with pytest.raises(UnableToFindPlayer):
            prolong_subscription(a_command(), player=new_id(), plan=ARENA_MONTH, periods=1)

    def test_a_plan_that_is_not_offered_in_the_players_country(self):
        player = a_player(with_units="500", country="DE")
        service, plan = new_id(), new_id()
        catalogue = services.get(Catalogue)
        catalogue.add_online_service(
            online_service_id=service, code="only-france", names={"en": "France"}, texts={}, countries=["FR"]
        )
        catalogue.add_plan(
            plan_id=plan,
            online_service_id=service,
            code="month",
            names={"en": "Month"},
            term=Term(1, TermUnit.MONTH),
        )
        catalogue.add_price(plan_id=plan, amount=Money.parse("1", "XCR"), valid_from=NOW, at=NOW)
        with pytest.raises(UnableToOffer) as refusal:
            prolong(player, plan=plan)
        assert refusal.value.reason == "plan_not_offered"


class TestManyAtOnce:
    def test_fifty_at_one_wallet_buy_exactly_what_it_can_pay(self):
        sponsor = a_player()
        player = a_player(sponsor=sponsor, with_units="10000")

        def buy(number: int) -> str:
            try:
                prolong(player, key=f"buyer-{number}")
                return "done"
            except UnableToSpend as refusal:
                return refusal.reason
            finally:
                connections.close_all()

        with ThreadPoolExecutor(max_workers=50) as pool:
            outcomes = list(pool.map(buy, range(50)))

        assert outcomes.count("done") == 20
        assert outcomes.count("insufficient_funds") == 30
        assert services.get(Charging).wallet(player=player.id).posted == Money.parse("0", "XCR")
        (subscription,) = services.get(Subscriptions).subscriptions(player=player.id)
        assert subscription.ends_at == datetime(2027, 11, 15, 12, tzinfo=UTC)
        assert len(services.get(Subscriptions).grants(subscription_id=subscription.id)) == 20
        assert (
            services.get(Subscriptions).entitlement(player=player.id, online_service=ARENA, at=NOW).entitled
        )
        assert_books_prove()
