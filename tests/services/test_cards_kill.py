"""``kill -9`` before and after each commit of an activation: the card gave what it is worth once, or can still be activated."""

from __future__ import annotations

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.cards import a_batch
from tests.builders.house import ARENA, ARENA_MONTH
from tests.builders.killing import STEPS_MAX, dies_at
from tests.builders.people import NOW, a_command, a_player
from warchest.cards.contract import Cards, CardState, Worth
from warchest.charging.contract import Charging
from warchest.journeys.activate_card import activate_card
from warchest.kernel.errors import UnableTo
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.use_case("CRD-03"),
    pytest.mark.in_process("processes of the test's own die"),
]
MONTH = (Worth.of_period(plan=ARENA_MONTH, periods=1),)


def got(player: object, gives: tuple[Worth, ...] | None) -> int:
    """How many cards' worth somebody has."""
    if gives is None:
        wallet = services.get(Charging).wallet(player=player)  # type: ignore[arg-type]
        assert wallet.posted.minor % 100_000 == 0
        return wallet.posted.minor // 100_000
    subscriptions = services.get(Subscriptions).subscriptions(player=player)  # type: ignore[arg-type]
    mine = [one for one in subscriptions if one.online_service == ARENA]
    return sum(len(services.get(Subscriptions).grants(subscription_id=one.id)) for one in mine)


@pytest.mark.parametrize("gives", [None, MONTH], ids=["units", "a period"])
@pytest.mark.parametrize("caller_asks_again", [True, False])
def test_an_activation_happens_wholly_or_not_at_all(
    gives: tuple[Worth, ...] | None, caller_asks_again: bool
) -> None:
    batch = a_batch(quantity=STEPS_MAX, **({"gives": gives} if gives else {}))
    steps_died = 0
    for step, card in enumerate(batch.cards, 1):
        player, command = a_player().id, a_command()

        def activate(command=command, player=player, card=card):
            return activate_card(command, player=player, code=card.code).answer

        died = dies_at(step, activate)
        steps_died += died
        if caller_asks_again:
            assert activate().serial == card.serial
        state = services.get(Cards).card(serial=card.serial, at=NOW).state
        assert (got(player, gives), state) in {(1, CardState.ACTIVATED), (0, CardState.HANDED_OVER)}
        if caller_asks_again or not died:
            assert state is CardState.ACTIVATED, f"step {step}"
        # Somebody else has what is left of it, and no more than that.
        other = a_player().id
        try:
            activate_card(a_command(), player=other, code=card.code)
        except UnableTo as refusal:
            assert refusal.reason == "card_already_activated"
        assert got(player, gives) + got(other, gives) == 1, f"step {step}"
        if not died:
            break
    assert 2 <= steps_died < STEPS_MAX
    assert_books_prove()


def test_a_guess_is_counted_once_or_was_no_answer() -> None:
    """Who is killed before the guess is counted has had no answer either."""
    player = a_player().id
    for step in range(1, STEPS_MAX):

        def guess() -> None:
            with pytest.raises(UnableTo, match="card_code_unknown"):
                activate_card(a_command(), player=player, code="0000-0000-0000-0001")

        if not dies_at(step, guess) or step == 4:
            break
    with services.database("cards").cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cards_guess")
        assert 1 <= cursor.fetchone()[0] <= step
