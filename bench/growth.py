"""What becomes of speed as the books grow, whether the projector keeps up, and what a trial balance takes then."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.board import Goal, Line
from bench.contender import WARCHEST, Entrant, StepFailed
from bench.purchase import POSTINGS
from bench.run import Run

GROWTH = "purchases as the books grow, a checkpoint and a vacuum in between"
ALONG = "purchases while the projector folds along"
KEEPING_UP = "folded meanwhile"
TRIAL_BALANCE = "trial balance"
PROMISED_FROM = 10_000_000
SALES: dict[str, Any] = {"processes": 2, "batch": 1000}
HOW = "batches of 1000, 2 callers (2 processes)"


def _named(postings: int) -> str:
    if postings >= 1_000_000:
        return f"{postings / 1_000_000:g} M postings"
    return f"{postings:,} postings" if postings else "empty tables"


def _grown_line(postings: int) -> Line:
    return Line(GROWTH, WARCHEST.name, f"{_named(postings)}, {HOW}")


def _empty_line(postings: int) -> Line:
    """Measured beside each size anew, since an hour later the machine has another weather."""
    return Line(GROWTH, WARCHEST.name, f"empty tables, in turn with {_named(postings)}")


def _trial_lines(postings: int) -> tuple[Line, Line]:
    return (
        Line(TRIAL_BALANCE, WARCHEST.name, f"{_named(postings)}, from roll-ups", "ms"),
        Line(TRIAL_BALANCE, "full scan", f"{_named(postings)}, each leg summed", "ms"),
    )


_ALONG = Line(ALONG, WARCHEST.name, f"{HOW}, 1 worker")
_KEEPING_UP = Line(KEEPING_UP, WARCHEST.name, "1 worker, beside 2 callers")


def declare(run: Run) -> None:
    sizes = [size for size in run.options.postings if size]
    if run.wants("growth"):
        for size in sizes:
            run.board.declare(_empty_line(size), _grown_line(size))
            run.board.goals.append(Goal((_grown_line(size),), (_empty_line(size),), 0.9))
    if run.wants("projector"):
        run.board.declare(_ALONG, _KEEPING_UP)
        run.board.goals.append(Goal((_KEEPING_UP,), (_ALONG,), None))
    if run.wants("trial-balance"):
        for size in sizes:
            ours, scan = _trial_lines(size)
            run.board.declare(ours, scan)
            # A scan of small books is quick by itself.
            times = 100 if size >= PROMISED_FROM else None
            run.board.goals.append(Goal((ours,), (scan,), times, less=True))


def grow(run: Run) -> None:
    """Fill one database step by step through the ledger's own door, fold, and measure beside an empty one."""
    if not any(run.wants(section) for section in ("growth", "projector", "trial-balance")):
        return
    grown = run.fresh(WARCHEST, "bench_grown")
    if grown.why_not:
        run.tell(f"growth: {grown.why_not}")
        return
    for size in sorted(size for size in run.options.postings if size):
        _fill(run, grown, size)
        if run.wants("growth"):
            for _ in range(run.options.rounds):
                empty = run.fresh(WARCHEST, "bench_empty")
                run.checkpoint()
                _sell(run, _empty_line(size), empty, upkeep=True)
                run.forget(empty, "bench_empty")
                # What filling and folding left to be written is not the window's.
                run.checkpoint()
                _sell(run, _grown_line(size), grown, upkeep=True)
            _fold(run, grown)
        if run.wants("trial-balance"):
            _compare_trial_balances(run, grown, size)
    if run.wants("projector"):
        for _ in range(run.options.rounds):
            _sell_and_fold(run, grown)
    run.forget(grown, "bench_grown")


def _fill(run: Run, grown: Entrant, postings: int) -> None:
    """By ``post_set``, a thousand at a time by two callers, as a migration would; folded afterwards."""
    there = grown.step("footprint")["postings"]
    wanted = max((postings - there) // POSTINGS, 0)
    if wanted:
        each = -(-wanted // SALES["processes"])
        answer = grown.step("measure", **SALES, seconds=0, warm_up_s=0, purchases=each)
        rate = answer["purchases"] / answer["seconds"]
        run.tell(f"filled to {_named(postings)} through post_set, {rate:,.0f} purchases/s")
    _fold(run, grown)


def _fold(run: Run, grown: Entrant) -> None:
    folded = grown.step("fold")
    if folded["entries"]:
        rate = folded["entries"] / folded["seconds"]
        run.tell(f"folded {folded['entries']:,} purchases, {rate:,.0f} /s")


def _sell(run: Run, line: Line, entrant: Entrant, **more: Any) -> None:
    load = SALES | {"seconds": run.options.seconds, "warm_up_s": run.options.warm_up_s} | more
    try:
        answer = entrant.step("measure", **load)
    except StepFailed as failed:
        run.board.note(line, f"failed: {failed}"[:120])
        return
    rate = answer["purchases"] / answer["seconds"]
    run.tell(f"{line.what} · {line.how}: {rate:,.0f} /s")
    run.board.add(line, rate)


def _sell_and_fold(run: Run, grown: Entrant) -> None:
    """The projector is a process of its own, as in a deployment, and has the same two cores."""
    whole = run.options.seconds + run.options.warm_up_s
    projector = grown.beside()
    with ThreadPoolExecutor() as beside:
        folding = beside.submit(projector.step, "fold", seconds=whole)
        _sell(run, _ALONG, grown)
        folded = folding.result()
    projector.close()
    run.board.add(_KEEPING_UP, folded["entries"] / folded["seconds"])


def _compare_trial_balances(run: Run, grown: Entrant, size: int) -> None:
    ours, scan = _trial_lines(size)
    for _ in range(run.options.rounds):
        answer = grown.step("trial_balance")
        run.board.add(ours, answer["rolled_up_s"] * 1000)
        run.board.add(scan, answer["scanned_s"] * 1000)
    run.board.note(ours, "equal to the cent")
