"""Checkout, references and saved methods, against the running simulator: what the conformance kit does not ask."""

from __future__ import annotations

import time
from dataclasses import replace

from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.payments import (
    Standing,
)
from warchest_stripe.provider import StripeProvider
from warchest_stripe.testing import RunningSimulator, query_of

from .hands import (
    ALWAYS_PROVE,
    FAILS_ONCE_SAVED,
    INSUFFICIENT,
    a_payment,
    a_token,
    made_long_ago,
    opened,
    paid,
)


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
