"""``kill -9`` before and after every step of a virtual card's way: bought, given back, mailed as a gift, its code forgotten."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.mail.backends import filebased

from tests.builders.books import assert_books_prove
from tests.builders.cards import an_approved_batch
from tests.builders.killing import STEPS_MAX, dies_at
from tests.builders.people import NOW, a_command, a_player
from warchest.cards.contract import Batch, Cards, CardState, GiftState, GiftWish
from warchest.charging.contract import Charging
from warchest.delivery.contract import Delivery
from warchest.delivery.documents import pdf
from warchest.delivery.operations.mails import DOUBT_AFTER
from warchest.jobs.gifts import deliver_gifts, forget_card_codes
from warchest.journeys.activate_card import activate_card
from warchest.journeys.buy_card import buy_card
from warchest.journeys.cancel_bought_card import cancel_bought_card
from warchest.journeys.show_bought_code import show_bought_code
from warchest.kernel.money import Money
from warchest.runtime.services import services

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.use_case("PAY-05", "CRD-11"),
    pytest.mark.in_process("processes of the test's own die"),
]
LISA = "lisa@elsewhere.example"


def a_stock() -> Batch:
    return an_approved_batch(
        quantity=100, virtual=True, stock=True, reseller="", margin_bps=0, product="gift-10"
    )


def available(player: object) -> Money:
    return services.get(Charging).wallet(player=player.id).available  # type: ignore[attr-defined]


@pytest.mark.parametrize("caller_asks_again", [True, False])
def test_a_card_is_bought_whole_or_not_at_all(caller_asks_again: bool) -> None:
    batch = a_stock()
    for step in range(1, STEPS_MAX):
        player, command = a_player(with_units="3000"), a_command()

        def buy(player=player, command=command):
            return buy_card(command, player=player.id, batch=batch.id).answer

        died = dies_at(step, buy)
        if caller_asks_again:
            buy()
        bought = services.get(Cards).bought_cards(buyer=player.id, at=NOW)
        assert len(bought) == 1 if caller_asks_again or not died else len(bought) <= 1
        assert available(player) == Money.units(300000 - 100000 * len(bought)), f"step {step}"
        if not died:
            break
    assert 2 <= step < STEPS_MAX
    assert_books_prove()


def test_a_card_is_given_back_whole_or_not_at_all() -> None:
    batch = a_stock()
    for step in range(1, STEPS_MAX):
        player, command = a_player(with_units="1000"), a_command()
        card = buy_card(a_command(), player=player.id, batch=batch.id).answer

        def give_back(player=player, command=command, card=card):
            return cancel_bought_card(command, player=player.id, card=card.id).answer

        died = dies_at(step, give_back)
        before = services.get(Cards).bought_card(bought_id=card.id, buyer=player.id, at=NOW)
        assert (before.state is CardState.VOID) == bool(available(player)) == (not before.code_kept)
        give_back()
        assert available(player) == Money.units(100000), f"step {step}"
        if not died:
            break
    assert 2 <= step < STEPS_MAX
    assert_books_prove()


def test_a_gift_is_mailed_once_or_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    # Its threads do not outlive a fork.
    monkeypatch.setattr(pdf, "can_render", lambda: False)
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
    delivery, batch = services.get(Delivery), a_stock()
    ends: set[GiftState] = set()

    def work(after: timedelta = timedelta(0)) -> None:
        deliver_gifts(at=NOW + after)
        delivery.send_mails(at=NOW + after)
        deliver_gifts(at=NOW + after)

    for step in range(1, STEPS_MAX):
        folder = tmp_path / str(step)
        monkeypatch.setattr(settings, "EMAIL_FILE_PATH", folder)
        player = a_player(with_units="1000")
        card = buy_card(a_command(), player=player.id, batch=batch.id, gift=GiftWish(LISA)).answer
        died = dies_at(step, work, also=[(filebased.EmailBackend, "send_messages")])
        work(timedelta(minutes=1))
        work(DOUBT_AFTER + timedelta(minutes=1))
        stands = services.get(Cards).bought_card(bought_id=card.id, buyer=player.id, at=NOW)
        assert stands.gift is not None
        written = sum(file.read_text().count(f"To: {LISA}") for file in folder.glob("*"))
        ends.add(stands.gift.state)
        match stands.gift.state:
            case GiftState.DELIVERED:
                assert written == 1, f"step {step}"
            case GiftState.UNKNOWN:
                assert written <= 1, f"step {step}"
            case other:
                raise AssertionError(f"step {step}: {other}")
        if not died:
            break
    assert 6 <= step < STEPS_MAX
    assert ends == {GiftState.DELIVERED, GiftState.UNKNOWN}
    assert_books_prove()


def test_a_code_is_forgotten_and_the_card_stays_good() -> None:
    batch, later = a_stock(), NOW + timedelta(days=31)
    for step in range(1, STEPS_MAX):
        player = a_player(with_units="1000")
        card = buy_card(a_command(), player=player.id, batch=batch.id).answer
        _, given = show_bought_code(a_command(), player=player.id, card=card.id)
        died = dies_at(step, lambda: forget_card_codes(at=later))
        forget_card_codes(at=later)
        stands = services.get(Cards).bought_card(bought_id=card.id, buyer=player.id, at=later)
        assert (stands.code_kept, stands.state) == (False, CardState.SOLD), f"step {step}"
        activate_card(a_command(at=later), player=player.id, code=given.code)
        if not died:
            break
    assert 2 <= step < STEPS_MAX
    assert_books_prove()
