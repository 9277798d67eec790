"""Card numbers do not get into the house: a run with all test cards, and then a search of everything that was kept of it.

Plug-ins mask; but what if one does not? Card numbers are smuggled into the texts of signed notices, in groups and without,
and into what a caller writes about a refund.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest

from tests.builders.api import an_api_client
from tests.builders.databases import aliases, named
from tests.builders.people import a_player
from tests.builders.searching import columns, searched
from tests.builders.watched import Process, a_process, wait_for
from warchest.audit.contract import Audit, OperationFilter
from warchest.kernel.ids import new_id
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services
from warchest.views.journal_export import By, Extent, Format, export
from warchest_sandbox.cards import TEST_CARDS
from warchest_sandbox.testing import RunningSandbox
from warchest_sandbox.wire import signature

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("PAY-01"), pytest.mark.slow]

SMUGGLED = ("4242424242424242", "378282246310005", "6011111111111117", "2223003122003222")
"""Known to every tester, and to no card of the sandbox."""
KNOWN = (*TEST_CARDS, *SMUGGLED)
_KNOWN = re.compile("|".join(r"[^0-9A-Za-z]{0,2}".join(number) for number in KNOWN))
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
# Digits between letters belong to a signature, a token or a fingerprint.
_LOOKS_LIKE_A_CARD = re.compile(r"(?<![0-9A-Za-z])[2-6](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z])")
TEXTS = {"text", "character varying", "character", "json", "jsonb", "bytea", "ARRAY"}


def known_numbers(text: str) -> list[str]:
    """The numbers of this run, however they are written."""
    return _KNOWN.findall(text)


def card_like(text: str) -> list[str]:
    """Any other number that could be a card's: 13 to 19 digits that begin with 2 to 6 and add up."""
    return [one for one in _LOOKS_LIKE_A_CARD.findall(_UUID.sub("", text)) if _adds_up(one)]


def _adds_up(grouped: str) -> bool:
    # Written out once more, so that a mistake in the product's own sum is not repeated here.
    digits = [int(symbol) for symbol in reversed(grouped) if symbol.isdecimal()]
    return sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0


def found_in_database(dsn: str) -> dict[str, list[str]]:
    """What is found, by table and column: known numbers in all columns, numbers like a card's in payments' texts."""

    def hits(table: str, kind: str, value: str) -> list[str]:
        found = known_numbers(value)
        if kind in TEXTS and table.startswith("payments_"):
            found += card_like(value)
        return found

    return searched(dsn, hits)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path / "sandbox") as running:
        yield running


class Payer:
    """Somebody who pays through the API of a portal."""

    def __init__(self, portal: Process, sandbox: RunningSandbox) -> None:
        self.portal, self.sandbox = portal, sandbox
        self.key, self.player = an_api_client(), a_player().id

    def call(self, method: str, path: str, body: object = None) -> dict:
        answer = self.portal.api(self.key, method, path, body, **{"Idempotency-Key": f"key-{new_id()}"})
        assert answer.is_success, answer.text
        return answer.json()

    def top_up(self) -> str:
        body = {"amount": {"amount": "10.00", "currency": "EUR"}, "provider": "sandbox"}
        return self.call("POST", f"/players/{self.player}/top-ups", body)["id"]

    def pays_with(self, card: str) -> str:
        payment = self.top_up()
        page = self.call("GET", f"/payments/{payment}")["redirect_url"]
        form = {"action": "pay", "number": card, "expiry": "12/39", "cvc": "123"}
        assert httpx.post(page, data=form, trust_env=False, timeout=20).status_code in {302, 303}
        return payment

    def waits_for(self, payment: str, *statuses: str) -> None:
        wait_for(lambda: self.call("GET", f"/payments/{payment}")["status"] in statuses, self.portal.output)

    def told(self, payment: str) -> dict:
        with httpx.Client(base_url=self.sandbox.url, trust_env=False) as client:
            secret = {"authorization": f"Bearer {self.sandbox.settings['api_secret']}"}
            return client.get("/v1/payments", params={"reference": payment}, headers=secret).json()

    def notify(self, **body: object) -> httpx.Response:
        """A notice that the provider really signs, whatever is in it."""
        notice_id, timestamp = f"n-{new_id()}", str(int(time.time()))
        content = json.dumps({"id": notice_id, "type": "payment", **body}).encode()
        signed = signature(
            self.sandbox.settings["notice_secret"], notice_id=notice_id, timestamp=timestamp, body=content
        )
        return httpx.post(
            f"http://127.0.0.1:{self.portal.port}/api/v1/notices/sandbox",
            content=content,
            headers={
                "content-type": "application/json",
                "sandbox-id": notice_id,
                "sandbox-timestamp": timestamp,
                "sandbox-signature": signed,
            },
            trust_env=False,
            timeout=20,
        )


