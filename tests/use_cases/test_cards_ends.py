"""Cards that nobody uses end: who is warned, what is booked, and how a later date is given."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest
from django.conf import settings
from django.core import mail

from tests.builders.books import assert_books_prove
from tests.builders.cards import PrintedBatch, a_batch, an_approved_batch
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from tests.builders.resellers import a_reseller, a_stock_batch, linked, shipped
from tests.use_cases.test_cards_activation import at_once
from warchest.cards.contract import (
    LIABILITY_BOOK,
    Batch,
    Cards,
    CardSelection,
    CardState,
    UnableToActivateCard,
    UnableToExtendCards,
    Worth,
)
from warchest.delivery.contract import Delivery
from warchest.jobs.card_ends import expire_due_cards, warn_of_card_expiry
from warchest.journeys import expire_cards as expiring
from warchest.journeys.activate_card import activate_card
from warchest.journeys.block_cards import block_cards
from warchest.journeys.buy_card import buy_card
from warchest.journeys.expire_cards import expire_cards
from warchest.journeys.extend_cards import extend_cards
from warchest.journeys.preview_card import preview_card
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime import configuration as house
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")

END = NOW + timedelta(days=30)
LATER = END + timedelta(days=60)


def owed(batch: PrintedBatch | Batch) -> str:
    account = AccountRef(LIABILITY_BOOK, "EUR", str(batch.id))
    return str(services.get(Ledger).balance(account=account).posted)


def breakage() -> str:
    return str(services.get(Ledger).balance(account=AccountRef("breakage_revenue", "EUR")).posted)


def counts(batch: PrintedBatch) -> dict[CardState, int]:
    return dict(services.get(Cards).counts(batch_id=batch.id, at=END))


@pytest.mark.use_case("CRD-12")
class TestExpiry:
    def test_makes_what_was_paid_for_unused_cards_breakage(self) -> None:
        batch, player = a_batch(quantity=5, expires_at=END), a_player()
        activate_card(a_command(), player=player.id, code=batch.cards[0].code)
        assert expire_due_cards(at=END - timedelta(seconds=1)) == 0
        assert (owed(batch), breakage()) == ("40.00 EUR", "0.00 EUR")
        assert expire_due_cards(at=END) == 4
        assert (owed(batch), breakage()) == ("0.00 EUR", "40.00 EUR")
        assert counts(batch) == {CardState.ACTIVATED: 1, CardState.EXPIRED: 4}
        with pytest.raises(UnableToActivateCard, match="card_expired"):
            # Also who asks with a clock that is late.
            activate_card(a_command(at=NOW), player=player.id, code=batch.cards[1].code)
        assert expire_due_cards(at=LATER) == 0
        assert_books_prove()

    def test_goes_by_portions_that_may_be_begun_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(expiring, "PORTION", 3)
        batch = a_batch(quantity=8, expires_at=END)
        first = expire_cards(a_command(at=END), batch=batch.id)
        assert (first.answer.cards, first.answer.left) == (3, True)
        assert owed(batch) == "50.00 EUR"
        assert_books_prove()
        command = a_command(at=END)
        second = expire_cards(command, batch=batch.id).answer
        assert expire_cards(command, batch=batch.id).answer == second
        assert expire_due_cards(at=END) == 2
        assert (owed(batch), breakage()) == ("0.00 EUR", "80.00 EUR")
        assert_books_prove()

    def test_by_many_at_once_takes_each_card_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(expiring, "PORTION", 2)
        batch = a_batch(quantity=10, expires_at=END)
        ends = at_once(6, lambda _: expire_due_cards(at=END))
        assert ends == Counter(done=6)
        assert (owed(batch), breakage()) == ("0.00 EUR", "100.00 EUR")
        assert_books_prove()

    def test_races_with_activation_and_each_card_has_one_end(self) -> None:
        batch, players = a_batch(quantity=12, expires_at=END), [a_player() for _ in range(12)]
        just_before = END - timedelta(seconds=1)

        def work(number: int) -> None:
            if number == 12:
                expire_due_cards(at=END)
            else:
                command = a_command(at=just_before)
                activate_card(command, player=players[number].id, code=batch.cards[number].code)

        ends = at_once(13, work)
        activated = counts(batch).get(CardState.ACTIVATED, 0)
        assert ends == Counter(done=activated + 1) + Counter(card_expired=12 - activated)
        assert (owed(batch), breakage()) == ("0.00 EUR", f"{10 * (12 - activated)}.00 EUR")
        assert_books_prove()

    def test_of_cards_that_nobody_paid_for_books_nothing(self) -> None:
        batch = a_batch(reseller="", margin_bps=0, expires_at=END)
        assert expire_due_cards(at=END) == 3
        assert (counts(batch), breakage()) == ({CardState.EXPIRED: 3}, "0.00 EUR")
        assert_books_prove()

    def test_of_cards_in_our_stock_books_what_was_paid_for_each(self) -> None:
        stock = an_approved_batch(
            quantity=5,
            virtual=True,
            stock=True,
            reseller="",
            margin_bps=0,
            product="gift-10",
            expires_at=END,
        )
        buyers = [a_player(with_units="2500"), a_player(with_units="2500", paid_in="USD")]
        for buyer in buyers:
            buy_card(a_command(), player=buyer.id, batch=stock.id)
        amounts = {
            str(amount)
            for ending in services.get(Cards).ending(within_days=60, at=NOW)
            for amount in ending.amounts
        }
        assert {amount.split()[1] for amount in amounts} == {"EUR", "USD"}
        printed, dealer, kiosk = a_stock_batch(expires_at=END), a_player(), a_reseller()
        linked(kiosk, dealer.nickname)
        shipped(printed, kiosk, dealer.id, last=2)
        shipped(printed, kiosk, dealer.id, first=3, last=4, consignment=True)
        assert_books_prove()
        expire_due_cards(at=END)
        assert (owed(stock), owed(printed)) == ("0.00 EUR", "0.00 EUR")
        # The two that were prepaid, and the one that was paid for in euros.
        assert breakage() == "30.00 EUR"
        assert_books_prove()

    def test_of_blocked_cards_is_theirs_too(self) -> None:
        batch = a_batch(expires_at=END)
        lost = CardSelection(first_serial=batch.cards[0].serial)
        block_cards(acting_as(an_administrator(Role.SUPPORT)), selection=lost, reason="Lost")
        assert expire_due_cards(at=END) == 3
        assert_books_prove()

    @pytest.mark.parametrize(
        ("regions", "kept"), [(("US",), True), (("DE", "US"), True), (("DE",), False), ((), False)]
    )
    def test_where_law_keeps_it_owed_books_nothing_and_lets_cards_be_extended(
        self, regions: tuple[str, ...], kept: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _let_law_keep(monkeypatch, "US")
        batch, player = a_batch(expires_at=END, regions=regions), a_player(country=(*regions, "DE")[0])
        assert expire_due_cards(at=END) == (0 if kept else 3)
        assert owed(batch) == ("30.00 EUR" if kept else "0.00 EUR")
        with pytest.raises(UnableToActivateCard, match="card_expired"):
            activate_card(a_command(at=END), player=player.id, code=batch.cards[0].code)
        whole = CardSelection(batch=batch.id)
        clerk = acting_as(an_administrator(), at=END)
        if not kept:
            with pytest.raises(UnableToExtendCards, match="nothing_to_extend"):
                extend_cards(clerk, selection=whole, ends_at=LATER, reason="Law")
            return
        assert extend_cards(clerk, selection=whole, ends_at=LATER, reason="Law").answer.count == 3
        activate_card(a_command(at=END), player=player.id, code=batch.cards[0].code)
        assert_books_prove()


def _let_law_keep(monkeypatch: pytest.MonkeyPatch, country: str) -> None:
    from warchest.cards import end_queries

    found = house.configuration()
    cards = msgspec.structs.replace(found.cards, breakage={"*": "recognise", country: "keep"})
    changed = msgspec.structs.replace(found, cards=cards)
    monkeypatch.setattr(end_queries, "configuration", lambda: changed)


@pytest.mark.use_case("CRD-13")
class TestExtension:
    def test_of_a_range_gives_those_cards_a_later_end(self) -> None:
        batch, player = a_batch(quantity=5, expires_at=END), a_player()
        some = CardSelection(first_serial=batch.cards[1].serial, last_serial=batch.cards[2].serial)
        clerk = an_administrator()
        done = extend_cards(acting_as(clerk), selection=some, ends_at=LATER, reason="A strike").answer
        assert (done.count, done.ends_at) == (2, LATER)
        card = services.get(Cards).card(serial=batch.cards[1].serial, at=END)
        assert (card.state, card.expires_at) == (CardState.HANDED_OVER, LATER)
        assert [(moment.what, moment.reason) for moment in card.history][-1] == ("extended", "A strike")
        assert expire_due_cards(at=END) == 3
        preview = preview_card(player=player.id, code=batch.cards[1].code, at=END)
        assert preview.expires_at == LATER
        activate_card(a_command(at=END), player=player.id, code=batch.cards[1].code)
        assert expire_due_cards(at=LATER) == 1
        assert (owed(batch), breakage()) == ("0.00 EUR", "40.00 EUR")
        assert_books_prove()

    def test_never_shortens_and_leaves_what_is_used_or_over(self) -> None:
        batch, forever = a_batch(expires_at=END), a_batch()
        clerk, whole = an_administrator(), CardSelection(batch=batch.id)
        activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        extend_cards(acting_as(clerk), selection=whole, ends_at=LATER, reason="Strike")
        for selection, ends_at in (
            (whole, LATER),
            (whole, END),
            (CardSelection(first_serial=batch.cards[0].serial), LATER + timedelta(days=1)),
            (CardSelection(batch=forever.id), LATER),
        ):
            with pytest.raises(UnableToExtendCards, match="nothing_to_extend"):
                extend_cards(acting_as(clerk), selection=selection, ends_at=ends_at, reason="Strike")
        with pytest.raises(UnableToExtendCards, match="card_expiry_in_past"):
            extend_cards(acting_as(clerk), selection=whole, ends_at=NOW, reason="Strike")
        with pytest.raises(UnableToExtendCards, match="reason_missing"):
            extend_cards(acting_as(clerk), selection=whole, ends_at=LATER, reason=" ")
        with pytest.raises(UnableToAdminister, match="right_missing"):
            helper = acting_as(an_administrator(Role.SUPPORT))
            extend_cards(helper, selection=whole, ends_at=LATER, reason="Strike")

    def test_races_with_expiry_and_each_card_is_either_good_or_booked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(expiring, "PORTION", 2)
        batch, clerk = a_batch(quantity=12, expires_at=END), an_administrator()
        pairs = list(pairwise(batch.cards))[::2]

        def work(number: int) -> None:
            if number == 0:
                expire_due_cards(at=END)
            else:
                first, last = pairs[number - 1]
                some = CardSelection(first_serial=first.serial, last_serial=last.serial)
                extend_cards(acting_as(clerk, at=END), selection=some, ends_at=LATER, reason="Law")

        ends = at_once(7, work)
        found = Counter(services.get(Cards).card(serial=card.serial, at=END).state for card in batch.cards)
        assert set(found) <= {CardState.EXPIRED, CardState.HANDED_OVER}
        assert found[CardState.EXPIRED] == 2 * ends["nothing_to_extend"]
        assert owed(batch) == f"{10 * found[CardState.HANDED_OVER]}.00 EUR"
        assert_books_prove()


@pytest.mark.use_case("CRD-13")
class TestWarnings:
    def test_come_once_for_each_step_with_what_is_at_stake(self) -> None:
        batch = a_batch(quantity=4, expires_at=END)
        activate_card(a_command(), player=a_player().id, code=batch.cards[0].code)
        a_batch(expires_at=LATER + timedelta(days=300))
        (ending,) = services.get(Cards).ending(within_days=60, at=NOW)
        assert (ending.batch, ending.ends_at, ending.cards) == (batch.id, END, 3)
        assert [str(amount) for amount in ending.amounts] == ["30.00 EUR"]
        assert warn_of_card_expiry(at=NOW) == 1
        assert warn_of_card_expiry(at=NOW + timedelta(days=1)) == 0
        assert warn_of_card_expiry(at=END - timedelta(days=14)) == 1
        assert warn_of_card_expiry(at=END - timedelta(days=13)) == 0

    def test_tell_of_the_nearest_step_only_where_both_have_come(self) -> None:
        a_batch(expires_at=END)
        assert warn_of_card_expiry(at=END - timedelta(days=3)) == 1

    def test_come_again_for_a_later_end(self) -> None:
        batch = a_batch(expires_at=END)
        assert warn_of_card_expiry(at=END - timedelta(days=3)) == 1
        whole = CardSelection(batch=batch.id)
        extend_cards(acting_as(an_administrator()), selection=whole, ends_at=LATER, reason="Strike")
        assert warn_of_card_expiry(at=END) == 1
        (ending,) = services.get(Cards).ending(within_days=60, at=END)
        assert (ending.ends_at, ending.cards) == (LATER, 3)

    def test_by_many_at_once_tell_everybody_once(self) -> None:
        a_batch(expires_at=END)
        a_batch(expires_at=END)
        at_once(4, lambda _: warn_of_card_expiry(at=NOW))
        with services.database("cards").cursor() as cursor:
            cursor.execute("SELECT count(*) FROM cards_expirywarning")
            assert cursor.fetchone()[0] == 2

    def test_say_nothing_of_cards_of_time_that_never_end(self) -> None:
        a_batch(gives=(Worth.of_period(plan=ARENA_MONTH, periods=1),))
        assert warn_of_card_expiry(at=NOW) == 0

    @pytest.mark.in_process("the mailbox is one in memory")
    def test_go_by_mail_to_who_bought_a_card_and_to_who_sells_for_a_reseller(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
        buyer, dealer, kiosk = a_player(with_units="2500"), a_player(), a_reseller()
        linked(kiosk, dealer.nickname)
        stock = an_approved_batch(
            quantity=5,
            virtual=True,
            stock=True,
            reseller="",
            margin_bps=0,
            product="gift-10",
            expires_at=END,
        )
        bought = buy_card(a_command(), player=buyer.id, batch=stock.id).answer
        shipped(a_stock_batch(expires_at=END), kiosk, dealer.id, last=2)
        at = END - timedelta(days=3)
        warn_of_card_expiry(at=at)
        services.get(Delivery).catch_up(at=at)
        monkeypatch.setattr(mail, "outbox", [], raising=False)
        services.get(Delivery).send_mails(at=at)
        letters = {letter.to[0]: letter for letter in mail.outbox if "end" in letter.subject}
        own = letters[f"{buyer.nickname}@example.org"]
        assert own.subject == "Your card ends on April 14, 2026" and bought.serial in own.body
        sold = letters[f"{dealer.nickname}@example.org"]
        assert sold.subject == "2 cards in your stock end on April 14, 2026"
