"""What processes write: structured, with what it was done for, and without a secret however hard one tries."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import structlog

from tests.builders.api import an_api_client
from tests.builders.broker import a_broker
from tests.builders.cards import a_batch
from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_command, a_player
from tests.builders.watched import Process, a_process, database_of, lines_of, wait_for
from warchest.config import logs
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.kernel.codes import grouped, normalise
from warchest.members.contract import Members
from warchest.runtime import at_work
from warchest.runtime.command import ActorKind
from warchest.runtime.secrets import home

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("SMG-15")]

PASSWORD = "Correct-Horse-7-Battery"
WRONG_PASSWORD = "Wrong#Horse9Staple"
NEW_PASSWORD = "Fresh-Donkey-8-Cable"
PAYMENT_CARD = "4242 4242 4242 4242"
PROVIDER_SECRET = "provider-secret-31415926535897932384"
NOTICE_SECRET = "notice-secret-27182818284590452353"
MAIL = "leaky.anabel"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbmFiZWwifQ.c2lnbmF0dXJlc2lnbmF0dXJl"

PROVIDER = f"""
[providers.sandbox]
base_url = "http://127.0.0.1:9"
api_secret = "{PROVIDER_SECRET}"
notice_secret = "{NOTICE_SECRET}"
timeout_s = 1
"""


@dataclass
class Secrets:
    """What must not be found, by what it is."""

    known: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, *values: str) -> None:
        for number, value in enumerate(values):
            assert len(value) >= 8
            self.known[f"{what} {number}"] = value

    def of_home(self) -> None:
        for file in (home() / "secrets").iterdir():
            self.add(file.name, file.read_bytes().hex())

    def found_in(self, text: str) -> list[str]:
        return sorted(what for what, value in self.known.items() if value in text)


def everything_to_hide(code: str, api_key: str) -> Secrets:
    secrets = Secrets()
    secrets.add("code", code, grouped(normalise(code)), normalise(code), normalise(code).lower())
    secrets.add("API key", api_key, api_key.removeprefix("wck_"))
    secrets.add("password", PASSWORD, WRONG_PASSWORD, NEW_PASSWORD)
    secrets.add("payment card", PAYMENT_CARD, PAYMENT_CARD.replace(" ", ""), PAYMENT_CARD.replace(" ", "-"))
    secrets.add("provider", PROVIDER_SECRET, NOTICE_SECRET)
    secrets.add("mail", MAIL)
    secrets.add("token", JWT)
    secrets.of_home()
    return secrets


class Visitor:
    """A browser at a portal that runs as a process."""

    def __init__(self, portal: Process) -> None:
        url = f"http://127.0.0.1:{portal.port}"
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False, headers={"Origin": url})

    def post(self, path: str, **fields: str) -> httpx.Response:
        page = self.http.get(path)
        for name in ("csrfmiddlewaretoken", "key"):
            if found := re.search(rf'name="{name}" value="([^"]*)"', page.text):
                fields.setdefault(name, found[1])
        return self.http.post(path, data=fields)

    def secrets(self) -> list[str]:
        return [value for name, value in self.http.cookies.items() if len(value) >= 16]


Dsn = Callable[[str], str]


def spoil(server_dsn: Dsn, service: str, statement: str) -> None:
    with psycopg.connect(server_dsn(database_of(service)), autocommit=True) as connection:
        connection.execute(statement)


def try_hard(portal: Process, *, code: str, api_key: str, server_dsn: Dsn) -> Secrets:
    """Bring every secret to every door, right and wrong, before and after what is behind the doors is broken."""
    secrets = everything_to_hide(code, api_key)
    browser = Visitor(portal)
    wrong_code = grouped(normalise(code)[:-2] + "ZZ")
    secrets.add("wrong code", wrong_code)
    plastic = {"number": PAYMENT_CARD, "cvc": "123", "secret": PROVIDER_SECRET, "password": PASSWORD}

    def visit() -> None:
        browser.post(
            "/sign-up",
            nickname="anabel",
            email=f"{MAIL}@example.org",
            password=PASSWORD,
            country="DE",
            language="en",
            sponsor_code="",
            time_zone="Europe/Berlin",
        )
        browser.post("/activate", code=wrong_code)
        browser.post("/activate", code=code)
        browser.http.get("/activate", params={"code": code, "password": PASSWORD, "token": JWT})
        browser.http.get(f"/{code}/{api_key}")
        for password in (WRONG_PASSWORD, PASSWORD):
            Visitor(portal).post("/sign-in", login=f"{MAIL}@example.org", password=password)
        for key in (api_key, api_key[:-3] + "xyz", JWT, PASSWORD):
            headers = {
                "Idempotency-Key": f"key-{os.urandom(4).hex()}",
                "Cookie": f"a={JWT}",
                "X-Api-Key": api_key,
            }
            portal.api(key, "POST", "/cards/activate", {"code": code, "player": MAIL}, **headers)
            portal.api(
                key, "POST", "/cards/activate", {"code": 5, "password": PASSWORD, **plastic}, **headers
            )
            portal.api(key, "GET", f"/cards/{code}?api_key={api_key}&pin={PASSWORD}", None, **headers)
            portal.api(key, "POST", "/notices/sandbox", plastic, Signature=NOTICE_SECRET, **headers)
        secrets.add("cookie", *browser.secrets())

    visit()
    # Errors of PostgreSQL's quote the statement, and with it what somebody typed.
    for service, statement in (
        ("members", "ALTER TABLE members_user RENAME COLUMN login TO gone"),
        ("cards", "ALTER TABLE cards_card RENAME TO gone"),
        ("payments", "ALTER TABLE payments_receivednotice RENAME TO gone2"),
        ("members", "ALTER TABLE django_session RENAME COLUMN session_data TO gone"),
    ):
        spoil(server_dsn, service, statement)
    visit()
    spoil(server_dsn, "members", "ALTER TABLE members_apiclient RENAME COLUMN key_hash TO gone")
    visit()
    return secrets


@pytest.mark.parametrize("level", ["debug", "info"])
def test_nothing_secret_is_written_whatever_is_brought_and_whatever_breaks(
    level: str, database: str, server_dsn: Dsn, tmp_path: Path
) -> None:
    (card, *_), api_key = a_batch(quantity=2).cards, an_api_client()
    settings = f'log_level = "{level}"\n{PROVIDER}'
    with a_process("portal", database=database, folder=tmp_path, configuration=settings) as portal:
        secrets = try_hard(portal, code=card.code, api_key=api_key, server_dsn=server_dsn)
    assert secrets.found_in(portal.output()) == []
    # It did get through to where errors quote it, and each line is one that a machine can read.
    broken = [line for line in portal.lines() if "exception" in line]
    assert {"ProgrammingError"} <= {
        name for line in broken for name in re.findall(r"ProgrammingError", line["exception"])
    }
    assert "LINE 1: ***" in portal.output()
    assert [line for line in portal.output().splitlines() if not line.startswith("{")] == []
    assert all(line["request_id"] for line in broken)
    # Nor does PostgreSQL's own log hold what opens anything.
    del secrets.known["mail 0"]
    logged = (home() / "postgres" / "server.log").read_text(errors="replace")
    assert secrets.found_in(logged) == []


def test_workers_keep_secrets_too(database: str, server_dsn: Dsn, tmp_path: Path) -> None:
    secrets = everything_to_hide(a_batch(quantity=2).cards[0].code, an_api_client())
    webhook = "http://hook:Hook-Password-4711@127.0.0.1:9/hear?token=Hook-Token-08154711"
    secrets.add("webhook", "Hook-Password-4711", "Hook-Token-08154711")
    settings = f'log_level = "debug"\n{PROVIDER}[[webhooks]]\nurl = "{webhook}"\n'
    player = a_player(with_units="600")
    prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
    with a_process("worker", database=database, folder=tmp_path, configuration=settings) as worker:
        spoil(server_dsn, "delivery", "ALTER TABLE delivery_mail RENAME TO gone")
        wait_for(lambda: "pulse_failed" in worker.output(), worker.output)
        wait_for(lambda: "webhook" in worker.output(), worker.output)
    assert secrets.found_in(worker.output()) == []
    failed = next(line for line in worker.lines() if line["event"] == "pulse_failed")
    assert failed["exception"]


DATABASES = (
    "postgresql://warchest:{password}@127.0.0.1:1/warchest",
    "postgresql://warchest:{password}@127.0.0.1:port/warchest",
    "postgresql://warchest:{password} and@127.0.0.1:1/warchest",
    "host=127.0.0.1 port=1 user=warchest password={password} what",
    "{password}",
)
PROGRAMS = {
    "doctor": ["-m", "warchest.cli.main", "doctor"],
    "migrate": ["-m", "warchest.cli.main", "migrate"],
    "worker": ["-m", "warchest.jobs"],
    "portal": ["-c", "import warchest.config.wsgi"],
    "backoffice": ["-m", "warchest.config.serve_backoffice"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_database_that_cannot_be_reached_is_told_of_without_its_password(
    program: str, tmp_path: Path
) -> None:
    password = "Db-Password-16180339"

    def output(address: str) -> str:
        environment = {
            **os.environ,
            "WARCHEST_HOME": str(tmp_path / str(DATABASES.index(address))),
            "WARCHEST_DATABASE_URL": address.format(password=password),
            "WARCHEST_LOG_LEVEL": "debug",
            "WARCHEST_ADMIN_PORT": "0",
        }
        try:
            said = subprocess.run(
                [sys.executable, *PROGRAMS[program]],
                env=environment,
                capture_output=True,
                text=True,
                timeout=12,
            )
            return said.stdout + said.stderr
        except subprocess.TimeoutExpired as alive:
            return ((alive.stdout or b"") + (alive.stderr or b"")).decode()

    with ThreadPoolExecutor(len(DATABASES)) as together:
        said = list(together.map(output, DATABASES))
    for address, words in zip(DATABASES, said, strict=True):
        assert password not in words, address
    assert any(said) or program == "portal"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The lines that this process has written since it was asked last."""
    stream = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stream)
        logs.configure(level="debug")

    def told() -> list[dict[str, Any]]:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return lines_of(text)

    yield told
    logs.configure()


