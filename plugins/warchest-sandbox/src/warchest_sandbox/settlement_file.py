"""The sandbox's settlement file: CSV in UTF-8, so that a spreadsheet opens it, and control totals, so that nothing is missing.

::

    settlement,1,stl_…,EUR,2026-11-22,SANDBOX 4F1C…
    line,mov_…,payment,20.00,0.53,2026-11-22T20:15:00+00:00,<our reference>,pay_…,
    line,mov_…,payout,-19.47,0.00,2026-11-22T23:00:00+00:00,,stl_…,transfer SANDBOX 4F1C…
    end,2,0.00,0.53,19.47

``end`` tells how many lines there were, what their gross amounts and their fees add up to, and what was paid out. A file
holds any number of settlements one after the other, and a last record ``file-end`` with their number.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from warchest.kernel.money import Money
from warchest.sdk.payments import UnableToRead
from warchest_sandbox.wire import LineTold, SettlementTold

_VERSION = "1"


def settlement_file(settlements: Iterable[SettlementTold]) -> bytes:
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n").writerow
    count = 0
    for told in settlements:
        count += 1
        write(
            ["settlement", _VERSION, told.id, told.currency, told.settled_on, told.payout_reference],
        )
        for line in told.lines:
            write(
                [
                    *("line", line.id, line.kind, line.gross, line.fee, line.occurred_at),
                    *(line.reference, line.provider_reference, line.description),
                ]
            )
        gross, fee = _totals(told.lines, told.currency)
        write(["end", len(told.lines), gross, fee, told.paid_out])
    write(["file-end", count])
    return text.getvalue().encode()


def read_settlement_file(data: bytes) -> list[SettlementTold]:
    """The settlements of a whole file.

    Raises UnableToRead; UnableToReadAmount and UnableToFindCurrency for an amount that is none.
    """
    try:
        rows = [row for row in csv.reader(io.StringIO(data.decode(), newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error):
        raise UnableToRead("file_malformed") from None
    if not rows or rows[0][:2] not in (["settlement", _VERSION], ["file-end", "0"]):
        raise UnableToRead("file_malformed")
    if rows[-1][0] != "file-end":
        raise UnableToRead("file_not_whole")
    read: list[SettlementTold] = []
    head: Sequence[str] | None = None
    lines: list[LineTold] = []
    for row in rows[:-1]:
        match row:
            case ["settlement", _, _, _, _, _] if head is None:
                head, lines = row, []
            case ["line", id, kind, gross, fee, at, ours, theirs, text] if head is not None:
                lines.append(LineTold(id, kind, gross, fee, at, ours, theirs, text))
            case ["end", count, gross, fee, paid_out] if head is not None:
                if (count, gross, fee) != (str(len(lines)), *_totals(lines, head[3])):
                    raise UnableToRead("file_not_whole")
                read.append(SettlementTold(head[2], head[3], head[4], paid_out, head[5], tuple(lines)))
                head = None
            case _:
                raise UnableToRead("file_malformed")
    if head is not None or rows[-1] != ["file-end", str(len(read))]:
        raise UnableToRead("file_not_whole")
    return read


def _totals(lines: Sequence[LineTold], currency: str) -> tuple[str, str]:
    nought = Money.parse("0", currency)
    gross = sum((Money.parse(line.gross, currency) for line in lines), nought)
    fee = sum((Money.parse(line.fee, currency) for line in lines), nought)
    return gross.major, fee.major
