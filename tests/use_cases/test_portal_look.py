"""The community's colour, addresses behind proxies, and amounts as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.builders.portal import a_browser
from warchest.kernel.errors import UnableTo
from warchest.web.portal.accent import AA_TEXT, DARK_GROUNDS, LIGHT_GROUNDS, accent, contrast
from warchest.web.portal.amounts import read_amount
from warchest.web.portal.commands import address_behind
from warchest.web.portal.countries import country_wished
from warchest.web.portal.views.invite import qr_picture

colours = some.from_regex(r"#[0-9a-f]{6}", fullmatch=True)


class TestAccent:
    @given(colours)
    def test_can_be_read_whatever_the_community_chooses(self, colour: str):
        chosen = accent(colour)
        assert contrast(chosen.ink, chosen.fill) >= AA_TEXT
        assert all(contrast(chosen.on_dark, ground) >= AA_TEXT for ground in DARK_GROUNDS)
        assert all(contrast(chosen.on_light, ground) >= AA_TEXT for ground in LIGHT_GROUNDS)

    def test_stays_as_it_is_where_it_passes(self):
        assert accent("#f2b63c").on_dark == "#f2b63c" and accent("#7d5300").on_light == "#7d5300"

    def test_what_is_no_colour_becomes_the_default(self):
        assert accent("red;} body{display:none").fill == accent("").fill

    def test_contrast_is_that_of_the_guidelines(self):
        assert contrast("#000000", "#ffffff") == pytest.approx(21)
        assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)

    @pytest.mark.usefixtures("database")
    def test_comes_as_a_sheet_that_browsers_keep(self):
        answer = a_browser().get("/accent.css")
        assert answer["Content-Type"].startswith("text/css") and "max-age=86400" in answer["Cache-Control"]
        assert b"--community-accent-on-light:#" in answer.content
        assert a_browser().get("/accent.css", headers={"If-None-Match": answer["ETag"]}).status_code == 304
        assert b"/accent.css?" in a_browser().get("/sign-in").content


class TestAmounts:
    @pytest.mark.parametrize(
        ("typed", "code", "language", "minor"),
        [
            ("12", "EUR", "en", 1200),
            ("12.5", "EUR", "en", 1250),
            ("12,50", "EUR", "en", 1250),
            ("12,50", "EUR", "de", 1250),
            ("1,000", "EUR", "en", 100000),
            ("1.000", "EUR", "de", 100000),
            ("1.234,56", "EUR", "en", 123456),
            ("1,234.56", "EUR", "de", 123456),
            ("1,234,567", "JPY", "en", 1234567),
            ("1 000", "EUR", "fr", 100000),
            ("1'000.50", "EUR", "de", 100050),
            ("0.500", "KWD", "en", 500),
            ("٢٠", "EUR", "ar", 2000),
            ("010", "EUR", "en", 1000),
            (".5", "EUR", "en", 50),
        ],
    )
    def test_are_read_as_meant(self, typed: str, code: str, language: str, minor: int):
        assert read_amount(typed, code, language=language).minor == minor

    @given(
        some.text(max_size=30),
        some.sampled_from(["EUR", "JPY", "KWD"]),
        some.sampled_from(["en", "de", "xx"]),
    )
    def test_whatever_is_typed_is_an_amount_or_refused(self, typed: str, code: str, language: str):
        try:
            read_amount(typed, code, language=language)
        except UnableTo as refusal:
            assert refusal.reason.startswith("amount_")


class TestAddresses:
    @pytest.mark.parametrize(
        ("remote", "forwarded", "trusted", "seen"),
        [
            ("203.0.113.5", "198.51.100.1", (), "203.0.113.5"),
            ("10.0.0.1", "198.51.100.1", ("10.0.0.0/8",), "198.51.100.1"),
            ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", ("10.0.0.0/8",), "198.51.100.1"),
            ("10.0.0.1", "nonsense", ("10.0.0.0/8",), "10.0.0.1"),
            ("10.0.0.1", "", ("10.0.0.0/8",), "10.0.0.1"),
            ("::1", "2001:db8::7", ("::1",), "2001:db8::7"),
        ],
    )
    def test_are_believed_from_trusted_proxies_only(self, remote, forwarded, trusted, seen):
        assert address_behind(remote, forwarded, trusted=trusted) == seen


def test_the_browser_says_the_country():
    assert country_wished("de-AT,de;q=0.9,en-US;q=0.8", otherwise="DE") == "AT"
    assert country_wished("zh-Hant-TW", otherwise="DE") == "TW"
    assert country_wished("en", otherwise="DE") == "DE"


def test_the_picture_of_a_link_needs_no_inline_style():
    picture = qr_picture("http://localhost/join/ABCD")
    assert picture.startswith("<svg") and "viewBox" in picture and "style=" not in picture
