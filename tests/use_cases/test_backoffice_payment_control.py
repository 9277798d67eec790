"""Providers, rules and reviews in the back office: a real one, with a real provider's process behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.configuration import changed_configuration
from tests.builders.notices import heard
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from warchest.charging.contract import Charging
from warchest.journeys.set_payment_rule import end_payment_rule, set_payment_rule
from warchest.journeys.start_top_up import open_payment, start_top_up
from warchest.kernel.money import Money
from warchest.members.contract import Role
from warchest.payments.contract import (
    FraudKey,
    FraudRule,
    FraudTest,
    FraudVerdict,
    Payment,
    Payments,
    RuleDraft,
    Status,
)
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest_sandbox.testing import RunningSandbox
from warchest_sandbox.wire import signature


@pytest.fixture(autouse=True)
def _here_too(office: BackOffice, sandbox: RunningSandbox) -> Iterator[None]:
    sandbox.control(lose_notices=True)
    with changed_configuration(providers={"sandbox": sandbox.settings}):
        yield


def pay_in() -> Payment:
    return start_top_up(
        a_command(at=now()), player=a_player().id, amount=Money.parse("10.00", "EUR"), provider="sandbox"
    ).answer


def stands(payment: Payment) -> Payment:
    return services.get(Payments).payment(payment_id=payment.id)


@pytest.mark.use_case("PLG-07")
def test_providers_are_shown_with_versions_abilities_and_health(office: BackOffice) -> None:
    pay_in()
    operator = office.signed_in(Role.OPERATOR)
    page = operator.page("/providers").get_text(" ", strip=True)
    assert "warchest-sandbox" in page and "refunds in part" in page and "configuration file" in page
    answer = operator.submit("/providers/sandbox", action="/providers/sandbox/check").text
    assert "The sandbox answers" in answer
    shown = operator.page("/providers/sandbox").get_text(" ", strip=True)
    assert "well" in shown and "opening" in shown and "under [providers.sandbox]" in shown
    assert office.signed_in(Role.SUPPORT).get("/providers").status_code == 403


@pytest.mark.use_case("PLG-02")
class TestConfiguring:
    @pytest.fixture
    def other(self) -> str:
        """An installed plug-in that no file configures."""
        return next(each.name for each in services.get(Payments).providers() if each.name == "stripe")

    def test_is_done_in_a_form_made_of_what_the_plug_in_asks_for(
        self, office: BackOffice, other: str
    ) -> None:
        operator = office.signed_in(Role.OPERATOR)
        page = operator.page(f"/providers/{other}")
        asked = {
            field.name: field for field in services.get(Payments).provider_settings(provider=other).fields
        }
        for name, field in asked.items():
            control = page.select_one(f'[name="setting-{name}"]')
            assert control, name
            assert (control.get("type") == "password") is (field.kind in ("secret", "secret_json"))
        answer = operator.submit(f"/providers/{other}", **{"setting-nonsense": "x"}).text
        assert services.get(Payments).provider_settings(provider=other).number == 0
        assert 'role="alert"' in answer


@pytest.mark.use_case("PLG-08")
def test_a_provider_is_switched_off_and_on_again(office: BackOffice) -> None:
    owner = office.signed_in(Role.OWNER)
    place = "/providers/sandbox"
    assert "takes no new payments any more" in owner.submit(place, action=f"{place}/switch").text
    assert "switched off" in owner.page(place).get_text()
    assert "takes new payments from now on" in owner.submit(place, action=f"{place}/switch").text
    assert pay_in().status is Status.PENDING


@pytest.mark.use_case("PAY-09")
def test_a_route_is_set_looked_at_and_ended(office: BackOffice) -> None:
    administrator = office.signed_in(Role.ADMINISTRATOR)
    answer = administrator.submit(
        "/payment-rules/route", provider="sandbox", name="not here", never="on", countries="NG"
    ).text
    assert "The rule is set." in answer
    choices = administrator.page(
        "/payment-rules/preview", amount="10.00", currency="EUR", country="NG"
    ).get_text(" ", strip=True)
    assert "a route says never" in choices and "not here" in choices
    wrong = administrator.submit("/payment-rules/route", provider="sandbox", name="x", amount_from="5").text
    assert "amounts need a currency" in wrong
    (rule,) = [one for one in services.get(Payments).house_rules(at=now()) if one.name == "not here"]
    administrator.submit("/payment-rules/route", action=f"/payment-rules/{rule.id}/end")
    assert "not here" not in administrator.page("/payment-rules").get_text()
    assert "ended" in administrator.page("/payment-rules/route").get_text()


@pytest.mark.use_case("PAY-10")
def test_what_nobody_knows_the_end_of_for_too_long_waits_on_the_first_page(office: BackOffice) -> None:
    operator = office.signed_in(Role.SUPPORT)
    assert "for too long" not in operator.page("/").get_text()
    open_payment(
        a_command(at=now() - timedelta(days=3)),
        player=a_player().id,
        amount=Money.parse("10.00", "EUR"),
        provider="sandbox",
        return_url="",
        units_shown=None,
    )
    assert "without an answer of its provider for too long" in operator.page("/").get_text()


@pytest.mark.use_case("PAY-27")
def test_the_period_of_withdrawal_is_set_for_a_country_and_said_in_words(office: BackOffice) -> None:
    answer = office.signed_in(Role.ADMINISTRATOR).submit(
        "/payment-rules/withdrawal", name="Japan", days="30", countries="jp", may_waive="on"
    )
    assert "JP: within 30 days; given up by who begins at once" in answer.text


@pytest.mark.parametrize("kind", ["route", "method", "bounds", "bonus", "fraud", "review", "withdrawal"])
def test_every_kind_of_rule_has_its_page(office: BackOffice, kind: str) -> None:
    assert office.signed_in(Role.OWNER).page(f"/payment-rules/{kind}").select_one("form.wb-form")
    support = office.signed_in(Role.SUPPORT)
    assert not support.page(f"/payment-rules/{kind}").select_one("form.wb-form")


@pytest.mark.use_case("PAY-23")
class TestReviewing:
    @pytest.fixture
    def waiting(self, office: BackOffice, sandbox: RunningSandbox) -> Iterator[Payment]:
        owner = an_administrator(Role.OWNER)
        rule = set_payment_rule(
            acting_as(owner, at=now()),
            draft=RuleDraft(
                "all of them", FraudRule(FraudTest.COUNT, FraudVerdict.REVIEW, by=FraudKey.PLAYER, limit=0)
            ),
        ).answer
        payment = pay_in()
        end_payment_rule(acting_as(owner, at=now()), rule=rule)
        sandbox.pay(str(payment.id))
        support = office.signed_in(Role.SUPPORT)
        support.submit(f"/payment/{payment.id}", action=f"/payment/{payment.id}/ask")
        assert stands(payment).status is Status.REVIEW
        yield payment

    @pytest.mark.parametrize(
        ("decision", "status", "units"),
        [("approve", Status.SUCCEEDED, "1000"), ("refuse", Status.CANCELLED, "0")],
    )
    def test_is_done_on_one_page_with_all_that_matters(
        self, office: BackOffice, waiting: Payment, decision: str, status: Status, units: str
    ) -> None:
        administrator = office.signed_in(Role.ADMINISTRATOR)
        queue = administrator.page("/reviews")
        assert queue.select_one(f'a[href="/review/{waiting.id}"]')
        page = administrator.page(f"/review/{waiting.id}").get_text(" ", strip=True)
        assert "all of them" in page and "before it was opened" in page and "reserved only" in page
        answer = administrator.submit(
            f"/review/{waiting.id}", action=f"/review/{waiting.id}/decide", decision=decision, note="seen"
        ).text
        assert "Decided." in answer
        assert stands(waiting).status is status
        assert services.get(Charging).wallet(player=waiting.player).posted == Money.parse(units, "XCR")
        assert not administrator.page("/reviews").select_one(f'a[href="/review/{waiting.id}"]')

    def test_support_looks_and_does_not_decide(self, office: BackOffice, waiting: Payment) -> None:
        support = office.signed_in(Role.SUPPORT)
        page = support.page(f"/review/{waiting.id}")
        assert "may look, and not decide" in page.get_text()
        assert not page.select_one('form[action$="/decide"]')


@pytest.mark.use_case("PAY-16")
def test_support_gives_an_open_payment_up(office: BackOffice) -> None:
    payment = pay_in()
    place = f"/payment/{payment.id}"
    answer = office.signed_in(Role.SUPPORT).submit(place, action=f"{place}/cancel").text
    assert "is now: cancelled" in answer and stands(payment).status is Status.CANCELLED


@pytest.mark.use_case("PLG-11")
def test_a_notice_is_acted_on_again_and_changes_nothing_twice(
    office: BackOffice, sandbox: RunningSandbox
) -> None:
    payment = pay_in()
    sandbox.pay(str(payment.id))
    found = sandbox._call("GET", f"/v1/payments?reference={payment.id}")
    body = json.dumps({"id": "n1", "type": "payment", "payment": found}).encode()
    timestamp = str(int(datetime.now(UTC).timestamp()))
    signed = signature(sandbox.settings["notice_secret"], notice_id="n1", timestamp=timestamp, body=body)
    headers = {"Sandbox-Id": "n1", "Sandbox-Timestamp": timestamp, "Sandbox-Signature": signed}
    kept = heard(provider="sandbox", headers=headers, body=body, at=now() + timedelta(0))
    operator, place = office.signed_in(Role.ADMINISTRATOR), f"/payment/{payment.id}"
    for _ in range(2):
        answer = operator.submit(place, action=f"{place}/replay/{kept.id}").text
        assert "acted on again" in answer
    assert services.get(Charging).wallet(player=payment.player).posted == Money.parse("1000", "XCR")
