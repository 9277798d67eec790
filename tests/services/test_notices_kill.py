"""``kill -9`` before and after a notice is stored, and while it is acted on: what was answered takes effect, once.

Whoever is killed here is a process of its own: one that is killed at each of its steps, and a portal as operators run it.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.databases import named
from tests.builders.killing import STEPS_MAX, dies_at
from tests.builders.notices import heard
from tests.builders.people import NOW, a_command, a_player
from tests.builders.watched import Process, a_process, wait_for
from warchest.charging.contract import Charging
from warchest.jobs.payments import act_on_notices
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.money import Money
from warchest.payments.contract import ACTED_ON_WITHIN, Exchange, Payment, Payments
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest_sandbox.testing import RunningSandbox
from warchest_sandbox.wire import signature

pytestmark = [
    pytest.mark.usefixtures("database", "sandbox"),
    pytest.mark.use_case("PAY-01"),
    pytest.mark.use_case("PAY-02"),
    pytest.mark.in_process("processes of the test's own die"),
]
TEN = Money.parse("10.00", "EUR")


@pytest.fixture
def sandbox(tmp_path) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path) as running:
        running.control(lose_notices=True)
        with changed_configuration(providers={"sandbox": dict(running.settings)}):
            yield running


def units(player: UUID) -> str:
    wallet = services.get(Charging).wallet(player=player)
    assert not wallet.held
    return wallet.posted.major


def a_payment_at_the_provider(sandbox: RunningSandbox) -> tuple[UUID, Payment]:
    player = a_player().id
    payment = start_top_up(a_command(), player=player, amount=TEN, provider="sandbox").answer
    sandbox.pay(str(payment.id))
    return player, payment


def a_notice(
    sandbox: RunningSandbox, payment: Payment, notice_id: str, at: datetime
) -> tuple[dict[str, str], bytes]:
    said = sandbox._call("GET", f"/v1/payments?reference={payment.id}")
    body = json.dumps({"id": notice_id, "type": "payment", "payment": said}).encode()
    timestamp = str(int(at.timestamp()))
    signed = signature(sandbox.settings["notice_secret"], notice_id=notice_id, timestamp=timestamp, body=body)
    return {"Sandbox-Id": notice_id, "Sandbox-Timestamp": timestamp, "Sandbox-Signature": signed}, body


def told_by_notice(payment: Payment) -> bool:
    said = services.get(Payments).messages(payment_id=payment.id)
    return any(message.exchange is Exchange.NOTICE for message in said)


def test_a_notice_that_was_stored_takes_effect_once_whoever_dies(sandbox: RunningSandbox):
    stored_at = set()
    for step in range(1, STEPS_MAX):
        player, payment = a_payment_at_the_provider(sandbox)
        headers, body = a_notice(sandbox, payment, f"n-{step}", NOW)
        died = dies_at(step, lambda headers=headers, body=body: heard(headers=headers, body=body, at=NOW))
        if died and not told_by_notice(payment):
            # Nobody was answered: the provider sends it again.
            assert not heard(headers=headers, body=body, at=NOW).repeated
        else:
            stored_at.add(step)
        assert act_on_notices(at=NOW + ACTED_ON_WITHIN) in (0, 1)
        assert units(player) == "1000.00", f"step {step}"
        assert act_on_notices(at=NOW + timedelta(days=9)) == 0
        if not died:
            break
    # Before and after it is stored, before and after it took effect.
    assert 5 <= step < STEPS_MAX and {2, 3, 4} <= stored_at
    assert_books_prove()


def bring(portal: Process, notice: tuple[dict[str, str], bytes]) -> None:
    headers, body = notice
    answer = httpx.post(
        f"http://127.0.0.1:{portal.port}/api/v1/notices/sandbox",
        content=body,
        headers={"content-type": "application/json", **headers},
        trust_env=False,
        timeout=20,
    )
    assert answer.status_code == 200, answer.text


def kill_whole(process: Process) -> None:
    """The server and its own workers, at once."""
    first = process.process.pid
    workers = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    for pid in (first, *map(int, workers)):
        os.kill(pid, signal.SIGKILL)
    process.process.wait()


def test_what_a_portal_answered_and_did_not_act_on_is_acted_on_by_the_worker(
    sandbox: RunningSandbox, database: str, server_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    settings = "[providers.sandbox]\n" + "".join(
        f"{name} = {json.dumps(value)}\n" for name, value in sandbox.settings.items()
    )
    players, payments = zip(*(a_payment_at_the_provider(sandbox) for _ in range(13)), strict=True)
    stored_in = server_dsn(named(database, services.place("payments")))
    with (
        a_process("portal", database=database, folder=tmp_path, configuration=settings) as portal,
        psycopg.connect(stored_in) as somebody_else,
    ):
        # Where nobody is in the way it takes effect at once, without any worker.
        bring(portal, a_notice(sandbox, payments[0], "n-0", now()))
        wait_for(lambda: units(players[0]) == "1000.00", portal.output, within_s=ACTED_ON_WITHIN.seconds - 1)
        # Nobody can touch the others' payments now; that they were paid is taken in and answered all the same.
        somebody_else.execute("SELECT FROM payments_payment FOR NO KEY UPDATE")
        notices = [
            a_notice(sandbox, payment, f"n-{number}", now())
            for number, payment in enumerate(payments[1:], start=1)
        ]
        with ThreadPoolExecutor(4) as providers_own:
            list(providers_own.map(lambda notice: bring(portal, notice), notices))
        kill_whole(portal)
    assert {units(player) for player in players[1:]} == {"0.00"}

    # Whoever stored them had them for a while.
    assert act_on_notices(at=now() - ACTED_ON_WITHIN) == 0
    assert act_on_notices(at=now() + ACTED_ON_WITHIN) == 12
    assert act_on_notices(at=now() + timedelta(days=9)) == 0
    assert {units(player) for player in players} == {"1000.00"}
    assert_books_prove()


def test_workers_share_out_what_was_left_over(sandbox: RunningSandbox) -> None:
    players, payments = zip(*(a_payment_at_the_provider(sandbox) for _ in range(12)), strict=True)
    for number, payment in enumerate(payments):
        headers, body = a_notice(sandbox, payment, f"n-{number}", NOW)
        services.get(Payments).take_notice(provider="sandbox", headers=headers, body=body, at=NOW)

    def worker(_: int) -> int:
        try:
            return act_on_notices(at=NOW + ACTED_ON_WITHIN, limit=3)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as workers:
        acted_on = list(workers.map(worker, range(4)))

    assert sum(acted_on) == 12
    assert {units(player) for player in players} == {"1000.00"}
    assert_books_prove()
