"""`script/bench payments`: how soon a provider that sends a signed notice hears that it is safely stored.

The portal runs as ``warchest serve`` runs it, on a durable PostgreSQL of its own. Each notice says that a payment was paid: it
is stored, acted on (the wallet is credited, the books are kept), and answered. Others are about payments of somebody else: they
are stored and answered, and that is all. The yardstick is a view in the same server that stores a row with one commit. All take
turns.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener
from uuid import UUID, uuid4

import psycopg

from bench.board import Board, Goal, Line
from bench.http_load import Request, as_many_as_answered, at_a_rate
from bench.server import describe, durable_server
from warchest.runtime.postgres import EmbeddedPostgres

RATE = 200
"""Notices a second: the goal's."""
P99_MS_MAX = 50.0
CALLERS = 8
PER_PLAYER = 10

_STEADY, _MOST = f"open loop, {RATE} a second", f"{CALLERS} callers"
BARE, STORED, OURS = "a view that stores a row", "Warchest: stored only", "Warchest: stored and credited"
P50 = {who: Line("answered, p50", who, _STEADY, "ms") for who in (BARE, STORED, OURS)}
P99 = {who: Line("answered, p99", who, _STEADY, "ms") for who in P50}
MOST = {who: Line("answered at most", who, _MOST) for who in P50}
LIMIT = Line("answered, p99", "the limit", _STEADY, "ms")


@dataclass(frozen=True, slots=True)
class Options:
    """``count_max``: of notices in a turn without a rate, since each needs a payment that waits for it."""

    rounds: int = 3
    seconds: float = 5
    count_max: int = 400

    @property
    def steady(self) -> int:
        return round(self.seconds * RATE)

    @property
    def payments(self) -> int:
        return self.rounds * (self.steady + self.count_max) + _WARM_UP


QUICK = Options(rounds=1, seconds=0.25, count_max=40)
_WARM_UP = 40


def run(options: Options, *, parent: Path | None) -> tuple[Board, dict[str, str]]:
    """The whole table, and the facts that a reader of it needs."""
    board = Board()
    board.declare(*P50.values(), *P99.values(), LIMIT, *MOST.values())
    board.goals += [
        goal
        for who in (STORED, OURS)
        for goal in (
            Goal((P50[who],), (P50[BARE],), None, less=True),
            Goal((P99[who],), (LIMIT,), 1, less=True),
            Goal((P99[who],), (P99[BARE],), None, less=True),
            Goal((MOST[who],), (MOST[BARE],), None),
        )
    ]
    with durable_server(parent) as server:
        facts = dict(describe(server))
        secret = secrets.token_urlsafe(32)
        port = _free_port()
        with _house(server.home, port=port, secret=secret):
            payments = _payments(options.payments)
            with _portal(port):
                _take_rounds(board, options, port, payments, secret)
            _check(server, expected=len(payments))
    return board, facts


def _take_rounds(board: Board, options: Options, port: int, payments: Sequence[UUID], secret: str) -> None:
    kinds = {
        BARE: _rows(),
        STORED: _notices(iter(uuid4, None), secret),
        OURS: _notices(iter(payments), secret),
    }
    for requests in kinds.values():
        few = _WARM_UP
        asyncio.run(as_many_as_answered(port, requests, callers=CALLERS, seconds=60, count_max=few))
    for _ in range(options.rounds):
        for who, requests in kinds.items():
            took = asyncio.run(
                at_a_rate(port, lambda of=requests: next(of), per_second=RATE, count=options.steady)  # type: ignore[misc]
            )
            board.add(P50[who], median(took) * 1e3)
            board.add(P99[who], quantiles(took, n=100)[98] * 1e3)
            most = as_many_as_answered(
                port, requests, callers=CALLERS, seconds=options.seconds, count_max=options.count_max
            )
            board.add(MOST[who], asyncio.run(most))
        board.add(LIMIT, P99_MS_MAX)


def _rows() -> Iterator[Request]:
    while True:
        yield Request("/bare", {"content-type": "application/json"}, _told(UUID(int=0)))


def _told(payment: UUID) -> bytes:
    amount = {"amount": "10.00", "currency": "EUR"}
    card = {
        "brand": "Visa",
        "number": "411111******1111",
        "fingerprint": f"fpr_{payment.hex}",
        "country": "DE",
    }
    about = {
        "id": f"sp_{payment.hex}",
        "reference": str(payment),
        "status": "succeeded",
        "asked": amount,
        "taken": amount,
        "page_url": "http://127.0.0.1:9/pay",
        "card": card,
    }
    return json.dumps({"id": f"n-{payment}", "type": "payment", "payment": about}).encode()


