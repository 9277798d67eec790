"""What a card is worth: one thing or several, each with its part of what was paid."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.cards import TEN_EUROS, a_batch, an_order
from tests.builders.house import ARENA, ARENA_MONTH, ARENA_YEAR
from tests.builders.people import NOW, a_command, a_player
from tests.use_cases.test_cards_activation import NO_CODE, at_once
from warchest.cards.contract import UnableToActivateCard, UnableToOrderBatch, Worth
from warchest.catalogue.contract import Catalogue
from warchest.charging.contract import Charging, Source
from warchest.journeys.activate_card import activate_card
from warchest.journeys.preview_card import preview_card
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.journeys.steps.prices import UnableToPrice
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.kernel.period import Term, TermUnit
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions, UnableToIssuePass

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("CRD-07")]

MONTH = Worth.of_period(plan=ARENA_MONTH, periods=1)
CREDITS = Worth.of_money(Money.parse("700", "XCR"))
# Seven euros' worth of credits and a month for five: twelve euros' worth, sold for ten.
BUNDLE = (CREDITS, MONTH)


def legs_of(entry_id: object) -> dict[tuple[str, str, str], str]:
    entry = services.get(Ledger).entry(entry_id=entry_id)  # type: ignore[arg-type]
    assert entry is not None
    sums: dict[tuple[str, str, str], Money] = {}
    for leg in entry.legs:
        place = (leg.side, leg.book, leg.owner)
        sums[place] = sums[place] + leg.amount if place in sums else leg.amount
    return {place: str(amount) for place, amount in sums.items()}


class TestBundles:
    def test_give_everything_and_share_what_was_paid_by_the_price_of_each(self) -> None:
        batch, player = a_batch(gives=BUNDLE), a_player()
        answer = activate_card(a_command(), player=player.id, code=batch.cards[0].code).answer
        assert (answer.gave, str(answer.units)) == (BUNDLE, "700.00 XCR")
        # 10.00 × 7/12 and 10.00 × 5/12; of the latter 19 per cent are in it as tax.
        assert legs_of(answer.entry_id) == {
            ("D", "cards_sold", str(batch.id)): "10.00 EUR",
            ("C", "wallet_funding", ""): "5.83 EUR",
            ("C", "deferred_revenue", ""): "3.50 EUR",
            ("C", "tax_payable", "DE"): "0.67 EUR",
            ("D", "units_issued", ""): "700.00 XCR",
            ("C", "wallet_units", str(player.id)): "700.00 XCR",
        }
        (lot,) = services.get(Charging).wallet(player=player.id).lots
        assert (str(lot.units), str(lot.consideration)) == ("700.00 XCR", "5.83 EUR")
        assert (
            services.get(Subscriptions).entitlement(player=player.id, online_service=ARENA, at=NOW).entitled
        )
        assert_books_prove()

    def test_are_shared_by_the_prices_of_the_day_on_which_they_were_paid(self) -> None:
        batch, player = a_batch(gives=BUNDLE), a_player()
        later = NOW + timedelta(days=30)
        services.get(Catalogue).add_price(
            plan_id=ARENA_MONTH, amount=Money.parse("50.00", "EUR"), valid_from=later, at=later
        )
        answer = activate_card(a_command(at=later), player=player.id, code=batch.cards[0].code).answer
        assert legs_of(answer.entry_id)["C", "wallet_funding", ""] == "5.83 EUR"

    def test_are_shown_whole_before_anything_happens(self) -> None:
        batch, player = a_batch(gives=BUNDLE), a_player()
        assert preview_card(player=player.id, code=batch.cards[0].code, at=NOW).gives == BUNDLE

    def test_that_nobody_paid_for_are_promotional_and_book_units_only(self) -> None:
        batch, player = a_batch(gives=BUNDLE, reseller="", margin_bps=0), a_player()
        answer = activate_card(a_command(), player=player.id, code=batch.cards[0].code).answer
        assert {book for _, book, _ in legs_of(answer.entry_id)} == {"units_issued", "wallet_units"}
        (lot,) = services.get(Charging).wallet(player=player.id).lots
        assert (lot.source, lot.consideration.minor) == (Source.PROMOTION, 0)
        assert_books_prove()

    def test_of_one_player_never_wait_for_each_other(self) -> None:
        service, plan = new_id(), new_id()
        catalogue = services.get(Catalogue)
        catalogue.add_online_service(
            online_service_id=service, code="league", names={"en": "League"}, texts={"en": ""}
        )
        catalogue.add_plan(
            plan_id=plan,
            online_service_id=service,
            code="league-month",
            names={"en": "Month"},
            term=Term(1, TermUnit.MONTH),
        )
        catalogue.add_price(plan_id=plan, amount=Money.parse("300", "XCR"), valid_from=NOW, at=NOW)
        league, player = Worth.of_period(plan=plan, periods=1), a_player()
        codes = [
            card.code
            for gives in ((MONTH, league, CREDITS), (CREDITS, league, MONTH))
            for card in a_batch(quantity=5, gives=gives).cards
        ]
        ends = at_once(10, lambda number: activate_card(a_command(), player=player.id, code=codes[number]))
        assert ends == Counter(done=10)
        assert str(services.get(Charging).wallet(player=player.id).posted) == "7000.00 XCR"
        assert_books_prove()


class TestAnOrder:
    @pytest.mark.parametrize(
        ("gives", "reason"),
        [
            ((), "card_worth_malformed"),
            ((CREDITS,) * 9, "card_worth_malformed"),
            ((CREDITS, CREDITS), "card_worth_twice"),
            ((MONTH, Worth.of_period(plan=ARENA_MONTH, periods=2)), "card_worth_twice"),
        ],
    )
    def test_of_nothing_of_too_much_or_of_one_thing_twice_is_refused(
        self, gives: tuple[Worth, ...], reason: str
    ) -> None:
        with pytest.raises(UnableToOrderBatch, match=reason):
            an_order(gives=gives)

    def test_of_several_things_needs_the_price_of_each_where_somebody_pays(self) -> None:
        plan = new_id()
        services.get(Catalogue).add_plan(
            plan_id=plan,
            online_service_id=ARENA,
            code="arena-day",
            names={"en": "Day"},
            term=Term(1, TermUnit.DAY),
        )
        gives = (Worth.of_period(plan=plan, periods=1), CREDITS)
        with pytest.raises(UnableToPrice, match="worth_without_price"):
            an_order(gives=gives)
        an_order(gives=gives, reseller="", margin_bps=0)

    def test_of_cards_that_are_taxed_at_their_sale_gives_no_money(self) -> None:
        with pytest.raises(UnableToOrderBatch, match="single_purpose_gives_money"):
            an_order(gives=BUNDLE, tax_country="DE")
        an_order(gives=(MONTH, Worth.of_period(plan=ARENA_YEAR, periods=1)), tax_country="DE")

    @pytest.mark.use_case("CRD-33")
    def test_for_one_service_gives_nothing_of_another(self) -> None:
        other = new_id()
        services.get(Catalogue).add_online_service(
            online_service_id=other, code="league", names={"en": "League"}, texts={"en": ""}
        )
        with pytest.raises(UnableToOrderBatch, match="worth_of_other_service"):
            an_order(terms=replace(TEN_EUROS, gives=BUNDLE), online_service=other)
        an_order(terms=replace(TEN_EUROS, gives=BUNDLE), online_service=ARENA)


BEGINS, ENDS = NOW + timedelta(days=10), NOW + timedelta(days=12)


def a_tournament(*, capacity: int = 0, price: str | None = "5.00 EUR", at: datetime = NOW) -> Worth:
    """A tournament of 'Arena' from the tenth to the twelfth day from then."""
    catalogue, tournament = services.get(Catalogue), new_id()
    catalogue.add_tournament(
        tournament_id=tournament,
        online_service_id=ARENA,
        code=f"cup-{tournament.hex[-8:]}",
        names={"en": "Spring cup", "de": "Frühlingspokal"},
        begins_at=at + (BEGINS - NOW),
        ends_at=at + (ENDS - NOW),
        capacity=capacity,
        at=at,
    )
    if price:
        amount = Money.parse(*price.split())
        catalogue.add_pass_price(tournament_id=tournament, amount=amount, valid_from=at, at=at)
    return Worth.of_pass(tournament=tournament)


class TestPasses:
    def test_for_a_tournament_are_taxed_at_once_and_earned_when_it_has_been_held(self) -> None:
        cup, player = a_tournament(), a_player()
        batch = a_batch(gives=(cup,))
        answer = activate_card(a_command(), player=player.id, code=batch.cards[0].code).answer
        assert legs_of(answer.entry_id) == {
            ("D", "cards_sold", str(batch.id)): "10.00 EUR",
            ("C", "deferred_revenue", ""): "8.40 EUR",
            ("C", "tax_payable", "DE"): "1.60 EUR",
        }
        (held,) = services.get(Subscriptions).passes(player=player.id)
        assert (held.tournament, held.ends_at, held.reference) == (cup.tournament, ENDS, answer.serial)
        assert [str(part) for part in held.net] == ["8.40 EUR"]
        assert_books_prove()

        def earned(day: date) -> list[str]:
            at = datetime.combine(day + timedelta(days=1), time(1), tzinfo=UTC)
            return [str(part) for part in recognise_revenue(a_command(at=at), day=day).answer.earned]

        assert earned(ENDS.date() - timedelta(days=1)) == []
        assert earned(ENDS.date()) == ["8.40 EUR"]
        assert earned(ENDS.date() + timedelta(days=1)) == []
        assert_books_prove()

    def test_share_a_bundle_with_units_and_time(self) -> None:
        # Five euros' pass, five euros' month, ten euros' units: sold for ten, a quarter, a quarter and a half.
        gives = (Worth.of_money(Money.parse("1000", "XCR")), MONTH, a_tournament())
        batch, player = a_batch(gives=gives), a_player()
        answer = activate_card(a_command(), player=player.id, code=batch.cards[0].code).answer
        legs = legs_of(answer.entry_id)
        assert (legs["C", "wallet_funding", ""], legs["C", "deferred_revenue", ""]) == (
            "5.00 EUR",
            "4.20 EUR",
        )
        assert legs["C", "tax_payable", "DE"] == "0.80 EUR"
        assert_books_prove()

    def test_are_one_for_each_player_and_the_second_card_stays_good(self) -> None:
        batch, player, friend = a_batch(gives=(a_tournament(),)), a_player(), a_player()
        codes = [card.code for card in batch.cards]
        ends = at_once(2, lambda number: activate_card(a_command(), player=player.id, code=codes[number]))
        assert ends == Counter(done=1, pass_held=1)
        (left,) = [code for code in codes[:2] if _is_good(code, friend.id)]
        activate_card(a_command(), player=friend.id, code=left)
        assert_books_prove()

    def test_are_no_more_than_there_are_places_when_all_come_together(self) -> None:
        batch = a_batch(quantity=8, gives=(a_tournament(capacity=3),))
        players = [a_player() for _ in range(8)]
        ends = at_once(
            8,
            lambda number: activate_card(
                a_command(), player=players[number].id, code=batch.cards[number].code
            ),
        )
        assert ends == Counter(done=3, tournament_full=5)
        assert_books_prove()

    def test_are_not_given_out_once_the_tournament_is_over(self) -> None:
        batch, player = a_batch(gives=(a_tournament(),)), a_player()
        with pytest.raises(UnableToIssuePass, match="tournament_over"):
            activate_card(a_command(at=ENDS), player=player.id, code=batch.cards[0].code)
        assert _is_good(batch.cards[0].code, player.id)

    def test_that_nobody_paid_for_need_no_price(self) -> None:
        gives = (a_tournament(price=None), CREDITS)
        with pytest.raises(UnableToPrice):
            an_order(gives=gives)
        batch, player = a_batch(gives=gives, reseller="", margin_bps=0), a_player()
        activate_card(a_command(), player=player.id, code=batch.cards[0].code)
        (held,) = services.get(Subscriptions).passes(player=player.id)
        assert (held.net, held.entry_id) == ((), None)
        assert_books_prove()

    def test_of_a_card_taxed_at_its_sale_defer_all_that_is_owed(self) -> None:
        batch, player = a_batch(gives=(a_tournament(),), tax_country="DE"), a_player(country="FR")
        answer = activate_card(a_command(), player=player.id, code=batch.cards[0].code).answer
        assert {book for _, book, _ in legs_of(answer.entry_id)} == {"cards_sold", "deferred_revenue"}


def _is_good(code: str, player: UUID) -> bool:
    try:
        preview_card(player=player, code=code, at=NOW)
        return True
    except UnableToActivateCard:
        return False


@pytest.mark.use_case("CRD-14")
class TestCampaigns:
    def test_give_each_player_one_card_of_all_their_batches(self) -> None:
        spring = {"reseller": "", "margin_bps": 0, "campaign": "spring-2026"}
        first, second = a_batch(**spring), a_batch(gives=(CREDITS,), **spring)
        player, friend = a_player(), a_player()
        activate_card(a_command(), player=player.id, code=first.cards[0].code)
        for code in (first.cards[1].code, second.cards[0].code):
            with pytest.raises(UnableToActivateCard, match="campaign_used"):
                activate_card(a_command(), player=player.id, code=code)
            with pytest.raises(UnableToActivateCard, match="campaign_used"):
                preview_card(player=player.id, code=code, at=NOW)
        activate_card(a_command(), player=friend.id, code=first.cards[1].code)
        activate_card(
            a_command(), player=player.id, code=a_batch(**spring | {"campaign": "summer"}).cards[0].code
        )
        assert_books_prove()

    def test_are_used_once_when_all_cards_come_together(self) -> None:
        batch = a_batch(quantity=12, reseller="", margin_bps=0, campaign="spring-2026")
        player = a_player()
        ends = at_once(
            12, lambda number: activate_card(a_command(), player=player.id, code=batch.cards[number].code)
        )
        assert ends == Counter(done=1, campaign_used=11)
        assert str(services.get(Charging).wallet(player=player.id).posted) == "1000.00 XCR"
        assert_books_prove()

    def test_for_new_players_are_for_those_who_registered_lately(self) -> None:
        batch = a_batch(reseller="", margin_bps=0, new_players_days=30)
        old = a_player(at=NOW - timedelta(days=31))
        young = a_player(at=NOW - timedelta(days=30))
        with pytest.raises(UnableToActivateCard, match="new_players_only") as refused:
            activate_card(a_command(), player=old.id, code=batch.cards[0].code)
        assert refused.value.details["days"] == 30
        activate_card(a_command(), player=young.id, code=batch.cards[0].code)


@pytest.mark.use_case("CRD-33")
class TestRestriction:
    def test_to_an_online_service_is_told_only_to_who_has_the_code(self) -> None:
        batch, player = a_batch(online_service=ARENA), a_player()
        code = batch.cards[0].code
        for elsewhere in (None, new_id()):
            with pytest.raises(UnableToActivateCard, match="card_not_for_service") as refused:
                activate_card(a_command(), player=player.id, code=code, online_service=elsewhere)
            assert refused.value.details["online_service"] == str(ARENA)
        with pytest.raises(UnableToActivateCard, match="card_code_unknown"):
            activate_card(a_command(), player=player.id, code=NO_CODE, online_service=new_id())
        assert preview_card(player=player.id, code=code, at=NOW, online_service=ARENA).gives
        activate_card(a_command(), player=player.id, code=code, online_service=ARENA)

    def test_is_no_guess(self) -> None:
        batch, player = a_batch(online_service=ARENA, regions=("DE",)), a_player(country="FR")
        for _ in range(12):
            with pytest.raises(UnableToActivateCard, match="card_not_for_country"):
                activate_card(a_command(), player=player.id, code=batch.cards[0].code)
