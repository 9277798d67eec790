"""A player sees a bonus before paying, gives a payment up, and tries a failed one again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_player, acting_as, an_administrator
from tests.builders.portal import a_browser, hidden, says
from warchest.charging.contract import Charging
from warchest.journeys.set_payment_rule import set_payment_rule
from warchest.kernel.money import Money
from warchest.members.contract import Role
from warchest.payments.contract import Payment, Payments, RuleDraft, Status, TopUpBonus
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest_sandbox.testing import RunningSandbox

pytestmark = pytest.mark.usefixtures("database", "sandbox")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> Iterator[RunningSandbox]:
    running.control(lose_notices=True)
    with changed_configuration(providers={"sandbox": running.settings}):
        yield running
    running.reset()


def a_bonus(percent: str = "5") -> None:
    owner = an_administrator(Role.OWNER)
    set_payment_rule(
        acting_as(owner, at=now()), draft=RuleDraft("bonus", TopUpBonus("EUR", "10.00", percent))
    )


def paying(browser, *, expecting: int = 302):
    page = browser.get("/top-up?amount=1000&currency=EUR")
    form = {name: hidden(page, name) for name in ("key", "quote")}
    answer = browser.post(
        "/top-up", form | {"currency": "EUR", "amount": "1000", "own_amount": "", "provider": "sandbox"}
    )
    assert answer.status_code == expecting, answer.content
    return answer


def the_payment(player) -> Payment:
    return services.get(Payments).payments_of(player=player.id)[0]


def looked_at(browser, payment: Payment):
    cache.clear()
    return browser.get(f"/payments/{payment.id}")


@pytest.mark.use_case("PAY-26")
class TestBonus:
    def test_is_shown_before_paying_and_given_with_it(self, sandbox: RunningSandbox) -> None:
        a_bonus()
        player = a_player()
        browser = a_browser(player)
        assert says(browser.get("/top-up?amount=1000&currency=EUR"), "1,050", "50 credits of it are a gift")
        paying(browser)
        payment = the_payment(player)
        sandbox.pay(str(payment.id))
        assert says(looked_at(browser, payment), "1,050 credits are yours")
        wallet = services.get(Charging).wallet(player=player.id, at=now())
        assert wallet.available == Money.parse("1050", "XCR")
        assert_books_prove()

    def test_that_has_changed_since_it_was_shown_is_looked_at_first(self) -> None:
        player = a_player()
        browser = a_browser(player)
        page = browser.get("/top-up?amount=1000&currency=EUR")
        form = {name: hidden(page, name) for name in ("key", "quote")}
        a_bonus()
        answer = browser.post(
            "/top-up", form | {"currency": "EUR", "amount": "1000", "own_amount": "", "provider": "sandbox"}
        )
        assert answer.status_code == 409 and not services.get(Payments).payments_of(player=player.id)


@pytest.mark.use_case("PAY-16")
def test_a_player_gives_a_payment_up_and_nobody_else_does() -> None:
    player = a_player()
    browser = a_browser(player)
    paying(browser)
    payment = the_payment(player)
    page = looked_at(browser, payment)
    stranger = a_browser(a_player())
    assert stranger.post(f"/payments/{payment.id}/cancel", {"key": "x"}).status_code == 404
    answer = browser.post(f"/payments/{payment.id}/cancel", {"key": hidden(page, "key")}, follow=True)
    assert says(answer, "You stopped before paying")
    assert the_payment(player).status is Status.CANCELLED


@pytest.mark.use_case("PAY-17")
def test_a_failed_payment_is_tried_again_and_paid_once(sandbox: RunningSandbox) -> None:
    player = a_player()
    browser = a_browser(player)
    paying(browser)
    payment = the_payment(player)
    sandbox.pay(str(payment.id), card="4000000000000002")
    page = looked_at(browser, payment)
    assert says(page, "The payment did not go through", "Try again with Sandbox")
    key = hidden(page, "key")
    for _ in range(2):
        answer = browser.post(f"/payments/{payment.id}/again", {"key": key, "provider": "sandbox"})
        assert answer.status_code == 302 and answer["Location"].startswith(sandbox.url)
    attempts = services.get(Payments).attempts(payment_id=payment.id)
    assert [attempt.number for attempt in attempts] == [1, 2]
    sandbox.pay(attempts[1].reference)
    assert says(looked_at(browser, payment), "are yours")
    assert services.get(Charging).wallet(player=player.id, at=now()).posted == Money.parse("1000", "XCR")
    assert_books_prove()
