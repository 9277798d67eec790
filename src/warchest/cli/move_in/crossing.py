"""What the tables say of each other, and against what the older system says that there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from warchest.accounting.contract import Accounting, TakenKind
from warchest.cli.move_in.control import FILE
from warchest.cli.move_in.fields import quoted
from warchest.cli.move_in.findings import Findings
from warchest.cli.move_in.read import Read
from warchest.cli.move_in.scratch import Scratch, micro, portions
from warchest.kernel.currency import INNER, currency
from warchest.kernel.money import Money
from warchest.members.contract import Members
from warchest.runtime.services import services

_TABLE_OF = {"player": "players", "lot": "wallets", "term": "subscriptions", "balance": "balances"}
_KIND_OF = {
    "player": TakenKind.PLAYER,
    "lot": TakenKind.LOT,
    "term": TakenKind.SUBSCRIPTION,
    "balance": TakenKind.BALANCE,
}
_CIRCLES_MAX = 20
_CIRCLE_SHOWN = 6

_WALLETS = """
    SELECT p.line, p.id, p.wallet, coalesce(l.units, 0)
      FROM player AS p
      LEFT JOIN (SELECT player, sum(units) AS units FROM lot GROUP BY player) AS l ON l.player = p.id
     WHERE p.wallet IS NOT NULL AND p.wallet <> coalesce(l.units, 0) ORDER BY p.line"""
_FOLLOWING = """
    SELECT line, before, starts < ended FROM (
        SELECT line, starts, lag(ends) OVER place AS ended, lag(line) OVER place AS before
          FROM term WINDOW place AS (PARTITION BY player, service ORDER BY line))
     WHERE starts < ended OR starts > ended AND ended > ? ORDER BY line"""


def compare(read: Read, files: Mapping[str, str], findings: Findings, *, cutover_at: datetime) -> None:
    scratch = read.scratch
    for table, column, field in (
        ("player", "id", "id"),
        ("player", "nickname", "nickname"),
        ("player", "email", "email"),
        ("lot", "id", "id"),
        ("term", "id", "id"),
        ("balance", "id", "account"),
    ):
        for line, first in scratch.twice(table, column):
            findings.add(
                files[_TABLE_OF[table]],
                line,
                field,
                f"The same stands in line {first}",
                "It may be there once only.",
            )
    _tree(scratch, files["players"], findings)
    for table, field in (("lot", "player"), ("term", "player"), ("balance", "owner")):
        for name in _unknown(scratch.not_in_file(table, "player")):
            for line in scratch.lines_naming(table, "player", name):
                findings.add(
                    files[_TABLE_OF[table]],
                    line,
                    field,
                    f"There is no player {quoted(name)}",
                    "Bring the player, or leave the row out.",
                )
    for line, name, told, units in scratch.rows(_WALLETS):
        findings.add(
            files["players"],
            line,
            "wallet_units",
            f"{quoted(name)} has {_units(told)}, the lots in {files['wallets']} sum to {_units(units)}",
            "Bring all lots of the wallet, or correct the total.",
        )
    for line, before, overlaps in scratch.rows(_FOLLOWING, micro(cutover_at)):
        findings.add(
            files["subscriptions"],
            line,
            "starts_at",
            f"The term begins {'before' if overlaps else 'later than'} the one in line {before} ends",
            "Terms of one player and online service follow each other without overlap, and without a gap"
            " where the earlier one still has time to run.",
        )
    _control(read, findings)


def _tree(scratch: Scratch, file: str, findings: Findings) -> None:
    outside = set(scratch.not_in_file("player", "sponsor"))
    unknown = set(_unknown(outside))
    for name in sorted(unknown):
        for line in scratch.lines_naming("player", "sponsor", name):
            findings.add(
                file,
                line,
                "sponsor",
                f"There is no player {quoted(name)}",
                "Bring the sponsor too, or leave the field empty.",
            )
    # Whoever has a sponsor that is missing is told of once, and is in no circle.
    scratch.rank(sponsors_here=outside)
    for _ in range(_CIRCLES_MAX):
        circle = scratch.circle()
        if not circle:
            break
        names = " → ".join(quoted(name) for _, name in circle[:_CIRCLE_SHOWN])
        more = f" → {len(circle) - _CIRCLE_SHOWN} more" if len(circle) > _CIRCLE_SHOWN else ""
        findings.add(
            file,
            circle[0][0],
            "sponsor",
            f"Who sponsors whom goes round in a circle: {names}{more} → {quoted(circle[0][1])}",
            "Leave the sponsor of one of them empty.",
        )


def _unknown(names: Iterable[str]) -> Iterator[str]:
    """Those of the players who are not here either."""
    for portion in portions(names):
        here = services.get(Members).by_external_ids(external_ids=portion)
        yield from (name for name in portion if name not in here)


def _units(minor: int) -> str:
    return str(Money.units(minor))


def _control(read: Read, findings: Findings) -> None:
    says, scratch = read.control, read.scratch
    for field, table, told, found in (
        ("players", "players", says.players, scratch.number("SELECT count(*) FROM player")),
        (
            "sponsored",
            "players",
            says.sponsored,
            scratch.number("SELECT count(*) FROM player WHERE sponsor <> ''"),
        ),
        ("lots", "wallets", says.lots, scratch.number("SELECT count(*) FROM lot")),
        ("subscriptions", "subscriptions", says.subscriptions, scratch.number("SELECT count(*) FROM term")),
    ):
        if told != found:
            _differs(findings, read, field, table, str(told), str(found))
    sums = [
        *_amounts("units", "wallets", {INNER.code: says.units_minor}, {INNER.code: read.units_minor}),
        *_amounts("consideration", "wallets", says.consideration, read.consideration),
        *_amounts("deferred", "subscriptions", says.deferred, read.deferred),
    ]
    for book in sorted({book for book, _ in (*says.accounts, *read.accounts)}):
        told_of = {code: minor for (one, code), minor in says.accounts.items() if one == book}
        found_of = {code: minor for (one, code), minor in read.accounts.items() if one == book}
        sums += _amounts(f"accounts.{book}", "balances", told_of, found_of)
    for field, table, told_amount, found_amount in sums:
        _differs(findings, read, field, table, told_amount, found_amount)
    if says.complete:
        for code, minor in read.rest().items():
            rest = Money(abs(minor), currency(code))
            more, less = ("owned", "owed") if minor > 0 else ("owed", "owned")
            findings.add(
                FILE,
                0,
                "complete",
                f"The books don't balance in {code}: {rest} more is {more} than {less} and in equity",
                'Bring what is missing in balances, or say "complete": false and bring it later.',
            )


def _amounts(
    field: str, table: str, told: Mapping[str, int], found: Mapping[str, int]
) -> Iterator[tuple[str, str, str, str]]:
    for code in sorted(told.keys() | found.keys()):
        if told.get(code, 0) != found.get(code, 0):
            unit = currency(code)
            yield field, table, str(Money(told.get(code, 0), unit)), str(Money(found.get(code, 0), unit))


def _differs(findings: Findings, read: Read, field: str, table: str, told: str, found: str) -> None:
    unread = read.unread[table]
    because = f", without {unread} rows that can't be read" if unread else ""
    findings.add(
        FILE,
        0,
        field,
        f"The older system says {told}, the rows of {table} make {found}{because}",
        "One of the two is not the whole: write both from the same moment.",
    )


def tell_new(read: Read, files: Mapping[str, str], findings: Findings, *, finished_at: datetime) -> None:
    """After a take-over was finished, a row that was not taken then is a difference too."""
    for table, name in _TABLE_OF.items():
        for (line,) in read.scratch.rows(f"SELECT line FROM {table} WHERE taken = 0 ORDER BY line"):
            findings.add(
                files[name],
                line,
                "",
                f"The row was not there when the take-over was finished on {finished_at:%Y-%m-%d %H:%M} UTC",
                "Nothing is added to a finished take-over: bring it under another system's name.",
            )


def tell_gone(read: Read, files: Mapping[str, str], findings: Findings) -> None:
    """A row that was taken over before and is in the file no more is a difference."""
    taken = services.get(Accounting).count_taken(system=read.control.system)
    for table, name in _TABLE_OF.items():
        there = read.scratch.number(f"SELECT count(DISTINCT id) FROM {table} WHERE taken = 1")
        if (gone := taken.get(_KIND_OF[table], 0) - there) > 0:
            findings.add(
                files[name],
                0,
                "",
                f"{gone} of the rows that were taken over before are not in the file any more",
                "What was taken stays: bring the rows back, and change here by hand what has to be.",
            )
