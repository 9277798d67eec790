"""What callers asked for and what they heard, on the disk before anybody goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Notes:
    """One caller's file. A line that was being written at the moment of death was not acknowledged to anybody."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def asks(self, key: str, work: str, arguments: dict[str, Any]) -> None:
        self._write({"key": key, "work": work, "arguments": arguments})

    def heard(self, key: str, outcome: str) -> None:
        self._write({"key": key, "outcome": outcome})

    def alarm(self, text: str) -> None:
        """What must never happen, whatever is killed."""
        self._write({"alarm": text})

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")
        os.fsync(self._file)


@dataclass
class Asked:
    """One key: what was asked under it, and what was answered (None: nobody heard an answer)."""

    work: str
    arguments: dict[str, Any]
    outcome: str | None = None


def read(folder: Path) -> tuple[dict[str, Asked], list[str]]:
    """All that was asked, and all alarms."""
    asked: dict[str, Asked] = {}
    alarms = []
    for line in _lines(folder):
        if "alarm" in line:
            alarms.append(line["alarm"])
        elif "work" in line:
            asked.setdefault(line["key"], Asked(line["work"], line["arguments"]))
        else:
            asked[line["key"]].outcome = line["outcome"]
    return asked, alarms


def _lines(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.notes")):
        for line in file.read_text().split("\n")[:-1]:
            yield json.loads(line)
