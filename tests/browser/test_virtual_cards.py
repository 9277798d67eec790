"""Virtual cards in a real browser: bought, shown, given, mailed, scanned and activated; also where no script runs."""

from __future__ import annotations

import base64
import email
import email.policy
import re
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import House
from tests.browser.eyes import DESK, PHONE, Eyes
from tests.browser.test_main_job import pay_at_the_provider

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.use_case("PAY-05")]

_CODE = re.compile(r"\b(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}\b")
_MAIL_S_MAX = 60


@pytest.fixture(scope="module")
def buyer(house: House) -> tuple[Page, Eyes]:
    page, eyes = house.player("Sable")
    page.goto("/top-up")
    page.get_by_label("Or your own amount").press_sequentially("60")
    # In a house that others have used she may have a saved card, which would pay at once.
    if page.get_by_label("Sandbox").count():
        page.get_by_label("Sandbox").check()
    page.get_by_role("button", name="Pay 60.00 EUR").click()
    pay_at_the_provider(page)
    page.get_by_role("heading", name="6,000 credits are yours").wait_for()
    return page, eyes


def mail_to(house: House, address: str) -> EmailMessage:
    """The mail with a code that the worker has written for this address."""
    until = time.monotonic() + _MAIL_S_MAX
    while time.monotonic() < until:
        for file in (house.demo.folder / "mail").glob("*"):
            for text in file.read_bytes().split(b"-" * 79 + b"\n"):
                letter = email.message_from_bytes(text, policy=email.policy.default)
                if letter["To"] == address and _CODE.search(plain(letter)):
                    return letter
        time.sleep(0.5)
    raise AssertionError(f"no mail for {address}")


