"""What a notice costs the database: so many statements, and no more; the commits are not counted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.builders.configuration import changed_configuration
from tests.builders.databases import aliases, captured_queries
from tests.builders.people import a_command, a_player
from warchest.journeys.receive_notice import act_on_notice
from warchest.journeys.start_top_up import open_payment
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.payments.contract import KeptNotice, Payments, Status
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest_sandbox.wire import signature

pytestmark = [
    pytest.mark.usefixtures("database", "configured"),
    pytest.mark.use_case("PAY-01"),
    pytest.mark.in_process("statements are counted here"),
]
SECRET = "a secret of the tests, long enough"
AMOUNT = {"amount": "10.00", "currency": "EUR"}


@pytest.fixture
def configured() -> Iterator[None]:
    if len(aliases()) > 1:
        pytest.skip("a journey over several databases keeps its promises in statements of its own")
    table = {"base_url": "http://127.0.0.1:9", "api_secret": SECRET, "notice_secret": SECRET}
    with changed_configuration(providers={"sandbox": table}):
        yield


def an_open_payment() -> UUID:
    return open_payment(
        a_command(),
        player=a_player().id,
        amount=Money.parse("10.00", "EUR"),
        provider="sandbox",
        return_url="https://portal.example.org/back",
        units_shown=None,
    ).answer.id


def hears_of(payment: UUID, *, notice_id: str = "n-1") -> KeptNotice:
    about = {"id": f"sp-{payment}", "reference": str(payment), "status": "succeeded", "page_url": ""}
    told = {"id": notice_id, "type": "payment", "payment": {**about, "asked": AMOUNT, "taken": AMOUNT}}
    body, timestamp = json.dumps(told).encode(), str(int(time.time()))
    signed = signature(SECRET, notice_id=notice_id, timestamp=timestamp, body=body)
    headers = {
        "Sandbox-Id": notice_id,
        "Sandbox-Timestamp": timestamp,
        "Sandbox-Signature": signed,
    }
    return services.get(Payments).take_notice(provider="sandbox", headers=headers, body=body, at=now())


def statements(asked: list[str]) -> list[str]:
    return [one for one in asked if not one.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]


def test_one_that_is_stored_only() -> None:
    hears_of(new_id(), notice_id="n-0")
    with captured_queries() as asked:
        hears_of(new_id())
    assert len(statements(asked)) <= 2, "\n".join(asked)
    assert asked == statements(asked), "one statement needs no transaction around it"


def test_one_that_is_to_be_acted_on() -> None:
    hears_of(an_open_payment(), notice_id="n-0")
    payment = an_open_payment()
    with captured_queries() as asked:
        assert not hears_of(payment).processed
    assert asked == statements(asked) and len(asked) <= 2, "\n".join(asked)


def test_one_that_credits_a_payment() -> None:
    act_on_notice(hears_of(an_open_payment(), notice_id="n-0"), at=now())
    payment = an_open_payment()
    stored = hears_of(payment)
    with captured_queries() as asked:
        act_on_notice(stored, at=now())
    assert asked.count("COMMIT") <= 1
    assert services.get(Payments).payment(payment_id=payment).status is Status.SUCCEEDED
    assert len(statements(asked)) <= 19, "\n".join(asked)


def test_one_that_comes_again() -> None:
    payment = an_open_payment()
    hears_of(payment)
    with captured_queries() as asked:
        assert hears_of(payment).repeated
    assert len(statements(asked)) <= 4, "\n".join(asked)