def grouped(number: str, by: str) -> str:
    return by.join(number[place : place + 4] for place in range(0, len(number), 4))


def smuggling() -> Iterator[str]:
    for number in SMUGGLED:
        for by in ("", " ", "-"):
            yield f"card {grouped(number, by)} was shown"


def pay_in_every_way(payer: Payer) -> None:
    """Success, decline, notices many times or never, a late decision, refunds, a dispute."""
    sandbox = payer.sandbox
    ends = {card.number: card.status for card in TEST_CARDS.values() if not card.notice_delay_s}
    payments = {number: payer.pays_with(number) for number in ends}
    sandbox.decide(payments["4000000000000036"])
    for number, payment in payments.items():
        if not TEST_CARDS[number].notice_lost:
            payer.waits_for(payment, "failed" if ends[number] == "failed" else "succeeded")
    refunded, disputed = payments["4111111111111111"], payments["5555555555554444"]
    payer.call(
        "POST", f"/payments/{refunded}/refunds", {"reason": f"not my card {grouped(SMUGGLED[0], ' ')}"}
    )
    payer.waits_for(refunded, "refunded")
    sandbox.dispute(disputed)
    payer.waits_for(disputed, "disputed")


def smuggle(payer: Payer) -> None:
    for text in smuggling():
        payment = payer.top_up()
        told = payer.told(payment)
        number = re.sub("[^0-9 -]", "", text).strip()
        shown = {"brand": text, "number": number, "expires": number, "fingerprint": "f", "country": "DE"}
        strange = {"reason": text, "page_url": f"https://x.example/?number={number}", "remark": text}
        dispute = {
            "id": f"d-{payment}",
            "payment": told["id"],
            "status": "opened",
            "amount": told["asked"],
            "fee": told["asked"],
            "reason": text,
        }
        refund = {
            "id": f"r-{payment}",
            "payment": told["id"],
            "refund_reference": payment,
            "status": "failed",
            "amount": told["asked"],
            "reason": text,
        }
        taken = {**told, **strange, "status": "succeeded", "taken": told["asked"], "card": shown}
        for body in (
            {"payment": {**told, **strange, "status": "failed"}},
            {"payment": taken, "remark": {number: [text]}},
            {"payment": {**told, "reference": f"x-{payment}"[:36], "id": f"y-{payment}", "reason": text}},
            {"payment": taken, "type": "refund", "refund": refund},
            {"payment": taken, "type": "dispute", "dispute": dispute},
        ):
            answer = payer.notify(**body)
            assert answer.status_code == 200, answer.text
        # What is not believed is not kept either; nor what a browser brings back.
        assert payer.notify(payment=text).status_code >= 400
        httpx.get(
            f"http://127.0.0.1:{payer.portal.port}/payments/{payment}/return",
            params={"number": number, "reason": text},
            trust_env=False,
            timeout=20,
        )


def exported() -> str:
    folding = services.get(Ledger).folding()
    extent = Extent(upto=folding.position + folding.behind, after=0, by=By("occurred"))
    while services.get(Ledger).fold():
        pass
    return "".join(piece for one in Format for piece in export(extent=extent, format=one))


