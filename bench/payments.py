"""`script/bench payments`: how soon a provider that sends a signed notice hears that it is safely stored.

Portal and worker run as ``warchest serve`` runs them, on a durable PostgreSQL of its own. Each notice says that a payment was
paid: it is stored and answered, and straight afterwards acted on (the wallet is credited, the books are kept); how long after
it came is told too, and a turn ends when all of its notices were acted on. Others are about payments of somebody else: they are
stored and answered, and that is all. The yardstick is a view in the same server that stores a row with one commit. All take
turns.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from uuid import UUID, uuid4

import psycopg

from bench import house
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
CREDITED = {share: Line(f"credited after it came, p{share}", OURS, _STEADY, "ms") for share in (50, 99)}
CREDITED_MOST = Line("credited at most", OURS, f"{_MOST}, until all are")
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
    board.declare(*P50.values(), *P99.values(), LIMIT, *CREDITED.values(), *MOST.values(), CREDITED_MOST)
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
    board.goals.append(Goal((CREDITED_MOST,), (MOST[BARE],), None))
    with durable_server(parent) as server:
        facts = dict(describe(server))
        # What else runs here takes turns with what is measured.
        before = os.getloadavg()[0]
        secret = secrets.token_urlsafe(32)
        port = house.free_port()
        with house.a_house(server.home, configuration=_configuration(port=port, secret=secret)):
            payments = _payments(options.payments)
            with house.running(house.portal()), house.running(house.worker()), Books(server) as books:
                house.wait_until_ready(port)
                _take_rounds(board, options, port, payments, secret, books)
                books.check(expected=len(payments))
        facts["load average"] = f"{before:.1f} when it began, {os.getloadavg()[0]:.1f} at its end"
    return board, facts


class Books:
    """What the database says of the notices."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._connection = psycopg.connect(server.superuser_dsn(database=server.database), autocommit=True)

    def __enter__(self) -> Books:
        return self

    def __exit__(self, *failure: object) -> None:
        self._connection.close()

    def _numbers(self, query: str) -> list[float]:
        return [float(found) for (found,) in self._connection.execute(query.encode()).fetchall()]

    def credited(self) -> int:
        (count,) = self._numbers("SELECT count(*) FROM payments_payment WHERE status = 'succeeded'")
        return int(count)

    def wait_until_done(self) -> None:
        until = time.monotonic() + house.PATIENCE_S
        while self._numbers("SELECT 1 FROM payments_receivednotice WHERE next_try_at IS NOT NULL LIMIT 1"):
            if time.monotonic() > until:
                raise RuntimeError("notices were left that nobody acted on")
            time.sleep(0.02)

    def seconds_until_credited(self, *, last: int) -> list[float]:
        """Of the last ones that credited."""
        return self._numbers(
            "SELECT extract(epoch FROM processed_at - received_at) FROM payments_receivednotice"
            f" WHERE outcome = 'succeeded' ORDER BY id DESC LIMIT {last}"
        )

    def check(self, *, expected: int) -> None:
        """Every notice that was answered is stored, was acted on, and has credited its payment."""
        stored, done = (
            int(self._numbers(f"SELECT count(*) FROM payments_receivednotice WHERE outcome {which}")[0])
            for which in ("<> 'payment_unknown'", "= 'succeeded'")
        )
        credited = self.credited()
        if not stored == done == credited or not 0 < stored <= expected:
            raise RuntimeError(f"{stored} notices stored, {done} acted on, {credited} payments credited")


def _take_rounds(
    board: Board, options: Options, port: int, payments: Sequence[UUID], secret: str, books: Books
) -> None:
    kinds = {
        BARE: _rows(),
        STORED: _notices(iter(uuid4, None), secret),
        OURS: _notices(iter(payments), secret),
    }
    for requests in kinds.values():
        few = _WARM_UP
        asyncio.run(as_many_as_answered(port, requests, callers=CALLERS, seconds=60, count_max=few))
    books.wait_until_done()
    for _ in range(options.rounds):
        for who, requests in kinds.items():
            took = asyncio.run(
                at_a_rate(port, lambda of=requests: next(of), per_second=RATE, count=options.steady)  # type: ignore[misc]
            )
            board.add(P50[who], median(took) * 1e3)
            board.add(P99[who], quantiles(took, n=100)[98] * 1e3)
            books.wait_until_done()
            if who is OURS:
                until = books.seconds_until_credited(last=options.steady)
                board.add(CREDITED[50], median(until) * 1e3)
                board.add(CREDITED[99], quantiles(until, n=100)[98] * 1e3)
            before, began = books.credited(), time.perf_counter()
            most = as_many_as_answered(
                port, requests, callers=CALLERS, seconds=options.seconds, count_max=options.count_max
            )
            board.add(MOST[who], asyncio.run(most))
            if who is OURS:
                books.wait_until_done()
                board.add(CREDITED_MOST, (books.credited() - before) / (time.perf_counter() - began))
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


def _configuration(*, port: int, secret: str) -> str:
    return (
        f'[web]\nport = {port}\n\n[providers.sandbox]\nbase_url = "http://127.0.0.1:9"\n'
        f'api_secret = "{secrets.token_urlsafe(32)}"\nnotice_secret = "{secret}"\n'
    )


def _payments(count: int) -> list[UUID]:
    """Open ones, of which the provider has said nothing yet."""
    from django.db import connections

    from warchest.journeys.register_player import register_player
    from warchest.journeys.start_top_up import open_payment
    from warchest.kernel.money import Money

    def of_one_player(number: int) -> list[UUID]:
        try:
            player = register_player(
                house.a_command(),
                nickname=f"bench-{number}",
                email=f"bench-{number}@example.org",
                password=None,
                country="DE",
                language="en",
                sponsor_code=None,
            ).answer
            return [
                open_payment(
                    house.a_command(),
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