class TestLines:
    def test_say_for_whom_and_in_which_journey_and_transaction_they_were_written(self, written: Any) -> None:
        player = a_player(with_units="600")
        command = replace(a_command(), request_id="request-4711")
        written()
        prolong_subscription(command, player=player.id, plan=ARENA_MONTH, periods=1)
        (line,) = [line for line in written() if line["event"] == "journey_ended"]
        assert line["request_id"] == "request-4711"
        assert line["actor"] == str(command.actor)
        assert line["journey"] == "subscriptions.prolong"
        assert line["transaction"].isdigit()
        structlog.get_logger("later").warning("something_else")
        (later,) = written()
        assert not {"request_id", "actor", "journey", "transaction"} & later.keys()

    def test_of_libraries_are_cleaned_as_ours_are(self, written: Any) -> None:
        logger = logging.getLogger("some.library")
        logger.warning(
            "connecting to %s with %r", "amqp://me:Sesame-0815@host/x", {"password": "Sesame-4711"}
        )
        logger.error("denied", extra={"authorization": "Bearer Sesame-4711", "nested": [{"cvc": "1234"}]})
        try:
            raise ValueError(f"card {PAYMENT_CARD} of {MAIL}@example.org, key wck_Sesame4711Sesame4711")
        except ValueError:
            logger.exception("failed")
            structlog.get_logger("ours").exception("failed too", api_key="Sesame-4711")
        told = json.dumps(written())
        assert "Sesame" not in told and PAYMENT_CARD not in told and MAIL not in told and "1234" not in told
        assert told.count("ValueError: card ***") == 2

    def test_of_a_journey_that_fails_say_so_too(self, written: Any, server_dsn: Dsn) -> None:
        player = a_player(with_units="600")
        spoil(server_dsn, "subscriptions", "ALTER FUNCTION subscriptions_grant RENAME TO gone")
        written()
        with pytest.raises(Exception, match="subscriptions_grant"):
            prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
        (line,) = [line for line in written() if line["event"] == "journey_ended"]
        assert (line["outcome"], line["reason"]) == ("failed", "ProgrammingError")
        assert line["actor"].startswith(tuple(ActorKind)) and line["transaction"]


