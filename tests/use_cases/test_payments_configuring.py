"""Providers are configured in the back office: sealed, never shown again, rotated with an overlap, switched on and off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.builders.configuration import change_configuration
from tests.builders.notices import heard
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from warchest.audit.contract import Audit, OperationFilter
from warchest.journeys.configure_provider import check_provider, configure_provider, switch_provider
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.money import Money
from warchest.members.contract import Role, UnableToAdminister
from warchest.payments import bulkhead
from warchest.payments.contract import (
    Mode,
    Origin,
    Payment,
    Payments,
    Status,
    UnableToConfigureProvider,
    UnableToUseProvider,
)
from warchest.runtime.services import services
from warchest.sdk.payments import UnableToTrustNotice
from warchest_sandbox.testing import RunningSandbox
from warchest_sandbox.wire import signature

pytestmark = pytest.mark.usefixtures("database", "nothing_in_the_file")

NOW = datetime.now(UTC).replace(microsecond=0)
TEN_EUROS = Money.parse("10.00", "EUR")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> Iterator[RunningSandbox]:
    running.control(lose_notices=True)
    yield running
    running.reset()


@pytest.fixture
def nothing_in_the_file() -> Iterator[None]:
    change_configuration(providers={})
    yield
    bulkhead.forget_all()
    change_configuration()


def configure(sandbox: RunningSandbox, *, on: bool = True, **more: object) -> None:
    owner = an_administrator(Role.OWNER)
    settings = {**sandbox.settings, "timeout_s": 2, **more}
    number = services.get(Payments).provider_settings(provider="sandbox").number
    configure_provider(
        acting_as(owner, at=NOW),
        provider="sandbox",
        settings=settings,
        keep=(),
        mode=Mode.SANDBOX,
        based_on=number,
    )
    if on:
        switch_provider(acting_as(owner, at=NOW), provider="sandbox", enabled=True)


def pay_in() -> Payment:
    return start_top_up(a_command(at=NOW), player=a_player().id, amount=TEN_EUROS, provider="sandbox").answer


def settings_of_sandbox():
    return services.get(Payments).provider_settings(provider="sandbox")


@pytest.mark.use_case("PLG-02")
class TestConfiguring:
    def test_makes_a_provider_that_takes_payments_once_it_is_switched_on(
        self, sandbox: RunningSandbox
    ) -> None:
        with pytest.raises(UnableToUseProvider, match="provider_unknown"):
            pay_in()

        configure(sandbox, on=False)
        with pytest.raises(UnableToUseProvider, match="provider_disabled"):
            pay_in()
        switch_provider(acting_as(an_administrator(Role.OWNER), at=NOW), provider="sandbox", enabled=True)

        assert pay_in().status is Status.PENDING

    def test_asks_for_what_the_plug_in_declares(self) -> None:
        asked = {field.name: field for field in settings_of_sandbox().fields}

        assert (asked["base_url"].kind, asked["base_url"].required) == ("text", True)
        assert (asked["api_secret"].kind, asked["api_secret"].required) == ("secret", True)
        assert (asked["timeout_s"].kind, asked["timeout_s"].value) == ("number", 10)

    def test_never_tells_a_secret_again(self, sandbox: RunningSandbox, superuser_dsn_of) -> None:
        configure(sandbox)
        secrets = (sandbox.settings["api_secret"], sandbox.settings["notice_secret"])

        shown = settings_of_sandbox()
        told = str(shown) + str(services.get(Payments).providers())
        operations = services.get(Audit).operations(where=OperationFilter()).items
        told += "".join(str(line) for line in operations)
        with psycopg.connect(superuser_dsn_of("payments")) as attacker:
            for (table,) in attacker.execute(
                "SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'"
            ).fetchall():
                told += str(attacker.execute(f"SELECT * FROM {table}").fetchall())

        assert not any(secret in told for secret in secrets)
        assert {field.name for field in shown.fields if field.is_set} >= {"api_secret", "notice_secret"}
        assert all(field.value is None for field in shown.fields if field.kind == "secret")
        assert shown.origin is Origin.DATABASE and shown.mode is Mode.SANDBOX

    def test_is_sealed_for_its_provider_and_its_version(
        self, sandbox: RunningSandbox, superuser_dsn_of
    ) -> None:
        """Whoever copies old settings over new ones in the database gets none that open."""
        configure(sandbox)
        configure(sandbox, timeout_s=3)
        with psycopg.connect(superuser_dsn_of("payments"), autocommit=True) as attacker:
            attacker.execute("ALTER TABLE payments_providersettings DISABLE TRIGGER append_only")
            attacker.execute(
                "UPDATE payments_providersettings SET sealed = (SELECT sealed FROM payments_providersettings"
                " WHERE number = 1) WHERE number = 2"
            )
        with pytest.raises(UnableToUseProvider, match="provider_misconfigured"):
            pay_in()

    def test_keeps_what_is_not_said_again(self, sandbox: RunningSandbox) -> None:
        configure(sandbox)
        configure_provider(
            acting_as(an_administrator(Role.OPERATOR), at=NOW),
            provider="sandbox",
            settings={"base_url": sandbox.settings["base_url"], "timeout_s": 4},
            keep=("api_secret", "notice_secret"),
            mode=Mode.LIVE,
            based_on=1,
        )

        assert pay_in().status is Status.PENDING
        newest, first = settings_of_sandbox().versions
        assert (newest.number, newest.changed, newest.mode) == (2, ("timeout_s",), Mode.LIVE)
        assert first.number == 1

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"api_secret": "short"}, "api_secret"),
            ({"colour": "red"}, "colour"),
            ({"timeout_s": 99}, "timeout_s"),
        ],
    )
    def test_refuses_what_the_plug_in_does_not_take_and_says_where(
        self, sandbox: RunningSandbox, wrong: dict[str, object], field: str
    ) -> None:
        with pytest.raises(UnableToConfigureProvider, match="settings_do_not_fit") as refused:
            configure(sandbox, **wrong)

        assert refused.value.details["field"] == field
        assert settings_of_sandbox().number == 0

    def test_refuses_what_was_based_on_older_settings(self, sandbox: RunningSandbox) -> None:
        configure(sandbox)
        with pytest.raises(UnableToConfigureProvider, match="settings_changed_meanwhile"):
            configure_provider(
                acting_as(an_administrator(Role.OWNER), at=NOW),
                provider="sandbox",
                settings=sandbox.settings,
                keep=(),
                mode=Mode.LIVE,
                based_on=0,
            )

    def test_leaves_to_the_file_what_stands_there(self, sandbox: RunningSandbox) -> None:
        change_configuration(providers={"sandbox": sandbox.settings})
        with pytest.raises(UnableToConfigureProvider, match="provider_in_file"):
            configure(sandbox)
        assert settings_of_sandbox().origin is Origin.FILE
        assert pay_in().status is Status.PENDING

    def test_is_not_for_support(self, sandbox: RunningSandbox) -> None:
        support = an_administrator(Role.SUPPORT)
        with pytest.raises(UnableToAdminister, match="right_missing"):
            switch_provider(acting_as(support, at=NOW), provider="sandbox", enabled=True)

    def test_tells_whether_the_provider_knows_us(self, sandbox: RunningSandbox) -> None:
        configure(sandbox)
        operator = an_administrator(Role.OPERATOR)

        assert check_provider(acting_as(operator, at=NOW), provider="sandbox").well
        configure(sandbox, api_secret="a secret that is not theirs")
        said = check_provider(acting_as(operator, at=NOW), provider="sandbox")

        assert not said.well and "does not accept" in said.detail
        (state,) = [
            state for state in services.get(Payments).provider_states(at=NOW) if state.provider == "sandbox"
        ]
        assert (state.well, state.detail) == (False, said.detail)
        lines = services.get(Audit).operations(where=OperationFilter(name="providers.check")).items
        assert {line.subject_id for line in lines} == {"sandbox"} and len(lines) == 2


@pytest.mark.use_case("PLG-08")
class TestSwitchingOff:
    def test_refuses_new_payments_and_finishes_those_under_way(self, sandbox: RunningSandbox) -> None:
        configure(sandbox)
        payment = pay_in()
        sandbox.pay(str(payment.id))
        switch_provider(acting_as(an_administrator(Role.OWNER), at=NOW), provider="sandbox", enabled=False)

        with pytest.raises(UnableToUseProvider, match="provider_disabled"):
            pay_in()
        headers, body = a_notice(sandbox, payment, secret=sandbox.settings["notice_secret"])
        heard(provider="sandbox", headers=headers, body=body, at=NOW)

        assert services.get(Payments).payment(payment_id=payment.id).status is Status.SUCCEEDED

    def test_holds_for_one_that_stands_in_the_file_too(self, sandbox: RunningSandbox) -> None:
        change_configuration(providers={"sandbox": sandbox.settings})
        assert pay_in().status is Status.PENDING
        switch_provider(acting_as(an_administrator(Role.OWNER), at=NOW), provider="sandbox", enabled=False)
        with pytest.raises(UnableToUseProvider, match="provider_disabled"):
            pay_in()


def a_notice(
    sandbox: RunningSandbox, payment: Payment, *, secret: str, notice_id: str = "n1"
) -> tuple[dict[str, str], bytes]:
    found = sandbox._call("GET", f"/v1/payments?reference={payment.id}")
    body = json.dumps({"id": notice_id, "type": "payment", "payment": found}).encode()
    timestamp = str(int(NOW.timestamp()))
    signed = signature(secret, notice_id=notice_id, timestamp=timestamp, body=body)
    return {"Sandbox-Id": notice_id, "Sandbox-Timestamp": timestamp, "Sandbox-Signature": signed}, body


@pytest.mark.use_case("PLG-10")
class TestRotating:
    def rotate(self, sandbox: RunningSandbox, secret: str, *, hours: int) -> None:
        configure_provider(
            acting_as(an_administrator(Role.OPERATOR), at=NOW),
            provider="sandbox",
            settings={"notice_secret": secret},
            keep=("base_url", "api_secret", "timeout_s"),
            mode=Mode.SANDBOX,
            based_on=settings_of_sandbox().number,
            overlap_hours=hours,
        )

    def believed(self, sandbox: RunningSandbox, payment: Payment, secret: str, at: datetime) -> bool:
        headers, body = a_notice(sandbox, payment, secret=secret, notice_id=f"n-{secret}-{at}")
        try:
            services.get(Payments).take_notice(provider="sandbox", headers=headers, body=body, at=at)
        except UnableToTrustNotice:
            return False
        return True

    def test_believes_the_old_secret_for_a_while_and_then_no_more(self, sandbox: RunningSandbox) -> None:
        configure(sandbox, notice_tolerance_s=10**8)
        payment = pay_in()
        old, new = sandbox.settings["notice_secret"], "the new secret of notices"
        configure(sandbox, notice_tolerance_s=10**8)
        number = settings_of_sandbox().number
        configure_provider(
            acting_as(an_administrator(Role.OPERATOR), at=NOW),
            provider="sandbox",
            settings={"notice_secret": new},
            keep=("base_url", "api_secret", "timeout_s", "notice_tolerance_s"),
            mode=Mode.SANDBOX,
            based_on=number,
            overlap_hours=24,
        )

        assert self.believed(sandbox, payment, new, NOW)
        assert self.believed(sandbox, payment, old, NOW + timedelta(hours=23))
        assert not self.believed(sandbox, payment, old, NOW + timedelta(hours=24))
        assert self.believed(sandbox, payment, new, NOW + timedelta(hours=25))

    def test_without_overlap_believes_none_of_those_before(self, sandbox: RunningSandbox) -> None:
        configure(sandbox)
        payment = pay_in()
        self.rotate(sandbox, "the second secret", hours=24)
        self.rotate(sandbox, "the third secret, in a hurry", hours=0)

        for former in (sandbox.settings["notice_secret"], "the second secret"):
            assert not self.believed(sandbox, payment, former, NOW)
        assert self.believed(sandbox, payment, "the third secret, in a hurry", NOW)


@pytest.mark.use_case("PLG-09")
def test_calls_are_counted_with_their_silences_and_latencies(sandbox: RunningSandbox) -> None:
    configure(sandbox)
    for _ in range(3):
        pay_in()
    sandbox.control(server_error_next=1)
    pay_in()

    (start,) = [
        figures
        for figures in services.get(Payments).call_figures(since=NOW - timedelta(hours=1))
        if figures.exchange == "start"
    ]

    assert (start.provider, start.calls, start.silent, start.refused) == ("sandbox", 4, 1, 0)
    assert start.median_ms is not None and start.slow_ms is not None
    assert 0 <= start.median_ms <= start.slow_ms
