"""A player at PayPal, as the plug-in's simulator shows it: the browser goes there, approves, and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlsplit

import msgspec
import pytest

from tests.browser.eyes import Eyes
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.payments import PaymentRequest, Report, Standing
from warchest_paypal.provider import PaypalProvider
from warchest_paypal.talk import PaypalSettings
from warchest_paypal.testing import RunningPaypal

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.use_case("PLG-06")]

BALANCE, CHECK, DECLINED = (
    "Pay with PayPal balance",
    "Pay by eCheck (decided later)",
    "Pay with a card that the bank declines",
)


@pytest.fixture(scope="module")
def paypal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPaypal]:
    with RunningPaypal(tmp_path_factory.mktemp("paypal")) as paypal:
        yield paypal


@pytest.fixture
def provider(paypal: RunningPaypal) -> Iterator[PaypalProvider]:
    settings = {**paypal.settings, "brand_name": "Nova & Friends"}
    provider = PaypalProvider(msgspec.convert(settings, PaypalSettings))
    yield provider
    provider.close()


@pytest.fixture
def shown(abroad: Callable[[str], tuple[Page, Eyes]], paypal: RunningPaypal) -> tuple[Page, Eyes]:
    return abroad(paypal.url)


def opened(provider: PaypalProvider, shop: str) -> tuple[PaymentRequest, Report]:
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


def choose(page: Page, report: Report, button: str) -> dict[str, str]:
    """Go to PayPal, choose there, and come back. Answers what the browser brings the shop."""
    page.goto(report.redirect_url)
    page.get_by_role("button", name=button).click()
    page.get_by_role("heading", name="Back in the shop").wait_for()
    return dict(parse_qsl(urlsplit(page.url).query))


def test_who_approves_comes_back_and_pays_by_coming_back(
    shown: tuple[Page, Eyes], provider: PaypalProvider, paypal: RunningPaypal, shop: str
) -> None:
    page, eyes = shown
    payment, report = opened(provider, shop)
    page.goto(report.redirect_url)
    assert page.get_by_role("heading", name="Pay Nova & Friends").is_visible()
    assert page.get_by_text("20.00 EUR", exact=True).is_visible()
    assert page.get_by_text("2000 <b>credits</b>", exact=True).is_visible()
    eyes.look(page, "paypal-page")
    brought = choose(page, report, BALANCE)
    assert (brought["payment"], brought["token"]) == ("7", report.provider_reference)
    # To approve is not to pay.
    assert paypal.truth(payment.reference)["taken"] is None
    paid = provider.resume(payment, provider_reference=report.provider_reference, query=brought)
    assert (paid.standing, paid.amount) == (Standing.SUCCEEDED, payment.amount)
    eyes.assert_nothing_wrong()


def test_who_is_declined_is_sent_there_again_and_pays_otherwise(
    shown: tuple[Page, Eyes], provider: PaypalProvider, shop: str
) -> None:
    page, eyes = shown
    payment, report = opened(provider, shop)
    number = report.provider_reference
    declined = provider.resume(payment, provider_reference=number, query=choose(page, report, DECLINED))
    assert (declined.standing, declined.reason) == (Standing.PENDING, "INSTRUMENT_DECLINED")
    brought = choose(page, declined, BALANCE)
    paid = provider.resume(payment, provider_reference=number, query=brought)
    assert paid.standing is Standing.SUCCEEDED
    eyes.assert_nothing_wrong()


def test_a_check_is_pending_until_it_is_decided(
    shown: tuple[Page, Eyes], provider: PaypalProvider, paypal: RunningPaypal, shop: str
) -> None:
    page, _ = shown
    payment, report = opened(provider, shop)
    number = report.provider_reference
    waiting = provider.resume(payment, provider_reference=number, query=choose(page, report, CHECK))
    assert waiting.standing is Standing.PENDING
    payment = replace(payment, kept={**payment.kept, **waiting.keep})
    paypal.decide(payment.reference, succeeded=True)
    assert provider.inquire(payment, provider_reference=number).standing is Standing.SUCCEEDED


def test_who_goes_back_has_not_paid_and_may_come_again(
    shown: tuple[Page, Eyes], provider: PaypalProvider, shop: str
) -> None:
    page, _ = shown
    payment, report = opened(provider, shop)
    number = report.provider_reference
    brought = choose(page, report, "Cancel and return")
    assert "PayerID" not in brought
    left = provider.resume(payment, provider_reference=number, query=brought)
    assert left.standing is Standing.PENDING
    brought = choose(page, report, BALANCE)
    assert provider.resume(payment, provider_reference=number, query=brought).amount == payment.amount


def test_who_comes_again_after_paying_has_nothing_to_pay(
    shown: tuple[Page, Eyes], provider: PaypalProvider, shop: str
) -> None:
    page, eyes = shown
    payment, report = opened(provider, shop)
    provider.resume(
        payment, provider_reference=report.provider_reference, query=choose(page, report, BALANCE)
    )
    page.goto(report.redirect_url)
    assert "needs nothing from you" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("button").count() == 0
    eyes.look(page, "paypal-closed")


def test_is_approved_with_the_keyboard_alone(
    shown: tuple[Page, Eyes], provider: PaypalProvider, shop: str
) -> None:
    page, eyes = shown
    payment, report = opened(provider, shop)
    page.goto(report.redirect_url)
    page.keyboard.press("Tab")
    focus = page.evaluate(
        "[document.activeElement.innerText, getComputedStyle(document.activeElement).outlineStyle]"
    )
    assert focus[0] == BALANCE and focus[1] != "none"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Back in the shop").wait_for()
    brought = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    paid = provider.resume(payment, provider_reference=report.provider_reference, query=brought)
    assert paid.standing is Standing.SUCCEEDED
    eyes.assert_nothing_wrong()
