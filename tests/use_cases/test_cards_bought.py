"""PAY-05: a player buys a virtual card from the wallet, sees its code, and gives it back while nobody has used it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.cards import an_approved_batch
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator, fund
from warchest.cards.contract import (
    Batch,
    BoughtCard,
    Cards,
    CardSelection,
    CardState,
    UnableToActivateCard,
    UnableToBuyCard,
    UnableToHandleBoughtCard,
    Worth,
)
from warchest.charging.contract import Charging, Source, UnableToSpend, UnableToUsePaidUnits
from warchest.jobs.gifts import forget_card_codes
from warchest.journeys.activate_card import activate_card
from warchest.journeys.block_cards import block_cards
from warchest.journeys.buy_card import buy_card
from warchest.journeys.cancel_bought_card import cancel_bought_card
from warchest.journeys.show_bought_code import show_bought_code
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.runtime.services import services

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("PAY-05")]


def a_stock(**terms: object) -> Batch:
    """Ten virtual cards of ten euros each in our stock, approved."""
    return an_approved_batch(
        **{
            "quantity": 10,
            "virtual": True,
            "stock": True,
            "reseller": "",
            "margin_bps": 0,
            "product": "gift-10",
        }
        | terms
    )


def units_of(player: Player) -> Money:
    return services.get(Charging).wallet(player=player.id).available


class TestBuying:
    def test_costs_todays_quote_of_its_face_and_is_owed_until_it_is_used(self):
        batch, buyer, friend = a_stock(), a_player(with_units="2500"), a_player()
        bought = buy_card(a_command(), player=buyer.id, batch=batch.id).answer
        assert (bought.units, bought.paid) == (Money.units(100000), Money.parse("10.00", "EUR"))
        assert bought.state is CardState.SOLD
        assert units_of(buyer) == Money.units(150000)
        assert_books_prove()

        _, given = show_bought_code(a_command(), player=buyer.id, card=bought.id)
        activated = activate_card(a_command(), player=friend.id, code=given.code).answer
        assert activated.serial == bought.serial == given.serial
        assert units_of(friend) == Money.units(100000)
        assert_books_prove()

    def test_takes_only_units_that_somebody_paid_for(self):
        batch, buyer = a_stock(), a_player(with_units="900")
        fund(buyer.id, units=Money.units(50000), paid=Money.parse("0", "EUR"), source=Source.PROMOTION)
        with pytest.raises(UnableToUsePaidUnits) as refused:
            buy_card(a_command(), player=buyer.id, batch=batch.id)
        assert (refused.value.reason, refused.value.details["missing_minor"]) == (
            "units_not_for_cards",
            10000,
        )
        fund(buyer.id, units=Money.units(10000), paid=Money.parse("1", "EUR"))
        bought = buy_card(a_command(), player=buyer.id, batch=batch.id).answer
        assert bought.paid == Money.parse("10.00", "EUR")
        assert units_of(buyer) == Money.units(50000)
        assert_books_prove()

    def test_takes_units_of_one_currency(self):
        batch, buyer = a_stock(), a_player(with_units="600")
        fund(buyer.id, units=Money.units(60000), paid=Money.parse("6.60", "USD"))
        with pytest.raises(UnableToUsePaidUnits) as refused:
            buy_card(a_command(), player=buyer.id, batch=batch.id)
        assert refused.value.reason == "units_of_several_currencies"
        fund(buyer.id, units=Money.units(40000), paid=Money.parse("4.40", "USD"))
        assert buy_card(a_command(), player=buyer.id, batch=batch.id).answer.paid == Money.parse(
            "11.00", "USD"
        )
        assert units_of(buyer) == Money.units(60000)
        assert_books_prove()

    def test_needs_enough_in_the_wallet_at_the_price_that_was_shown(self):
        batch, buyer = a_stock(), a_player(with_units="999.99")
        with pytest.raises(UnableToSpend) as poor:
            buy_card(a_command(), player=buyer.id, batch=batch.id)
        assert poor.value.reason == "insufficient_funds"
        with pytest.raises(UnableToBuyCard) as changed:
            buy_card(a_command(), player=buyer.id, batch=batch.id, price_shown=Money.units(90000))
        assert changed.value.reason == "price_changed"

    def test_ends_with_the_batch(self):
        batch, buyer = a_stock(quantity=2), a_player(with_units="9000")
        assert [offer.left for offer in services.get(Cards).card_offers(at=NOW)] == [2]
        first = buy_card(a_command(), player=buyer.id, batch=batch.id).answer
        second = buy_card(a_command(), player=buyer.id, batch=batch.id).answer
        assert first.serial < second.serial
        with pytest.raises(UnableToBuyCard) as empty:
            buy_card(a_command(), player=buyer.id, batch=batch.id)
        assert empty.value.reason == "stock_empty"
        assert services.get(Cards).card_offers(at=NOW) == ()

    def test_with_one_key_is_one_card(self):
        batch, buyer, command = a_stock(), a_player(with_units="9000"), a_command()
        bought = buy_card(command, player=buyer.id, batch=batch.id)
        again = buy_card(command, player=buyer.id, batch=batch.id)
        assert again.replayed
        assert again.answer == bought.answer
        assert len(services.get(Cards).bought_cards(buyer=buyer.id, at=NOW)) == 1

    def test_is_refused_abroad_and_of_what_is_not_for_sale(self):
        buyer = a_player(with_units="9000")
        abroad, delivered = a_stock(regions=("AT",)), an_approved_batch()
        blocked = a_stock(product="blocked", series=0)
        block_cards(
            acting_as(an_administrator()), selection=CardSelection(batch=blocked.id), reason="looked at"
        )
        for batch, reason in (
            (abroad.id, "card_not_for_country"),
            (delivered.id, "card_not_on_offer"),
            (blocked.id, "card_not_on_offer"),
            (new_id(), "card_not_on_offer"),
        ):
            with pytest.raises(UnableToBuyCard) as refused:
                buy_card(a_command(), player=buyer.id, batch=batch)
            assert refused.value.reason == reason

    def test_of_a_single_purpose_card_owes_its_tax_at_once(self):
        month = Worth.of_period(plan=ARENA_MONTH, periods=1)
        batch, buyer = a_stock(tax_country="DE", gives=(month,)), a_player(with_units="2000")
        bought = buy_card(a_command(), player=buyer.id, batch=batch.id).answer
        assert bought.tax == Money.parse("1.60", "EUR")
        assert_books_prove()
        cancel_bought_card(a_command(), player=buyer.id, card=bought.id)
        assert units_of(buyer) == Money.units(200000)
        assert_books_prove()


class TestTheCode:
    def test_is_shown_to_its_buyer_only_and_each_look_is_counted_and_recorded(self):
        batch, buyer, other = a_stock(), a_player(with_units="9000"), a_player()
        bought = buy_card(a_command(), player=buyer.id, batch=batch.id).answer
        for times in (1, 2):
            done, given = show_bought_code(a_command(), player=buyer.id, card=bought.id)
            assert done.answer.shown == times
            assert len(given.code.replace("-", "")) == 16
        with pytest.raises(UnableToHandleBoughtCard) as refused:
            show_bought_code(a_command(), player=other.id, card=bought.id)
        assert refused.value.reason == "bought_card_unknown"
        history = services.get(Cards).card(serial=bought.serial, at=NOW).history
        assert [moment.what for moment in history] == ["sold", "code_shown", "code_shown"]

    def test_is_forgotten_some_time_after_it_was_shown_and_the_card_stays_good(self):
        batch, buyer = a_stock(), a_player(with_units="9000")
        shown, kept = (buy_card(a_command(), player=buyer.id, batch=batch.id).answer for _ in range(2))
        _, given = show_bought_code(a_command(), player=buyer.id, card=shown.id)
        assert forget_card_codes(at=NOW + timedelta(days=29)) == 0
        assert forget_card_codes(at=NOW + timedelta(days=31)) == 1
        with pytest.raises(UnableToHandleBoughtCard) as refused:
            show_bought_code(a_command(), player=buyer.id, card=shown.id)
        assert refused.value.reason == "code_forgotten"
        # Nobody has seen the other one yet: it waits.
        show_bought_code(a_command(), player=buyer.id, card=kept.id)
        assert activate_card(a_command(), player=buyer.id, code=given.code).answer.serial == shown.serial

    def test_is_forgotten_with_its_activation(self):
        batch, buyer = a_stock(), a_player(with_units="9000")
        bought = buy_card(a_command(), player=buyer.id, batch=batch.id).answer
        _, given = show_bought_code(a_command(), player=buyer.id, card=bought.id)
        activate_card(a_command(), player=buyer.id, code=given.code)
        assert forget_card_codes(at=NOW) == 1
        assert not services.get(Cards).bought_card(bought_id=bought.id, buyer=buyer.id, at=NOW).code_kept


class TestGivingBack:
    def test_returns_the_units_to_the_very_lots(self):
        batch, buyer = a_stock(), a_player(with_units="1500")
        (lot,) = services.get(Charging).wallet(player=buyer.id).lots
        bought = buy_card(a_command(), player=buyer.id, batch=batch.id).answer
        _, given = show_bought_code(a_command(), player=buyer.id, card=bought.id)
        back = cancel_bought_card(a_command(), player=buyer.id, card=bought.id).answer
        assert (back.state, back.code_kept) == (CardState.VOID, False)
        lots = services.get(Charging).wallet(player=buyer.id).lots
        assert {one.origin for one in lots} == {lot.id}
        assert sum(one.consideration.minor for one in lots) == lot.consideration.minor
        assert units_of(buyer) == Money.units(150000)
        assert_books_prove()
        with pytest.raises(UnableToActivateCard) as refused:
            activate_card(a_command(), player=buyer.id, code=given.code)
        assert refused.value.reason == "card_blocked"
        with pytest.raises(UnableToHandleBoughtCard) as twice:
            cancel_bought_card(a_command(), player=buyer.id, card=bought.id)
        assert twice.value.reason == "bought_card_cancelled"

    def test_ends_with_its_time_and_with_the_activation(self):
        batch, buyer = a_stock(), a_player(with_units="9000")
        late, used = (buy_card(a_command(), player=buyer.id, batch=batch.id).answer for _ in range(2))
        with pytest.raises(UnableToHandleBoughtCard) as over:
            cancel_bought_card(
                a_command(at=NOW + timedelta(days=14, seconds=1)), player=buyer.id, card=late.id
            )
        assert over.value.reason == "cancel_time_over"
        _, given = show_bought_code(a_command(), player=buyer.id, card=used.id)
        activate_card(a_command(), player=buyer.id, code=given.code)
        with pytest.raises(UnableToHandleBoughtCard) as gone:
            cancel_bought_card(a_command(), player=buyer.id, card=used.id)
        assert gone.value.reason == "card_already_activated"
        assert_books_prove()

    def test_and_activating_at_the_same_moment_is_one_of_both(self):
        batch, buyer, friend = a_stock(), a_player(with_units="9000"), a_player()
        cards = [buy_card(a_command(), player=buyer.id, batch=batch.id).answer for _ in range(6)]
        codes = {one.id: show_bought_code(a_command(), player=buyer.id, card=one.id)[1].code for one in cards}

        def ask(which: tuple[str, BoughtCard]) -> str:
            how, card = which
            try:
                if how == "back":
                    cancel_bought_card(a_command(), player=buyer.id, card=card.id)
                else:
                    activate_card(a_command(), player=friend.id, code=codes[card.id])
            except (UnableToHandleBoughtCard, UnableToActivateCard) as refusal:
                return refusal.reason
            finally:
                connections.close_all()
            return "done"

        asked = [(how, card) for card in cards for how in ("back", "used")]
        with ThreadPoolExecutor(4) as pool:
            ends = dict(zip(((how, card.id) for how, card in asked), pool.map(ask, asked), strict=True))
        for card in cards:
            both = (ends["back", card.id], ends["used", card.id])
            assert both in {("done", "card_blocked"), ("card_already_activated", "done")}
        assert_books_prove()
