"""The plug-in against the running simulator: what the conformance kit does not ask, because only Stripe has it."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import stripe

from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.payments import (
    DisputeStanding,
    Evidence,
    LineKind,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Standing,
    Subject,
    UnableToTellSettlement,
    UnableToTrustNotice,
)
from warchest_stripe import minor_units
from warchest_stripe.notices import EVENTS
from warchest_stripe.provider import StripeProvider
from warchest_stripe.settings import API_VERSION, StripeSettings
from warchest_stripe.simulator.sending import signature
from warchest_stripe.testing import RunningSimulator, query_of

INSUFFICIENT = "4000000000009995"
ALWAYS_PROVE = "4000002760003184"
FAILS_ONCE_SAVED = "4000000000000341"
DISPUTED = "4000000000000259"
REFUND_FAILS_LATER = "4000000000005126"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    with RunningSimulator(tmp_path_factory.mktemp("stripe")) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> Iterator[RunningSimulator]:
    yield running
    running.reset()


@pytest.fixture
def provider(simulator: RunningSimulator) -> Iterator[StripeProvider]:
    provider = a_provider(simulator)
    yield provider
    provider.close()


def a_provider(simulator: RunningSimulator, **settings: Any) -> StripeProvider:
    return StripeProvider(msgspec.convert(simulator.settings | {"timeout_s": 2} | settings, StripeSettings))


def a_payment(amount: str = "20.00", currency: str = "EUR", **fields: Any) -> PaymentRequest:
    given = {
        "reference": str(new_id()),
        "return_url": "http://127.0.0.1:9/return?basket=7",
        "description": "2000 credits",
        "language": "de",
        "country": "DE",
        "payer": str(new_id()),
    } | fields
    return PaymentRequest(amount=Money.parse(amount, currency), notice_url="", **given)


def made_long_ago(**ago: float) -> str:
    """A reference as it was made so long ago."""
    ms = int((datetime.now(UTC) - timedelta(**ago)).timestamp() * 1000)
    return str(UUID(int=(ms << 80) | (0x7 << 76) | (0b10 << 62) | (new_id().int & (2**62 - 1))))


def opened(provider: StripeProvider, payment: PaymentRequest) -> tuple[PaymentRequest, Report]:
    report = provider.start(payment)
    assert report.standing is Standing.PENDING, report
    return replace(payment, kept=report.keep), report


def paid(
    simulator: RunningSimulator, provider: StripeProvider, card: str = "4242424242424242", **fields: Any
) -> tuple[PaymentRequest, Report]:
    payment, report = opened(provider, a_payment(**fields))
    simulator.pay(report.redirect_url, card)
    report = provider.inquire(payment, provider_reference="")
    return payment, report


def a_token(simulator: RunningSimulator, provider: StripeProvider, card: str = "4242424242424242") -> str:
    _, report = paid(simulator, provider, card, save_method=True)
    assert report.instrument and report.instrument.token
    return report.instrument.token


def a_refund(payment: PaymentRequest, report: Report, amount: str = "5.00", **fields: Any) -> RefundRequest:
    given = {"reference": str(new_id()), "payment_reference": report.provider_reference} | fields
    return RefundRequest(amount=Money.parse(amount, payment.amount.currency.code), payment=payment, **given)


def a_notice(
    simulator: RunningSimulator, event: dict[str, Any], *, secret: str = "", at: datetime | None = None
) -> RawNotice:
    """An event, signed as Stripe does."""
    now = at or datetime.now(UTC)
    body = json.dumps(event).encode()
    signed = signature(secret or simulator.settings["webhook_secret"], at=int(now.timestamp()), body=body)
    return RawNotice(headers={"stripe-signature": signed}, body=body, received_at=now)


def events_about(simulator: RunningSimulator, reference: str) -> dict[str, dict[str, Any]]:
    """The newest event of each type."""
    return {event["type"]: simulator.event(event["id"]) for event in simulator.events(reference)}


class TestSettings:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"api_key": "pk_test_1234567890"},
            {"api_key": "sk_test_"},
            {"webhook_secret": "secret"},
            {"base_url": "http://stripe.example"},
            {"base_url": "https://user@api.stripe.com"},
            {"timeout_s": 0},
            {"timeout_s": 60},
            {"methods": []},
            {"checkout_minutes": 10},
        ],
    )
    def test_that_cannot_work_are_refused(self, simulator: RunningSimulator, wrong: dict[str, Any]) -> None:
        with pytest.raises(msgspec.ValidationError):
            a_provider(simulator, **wrong)

    def test_point_at_stripe_unless_told_otherwise(self) -> None:
        settings = StripeSettings(api_key="rk_live_1234567890", webhook_secret="whsec_1234567890")
        assert settings.base_url == "https://api.stripe.com"
        assert settings.is_live

    def test_name_the_version_that_the_library_was_made_for(self) -> None:
        # Who takes a newer library looks at what Stripe changed, and then at this number.
        assert StripeClientVersion.of_library() == API_VERSION

    def test_show_no_secret(self, simulator: RunningSimulator) -> None:
        shown = repr(StripeSettings(**simulator.settings))
        assert simulator.settings["api_key"] not in shown
        assert simulator.settings["webhook_secret"] not in shown


class StripeClientVersion:
    @staticmethod
    def of_library() -> str:
        from stripe._api_version import _ApiVersion

        return _ApiVersion.CURRENT


class TestAmounts:
    @pytest.mark.parametrize(
        ("amount", "currency", "written"),
        [
            ("20.00", "EUR", 2000),
            ("0.01", "USD", 1),
            ("500", "JPY", 500),
            ("5.12", "HUF", 512),
            ("800.45", "TWD", 80045),
            # Written with two decimals that are nought.
            ("5", "ISK", 500),
            ("5", "UGX", 500),
            # Counted without decimals, though ISO 4217 has two.
            ("5.00", "MGA", 5),
            # The last of three decimals is nought.
            ("5.120", "KWD", 5120),
            ("1.230", "TND", 1230),
        ],
    )
    def test_are_written_by_stripes_own_rules_and_read_back_exactly(
        self, amount: str, currency: str, written: int
    ) -> None:
        money = Money.parse(amount, currency)
        assert minor_units.written(money) == written
        assert minor_units.read(written, currency.lower()) == money

    @pytest.mark.parametrize(
        ("amount", "currency"), [("5.124", "KWD"), ("5.50", "MGA"), ("1.00", "XCR"), ("1.00", "KPW")]
    )
    def test_that_stripe_cannot_be_asked_for_are_refused_before_it_is(
        self, provider: StripeProvider, simulator: RunningSimulator, amount: str, currency: str
    ) -> None:
        payment = a_payment(amount, currency)
        report = provider.start(payment)
        assert report.standing is Standing.FAILED
        assert report.reason in {"amount_too_precise_for_provider", "currency_not_supported"}
        assert simulator.truth(payment.reference)["payments"] == 0

    @pytest.mark.parametrize(("told", "currency"), [(550, "ISK"), (101, "UGX"), (100, "ABC")])
    def test_that_there_cannot_be_are_not_read(self, told: int, currency: str) -> None:
        with pytest.raises(Exception, match=r"amount_too_precise|currency_unknown"):
            minor_units.read(told, currency)

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [("1500", "JPY"), ("700", "ISK"), ("1.230", "KWD"), ("12.00", "MGA"), ("1234.56", "USD")],
    )
    def test_are_taken_as_they_were_asked_for(
        self, simulator: RunningSimulator, provider: StripeProvider, amount: str, currency: str
    ) -> None:
        payment, report = opened(provider, a_payment(amount, currency))
        simulator.pay(report.redirect_url)
        report = provider.inquire(payment, provider_reference="")
        assert (report.standing, report.amount) == (Standing.SUCCEEDED, Money.parse(amount, currency))

    def test_too_small_for_stripe_are_a_clear_refusal(self, provider: StripeProvider) -> None:
        report = provider.start(a_payment("0.10"))
        assert (report.standing, report.reason) == (Standing.FAILED, "amount_too_small")


class TestCheckout:
    def test_names_the_payment_everywhere_and_the_player_nowhere(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = opened(provider, a_payment())
        session = simulator.ask("GET", f"/v1/checkout/sessions/{report.keep['session']}")
        assert session["client_reference_id"] == payment.reference
        assert session["metadata"] == {"reference": payment.reference}
        assert session["locale"] == "de"
        assert session["customer"] is None
        assert session["cancel_url"] == "http://127.0.0.1:9/return?basket=7&checkout=cancel"
        assert session["payment_method_types"] == ["card", "sepa_debit"]

    def test_ends_at_a_time_that_the_reference_fixes(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        made_at = int(time.time()) - 90
        payment = a_payment(reference=made_long_ago(seconds=90))
        _, report = opened(provider, payment)
        session = simulator.ask("GET", f"/v1/checkout/sessions/{report.keep['session']}")
        assert abs(session["expires_at"] - (made_at + 120 * 60)) <= 2
        # A minute later it is still the very same request.
        assert provider.start(payment).keep == report.keep

    def test_of_a_reference_that_was_made_long_ago_is_open_for_a_day(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, report = opened(provider, a_payment(reference=made_long_ago(hours=5)))
        session = simulator.ask("GET", f"/v1/checkout/sessions/{report.keep['session']}")
        assert session["expires_at"] > time.time() + 23 * 3600

    def test_offers_the_method_that_was_asked_for(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, report = opened(provider, a_payment(method="card"))
        session = simulator.ask("GET", f"/v1/checkout/sessions/{report.keep['session']}")
        assert session["payment_method_types"] == ["card"]

    def test_lets_the_player_try_another_card(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = opened(provider, a_payment())
        assert simulator.pay(report.redirect_url, INSUFFICIENT) == report.redirect_url
        declined = provider.inquire(payment, provider_reference="")
        assert (declined.standing, declined.reason) == (Standing.PENDING, "insufficient_funds")
        simulator.pay(report.redirect_url)
        assert provider.inquire(payment, provider_reference="").standing is Standing.SUCCEEDED

    def test_is_over_when_the_declined_player_goes_back(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = opened(provider, a_payment())
        simulator.pay(report.redirect_url, INSUFFICIENT)
        left = provider.resume(payment, provider_reference="", query={"checkout": "cancel"})
        assert (left.standing, left.reason) == (Standing.FAILED, "insufficient_funds")

    def test_is_cancelled_when_the_player_goes_back_and_can_be_paid_no_more(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = opened(provider, a_payment())
        left = provider.resume(payment, provider_reference="", query={"checkout": "cancel"})
        assert left.standing is Standing.CANCELLED
        simulator.pay(report.redirect_url)
        assert simulator.truth(payment.reference)["taken"] == []

    def test_that_was_paid_is_not_cancelled_by_a_forged_return(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = opened(provider, a_payment())
        simulator.pay(report.redirect_url)
        left = provider.resume(payment, provider_reference="", query={"checkout": "cancel"})
        assert (left.standing, left.amount) == (Standing.SUCCEEDED, payment.amount)

    def test_proves_who_the_player_is_where_the_bank_wants_it(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = opened(provider, a_payment())
        back = simulator.pay(report.redirect_url, ALWAYS_PROVE, prove=False)
        assert back == report.redirect_url
        failed = provider.inquire(payment, provider_reference="")
        assert (failed.standing, failed.reason) == (Standing.PENDING, "payment_intent_authentication_failure")
        simulator.pay(report.redirect_url, ALWAYS_PROVE)
        assert provider.inquire(payment, provider_reference="").standing is Standing.SUCCEEDED

    def test_tells_what_was_paid_with_and_what_stripe_keeps(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, report = paid(simulator, provider, "4000002760000016")
        assert report.provider_reference.startswith("pi_")
        assert report.instrument is not None
        assert report.instrument.method == "card"
        assert report.instrument.label == "Visa •••• 0016"
        assert (report.instrument.country, report.instrument.expires) == ("DE", "2034-12")
        assert report.instrument.fingerprint and not report.instrument.token
        assert report.fee == Money.parse("0.55", "EUR")

    def test_keeps_no_name_no_address_and_no_opener_in_the_text_for_the_books(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, report = paid(simulator, provider)
        for hidden in ("player@example.com", "A. Player", "_secret_", "pm_"):
            assert hidden not in report.raw
        assert report.provider_reference in report.raw

    def test_asked_by_the_payments_own_number_finds_its_session(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = opened(provider, a_payment())
        simulator.pay(report.redirect_url, INSUFFICIENT)
        number = provider.inquire(payment, provider_reference="").provider_reference
        without_memory = replace(payment, kept={})
        found = provider.inquire(without_memory, provider_reference=number)
        assert (found.standing, found.redirect_url) == (Standing.PENDING, report.redirect_url)


class TestReferences:
    def test_whose_answer_was_lost_are_found_among_many(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment = a_payment()
        simulator.control(lose_answers=True)
        assert provider.start(payment).standing is Standing.UNKNOWN
        simulator.control(lose_answers=False)
        for _ in range(101):
            provider.start(a_payment())
        found = provider.inquire(payment, provider_reference="")
        assert found.standing is Standing.PENDING and found.redirect_url

    def test_that_never_reached_stripe_failed(self, provider: StripeProvider) -> None:
        report = provider.inquire(a_payment(), provider_reference="")
        assert (report.standing, report.reason) == (Standing.FAILED, "payment_not_found")

    def test_are_used_once_though_stripe_has_forgotten_the_key(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        token = a_token(simulator, provider)
        payment = a_payment(saved_method=token, player_present=False, reference=made_long_ago(hours=30))
        assert provider.start(payment).standing is Standing.SUCCEEDED
        simulator.forget_keys()
        again = provider.start(payment)
        assert again.standing is Standing.SUCCEEDED
        assert simulator.truth(payment.reference)["taken"] == [[2000, "eur"]]

    def test_of_a_charge_that_is_nowhere_are_unknown_until_it_cannot_be_on_its_way(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        token = a_token(simulator, provider)
        fresh = a_payment(saved_method=token)
        assert provider.inquire(fresh, provider_reference="").reason == "not_found_yet"
        assert provider.inquire(fresh, provider_reference="").standing is Standing.UNKNOWN
        old = a_payment(saved_method=token, reference=made_long_ago(minutes=20))
        assert provider.inquire(old, provider_reference="").standing is Standing.FAILED

    def test_used_for_something_else_are_no_guess(self, provider: StripeProvider) -> None:
        payment = a_payment()
        provider.start(payment)
        other = provider.start(replace(payment, amount=Money.parse("21.00", "EUR")))
        assert (other.standing, other.reason) == (Standing.UNKNOWN, "idempotency_error")

    def test_of_another_payment_are_not_believed(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, report = paid(simulator, provider)
        stranger = provider.inquire(a_payment(), provider_reference=report.provider_reference)
        assert (stranger.standing, stranger.reason) == (Standing.UNKNOWN, "reference_differs")

    def test_that_are_no_uuid_are_paid_alike(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = opened(provider, a_payment(reference=f"order-{new_id().hex[:20]}"))
        simulator.pay(report.redirect_url)
        assert (
            provider.inquire(replace(payment, kept={}), provider_reference="").standing is Standing.SUCCEEDED
        )


class TestSavedMethods:
    def test_belong_to_one_customer_for_each_player_who_has_no_name(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payer = str(new_id())
        tokens = set()
        for _ in range(2):
            _, report = paid(simulator, provider, save_method=True, payer=payer)
            assert report.instrument
            tokens.add(report.instrument.token)
            simulator.forget_keys()
        assert len({token.partition(":")[0] for token in tokens}) == 1
        query = f"metadata['payer']:'{payer}'"
        found = simulator.ask("GET", "/v1/customers/search", params={"query": query})
        (customer,) = found["data"]
        assert (customer["name"], customer["email"]) == (None, None)

    def test_that_the_bank_declines_later_fail_with_its_reason(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        token = a_token(simulator, provider, FAILS_ONCE_SAVED)
        payment = a_payment(saved_method=token, player_present=False)
        report = provider.start(payment)
        assert (report.standing, report.reason) == (Standing.FAILED, "generic_decline")
        assert report.provider_reference.startswith("pi_")
        asked = provider.inquire(payment, provider_reference=report.provider_reference)
        assert (asked.standing, asked.reason) == (Standing.FAILED, "generic_decline")

    def test_need_the_player_where_the_bank_says_so(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        token = a_token(simulator, provider, ALWAYS_PROVE)
        absent = provider.start(a_payment(saved_method=token, player_present=False))
        assert (absent.standing, absent.reason) == (Standing.FAILED, "authentication_required")

        payment = a_payment(saved_method=token)
        report = provider.start(payment)
        assert (report.standing, report.reason) == (Standing.PENDING, "authentication_required")
        back = simulator.prove(report.redirect_url, succeeded=False)
        assert back.startswith(payment.return_url)
        refused = provider.resume(payment, provider_reference=report.provider_reference, query=query_of(back))
        assert (refused.standing, refused.reason) == (
            Standing.FAILED,
            "payment_intent_authentication_failure",
        )

    def test_are_captured_later_where_that_is_wanted(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment = a_payment(
            saved_method=a_token(simulator, provider), player_present=False, capture_later=True
        )
        report = provider.start(payment)
        assert (report.standing, report.amount) == (Standing.AUTHORISED, payment.amount)
        number = report.provider_reference
        taken = provider.capture(payment, provider_reference=number, amount=Money.parse("12.34", "EUR"))
        assert (taken.standing, taken.amount) == (Standing.SUCCEEDED, Money.parse("12.34", "EUR"))

    def test_whose_token_is_none_of_ours_are_not_charged(self, provider: StripeProvider) -> None:
        report = provider.start(a_payment(saved_method="pm_alone", player_present=False))
        assert (report.standing, report.reason) == (Standing.UNKNOWN, "token_malformed")

    def test_of_another_customer_are_not_charged(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        one, other = a_token(simulator, provider), a_token(simulator, provider)
        mixed = f"{one.partition(':')[0]}:{other.partition(':')[2]}"
        payment = a_payment(saved_method=mixed, player_present=False)
        assert provider.start(payment).standing is Standing.FAILED
        assert simulator.truth(payment.reference)["taken"] == []


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "error", "standing", "reason"),
        [
            (402, {"type": "card_error", "code": "card_declined"}, Standing.FAILED, "card_declined"),
            (
                402,
                {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"},
                Standing.FAILED,
                "lost_card",
            ),
            (402, {"type": "api_error"}, Standing.UNKNOWN, "api_error"),
            (
                400,
                {"type": "invalid_request_error", "code": "amount_too_large"},
                Standing.FAILED,
                "amount_too_large",
            ),
            (400, {"type": "idempotency_error"}, Standing.UNKNOWN, "idempotency_error"),
            (
                400,
                {"type": "invalid_request_error", "code": "lock_timeout"},
                Standing.UNKNOWN,
                "lock_timeout",
            ),
            (401, {"type": "invalid_request_error"}, Standing.UNKNOWN, "api_key_not_accepted"),
            (403, {"type": "invalid_request_error"}, Standing.UNKNOWN, "api_key_lacks_permission"),
            (
                404,
                {"type": "invalid_request_error", "code": "resource_missing"},
                Standing.UNKNOWN,
                "resource_missing",
            ),
            (409, {"type": "idempotency_error", "code": "idempotency_key_in_use"}, Standing.UNKNOWN, None),
            (429, {"type": "invalid_request_error", "code": "rate_limit"}, Standing.UNKNOWN, "rate_limit"),
            (500, {"type": "api_error"}, Standing.UNKNOWN, "api_error"),
            (503, {"type": "api_error", "code": "down"}, Standing.UNKNOWN, "down"),
            (418, {"type": "made_up"}, Standing.UNKNOWN, "made_up"),
        ],
    )
    def test_are_read_by_their_type(
        self, status: int, error: dict[str, str], standing: Standing, reason: str | None
    ) -> None:
        with an_impostor(status, json.dumps({"error": error}).encode()) as impostor:
            report = impostor.provider.start(a_payment())
        assert report.standing is standing
        assert reason is None or report.reason == reason

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b"<html>"),
            (200, b"{}"),
            (200, b"[]"),
            (200, b"null"),
            (200, b'"text"'),
            (200, b"\xff\xfe"),
            (200, b'{"object": 5, "id": {}}'),
            (200, b'{"object": "list", "data": 7}'),
            (302, b""),
            (400, b"Bad Request"),
            (400, b'{"error": "no"}'),
            (402, b"<html>"),
            (404, b"no page"),
        ],
    )
    def test_that_are_no_answer_of_stripes_are_unknown(self, status: int, body: bytes) -> None:
        payment = a_payment()
        with an_impostor(status, body) as impostor:
            provider = impostor.provider
            assert provider.start(payment).standing is Standing.UNKNOWN
            assert provider.inquire(payment, provider_reference="pi_1").standing is Standing.UNKNOWN
            assert provider.void(payment, provider_reference="pi_1").standing is Standing.UNKNOWN
            refund = RefundRequest("r", payment.amount, payment, "pi_1")
            assert provider.refund(refund).standing is Standing.UNKNOWN
            assert provider.forget_method(payer="p", token="cus_1:pm_1").standing is Standing.UNKNOWN
            assert not provider.health().well

    def test_refuse_the_question_and_not_the_payment_when_asking(self) -> None:
        body = json.dumps({"error": {"type": "invalid_request_error", "code": "parameter_unknown"}}).encode()
        with an_impostor(400, body) as impostor:
            report = impostor.provider.inquire(a_payment(), provider_reference="pi_1")
        assert (report.standing, report.reason) == (Standing.UNKNOWN, "parameter_unknown")

    def test_that_pass_are_tried_again_under_the_same_key(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        simulator.control(conflict_next=1)
        payment = a_payment()
        assert provider.start(payment).standing is Standing.PENDING
        assert simulator.truth(payment.reference)["payments"] == 1

    def test_of_a_restricted_key_are_told_by_health(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        simulator.control(forbidden="balance")
        health = provider.health()
        assert not health.well and "may not read the balance" in health.detail

    def test_of_a_key_of_the_other_mode_are_told_by_health(self) -> None:
        body = json.dumps({"object": "balance", "livemode": True}).encode()
        with an_impostor(200, body) as impostor:
            assert "test payments" in impostor.provider.health().detail


class TestCalls:
    def test_say_nothing_of_this_machine_and_follow_no_redirect(self) -> None:
        with an_impostor(302, b"", location="http://127.0.0.1:9/elsewhere") as impostor:
            assert impostor.provider.health().well is False
        (request,) = impostor.requests
        assert set(request) - {"accept", "accept-encoding", "connection", "host"} == {
            "authorization",
            "stripe-version",
            "user-agent",
        }
        assert request["user-agent"] == "Warchest"
        assert request["stripe-version"] == API_VERSION

    def test_leave_no_mark_of_stripes_library_on_the_machine(self, tmp_path: Path) -> None:
        code = (
            "from warchest_stripe.provider import StripeProvider; from warchest_stripe.settings import StripeSettings;"
            "StripeProvider(StripeSettings(api_key='rk_test_1234567890', webhook_secret='whsec_12345678',"
            " base_url='http://127.0.0.1:9')).health()"
        )
        environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
        assert list(tmp_path.rglob("*telemetry*")) == []
        assert stripe.enable_telemetry is False

    def test_are_not_logged_with_what_they_say(
        self, provider: StripeProvider, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            payment = a_payment()
            provider.start(payment)
        assert payment.reference not in "\n".join(caplog.messages)


class TestRefunds:
    def test_are_one_though_stripe_has_forgotten_the_key(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider)
        refund = a_refund(payment, report)
        first = provider.refund(refund)
        simulator.forget_keys()
        again = provider.refund(refund)
        assert (first.standing, again.standing) == (Standing.SUCCEEDED, Standing.SUCCEEDED)
        assert first.provider_reference == again.provider_reference
        assert simulator.truth(payment.reference)["returned"] == 500

    def test_need_not_be_told_the_payments_number(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider)
        refund = a_refund(payment, report, payment_reference="")
        assert provider.refund(refund).standing is Standing.SUCCEEDED

    def test_of_a_payment_that_nobody_paid_are_no_guess(self, provider: StripeProvider) -> None:
        payment, report = opened(provider, a_payment())
        assert provider.refund(a_refund(payment, report)).standing is Standing.UNKNOWN

    def test_that_the_bank_returns_later_are_told_by_notice(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider, REFUND_FAILS_LATER)
        refund = a_refund(payment, report)
        assert provider.refund(refund).standing is Standing.SUCCEEDED
        event = events_about(simulator, payment.reference)["refund.failed"]
        notice = provider.read_notice(a_notice(simulator, event))
        assert (notice.subject, notice.refund_reference) == (Subject.REFUND, refund.reference)
        assert (notice.reference, notice.payment_reference) == (payment.reference, report.provider_reference)
        assert (notice.report.standing, notice.report.reason) == (Standing.FAILED, "expired_or_canceled_card")
        assert provider.inquire_refund(refund).standing is Standing.FAILED

    def test_made_at_stripes_own_desk_are_told_by_the_payments_number(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, report = paid(simulator, provider)
        form = {"payment_intent": report.provider_reference, "amount": "300"}
        refund = simulator.ask("POST", "/v1/refunds", data=form)
        event = events_about(simulator, refund["id"])["refund.created"]
        notice = provider.read_notice(a_notice(simulator, event))
        assert (notice.subject, notice.reference, notice.refund_reference) == (Subject.REFUND, "", "")
        assert notice.payment_reference == report.provider_reference
        assert notice.report.amount == Money.parse("3.00", "EUR")


class TestDisputes:
    def test_tell_fee_reason_and_how_long_evidence_is_heard(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider, DISPUTED)
        event = events_about(simulator, report.provider_reference)["charge.dispute.funds_withdrawn"]
        notice = provider.read_notice(a_notice(simulator, event))
        assert notice.subject is Subject.DISPUTE
        assert notice.payment_reference == report.provider_reference
        assert notice.dispute is not None
        assert notice.dispute.standing is DisputeStanding.OPENED
        assert (notice.dispute.amount, notice.dispute.fee) == (payment.amount, Money.parse("20.00", "EUR"))
        assert notice.dispute.reason == "fraudulent"
        assert notice.dispute.evidence_until and notice.dispute.evidence_until > datetime.now(UTC)

    @pytest.mark.parametrize(
        ("words", "standing"),
        [("winning_evidence", DisputeStanding.WON), ("losing_evidence", DisputeStanding.LOST)],
    )
    def test_are_decided_by_what_was_handed_in(
        self, simulator: RunningSimulator, provider: StripeProvider, words: str, standing: DisputeStanding
    ) -> None:
        payment, report = paid(simulator, provider, DISPUTED)
        opened = events_about(simulator, report.provider_reference)["charge.dispute.created"]
        number = opened["data"]["object"]["id"]
        now = datetime.now(UTC)
        evidence = Evidence(words, paid_at=now, delivered_at=now, used_at=now)
        handed_in = provider.answer_dispute(
            payment, provider_reference=report.provider_reference, dispute=number, evidence=evidence
        )
        assert handed_in.standing is Standing.SUCCEEDED
        closed = events_about(simulator, report.provider_reference)["charge.dispute.closed"]
        notice = provider.read_notice(a_notice(simulator, closed))
        assert notice.dispute and (notice.dispute.id, notice.dispute.standing) == (number, standing)
        written = closed["data"]["object"]["evidence"]
        assert written["uncategorized_text"].startswith(words)
        assert f"{now:%Y-%m-%d}" in written["service_date"] and "used" in written["access_activity_log"]
        late = provider.answer_dispute(
            payment, provider_reference=report.provider_reference, dispute=number, evidence=evidence
        )
        assert late.standing is Standing.FAILED

    def test_that_are_only_inquiries_take_no_money_and_concern_nobody(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider)
        simulator.dispute(payment.reference, "warning_needs_response")
        event = events_about(simulator, report.provider_reference)["charge.dispute.created"]
        notice = provider.read_notice(a_notice(simulator, event))
        assert (notice.subject, notice.dispute) == (Subject.NOTHING, None)

    def test_of_a_status_that_nobody_has_heard_of_are_open_where_money_was_taken(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, report = paid(simulator, provider, DISPUTED)
        event = events_about(simulator, report.provider_reference)["charge.dispute.funds_withdrawn"]
        event["data"]["object"]["status"] = "pondering"
        notice = provider.read_notice(a_notice(simulator, event))
        assert notice.dispute and notice.dispute.standing is DisputeStanding.OPENED


class TestNotices:
    def paid_event(
        self, simulator: RunningSimulator, provider: StripeProvider, kind: str = "payment_intent.succeeded"
    ) -> tuple[PaymentRequest, dict[str, Any]]:
        payment, _ = paid(simulator, provider)
        return payment, events_about(simulator, payment.reference)[kind]

    @pytest.mark.parametrize(
        "kind", ["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]
    )
    def test_of_a_paid_payment_tell_amount_and_numbers(
        self, simulator: RunningSimulator, provider: StripeProvider, kind: str
    ) -> None:
        payment, event = self.paid_event(simulator, provider, kind)
        notice = provider.read_notice(a_notice(simulator, event))
        assert (notice.id, notice.reference) == (event["id"], payment.reference)
        assert (notice.report.standing, notice.report.amount) == (Standing.SUCCEEDED, payment.amount)
        assert notice.payment_reference == notice.report.provider_reference
        assert notice.payment_reference.startswith("pi_")

    def test_of_what_was_saved_decide_only_where_they_tell_its_token(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, _ = paid(simulator, provider, save_method=True)
        events = events_about(simulator, payment.reference)
        told = {
            kind: provider.read_notice(a_notice(simulator, events[kind])).report
            for kind in ("charge.succeeded", "payment_intent.succeeded", "checkout.session.completed")
        }
        charge = told.pop("charge.succeeded")
        assert (charge.standing, charge.amount) == (Standing.SUCCEEDED, payment.amount)
        assert charge.instrument and charge.instrument.token.startswith("cus_")
        assert {report.standing for report in told.values()} == {Standing.PENDING}

    def test_of_what_was_reserved_and_then_captured_say_so(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider, capture_later=True)
        events = events_about(simulator, payment.reference)
        for kind in ("charge.succeeded", "payment_intent.amount_capturable_updated"):
            told = provider.read_notice(a_notice(simulator, events[kind])).report
            assert (told.standing, told.amount) == (Standing.AUTHORISED, payment.amount)
        part = Money.parse("7.00", "EUR")
        provider.capture(payment, provider_reference=report.provider_reference, amount=part)
        events = events_about(simulator, payment.reference)
        for kind in ("charge.captured", "payment_intent.succeeded"):
            told = provider.read_notice(a_notice(simulator, events[kind])).report
            assert (told.standing, told.amount) == (Standing.SUCCEEDED, part)

    def test_are_believed_under_two_secrets_while_one_is_rolled(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, event = self.paid_event(simulator, provider)
        raw = a_notice(simulator, event)
        new, old = "whsec_" + "n" * 32, simulator.settings["webhook_secret"]
        rolled = a_provider(simulator, webhook_secret=new, previous_webhook_secret=old)
        assert rolled.read_notice(raw).id == event["id"]
        assert rolled.read_notice(a_notice(simulator, event, secret=new)).id == event["id"]
        # While it rolls, Stripe itself signs with both.
        both = a_notice(simulator, event, secret=new).headers["stripe-signature"].partition(",")
        signed = f"{both[0]},v1={'0' * 64},{both[2]}"
        assert rolled.read_notice(replace(raw, headers={"stripe-signature": signed})).id == event["id"]
        done = a_provider(simulator, webhook_secret=new)
        with pytest.raises(UnableToTrustNotice, match="notice_signature_wrong"):
            done.read_notice(raw)

    @pytest.mark.parametrize("shift_s", [-400, 400])
    def test_out_of_their_time_are_refused(
        self, simulator: RunningSimulator, provider: StripeProvider, shift_s: int
    ) -> None:
        _, event = self.paid_event(simulator, provider)
        raw = a_notice(simulator, event)
        with pytest.raises(UnableToTrustNotice, match="notice_signature_wrong"):
            provider.read_notice(replace(raw, received_at=raw.received_at + timedelta(seconds=shift_s)))

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "t=",
            "t=1",
            "v1=0",
            "t=x,v1=y",
            "t=-1,v1=",
            "t=1,t=2,v1=" + "0" * 64,
            "t=٣,v1=" + "0" * 64,
            "t=1,v0=0",
        ],
    )
    def test_with_a_crippled_signature_are_refused(
        self, simulator: RunningSimulator, provider: StripeProvider, header: str
    ) -> None:
        _, event = self.paid_event(simulator, provider)
        raw = a_notice(simulator, event)
        with pytest.raises(UnableToTrustNotice, match="notice_signature_wrong"):
            provider.read_notice(replace(raw, headers={"stripe-signature": header}))

    def test_of_test_payments_never_reach_a_live_house(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, event = self.paid_event(simulator, provider)
        live = a_provider(simulator, api_key="rk_live_1234567890")
        with pytest.raises(UnableToTrustNotice, match="notice_malformed"):
            live.read_notice(a_notice(simulator, event))
        assert live.read_notice(a_notice(simulator, event | {"livemode": True})).reference

    @pytest.mark.parametrize(
        "change",
        [
            {"object": "v2.core.event"},
            {"id": ""},
            {"data": {}},
            {"data": {"object": []}},
            {"data": {"object": {"id": "pi_1", "status": 7}}},
        ],
    )
    def test_of_another_form_are_refused(
        self, simulator: RunningSimulator, provider: StripeProvider, change: dict[str, Any]
    ) -> None:
        _, event = self.paid_event(simulator, provider)
        with pytest.raises(UnableToTrustNotice, match="notice_malformed"):
            provider.read_notice(a_notice(simulator, event | change))

    @pytest.mark.parametrize("amount", [550, -1])
    def test_with_amounts_that_cannot_be_credited_tell_no_asked_amount(
        self, simulator: RunningSimulator, provider: StripeProvider, amount: int
    ) -> None:
        payment, event = self.paid_event(simulator, provider)
        event["data"]["object"] |= {"amount_received": amount, "currency": "isk"}
        try:
            notice = provider.read_notice(a_notice(simulator, event))
        except UnableToTrustNotice:
            return
        assert notice.report.amount != payment.amount

    @pytest.mark.parametrize("kind", ["customer.created", "payout.paid", "charge.refunded", "made.up.since"])
    def test_about_something_else_are_stored_and_nothing_follows(
        self, simulator: RunningSimulator, provider: StripeProvider, kind: str
    ) -> None:
        _, event = self.paid_event(simulator, provider)
        notice = provider.read_notice(a_notice(simulator, event | {"type": kind}))
        assert (notice.subject, notice.reference) == (Subject.NOTHING, "")

    def test_of_another_shop_at_the_same_account_concern_nobody(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, event = self.paid_event(simulator, provider)
        event["data"]["object"]["metadata"] = {}
        notice = provider.read_notice(a_notice(simulator, event))
        assert (notice.subject, notice.reference) == (Subject.NOTHING, "")

    def test_of_a_declined_try_do_not_close_a_page_that_is_still_open(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = opened(provider, a_payment())
        simulator.pay(report.redirect_url, INSUFFICIENT)
        event = events_about(simulator, payment.reference)["payment_intent.payment_failed"]
        notice = provider.read_notice(a_notice(simulator, event))
        assert (notice.report.standing, notice.report.reason) == (Standing.PENDING, "insufficient_funds")

    @pytest.mark.parametrize(
        ("succeeded", "kind", "standing"),
        [
            (True, "checkout.session.async_payment_succeeded", Standing.SUCCEEDED),
            (False, "checkout.session.async_payment_failed", Standing.FAILED),
        ],
    )
    def test_of_a_debit_come_when_the_bank_has_decided(
        self,
        simulator: RunningSimulator,
        provider: StripeProvider,
        succeeded: bool,
        kind: str,
        standing: Standing,
    ) -> None:
        payment, report = opened(provider, a_payment())
        simulator.pay_by_debit(report.redirect_url)
        first = events_about(simulator, payment.reference)["checkout.session.completed"]
        assert provider.read_notice(a_notice(simulator, first)).report.standing is Standing.PENDING
        simulator.decide(payment.reference, succeeded=succeeded)
        event = events_about(simulator, payment.reference)[kind]
        assert provider.read_notice(a_notice(simulator, event)).report.standing is standing

    def test_are_of_types_that_the_library_knows(self) -> None:
        known = "\n".join(
            path.read_text()
            for path in Path(stripe.__file__).parent.glob("**/_webhook_endpoint_create_params.py")
        )
        assert known and [kind for kind in EVENTS if f'"{kind}"' not in known] == []
        assert all(f"`{kind}`" in README for kind in EVENTS)


README = (Path(__file__).parents[1] / "README.md").read_text()


class TestSettlements:
    def test_are_a_payout_each_with_fees_refunds_and_disputes(self, tmp_path: Path) -> None:
        with RunningSimulator(tmp_path) as simulator:
            provider = a_provider(simulator)
            plain, plain_report = paid(simulator, provider)
            refund = a_refund(plain, plain_report)
            refunded = provider.refund(refund)
            disputed, disputed_report = paid(simulator, provider, DISPUTED)
            simulator.dispute(disputed.reference, "won")
            paid(simulator, provider, amount="3000", currency="JPY")
            yesterday = datetime.now(UTC).date() - timedelta(days=1)
            simulator.settle(yesterday)

            euros, yen = sorted(provider.settlement_report(day=yesterday), key=lambda told: told.currency)
            provider.close()

        assert (euros.currency, yen.currency) == ("EUR", "JPY")
        assert euros.id.startswith("po_") and euros.settled_on == yesterday
        by_kind = {line.kind: line for line in euros.lines}
        assert set(by_kind) == {
            LineKind.PAYMENT,
            LineKind.REFUND,
            LineKind.DISPUTE,
            LineKind.DISPUTE_WON,
            LineKind.PAYOUT,
        }
        payments = {line.reference: line for line in euros.lines if line.kind is LineKind.PAYMENT}
        assert set(payments) == {plain.reference, disputed.reference}
        assert payments[plain.reference].provider_reference == plain_report.provider_reference
        assert payments[plain.reference].fee == Money.parse("0.55", "EUR")
        line = by_kind[LineKind.REFUND]
        assert (line.reference, line.provider_reference) == (refund.reference, refunded.provider_reference)
        assert line.gross == Money.parse("-5.00", "EUR")
        line = by_kind[LineKind.DISPUTE]
        assert (line.provider_reference, line.fee) == (
            disputed_report.provider_reference,
            Money.parse("20.00", "EUR"),
        )
        # 20 − 0.55, −5, 20 − 0.55, −20 − 20, +20
        assert euros.paid_out == Money.parse("13.90", "EUR")
        assert sum(line.net.minor for line in euros.lines) == 0
        assert euros.payout_reference == "WARCHEST TEST"

    @pytest.mark.parametrize("ahead", [0, 1])
    def test_of_a_day_that_is_not_over_are_not_told(self, provider: StripeProvider, ahead: int) -> None:
        day = datetime.now(UTC).date() + timedelta(days=ahead)
        with pytest.raises(UnableToTellSettlement, match="settlement_not_ready"):
            provider.settlement_report(day=day)

    def test_that_stripe_does_not_tell_are_no_empty_ones(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        simulator.control(forbidden="payouts")
        with pytest.raises(UnableToTellSettlement, match="provider_silent"):
            provider.settlement_report(day=date(2026, 1, 1))

    def test_of_a_day_without_payouts_are_none(self, provider: StripeProvider) -> None:
        assert provider.settlement_report(day=date(2020, 1, 1)) == ()

    @pytest.mark.parametrize(
        ("kind", "category", "line"),
        [
            ("stripe_fee", "fee", LineKind.FEE),
            ("reserve_transaction", "risk_reserved_funds", LineKind.RESERVE),
            ("payout_failure", "payout_reversal", LineKind.ADJUSTMENT),
            ("refund_failure", "refund_failure", LineKind.REFUND),
            ("made_up_since", "other_adjustment", LineKind.ADJUSTMENT),
        ],
    )
    def test_have_a_line_for_whatever_moves_the_balance(
        self, kind: str, category: str, line: LineKind
    ) -> None:
        moved = {
            "id": "txn_1",
            "type": kind,
            "reporting_category": category,
            "amount": -120,
            "fee": 0,
            "currency": "eur",
            "created": 1767225600,
            "source": None,
        }
        payout = {
            "id": "po_1",
            "amount": -120,
            "currency": "eur",
            "automatic": True,
            "reconciliation_status": "completed",
        }
        with an_impostor(200, b"") as impostor:
            impostor.bodies = [
                json.dumps({"object": "list", "data": [each], "has_more": False}).encode()
                for each in (payout, moved)
            ]
            (told,) = impostor.provider.settlement_report(day=date(2026, 1, 1))
        (found,) = told.lines
        assert (found.kind, found.net) == (line, Money.parse("-1.20", "EUR"))
        if line is LineKind.FEE:
            assert (found.gross.minor, found.fee) == (0, Money.parse("1.20", "EUR"))


class an_impostor:
    """A server that gives every request the same answer, or one after the other of ``bodies``."""

    def __init__(self, status: int, body: bytes, location: str = "") -> None:
        self.requests: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        impostor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                impostor.requests.append({name.lower(): value for name, value in self.headers.items()})
                answer = impostor.bodies.pop(0) if impostor.bodies else body
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> an_impostor:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.provider = StripeProvider(
            StripeSettings(
                api_key="rk_test_1234567890",
                webhook_secret="whsec_1234567890",
                base_url=f"http://127.0.0.1:{self._server.server_address[1]}",
                timeout_s=2,
            )
        )
        return self

    def __exit__(self, *failure: object) -> None:
        self.provider.close()
        self._server.shutdown()
        self._server.server_close()


def test_no_file_of_the_plug_in_asks_for_a_card_number() -> None:
    source = Path(sys.modules["warchest_stripe"].__file__ or "").parent
    outside_simulator = [path for path in source.glob("*.py") if path.name not in {"rig.py", "testing.py"}]
    for path in outside_simulator:
        assert not re.search(r"card\[|\bcvc\b|\bcard_number\b", path.read_text()), path.name