def _notices(payments: Iterator[UUID], secret: str) -> Iterator[Request]:
    """Signed when they are asked for: old ones are not believed."""
    from warchest_sandbox.wire import signature

    for payment in payments:
        body, notice_id, timestamp = _told(payment), f"n-{payment}", str(int(time.time()))
        signed = signature(secret, notice_id=notice_id, timestamp=timestamp, body=body)
        headers = {
            "content-type": "application/json",
            "sandbox-id": notice_id,
            "sandbox-timestamp": timestamp,
            "sandbox-signature": signed,
        }
        yield Request("/api/v1/notices/sandbox", headers, body)


@contextmanager
def _house(home: Path, *, port: int, secret: str) -> Iterator[None]:
    """A database with today's schema, rates and a table for the yardstick."""
    os.environ |= {"WARCHEST_HOME": str(home), "DJANGO_SETTINGS_MODULE": "warchest.config.settings"}
    (home / "warchest.toml").write_text(
        f'[web]\nport = {port}\n\n[providers.sandbox]\nbase_url = "http://127.0.0.1:9"\n'
        f'api_secret = "{secrets.token_urlsafe(32)}"\nnotice_secret = "{secret}"\n'
    )
    from warchest.accounting.contract import Accounting
    from warchest.cli.deployment import migrate
    from warchest.runtime.databases import owner
    from warchest.runtime.deployment import running_django
    from warchest.runtime.services import services

    with running_django():
        from django.db import connections

        migrate()
        with connections[owner("default")].cursor() as cursor:
            cursor.execute("CREATE TABLE bench_notice (id bigserial PRIMARY KEY, body text NOT NULL)")
        founded = datetime(2020, 1, 1, tzinfo=UTC)
        accounting = services.get(Accounting)
        accounting.set_rate(currency="EUR", units_per_major=Decimal(100), valid_from=founded, at=founded)
        accounting.set_tax_rates(rates_bps={"DE": 1900}, valid_from=founded)
        yield


def _payments(count: int) -> list[UUID]:
    """Open ones, of which the provider has said nothing yet."""
    from django.db import connections

    from warchest.journeys.register_player import register_player
    from warchest.journeys.start_top_up import open_payment
    from warchest.kernel.ids import new_id
    from warchest.kernel.money import Money
    from warchest.runtime.command import Actor, ActorKind, Channel, Command, now

    def command() -> Command:
        return Command(Actor(ActorKind.OPERATOR, "bench"), str(new_id()), now(), Channel.CLI)

    def of_one_player(number: int) -> list[UUID]:
        try:
            player = register_player(
                command(),
                nickname=f"bench-{number}",
                email=f"bench-{number}@example.org",
                password=None,
                country="DE",
                language="en",
                sponsor_code=None,
            ).answer
            return [
                open_payment(
                    command(),
                    player=player.id,
                    amount=Money.parse("10.00", "EUR"),
                    provider="sandbox",
                    return_url="https://portal.example.org/back",
                    units_shown=None,
                ).answer.id
                for _ in range(PER_PLAYER)
            ]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as together:
        of_all = list(together.map(of_one_player, range(-(-count // PER_PLAYER))))
    # One payment of each player after the other, as they come in life: nobody waits for their own wallet.
    return [payment for of_each in zip(*of_all, strict=True) for payment in of_each]


@contextmanager
def _portal(port: int) -> Iterator[None]:
    from warchest.cli.serve import portal

    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "bench.settings_with_bare_view"}
    with tempfile.TemporaryFile() as log:
        serving = subprocess.Popen(
            [sys.executable, *portal().arguments], env=environment, stdout=log, stderr=log
        )
        try:
            until = time.monotonic() + 60
            while not _answers(port):
                if time.monotonic() > until or serving.poll() is not None:
                    log.seek(0)
                    raise RuntimeError(f"the portal does not answer: {log.read().decode()}")
                time.sleep(0.2)
            yield
        finally:
            serving.terminate()
            serving.wait(30)


def _answers(port: int) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except (URLError, OSError):
        return False


def _check(server: EmbeddedPostgres, *, expected: int) -> None:
    """Every notice that was answered is stored, was acted on, and has credited its payment."""
    with psycopg.connect(server.superuser_dsn(database=server.database)) as connection:
        ((stored, done),) = connection.execute(
            "SELECT count(*) FILTER (WHERE outcome <> 'payment_unknown'),"
            " count(*) FILTER (WHERE outcome = 'succeeded') FROM payments_receivednotice"
        ).fetchall()
        ((credited,),) = connection.execute(
            "SELECT count(*) FROM payments_payment WHERE status = 'succeeded'"
        ).fetchall()
    if not stored == done == credited or not 0 < stored <= expected:
        raise RuntimeError(f"{stored} notices stored, {done} acted on, {credited} payments credited")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
