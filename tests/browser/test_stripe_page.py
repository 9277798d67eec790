"""A player on Stripe's page, as the plug-in's simulator shows it: the browser goes there and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.payments import PaymentRequest, Report, Standing
from warchest_stripe.provider import StripeProvider
from warchest_stripe.settings import StripeSettings
from warchest_stripe.testing import RunningSimulator, query_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.use_case("PLG-03")]

BACK = "https://portal.example.org/back?payment=7"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[RunningSimulator]:
    with RunningSimulator(tmp_path) as running:
        yield running


@pytest.fixture
def provider(simulator: RunningSimulator) -> Iterator[StripeProvider]:
    provider = StripeProvider(msgspec.convert(simulator.settings, StripeSettings))
    yield provider
    provider.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    # The portal is somewhere else; that the browser gets there is enough.
    page.route("https://portal.example.org/**", lambda route: route.fulfill(body="<h1>Back</h1>"))
    yield page
    context.close()


def opened(provider: StripeProvider, **fields: object) -> tuple[PaymentRequest, Report]:
    payment = PaymentRequest(
        reference=str(new_id()),
        amount=Money.parse("20.00", "EUR"),
        return_url=BACK,
        notice_url="",
        description="2000 credits",
        language="en",
        country="DE",
        **fields,  # type: ignore[arg-type]
    )
    return payment, provider.start(payment)


def pay(page: Page, number: str) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Pay 20.00 EUR").click()


def stands(provider: StripeProvider, payment: PaymentRequest) -> Report:
    return provider.inquire(payment, provider_reference="")


def test_who_pays_comes_back_and_has_paid(page: Page, provider: StripeProvider) -> None:
    payment, report = opened(provider)
    page.goto(report.redirect_url)
    assert page.get_by_role("heading", name="2000 credits").is_visible()
    pay(page, "4242 4242 4242 4242")
    page.wait_for_url(BACK)
    assert stands(provider, payment).amount == payment.amount


def test_who_is_declined_is_told_and_may_try_another_card(page: Page, provider: StripeProvider) -> None:
    payment, report = opened(provider)
    page.goto(report.redirect_url)
    pay(page, "4000000000009995")
    assert "declined" in page.get_by_role("alert").inner_text()
    pay(page, "5555555555554444")
    page.wait_for_url(BACK)
    paid = stands(provider, payment)
    assert paid.instrument and paid.instrument.label == "Mastercard •••• 4444"


def test_who_goes_back_has_cancelled(page: Page, provider: StripeProvider) -> None:
    payment, report = opened(provider)
    page.goto(report.redirect_url)
    page.get_by_role("link", name="Back").click()
    page.wait_for_url(f"{BACK}&checkout=cancel")
    left = provider.resume(payment, provider_reference="", query=query_of(page.url))
    assert left.standing is Standing.CANCELLED
    page.goto(report.redirect_url)
    assert page.get_by_text("nothing to pay here").is_visible()


@pytest.mark.parametrize("button", ["Complete", "Fail"])
def test_who_the_bank_asks_proves_it_or_does_not(page: Page, provider: StripeProvider, button: str) -> None:
    payment, report = opened(provider)
    page.goto(report.redirect_url)
    pay(page, "4000002760003184")
    page.get_by_role("heading", name="3D Secure").wait_for()
    page.get_by_role("button", name=button).click()
    if button == "Complete":
        page.wait_for_url(BACK)
        assert stands(provider, payment).standing is Standing.SUCCEEDED
    else:
        page.wait_for_url(report.redirect_url)
        assert stands(provider, payment).standing is Standing.PENDING


def test_who_has_the_card_saved_is_told_and_pays_with_it_again(page: Page, provider: StripeProvider) -> None:
    payment, report = opened(provider, save_method=True, payer=str(new_id()))
    page.goto(report.redirect_url)
    assert page.get_by_text("kept for the next time").is_visible()
    pay(page, "4242424242424242")
    page.wait_for_url(BACK)
    instrument = stands(provider, payment).instrument
    assert instrument
    _, charged = opened(provider, saved_method=instrument.token, player_present=False)
    assert charged.standing is Standing.SUCCEEDED
