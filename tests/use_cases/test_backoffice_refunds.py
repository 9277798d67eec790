"""Money goes back by the back office: looked at first, then done; our word in a dispute; what players owe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_command, a_player
from warchest.charging.contract import Charging
from warchest.journeys.ask_provider import inquire_and_settle
from warchest.journeys.dispute_payment import hear_dispute
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.transfer_units import transfer_units
from warchest.kernel.money import Money
from warchest.members.contract import Role
from warchest.payments.contract import Payment, Payments, Status
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.sdk.payments import DisputeReport, DisputeStanding
from warchest_sandbox.testing import RunningSandbox

pytestmark = pytest.mark.use_case("PAY-02")


@pytest.fixture
def paid(office: BackOffice, sandbox: RunningSandbox) -> Iterator[Payment]:
    sandbox.control(lose_notices=True)
    with changed_configuration(providers={"sandbox": sandbox.settings}):
        payment = start_top_up(
            a_command(at=now()), player=a_player().id, amount=Money.parse("10.00", "EUR"), provider="sandbox"
        ).answer
        sandbox.pay(str(payment.id))
        yield inquire_and_settle(a_command(at=now()), payment_id=payment.id).answer


def place_of(payment: Payment) -> str:
    return f"/payment/{payment.id}"


def test_shows_what_it_takes_and_then_gives_back(office: BackOffice, paid: Payment) -> None:
    prolong_subscription(a_command(at=now()), player=paid.player, plan=ARENA_MONTH, periods=1)
    administrator = office.signed_in(Role.ADMINISTRATOR)
    place = f"{place_of(paid)}/refund"
    assert administrator.page(place_of(paid)).select_one(f'a[href="{place}"]')

    looked = administrator.submit(place, amount="4.00", reason="one too many").text
    assert services.get(Payments).refunds(payment_id=paid.id) == ()
    assert "Give 4.00\N{NO-BREAK SPACE}EUR back" in looked and "is not served" in looked

    done = administrator.submit(place, amount="4.00", reason="one too many", confirmed="1").text
    assert "It stands so: gone back." in done
    (refund,) = services.get(Payments).refunds(payment_id=paid.id)
    assert (refund.amount.major, refund.reason) == ("4.00", "one too many")
    assert "one too many" in administrator.page(place_of(paid)).get_text()
    assert_books_prove()


def test_refuses_more_than_is_left_and_whoever_may_not(office: BackOffice, paid: Payment) -> None:
    administrator, place = office.signed_in(Role.ADMINISTRATOR), f"{place_of(paid)}/refund"
    told = administrator.submit(place, amount="10.01", reason="greed", confirmed="1").text
    assert "At most 10.00 of this payment can still go back." in told
    assert services.get(Payments).refunds(payment_id=paid.id) == ()
    support = office.signed_in(Role.SUPPORT)
    assert not support.page(place_of(paid)).select_one(f'a[href="{place}"]')


@pytest.mark.use_case("PAY-04")
def test_a_dispute_is_seen_and_answered(office: BackOffice, sandbox: RunningSandbox, paid: Payment) -> None:
    told = sandbox.dispute(str(paid.id), "opened")
    number = told["dispute"]["id"] if "dispute" in told else told["id"]
    hear_dispute(
        a_command(at=now()),
        payment_id=paid.id,
        provider="sandbox",
        report=DisputeReport(id=number, standing=DisputeStanding.OPENED, amount=paid.amount),
    )
    administrator, place = office.signed_in(Role.ADMINISTRATOR), place_of(paid)
    page = administrator.page(place)
    assert "The bank fetched 10.00\N{NO-BREAK SPACE}EUR back" in page.get_text()
    assert services.get(Payments).payment(payment_id=paid.id).status is Status.DISPUTED
    (dispute,) = services.get(Payments).disputes(payment_id=paid.id)
    answered = administrator.submit(
        place, action=f"{place}/dispute/{dispute.id}/answer", text="They played all week."
    ).text
    assert "The provider has our evidence." in answered
    assert services.get(Payments).dispute(dispute_id=dispute.id).evidence_at is not None


@pytest.mark.use_case("CHG-22")
def test_what_is_owed_is_listed_and_written_off(office: BackOffice, paid: Payment) -> None:
    transfer_units(
        a_command(at=now()), sender=paid.player, recipient=a_player().id, amount=Money.units(100_000)
    )
    administrator = office.signed_in(Role.ADMINISTRATOR)
    administrator.submit(f"{place_of(paid)}/refund", reason="asked", confirmed="1")
    (owed,) = services.get(Charging).debts(player=paid.player)
    assert owed.amount.major == "10.00"

    accountant = office.signed_in(Role.ACCOUNTANT)
    assert "10.00\N{NO-BREAK SPACE}EUR" in accountant.page("/debts").get_text()
    accountant.submit("/debts", amount="10.00", reason="moved away")
    assert services.get(Charging).debts(player=paid.player) == ()
    assert "Nobody owes anything" in accountant.page("/debts").get_text()
    assert_books_prove()
