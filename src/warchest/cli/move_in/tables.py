"""Tables as files: CSV with a heading, or JSON lines. Read row by row, however long they are."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from warchest.cli.move_in.findings import Findings

_BYTES_OF_LINE_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Columns:
    """``needed`` must be there and have something in them, row by row; of the ``others`` each may be left out."""

    table: str
    needed: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return self.needed + self.others


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it is written. What is left out is empty."""

    file: str
    number: int
    values: Mapping[str, str]


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


def find(folder: Path, table: str) -> list[Path]:
    """The files of a table in the folder: ``players.csv`` or ``players.jsonl``."""
    return [file for ending in ("csv", "jsonl") if (file := folder / f"{table}.{ending}").is_file()]


def read(file: Path, columns: Columns, findings: Findings, digest: Digest) -> Iterator[Line]:
    """All rows that have the form of one. What has not is told. The ``digest`` is of all bytes that were read."""
    lines = _texts(file, findings, digest)
    yield from (_csv if file.suffix == ".csv" else _json)(file.name, lines, columns, findings)


def _texts(file: Path, findings: Findings, digest: Digest) -> Iterator[str]:
    def wrong(problem: str, mend: str) -> None:
        findings.add(file.name, number, "", problem, mend)

    with file.open("rb") as opened:
        number = 0
        while raw := opened.readline(_BYTES_OF_LINE_MAX):
            number += 1
            digest.update(raw)
            if len(raw) == _BYTES_OF_LINE_MAX:
                wrong("The line is longer than 64 KiB", "See that lines end where rows do.")
                return
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                wrong(f"Byte {error.start + 1} of the line is no UTF-8", "Write the file in UTF-8.")
                text = raw.decode("utf-8", errors="replace")
            if "\0" in text:
                wrong("The line has a zero byte", "Write the file in UTF-8.")
                text = text.replace("\0", "")
            yield text


def _csv(file: str, lines: Iterator[str], columns: Columns, findings: Findings) -> Iterator[Line]:
    reader = csv.reader(lines, strict=True)
    heading: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if heading is None:
                heading = [cell.strip().lower() for cell in cells]
                if not _is_heading(file, heading, columns, findings):
                    return
                continue
            if len(cells) != len(heading):
                findings.add(
                    file,
                    reader.line_num,
                    "",
                    f"The row has {len(cells)} fields, the heading {len(heading)}",
                    'Put values that have commas in "quotes".',
                )
                continue
            values = {name: cell.strip() for name, cell in zip(heading, cells, strict=True)}
            yield _whole(Line(file, reader.line_num, values), columns, findings)
    except csv.Error as error:
        findings.add(
            file, reader.line_num, "", f"From here on the file can't be read: {error}", "Close every quote."
        )
    if heading is None:
        findings.add(
            file, 0, "", "The file is empty", f"Begin it with a heading: {','.join(columns.needed)}."
        )


def _is_heading(file: str, heading: list[str], columns: Columns, findings: Findings) -> bool:
    for name in columns.needed:
        if name not in heading:
            findings.add(
                file,
                1,
                name,
                "The heading lacks this column",
                f"It needs {', '.join(columns.needed)}, separated by commas.",
            )
    for place, name in enumerate(heading):
        if name not in columns.all:
            known = ", ".join(columns.all)
            findings.add(file, 1, name, "Nobody knows this column", f"Leave it out; there are {known}.")
        elif name in heading[:place]:
            findings.add(file, 1, name, "The column is there twice", "Leave one out.")
    return all(name in heading for name in columns.needed)


def _json(file: str, lines: Iterator[str], columns: Columns, findings: Findings) -> Iterator[Line]:
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            found = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            findings.add(file, number, "", f"The line is no JSON ({error})", "Write one object a line.")
            continue
        if not isinstance(found, dict):
            findings.add(file, number, "", "The line is no JSON object", "Write one object a line.")
            continue
        values = {}
        for name, value in found.items():
            if name not in columns.all:
                known = ", ".join(columns.all)
                findings.add(
                    file, number, name, "Nobody knows this field", f"Leave it out; there are {known}."
                )
            elif (written := _written(value)) is None:
                findings.add(
                    file,
                    number,
                    name,
                    "The value is neither text nor true or false",
                    'Write amounts as "10.00".',
                )
            else:
                values[name] = written
        yield _whole(Line(file, number, values), columns, findings)


def _written(value: Any) -> str | None:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.strip() if isinstance(value, str) else None


def _whole(line: Line, columns: Columns, findings: Findings) -> Line:
    for name in columns.needed:
        if not line.values.get(name):
            findings.add(
                line.file, line.number, name, "Nothing is written here", "It is needed in every row."
            )
    return line