def test_an_api_key_in_a_basic_header_is_no_key_and_is_not_written(database: str, tmp_path: Path) -> None:
    api_key = an_api_client()
    basic = base64.b64encode(f"anabel:{api_key}".encode()).decode()
    with a_process(
        "portal", database=database, folder=tmp_path, configuration='log_level = "debug"\n'
    ) as portal:
        answer = httpx.get(
            f"http://127.0.0.1:{portal.port}/api/v1/catalogue",
            headers={"Authorization": f"Basic {basic}"},
            trust_env=False,
        )
        assert answer.status_code == 401
    assert basic not in portal.output() and api_key not in portal.output()


def test_a_call_that_fails_in_another_process_is_told_there_with_its_request(
    database: str, server_dsn: Dsn, tmp_path: Path
) -> None:
    player, secrets = a_player(), Secrets()
    with a_broker(tmp_path / "broker") as broker, broker.hosting("members", database=database) as host:
        spoil(server_dsn, "members", "ALTER TABLE members_player RENAME COLUMN nickname TO gone")
        stub = broker.stub(Members, name="members")
        secrets.add("mail", MAIL)
        with (
            at_work.task(request_id="request-4712", actor="api_client:4713"),
            pytest.raises(Exception, match="ProgrammingError"),
        ):
            stub.player(player_id=player.id)
        with pytest.raises(Exception, match="ProgrammingError"):
            stub.find_players(text=f"{MAIL}@example.org")
        wait_for(lambda: host.log.count("call_failed") == 2, lambda: host.log)
    first, _ = (line for line in lines_of(host.log) if line["event"] == "call_failed")
    assert (first["request_id"], first["actor"]) == ("request-4712", "api_client:4713")
    assert first["service"] == "members.player" and "UndefinedColumn" in first["exception"]
    assert secrets.found_in(host.log) == []