def plain(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    return body.get_content() if body else ""


def test_a_card_is_bought_seen_and_activated_by_its_link(buyer: tuple[Page, Eyes], house: House) -> None:
    page, eyes = buyer
    page.goto("/cards")
    eyes.look(page, "cards")
    page.get_by_role("link", name="Buy for 1,000 credits").click()
    eyes.look(page, "cards-buy")
    page.get_by_role("button", name="Buy for 1,000 credits").click()
    page.get_by_role("heading", name="Your card").wait_for()
    eyes.look(page, "cards-bought")
    assert not _CODE.search(page.content())
    page.get_by_role("button", name="Show the code").click()
    code = page.get_by_label("Code", exact=True).input_value()
    assert _CODE.fullmatch(code)
    eyes.look(page, "cards-code")

    # Whoever scans it comes to what it gives at once, and confirms: two steps, and no address has the code.
    friend, other = house.player("Marlow")
    asked: list[str] = []
    friend.on("request", lambda request: asked.append(request.url + (request.headers.get("referer") or "")))
    friend.goto("about:blank")
    friend.goto(f"{house.portal}/activate#{code}")
    friend.get_by_role("heading", name="This card gives you").wait_for()
    friend.get_by_role("button", name="Activate", exact=True).click()
    friend.get_by_role("heading", name="Your card is active").wait_for()
    assert not [url for url in asked if code.replace("-", "") in url.replace("-", "").split("#")[0]]
    other.assert_nothing_wrong()
    page.goto("/cards")
    page.get_by_text("used", exact=True).first.wait_for()


@pytest.mark.use_case("CRD-10", "CRD-11")
def test_a_gift_comes_as_a_mail_with_picture_and_pdf(
    buyer: tuple[Page, Eyes], house: House, chromium: object
) -> None:
    page, eyes = buyer
    page.goto("/cards")
    page.get_by_role("link", name="Give it to somebody").first.click()
    page.get_by_label("Their e-mail").fill("lisa@elsewhere.example")
    page.get_by_label("Their name").fill("Lisa")
    page.get_by_label("A few words, if you like").fill("Happy birthday!\nSee you at the finals.")
    eyes.look(page, "cards-give")
    page.get_by_role("button", name="Give it for 1,000 credits").click()
    page.get_by_role("heading", name="Your gift").wait_for()
    eyes.look(page, "cards-gift")
    letter = mail_to(house, "lisa@elsewhere.example")
    code = _CODE.search(plain(letter))
    assert code
    assert f"{house.portal}/activate#{code.group()}" in plain(letter)
    html = letter.get_body(("html",))
    assert html is not None
    kinds = [part.get_content_type() for part in letter.walk()]
    assert {"text/plain", "text/html", "image/png", "application/pdf"} <= set(kinds)
    look_at(letter, html.get_content(), eyes, house)
    until = time.monotonic() + _MAIL_S_MAX
    while not page.get_by_text("delivered", exact=True).count() and time.monotonic() < until:
        time.sleep(0.5)
        page.reload()
    assert page.get_by_text("delivered", exact=True).is_visible()
    assert code.group() not in page.content()
    eyes.look(page, "cards-delivered")


def look_at(letter: EmailMessage, html: str, eyes: Eyes, house: House) -> None:
    """The mail as its reader sees it, in both widths and both directions, and the PDF, for people who look at pictures."""
    picture = next(part for part in letter.walk() if part.get_content_type() == "image/png")
    pdf = next(part for part in letter.walk() if part.get_content_type() == "application/pdf")
    data = base64.b64encode(picture.get_content()).decode()
    shown = html.replace("cid:qr", f"data:image/png;base64,{data}")
    (eyes.pictures / "card.pdf").write_bytes(pdf.get_content())
    reader = house.context()
    page = reader.new_page()
    for direction in ("ltr", "rtl"):
        page.set_content(shown.replace('dir="ltr">', f'dir="{direction}">', 1))
        for size in (PHONE, DESK):
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            page.screenshot(path=eyes.pictures / f"mail-{direction}-{size['width']}.png", full_page=True)


def test_without_scripts_a_card_is_bought_and_typed(house: House) -> None:
    page, eyes = house.player("Juniper", java_script_enabled=False)
    page.goto("/cards")
    page.get_by_role("link", name=re.compile("^Buy for")).first.click()
    if page.get_by_role("link", name="Top up", exact=True).count():
        page.get_by_role("link", name="Top up", exact=True).click()
        page.get_by_role("button", name="See what you get").click()
        page.get_by_role("button", name=re.compile("^Pay")).click()
        pay_at_the_provider(page)
        page.get_by_role("heading", name=re.compile("are yours")).wait_for()
        page.goto("/cards")
        page.get_by_role("link", name=re.compile("^Buy for")).first.click()
    page.get_by_role("button", name=re.compile("^Buy for")).click()
    page.get_by_role("button", name="Show the code").click()
    code = page.get_by_label("Code", exact=True).input_value()
    page.goto("/activate")
    page.get_by_label("Code on your card").fill(code.lower().replace("-", " "))
    page.get_by_role("button", name="See what it gives").click()
    page.get_by_role("button", name="Activate", exact=True).click()
    page.get_by_role("heading", name="Your card is active").wait_for()
    eyes.assert_nothing_wrong()


def test_a_card_is_paid_for_directly_in_one_step(house: House) -> None:
    page, eyes = house.player("Marlow")
    page.goto("/cards")
    page.get_by_role("link", name="Buy for 1,000 credits").click()
    page.get_by_role("link", name="Pay directly, without the wallet").click()
    eyes.look(page, "cards-pay")
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    pay_at_the_provider(page)
    page.get_by_role("heading", name=re.compile("The card is yours")).wait_for()
    page.get_by_role("link", name="See the card").click()
    page.get_by_role("button", name="Show the code").click()
    assert _CODE.fullmatch(page.get_by_label("Code", exact=True).input_value())
    eyes.assert_nothing_wrong()


def test_stands_from_right_to_left_as_well(buyer: tuple[Page, Eyes]) -> None:
    page, eyes = buyer
    for name, path in (("cards", "/cards"), ("gift", ""), ("give", "")):
        if name == "gift":
            path = page.locator("a.line").first.get_attribute("href") or ""
        elif name == "give":
            page.goto("/cards")
            path = page.get_by_role("link", name="Give it to somebody").first.get_attribute("href") or ""
        page.goto(path)
        page.evaluate("document.documentElement.dir = 'rtl'")
        eyes.look(page, f"cards-{name}-rtl")
