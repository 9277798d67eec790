"""The dry run: reads every table once, and tells all that stands in the way. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from warchest.accounting.contract import Accounting
from warchest.cli.move_in import control, crossing, rows, tables
from warchest.cli.move_in.findings import Findings
from warchest.cli.move_in.keeping import Keeper
from warchest.cli.move_in.read import Read
from warchest.cli.move_in.rows import Codes, House
from warchest.cli.move_in.scratch import Scratch, portions
from warchest.cli.move_in.tables import Columns, Line
from warchest.runtime.services import services

R = TypeVar("R")
Progress = Callable[[str, int], None]
"""Hears what is being done, and to how many rows it was."""


def examine(
    folder: Path, house: House, findings: Findings, scratch: Scratch, progress: Progress
) -> Read | None:
    """Read and examine all tables; None where the control file can't be read, without which nothing else means anything."""
    says = control.read(folder, findings)
    if says is None:
        return None
    move_in = services.get(Accounting).move_in(system=says.system)
    read = Read(control=says, scratch=scratch, finished_at=move_in.finished_at if move_in else None)
    if move_in is not None and move_in.cutover_at != house.cutover_at:
        findings.add(
            control.FILE,
            0,
            "",
            f"What was taken from {says.system} so far stands at the cut-over {move_in.cutover_at.isoformat()}",
            "Give that moment with --at.",
        )
    codes = Codes(online_services=says.online_services, plans=says.plans)
    keeper = Keeper(read, house, findings)
    files = _Files(folder, read, findings, progress)
    files.take(rows.PLAYERS, lambda line: rows.player(line, house, findings), keeper.players)
    files.take(rows.WALLETS, lambda line: rows.lot(line, house, findings), keeper.lots)
    files.take(rows.SUBSCRIPTIONS, lambda line: rows.term(line, house, codes, findings), keeper.terms)
    files.take(rows.BALANCES, lambda line: rows.balance(line, house, findings), keeper.balances)
    scratch.index()
    crossing.compare(read, files.names, findings, cutover_at=house.cutover_at)
    if move_in is not None:
        crossing.tell_gone(read, files.names, findings)
    if read.finished_at is not None:
        crossing.tell_new(read, files.names, findings, finished_at=read.finished_at)
    return read


class _Files:
    """The files of a folder, one after the other. ``names`` are what each table's file is called."""

    def __init__(self, folder: Path, read: Read, findings: Findings, progress: Progress) -> None:
        self._folder = folder
        self._read = read
        self._findings = findings
        self._progress = progress
        self.names: dict[str, str] = {}
        read.files[control.FILE] = sha256((folder / control.FILE).read_bytes()).hexdigest()

    def take(
        self,
        columns: Columns,
        read_row: Callable[[Line], R | None],
        keep: Callable[[str, Sequence[tuple[int, R]]], None],
    ) -> None:
        found = tables.find(self._folder, columns.table)
        self.names[columns.table] = found[0].name if found else f"{columns.table}.csv"
        if not found and columns is rows.PLAYERS:
            self._findings.add("players.csv", 0, "", "There is no such file", "Nobody moves in without it.")
        if len(found) > 1:
            self._findings.add(
                found[1].name, 0, "", f"There is {found[0].name} too", "Take one of them away."
            )
        if not found:
            return
        count = 0
        for portion in portions(self._sound(found[0], columns, read_row)):
            keep(found[0].name, portion)
            count += len(portion)
            self._progress(f"rows of {found[0].name} read", count)

    def _sound(
        self, file: Path, columns: Columns, read_row: Callable[[Line], R | None]
    ) -> Iterator[tuple[int, R]]:
        digest = sha256()
        for line in tables.read(file, columns, self._findings, digest):
            row = read_row(line)
            if row is None:
                self._read.unread[columns.table] += 1
            else:
                yield line.number, row
        self._read.files[file.name] = digest.hexdigest()
