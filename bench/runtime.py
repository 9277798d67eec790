"""`script/bench runtime`: what it costs that services may be anywhere, and that several databases commit together.

A house of its own: a durable PostgreSQL with three databases, a broker with TLS, and one process that answers calls. Every
figure has its yardstick in the same run, turn by turn: a plain call, a bare request through the same broker by its own client
library, a commit in one database.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.board import Board, Goal, Line
from bench.server import describe, durable_server

CONFIGURATION = """
[databases.people]
[databases.shop]

[services]
members = "people"
catalogue = "shop"

[broker]
embedded = true
"""

PLAIN = Line("local call", "a method of a class", "1 thread", "µs")
LOCAL = Line("local call", "Warchest", "services.get(…)", "µs")
OVERHEAD = Line("local call", "Warchest", "overhead", "µs")
LIMIT = Line("local call", "the limit", "overhead", "µs")
BARE = Line("remote call, p50", "bare NATS request", "1 caller", "µs")
REMOTE = Line("remote call, p50", "Warchest", "1 caller", "µs")
BARE_P99 = Line("remote call, p99", "bare NATS request", "1 caller", "µs")
REMOTE_P99 = Line("remote call, p99", "Warchest", "1 caller", "µs")
COMMITS = {
    1: Line("journey, p50", "Warchest", "1 database", "ms"),
    2: Line("journey, p50", "Warchest", "2 databases", "ms"),
    3: Line("journey, p50", "Warchest", "3 databases", "ms"),
}


@dataclass(frozen=True, slots=True)
class Options:
    rounds: int = 5
    local_calls: int = 200_000
    remote_calls: int = 2_000
    journeys: int = 300


QUICK = Options(rounds=1, local_calls=5_000, remote_calls=200, journeys=20)


def run(options: Options, *, parent: Path | None) -> tuple[Board, dict[str, str]]:
    """The whole table, and the facts that a reader of it needs."""
    board = Board()
    board.declare(PLAIN, LOCAL, OVERHEAD, LIMIT, BARE, REMOTE, BARE_P99, REMOTE_P99, *COMMITS.values())
    board.goals += [
        Goal((OVERHEAD,), (LIMIT,), 1, less=True),
        Goal((REMOTE,), (BARE,), 1 / 3, less=True),
        Goal((REMOTE_P99,), (BARE_P99,), None, less=True),
        Goal((COMMITS[2],), (COMMITS[1],), None, less=True),
        Goal((COMMITS[3],), (COMMITS[1],), None, less=True),
    ]
    with durable_server(parent) as server:
        facts = dict(describe(server))
        with _house(server.home):
            for _ in range(options.rounds):
                local_calls(board, options)
                remote_calls(board, options)
                journeys(board, options)
    return board, facts


@contextmanager
def _house(home: Path) -> Iterator[None]:
    """Databases, broker and a process that answers calls; this process asks that one for what it needs."""
    os.environ |= {
        "WARCHEST_HOME": str(home),
        "WARCHEST_SERVICES": "",
        "DJANGO_SETTINGS_MODULE": "warchest.config.settings",
    }
    (home / "warchest.toml").write_text(CONFIGURATION)
    from warchest.cli.deployment import migrate
    from warchest.runtime.broker.client import close_links
    from warchest.runtime.broker.directory import directory
    from warchest.runtime.broker.server import running_broker
    from warchest.runtime.deployment import running_django
    from warchest.runtime.services import services

    with running_django(), running_broker(sorted(services.contracts())):
        services.connect(None)
        migrate()
        with tempfile.TemporaryFile() as log:
            answering = subprocess.Popen(
                [sys.executable, "-m", "warchest.runtime.broker.serving"],
                env={key: value for key, value in os.environ.items() if key != "WARCHEST_SERVICES"},
                stdout=log,
                stderr=log,
            )
            try:
                until = time.monotonic() + 60
                while len(directory.refresh()) < len(services.contracts()):
                    if time.monotonic() > until or answering.poll() is not None:
                        log.seek(0)
                        raise RuntimeError(f"nobody answers calls: {log.read().decode()}")
                yield
            finally:
                answering.terminate()
                answering.wait(30)
                close_links()


def local_calls(board: Board, options: Options) -> None:
    from warchest.accounting.contract import Accounting
    from warchest.runtime.broker.directory import directory
    from warchest.runtime.services import services

    code: Any = services.local(Accounting)
    # As in a process that hosts the service, and has a broker to ask for the others.
    services.configure(cluster=services.cluster, databases=services._databases, hosted=None)
    services.connect(directory)

    def plain() -> None:
        for _ in range(options.local_calls):
            code.functional_currency()

    def managed() -> None:
        for _ in range(options.local_calls):
            services.get(Accounting).functional_currency()

    plain_s, managed_s = _seconds(plain), _seconds(managed)
    each = 1e6 / options.local_calls
    board.add(PLAIN, plain_s * each)
    board.add(LOCAL, managed_s * each)
    board.add(OVERHEAD, max(managed_s - plain_s, 0) * each)
    board.add(LIMIT, 2.0)


def remote_calls(board: Board, options: Options) -> None:
    from warchest.accounting.contract import Accounting
    from warchest.runtime.broker.directory import directory
    from warchest.runtime.broker.methods import methods_of
    from warchest.runtime.services import services

    stub = directory.stub(Accounting, name="accounting", cluster=services.cluster)
    method = methods_of(Accounting)["functional_currency"]
    assert method.arguments is not None and method.answer is not None
    asked, answered = method.arguments.encode({}), method.answer.encode(stub.functional_currency())
    bare = asyncio.run(_bare_requests(options.remote_calls, asked, answered))
    ours = _each(stub.functional_currency, options.remote_calls)
    for line, line_p99, seconds in ((BARE, BARE_P99, bare), (REMOTE, REMOTE_P99, ours)):
        board.add(line, median(seconds) * 1e6)
        board.add(line_p99, quantiles(seconds, n=100)[98] * 1e6)


async def _bare_requests(count: int, asked: bytes, answered: bytes) -> list[float]:
    """The client library alone: a request of the same size, to a process that does nothing but answer it."""
    from warchest.runtime.broker.layout import CALLER

    answering = subprocess.Popen(
        [sys.executable, "-m", "bench.bare_answers", answered.decode()],
        stdout=subprocess.PIPE,
    )
    try:
        assert answering.stdout is not None and answering.stdout.readline()
        client = await connected(CALLER)
        subject = "warchest.main.accounting.bare"
        for _ in range(count // 10):
            await client.request(subject, asked, timeout=5)
        seconds = []
        for _ in range(count):
            begun = time.perf_counter()
            await client.request(subject, asked, timeout=5)
            seconds.append(time.perf_counter() - begun)
        await client.close()
        return seconds
    finally:
        answering.terminate()
        answering.wait()


async def connected(user: str) -> Any:
    """The client library, signed in as this user."""
    from nats.aio.client import Client

    from warchest.runtime.broker.client import _tls_context, place

    where = place(user)
    client = Client()
    await client.connect(
        servers=list(where.urls),
        user=where.user,
        password=where.password,
        tls=_tls_context(where.authority),
        tls_handshake_first=True,
        inbox_prefix=f"_INBOX.{user}",
    )
    return client


def journeys(board: Board, options: Options) -> None:
    """What is written is the same work everywhere: a row in the databases that take part, and the journey's own ending."""
    from warchest.catalogue.contract import Catalogue
    from warchest.kernel.ids import new_id
    from warchest.kernel.money import Money
    from warchest.kernel.period import Term, TermUnit
    from warchest.members.contract import Members
    from warchest.runtime.command import Actor, ActorKind, Channel, Command
    from warchest.runtime.journey import journey
    from warchest.runtime.services import services
    from warchest.runtime.transactions import Transaction

    player, service, plan = new_id(), new_id(), new_id()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    services.local(Members).register_player(
        player_id=player,
        nickname=f"bench-{player.hex[-12:]}",
        email=f"{player.hex}@example.org",
        password=None,
        country="DE",
        language="en",
        external_id=player.hex,
        at=at,
    )
    services.local(Catalogue).add_online_service(
        online_service_id=service, code=f"s-{service.hex[-12:]}", names={"en": "Arena"}, texts={}
    )
    services.local(Catalogue).add_plan(
        plan_id=plan,
        online_service_id=service,
        code=f"p-{plan.hex[-12:]}",
        names={"en": "Month"},
        term=Term(1, TermUnit.MONTH),
    )

    @journey("bench.write")
    def write(tx: Transaction, *, databases: int, number: int) -> int:
        tx.announce("bench.written", key=str(player), number=number)
        if databases > 1:
            tx.get(Members).change_preferences(
                player_id=player,
                language="en",
                display_currency="EUR",
                time_zone=("UTC", "Europe/Berlin")[number % 2],
            )
        if databases > 2:
            moment = at + timedelta(days=3650, seconds=number)
            tx.get(Catalogue).add_price(plan_id=plan, amount=Money.units(100), valid_from=moment, at=at)
        return number

    numbers = iter(range(10**9))

    def once(databases: int) -> Callable[[], None]:
        def call() -> None:
            command = Command(Actor(ActorKind.OPERATOR, "bench"), str(new_id()), at, Channel.CLI)
            write(command, databases=databases, number=next(numbers))

        return call

    for databases, line in COMMITS.items():
        board.add(line, median(_each(once(databases), options.journeys)) * 1e3)


def _each(call: Callable[[], object], count: int) -> list[float]:
    for _ in range(count // 10):
        call()
    seconds = []
    for _ in range(count):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return seconds


def _seconds(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
