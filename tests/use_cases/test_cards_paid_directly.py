"""PAY-05: a virtual card is bought by the payment that pays for it, in the transaction that credits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.cards import an_approved_batch
from tests.builders.configuration import change_configuration
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from tests.use_cases.test_payments_direct_purchase import NOW, available, bought, comes_back
from tests.use_cases.test_payments_saved_methods import running, sandbox  # noqa: F401
from warchest.cards.contract import Batch, Cards, CardSelection, UnableToBuyCard
from warchest.journeys.block_cards import block_cards
from warchest.journeys.buy_card import buy_card
from warchest.journeys.buy_card_directly import buy_card_directly, direct_card_offer
from warchest.journeys.register_player import Registered
from warchest.kernel.money import Money
from warchest.payments.contract import Payment, PurposeState, Status
from warchest.runtime.services import services
from warchest_sandbox.testing import RunningSandbox

pytestmark = [pytest.mark.usefixtures("database", "configured"), pytest.mark.use_case("PAY-05")]

TEN, THOUSAND = Money.parse("10.00", "EUR"), Money.parse("1000", "XCR")


@pytest.fixture
def configured(sandbox: RunningSandbox) -> Iterator[Callable[..., None]]:  # noqa: F811
    change_configuration(providers={"sandbox": {**sandbox.settings, "timeout_s": 2}})
    yield change_configuration
    change_configuration()


def a_stock(quantity: int = 10) -> Batch:
    return an_approved_batch(
        quantity=quantity, virtual=True, stock=True, reseller="", margin_bps=0, product="gift-10"
    )


def buys(player: Registered, batch: Batch, *, charge: Money = THOUSAND) -> Payment:
    return buy_card_directly(
        a_command(at=NOW), player=player.id, batch=batch.id, amount=TEN, charge=charge, provider="sandbox"
    ).answer


def cards_of(player: Registered) -> int:
    return len(services.get(Cards).bought_cards(buyer=player.id, at=NOW))


def test_the_money_buys_the_card_as_it_comes(sandbox: RunningSandbox) -> None:  # noqa: F811
    batch, player = a_stock(), a_player()
    offer = direct_card_offer(batch=batch.id, code="EUR", at=NOW)
    assert (offer.amount, offer.charge, offer.left) == (TEN, THOUSAND, Money.units(0))
    payment = buys(player, batch)
    assert (bought(payment), cards_of(player)) == (PurposeState.WAITING, 0)
    sandbox.pay(str(payment.id))
    paid = comes_back(payment)
    assert (paid.status, bought(paid), cards_of(player)) == (Status.SUCCEEDED, PurposeState.DONE, 1)
    assert not available(player)
    # Told twice, it is bought once.
    comes_back(payment)
    assert cards_of(player) == 1
    assert_books_prove()


def test_the_money_stays_in_the_wallet_where_the_card_is_gone(sandbox: RunningSandbox) -> None:  # noqa: F811
    batch, player, other = a_stock(quantity=1), a_player(), a_player(with_units="1000", at=NOW)
    payment = buys(player, batch)
    buy_card(a_command(at=NOW), player=other.id, batch=batch.id)
    sandbox.pay(str(payment.id))
    paid = comes_back(payment)
    assert (paid.status, bought(paid), cards_of(player)) == (Status.SUCCEEDED, PurposeState.REFUSED, 0)
    assert available(player) == THOUSAND
    assert_books_prove()


def test_nothing_is_paid_for_what_cannot_be_bought() -> None:
    batch, player = a_stock(), a_player()
    with pytest.raises(UnableToBuyCard) as changed:
        buys(player, batch, charge=Money.parse("900", "XCR"))
    assert changed.value.reason == "price_changed"
    block_cards(acting_as(an_administrator()), selection=CardSelection(batch=batch.id), reason="looked at")
    with pytest.raises(UnableToBuyCard) as gone:
        buys(player, batch)
    assert gone.value.reason == "card_not_on_offer"
