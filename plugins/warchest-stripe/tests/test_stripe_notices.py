"""Events: which are believed, and what each is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe

from warchest.kernel.money import Money
from warchest.sdk.payments import (
    PaymentRequest,
    Standing,
    Subject,
    UnableToTrustNotice,
)
from warchest_stripe.notices import EVENTS
from warchest_stripe.provider import StripeProvider
from warchest_stripe.testing import RunningSimulator

from .hands import (
    INSUFFICIENT,
    a_notice,
    a_payment,
    a_provider,
    events_about,
    opened,
    paid,
)

README = (Path(__file__).parents[1] / "README.md").read_text()


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
