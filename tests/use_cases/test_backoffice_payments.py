"""A payment that hangs, settled by a click of support's, with a real provider's process behind the back office."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_command, a_player
from warchest.audit.contract import Audit, OperationFilter
from warchest.charging.contract import Charging
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.money import Money
from warchest.members.contract import Role
from warchest.payments.contract import Payment, Payments, Status
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest_sandbox.testing import RunningSandbox


@pytest.fixture
def hanging(office: BackOffice, sandbox: RunningSandbox) -> Iterator[Payment]:
    """Ten euros that the provider waits for; whatever becomes of them, its notice is lost."""
    sandbox.control(lose_notices=True)
    with changed_configuration(providers={"sandbox": sandbox.settings}):
        yield start_top_up(
            a_command(at=now()), player=a_player().id, amount=Money.parse("10.00", "EUR"), provider="sandbox"
        ).answer


def place_of(payment: Payment) -> str:
    return f"/payment/{payment.id}"


class TestAskingTheProvider:
    def test_settles_a_payment_whose_notice_was_lost(
        self, office: BackOffice, sandbox: RunningSandbox, hanging: Payment
    ) -> None:
        support, page = office.signed_in(Role.SUPPORT), place_of(hanging)
        assert "pending" in support.page(page).select_one(".wb-head").get_text()
        sandbox.pay(str(hanging.id))

        answer = support.submit(page, action=f"{page}/ask").text
        assert "The provider answered. The payment is now: succeeded." in answer
        settled = services.get(Payments).payment(payment_id=hanging.id)
        assert settled.status is Status.SUCCEEDED
        assert services.get(Charging).wallet(player=hanging.player).available == Money.parse("1000", "XCR")
        assert support.page(page).select_one(f'a[href*="{settled.journal_entry}"]')
        asked = OperationFilter(name="payments.ask", actor_id=str(support.administrator.id))
        line, *none = services.get(Audit).operations(where=asked).items
        assert (line.subject_id, line.channel) == (str(hanging.id), "backoffice") and not none

    def test_twice_moves_no_money_twice(
        self, office: BackOffice, sandbox: RunningSandbox, hanging: Payment
    ) -> None:
        support, page = office.signed_in(Role.SUPPORT), place_of(hanging)
        sandbox.pay(str(hanging.id))
        for _ in range(2):
            assert "is now: succeeded" in support.submit(page, action=f"{page}/ask").text
        assert services.get(Charging).wallet(player=hanging.player).available == Money.parse("1000", "XCR")

    def test_tells_in_words_what_was_said(
        self, office: BackOffice, sandbox: RunningSandbox, hanging: Payment
    ) -> None:
        support, page = office.signed_in(Role.SUPPORT), place_of(hanging)
        sandbox.pay(str(hanging.id), card="4000000000000002")
        assert "is now: failed" in support.submit(page, action=f"{page}/ask").text
        said = support.page(page).select("table.wb-table")[-1].get_text(" ", strip=True)
        assert "to the provider: question" in said and "failed" in said and "card_declined" in said
        listed = support.page(f"/payments/payment/{hanging.id}/change/").get_text(" ", strip=True)
        assert "to the provider" in listed and "to_provider" not in listed

    def test_says_so_where_the_provider_does_not_answer(
        self, office: BackOffice, sandbox: RunningSandbox, hanging: Payment
    ) -> None:
        support, page = office.signed_in(Role.SUPPORT), place_of(hanging)
        sandbox.stop()
        try:
            answer = support.submit(page, action=f"{page}/ask").text
        finally:
            sandbox.start()
        assert "is now: no answer" in answer or "is now: pending" in answer
        assert not services.get(Charging).wallet(player=hanging.player).available.minor

    def test_is_not_for_who_lacks_the_right(self, office: BackOffice, hanging: Payment) -> None:
        operator, page = office.signed_in(Role.OPERATOR), place_of(hanging)
        assert operator.get(page).status_code == 403
        token = operator.client.cookies["warchest_backoffice_csrf"]
        answer = operator.post(f"{page}/ask", csrfmiddlewaretoken=token)
        assert "Your role does not allow this." in answer.text or answer.status_code == 403
        assert len(services.get(Payments).messages(payment_id=hanging.id)) == 2  # the start and its answer
