"""`script/bench cards`: how fast codes are made, hashed and stored, how long a million cards take to the printer's file, how many
cards a second are activated through the API, and whether a code is found as fast among many cards as among few.

The yardsticks: PostgreSQL's own COPY of rows that were made before, into a table with the same indexes; a plain loop over
``secrets`` and ``hmac`` that inserts by a thousand rows; and a view in the same server that stores a row with one commit.
All take turns.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql

from bench import house
from bench.board import Board, Goal, Line
from bench.http_load import Request, as_many_as_answered
from bench.server import describe, durable_server
from warchest.kernel.codes import ALPHABET

CALLERS = 8
MILLION = 1_000_000

_MAKING = "codes generated, hashed and stored"
OURS, FLOOR, LOOP = (
    Line(_MAKING, who, "one transaction")
    for who in ("Warchest: sealed for the printer too", "COPY of rows made before", "a plain loop")
)
_WHOLE = "a whole batch"
WHOLE = Line("from order to encrypted file", "Warchest", _WHOLE, "s")
MEMORY = Line("peak memory", "Warchest", _WHOLE, "MiB")
WHOLE_MAX = Line("from order to encrypted file", "the limit for a million", _WHOLE, "s")
MEMORY_MAX = Line("peak memory", "the limit for a million", _WHOLE, "MiB")
ACTIVATED = Line("cards activated", "Warchest: API", f"{CALLERS} callers")
BARE = Line("cards activated", "a view that stores a row", f"{CALLERS} callers")


def found_among(cards: int) -> Line:
    """Codes looked up a second where so many cards are stored."""
    return Line("codes looked up", "Warchest", f"among {cards:,} cards")


@dataclass(frozen=True, slots=True)
class Options:
    """``stored`` are the numbers of cards among which codes are looked up."""

    rounds: int = 3
    seconds: float = 5
    made: int = 200_000
    looped: int = 20_000
    whole: int = MILLION
    activated: int = 2_000
    stored: tuple[int, ...] = (MILLION,)
    quick: bool = False


QUICK = Options(
    rounds=1, seconds=0.5, made=10_000, looped=1_000, whole=20_000, activated=60, stored=(20_000,), quick=True
)


def run(options: Options, *, parent: Path | None) -> tuple[Board, dict[str, str]]:
    """The whole table, and the facts that a reader of it needs."""
    board = Board()
    lookups = [found_among(count) for count in options.stored]
    board.declare(OURS, FLOOR, LOOP, WHOLE, WHOLE_MAX, MEMORY, MEMORY_MAX, ACTIVATED, BARE, *lookups)
    board.goals += [
        Goal((OURS,), (FLOOR,), 0.5),
        Goal((OURS,), (LOOP,), None),
        Goal((ACTIVATED,), (BARE,), None),
        *(Goal((more,), (lookups[0],), 0.9) for more in lookups[1:]),
    ]
    if not options.quick:
        board.goals += [
            Goal((WHOLE,), (WHOLE_MAX,), 1, less=True),
            Goal((MEMORY,), (MEMORY_MAX,), 1, less=True),
        ]
    with durable_server(parent) as server:
        facts = dict(describe(server))
        port = house.free_port()
        with house.a_house(server.home, configuration=f"[web]\nport = {port}\n"):
            dsn = server.superuser_dsn(database=server.database)
            with psycopg.connect(dsn, autocommit=True) as connection:
                _make(board, options, connection)
                _whole(board, options)
                _activate(board, options, port)
                _look_up(board, options, connection)
    return board, facts


# Making


def _make(board: Board, options: Options, connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE bench_card (LIKE cards_card INCLUDING ALL)")
    for number in range(options.rounds):
        board.add(OURS, options.made / _timed(_ours(options.made)))
        board.add(FLOOR, options.made / _timed(_floor(connection, options.made, number)))
        board.add(LOOP, options.looped / _timed(_loop(connection, options.looped, number)))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ours(count: int) -> Callable[[], object]:
    """The journey of an approved batch, its sealed file included."""
    from warchest.journeys.generate_batch import generate_batch

    clerk, batch = _approved(count)
    return lambda: generate_batch(house.a_command(kind="ADMINISTRATOR", who=clerk), batch=batch)


def _approved(count: int) -> tuple[str, UUID]:
    from warchest.cards.contract import BatchTerms, Worth
    from warchest.journeys.approve_batch import approve_batch
    from warchest.journeys.order_batch import order_batch
    from warchest.kernel.money import Money
    from warchest.members.contract import Role

    clerk, owner = house.an_administrator(Role.ADMINISTRATOR), house.an_administrator(Role.OWNER)
    ten = Money.parse("10.00", "EUR")
    terms = BatchTerms(quantity=count, gives=(Worth.of_money(ten),), face=ten, reseller="bench")
    batch = order_batch(house.a_command(kind="ADMINISTRATOR", who=clerk), terms=terms).answer
    approve_batch(house.a_command(kind="ADMINISTRATOR", who=owner), batch=batch.id, digest=batch.digest)
    return clerk, batch.id


_COLUMNS = "serial, batch_id, number, code_hash, last_four, state"


def _floor(connection: psycopg.Connection, count: int, number: int) -> Callable[[], object]:
    batch = UUID(int=number)
    rows = b"".join(
        b"F%03d%010d\t%s\t%d\t\\\\x%s\t0000\tas_batch\n"
        % (number, place, str(batch).encode(), place + 1, secrets.token_hex(32).encode())
        for place in range(count)
    )

    def copy() -> None:
        with connection.cursor() as cursor, cursor.copy(f"COPY bench_card ({_COLUMNS}) FROM STDIN") as into:
            for start in range(0, len(rows), 1 << 20):
                into.write(rows[start : start + (1 << 20)])

    return copy


def _loop(connection: psycopg.Connection, count: int, number: int) -> Callable[[], object]:
    """What one writes first: a symbol at a time, a keyed hash each, a thousand rows a statement."""
    key, batch = secrets.token_bytes(32), UUID(int=10_000 + number)

    def make() -> None:
        with connection.transaction(), connection.cursor() as cursor:
            rows = []
            for place in range(count):
                code = "".join(secrets.choice(ALPHABET) for _ in range(16))
                kept = hmac.new(key, code.encode(), hashlib.sha256).digest()
                rows.append((f"L{number:03}{place:010}", batch, place + 1, kept, code[-4:], "as_batch"))
                if len(rows) == 1000 or place + 1 == count:
                    cursor.executemany(
                        f"INSERT INTO bench_card ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)".encode(), rows
                    )
                    rows = []

    return make


def _whole(board: Board, options: Options) -> None:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "bench.million", str(options.whole), folder],
            env=dict(os.environ),
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    told = json.loads(done.stdout.strip().splitlines()[-1])
    board.add(WHOLE, told["fetched"])
    board.add(MEMORY, told["MiB"])
    board.add(WHOLE_MAX, 30)
    board.add(MEMORY_MAX, 500)
    steps = ", ".join(
        f"{step} {told[step]:.1f} s" for step in ("approved", "generated", "encrypted", "fetched")
    )
    board.note(WHOLE, f"{options.whole:,} cards: {steps}")


# Activating


def _activate(board: Board, options: Options, port: int) -> None:
    count = options.rounds * options.activated + CALLERS
    key, players = _an_api_key(), _players(CALLERS * 8)
    codes = iter(_codes(count))
    with house.running(house.portal()), house.running(house.worker()):
        house.wait_until_ready(port)
        kinds = {ACTIVATED: _activations(codes, key, players), BARE: _rows()}
        for requests in kinds.values():
            asyncio.run(as_many_as_answered(port, requests, callers=CALLERS, seconds=60, count_max=CALLERS))
        for _ in range(options.rounds):
            for line, requests in kinds.items():
                board.add(
                    line,
                    asyncio.run(
                        as_many_as_answered(
                            port,
                            requests,
                            callers=CALLERS,
                            seconds=options.seconds,
                            count_max=options.activated,
                        )
                    ),
                )


def _codes(count: int) -> list[str]:
    """Right codes of cards that are in the world, as the printer reads them."""
    import pyrage

    from warchest.cards.contract import Cards
    from warchest.journeys.generate_batch import generate_batch
    from warchest.journeys.hand_over_batch import ask_hand_over, confirm_hand_over, open_print_file
    from warchest.journeys.keep_printers import add_printer
    from warchest.runtime.command import Command, now
    from warchest.runtime.services import services

    (clerk, batch), (other, _) = _approved(count), _approved(1)

    def by(who: str) -> Command:
        return house.a_command(kind="ADMINISTRATOR", who=who)

    generate_batch(by(clerk), batch=batch)
    printer, name = pyrage.x25519.Identity.generate(), f"press-{secrets.token_hex(4)}"
    add_printer(by(clerk), name=name, title="Press", key=str(printer.to_public()))
    asked = ask_hand_over(by(clerk), batch=batch, printer=name).answer
    confirm_hand_over(by(other), hand_over=asked.id, fingerprint=asked.fingerprint)
    open_print_file(by(clerk), batch=batch)
    parts = services.get(Cards).print_file(batch_id=batch, fetched_by=UUID(clerk), at=now())
    plain = pyrage.decrypt(b"".join(parts), [printer])
    return [line.rpartition(b",")[2].decode() for line in plain.splitlines()[1:]]


def _an_api_key() -> str:
    from warchest.members.contract import Members, Scope
    from warchest.runtime.command import now
    from warchest.runtime.services import services

    _, key = services.get(Members).issue_api_key(
        name="bench", scopes=[Scope.CARDS_ACTIVATE], calls_per_second=100_000, at=now()
    )
    return key


def _players(count: int) -> list[UUID]:
    from warchest.journeys.register_player import register_player

    return [
        register_player(
            house.a_command(),
            nickname=f"bench-{number}",
            email=f"bench-{number}@example.org",
            password=None,
            country="DE",
            language="en",
            sponsor_code=None,
        ).answer.id
        for number in range(count)
    ]


def _activations(codes: Iterator[str], key: str, players: Sequence[UUID]) -> Iterator[Request]:
    for number, code in enumerate(codes):
        body = {"player": str(players[number % len(players)]), "code": code}
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {key}",
            "idempotency-key": f"bench-{number}-{secrets.token_hex(4)}",
        }
        yield Request("/api/v1/cards/activations", headers, json.dumps(body).encode())


def _rows() -> Iterator[Request]:
    while True:
        yield Request("/bare", {"content-type": "application/json"}, b'{"player": "nobody", "code": "none"}')


# Looking up

_FILLED_AT_ONCE = 500_000


def _look_up(board: Board, options: Options, connection: psycopg.Connection) -> None:
    """By the keyed hash, as an activation does it, one after the other; the cards that are asked for are spread over all."""
    stored = _filled(connection, 0, 0)
    for count in sorted(options.stored):
        stored = _filled(connection, stored, count)
        connection.execute("VACUUM (ANALYZE) cards_card")
        connection.execute("CHECKPOINT")
        line, asked = found_among(count), random.Random(count)
        _seconds_for(asked, stored, count=1000)
        for _ in range(options.rounds):
            many = max(round(1000 * options.seconds), 200)
            board.add(line, many / _seconds_for(asked, stored, count=many))


def _seconds_for(asked: random.Random, stored: int, *, count: int) -> float:
    from warchest.cards.contract import Cards, Claimant
    from warchest.kernel.ids import new_id
    from warchest.runtime.command import now
    from warchest.runtime.services import services

    player = Claimant(new_id(), "DE", now())
    cards, at, places = services.get(Cards), now(), [asked.randint(1, stored) for _ in range(count)]
    hashes = [hashlib.sha256(str(place).encode()).hexdigest() for place in places]
    began = time.perf_counter()
    for code_hash in hashes:
        cards.preview(code_hash=code_hash, by=player, at=at)
    return time.perf_counter() - began


def _filled(connection: psycopg.Connection, stored: int, wanted: int) -> int:
    """Have so many cards of one batch whose hashes are those of their numbers: written by the server, with its triggers off, and
    the index over the hashes built when all are there."""
    if stored >= wanted:
        return stored
    ((batch,),) = connection.execute(
        "SELECT id FROM cards_batch WHERE state = 'handed_over' ORDER BY id LIMIT 1"
    ).fetchall()
    connection.execute("ALTER TABLE cards_card DISABLE TRIGGER USER")
    connection.execute("ALTER TABLE cards_card DROP CONSTRAINT code_once")
    while stored < wanted:
        last = min(stored + _FILLED_AT_ONCE, wanted)
        connection.execute(
            sql.SQL(
                "INSERT INTO cards_card (serial, batch_id, number, code_hash, last_four)"
                " SELECT 'Z' || lpad(n::text, 12, '0'), {}, n, sha256(n::text::bytea), '0000'"
                " FROM generate_series({}::bigint, {}::bigint) AS n"
            ).format(sql.Literal(batch), sql.Literal(stored + 1), sql.Literal(last))
        )
        stored = last
    connection.execute("SET maintenance_work_mem = '1GB'")
    connection.execute("ALTER TABLE cards_card ADD CONSTRAINT code_once UNIQUE (code_hash)")
    connection.execute("ALTER TABLE cards_card ENABLE TRIGGER USER")
    return stored
