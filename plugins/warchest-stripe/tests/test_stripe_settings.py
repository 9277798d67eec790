"""What an operator sets, how amounts are written, and what calls say of this machine."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import stripe

from warchest.kernel.money import Money
from warchest.sdk.payments import (
    Standing,
)
from warchest_stripe import minor_units
from warchest_stripe.provider import StripeProvider
from warchest_stripe.settings import API_VERSION, StripeSettings
from warchest_stripe.testing import RunningSimulator

from .hands import (
    a_payment,
    a_provider,
    an_impostor,
    opened,
)


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


def test_no_file_of_the_plug_in_asks_for_a_card_number() -> None:
    source = Path(sys.modules["warchest_stripe"].__file__ or "").parent
    outside_simulator = [path for path in source.glob("*.py") if path.name not in {"rig.py", "testing.py"}]
    for path in outside_simulator:
        assert not re.search(r"card\[|\bcvc\b|\bcard_number\b", path.read_text()), path.name
