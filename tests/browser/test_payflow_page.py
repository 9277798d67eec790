"""A player on Payflow's hosted page, as the plug-in's simulator shows it: the browser goes there, pays, and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from tests.browser.eyes import Eyes
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.payments import PaymentRequest, Report, Standing
from warchest_payflow.gateway import PayflowSettings
from warchest_payflow.provider import PayflowProvider
from warchest_payflow.testing import RunningPayflow

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.use_case("PLG-04")]

VISA, MASTERCARD, NO_TEST_CARD = "4111 1111 1111 1111", "5555555555554444", "4242424242424242"


@pytest.fixture(scope="module")
def payflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPayflow]:
    with RunningPayflow(tmp_path_factory.mktemp("payflow")) as payflow:
        yield payflow


@pytest.fixture
def provider(payflow: RunningPayflow) -> Iterator[PayflowProvider]:
    provider = PayflowProvider(msgspec.convert(payflow.settings, PayflowSettings))
    yield provider
    provider.close()


@pytest.fixture
def shown(abroad: Callable[[str], tuple[Page, Eyes]], payflow: RunningPayflow) -> tuple[Page, Eyes]:
    return abroad(payflow.url)


def opened(provider: PayflowProvider, shop: str) -> tuple[PaymentRequest, Report]:
    payment = PaymentRequest(
        reference=str(new_id()),
        amount=Money.parse("20.00", "EUR"),
        return_url=shop,
        notice_url="",
        description="2000 <b>credits</b>",
        language="en",
        country="DE",
    )
    report = provider.start(payment)
    return replace(payment, kept=report.keep), report


def pay(page: Page, number: str, *, expiry: str = "1239") -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expiry (MMYY)").fill(expiry)
    page.get_by_label("Security code").fill("123")
    # What it leads to may look like what it left: another card is asked for on the same page.
    with page.expect_navigation():
        page.get_by_role("button", name="Pay 20.00 EUR").click()


def came_back(page: Page) -> dict[str, list[str]]:
    """What the browser brings the shop."""
    page.get_by_role("heading", name="Back in the shop").wait_for()
    return parse_qs(urlsplit(page.url).query)


def stands(provider: PayflowProvider, payment: PaymentRequest) -> Report:
    return provider.inquire(payment, provider_reference="")


def test_who_pays_comes_back_and_has_paid(
    shown: tuple[Page, Eyes], provider: PayflowProvider, shop: str
) -> None:
    page, eyes = shown
    payment, report = opened(provider, shop)
    page.goto(report.redirect_url)
    assert page.get_by_text("2000 <b>credits</b>", exact=True).is_visible()
    eyes.look(page, "payflow-page")
    pay(page, VISA)
    brought = came_back(page)
    assert (brought["payment"], brought["RESULT"]) == (["7"], ["0"])
    # The card's number is for the gateway alone.
    assert "4111111111111111" not in page.url
    assert stands(provider, payment).amount == payment.amount
    eyes.assert_nothing_wrong()


def test_who_is_declined_is_told_and_may_try_another_card(
    shown: tuple[Page, Eyes], provider: PayflowProvider, shop: str
) -> None:
    page, eyes = shown
    payment, report = opened(provider, shop)
    page.goto(report.redirect_url)
    with eyes.expecting(422):
        pay(page, NO_TEST_CARD)
        told = page.get_by_role("alert")
        assert "Try another card" in told.inner_text()
        assert page.get_by_label("Card number").input_value() == ""
        eyes.look(page, "payflow-declined")
        pay(page, VISA, expiry="0120")
        assert told.is_visible()
    assert stands(provider, payment).standing is Standing.PENDING
    pay(page, MASTERCARD)
    assert came_back(page)["RESULT"] == ["0"]
    paid = stands(provider, payment)
    assert (paid.standing, paid.amount) == (Standing.SUCCEEDED, payment.amount)


def test_who_tries_three_cards_in_vain_is_sent_back_and_has_not_paid(
    shown: tuple[Page, Eyes], provider: PayflowProvider, shop: str
) -> None:
    page, eyes = shown
    payment, report = opened(provider, shop)
    page.goto(report.redirect_url)
    with eyes.expecting(422):
        for _ in range(2):
            pay(page, NO_TEST_CARD)
            assert page.get_by_role("alert").is_visible()
        pay(page, NO_TEST_CARD)
        assert came_back(page)["RESULT"] == ["23"]
    assert stands(provider, payment).standing is not Standing.SUCCEEDED
    with eyes.expecting(410):
        page.goto(report.redirect_url)
        assert page.get_by_role("alert").is_visible()
        assert page.get_by_label("Card number").count() == 0
        eyes.look(page, "payflow-closed")


def test_who_cancels_comes_back_and_may_pay_after_all(
    shown: tuple[Page, Eyes], provider: PayflowProvider, shop: str
) -> None:
    page, _ = shown
    payment, report = opened(provider, shop)
    page.goto(report.redirect_url)
    page.get_by_role("button", name="Cancel").click()
    assert came_back(page)["RESPMSG"] == ["Cancelled"]
    # The page is still open: whether it will be paid, nobody knows yet.
    assert stands(provider, payment).standing is Standing.PENDING
    page.goto(report.redirect_url)
    pay(page, VISA)
    came_back(page)
    assert stands(provider, payment).standing is Standing.SUCCEEDED


def test_who_comes_again_after_paying_cannot_pay_twice(
    shown: tuple[Page, Eyes], provider: PayflowProvider, payflow: RunningPayflow, shop: str
) -> None:
    page, eyes = shown
    payment, report = opened(provider, shop)
    page.goto(report.redirect_url)
    pay(page, VISA)
    came_back(page)
    with eyes.expecting(410):
        page.goto(report.redirect_url)
    assert page.get_by_label("Card number").count() == 0
    assert stands(provider, payment).amount == payment.amount


def test_is_paid_with_the_keyboard_alone(
    shown: tuple[Page, Eyes], provider: PayflowProvider, shop: str
) -> None:
    page, eyes = shown
    payment, report = opened(provider, shop)
    page.goto(report.redirect_url)
    for typed in ("4111111111111111", "1239", "123"):
        page.keyboard.press("Tab")
        page.keyboard.type(typed)
    page.keyboard.press("Tab")
    focus = page.evaluate(
        "[document.activeElement.innerText, getComputedStyle(document.activeElement).outlineStyle]"
    )
    assert focus[0] == "Pay 20.00 EUR" and focus[1] != "none"
    page.keyboard.press("Enter")
    assert came_back(page)["RESULT"] == ["0"]
    assert stands(provider, payment).standing is Standing.SUCCEEDED
    eyes.assert_nothing_wrong()