def test_none_is_kept_written_or_handed_out(
    sandbox: RunningSandbox, database: str, server_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    settings = (
        'log_level = "debug"\n[providers.sandbox]\n'
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in sandbox.settings.items())
        + '[[webhooks]]\nurl = "http://127.0.0.1:9/hear"\n'
    )
    with (
        a_process("portal", database=database, folder=tmp_path, configuration=settings) as portal,
        a_process("worker", database=database, folder=tmp_path, configuration=settings) as worker,
    ):
        payer = Payer(portal, sandbox)
        pay_in_every_way(payer)
        smuggle(payer)
        payments = len(payments_of(payer.player))
        wait_for(lambda: "webhook" in worker.output(), worker.output)
    # What is searched is not empty: the payments, their notices, what was said of them, and the numbers, masked.
    assert payments > len(SMUGGLED) * 3
    assert services.get(Audit).operations(where=OperationFilter(name="payments.settle")).items
    assert kept_masked(server_dsn(named(database, services.place("payments"))))
    found = {alias: found_in_database(server_dsn(named(database, alias))) for alias in aliases()}
    assert {alias: where for alias, where in found.items() if where} == {}
    for process in (portal, worker):
        assert "journey_ended" in process.output()
        assert known_numbers(process.output()) == []
    files = exported()
    assert "top-up" in files
    assert known_numbers(files) == []


def payments_of(player: UUID) -> tuple:
    from warchest.payments.contract import Payments

    return services.get(Payments).payments_of(player=player)


def kept_masked(dsn: str) -> bool:
    """The smuggled texts have been kept: of each number what may be."""
    with psycopg.connect(dsn) as connection:
        texts = "\n".join(text for (text,) in connection.execute("SELECT text FROM payments_message"))
    return all(f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}" in texts for number in SMUGGLED)


class TestTheSearch:
    """It finds what is there, wherever it is planted."""

    @pytest.mark.parametrize("by", ["", " ", "-"])
    @pytest.mark.parametrize("number", [KNOWN[0], SMUGGLED[1]])
    def test_finds_known_numbers_in_every_grouping(self, number: str, by: str) -> None:
        assert known_numbers(f'{{"card": "{grouped(number, by)}"}}')
        assert not known_numbers(f"{number[:6]}******{number[-4:]}")

    def test_finds_other_cards_and_no_identities(self) -> None:
        assert card_like("paid with 4012 8888 8888 1881.")
        assert card_like("paid with 5105105105105100, thanks")
        assert not card_like("4012888888881882 adds up to something else")
        assert not card_like("01900000-0000-7000-8000-000000000011 at 2026-11-22 21:30:00.123456")

    def test_finds_one_in_each_kind_of_column_and_among_the_jobs(self, superuser_dsn: str) -> None:
        assert found_in_database(superuser_dsn) == {}
        said = json.dumps({"note": grouped(KNOWN[0], " ")})
        with psycopg.connect(superuser_dsn, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE payments_planted (a text, b varchar, c jsonb, d bytea, e text[], f bigint)"
            )
            connection.execute(
                "INSERT INTO payments_planted VALUES (%s, %s, %s, convert_to(%s, 'UTF8'), ARRAY[%s], %s)",
                [said, said, said, said, said, int(KNOWN[0])],
            )
            connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('q', 't', %s)", [said]
            )
            looked_into = {table for _, table, _, _ in columns(connection)}
        assert {"runtime_operation", "runtime_outboxevent", "payments_message"} <= looked_into
        planted = {f"payments_planted.{column}" for column in "abcdef"}
        assert found_in_database(superuser_dsn).keys() == planted | {"procrastinate_jobs.args"}

    def test_finds_other_cards_in_what_payments_keep(self, superuser_dsn: str) -> None:
        with psycopg.connect(superuser_dsn, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE payments_planted AS SELECT 'with 5105105105105100'::text AS kept"
            )
        assert list(found_in_database(superuser_dsn)) == ["payments_planted.kept"]
