"""What is wrong with the files, where, and how to mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_SHOWN_OF_A_KIND = 10
_KINDS_MAX = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """``line`` is 0 where it is about the whole file. Never quotes an address or a password."""

    file: str
    line: int
    field: str
    problem: str
    mend: str

    def __str__(self) -> str:
        place = ", ".join(filter(None, [self.file, f"line {self.line}" if self.line else "", self.field]))
        return f"{place}: {self.problem}. {self.mend}"


class Findings:
    """All of them are counted; of those that are mended alike the first few are kept, so that a report stays readable."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], list[Finding]] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def add(self, file: str, line: int, field: str, problem: str, mend: str) -> None:
        kind = file, field, mend
        self._counts[kind] += 1
        kept = self._kept.setdefault(kind, []) if len(self._kept) < _KINDS_MAX else self._kept.get(kind)
        if kept is not None and len(kept) < _SHOWN_OF_A_KIND:
            kept.append(Finding(file, line, field, problem, mend))

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __len__(self) -> int:
        return self._counts.total()

    def lines(self) -> Iterator[str]:
        """The report, file by file in the order in which they were read."""
        for kind, kept in self._kept.items():
            yield from map(str, kept)
            if more := self._counts[kind] - len(kept):
                yield f"{kind[0]}, {kind[1]}: {more} more of the same kind"
        if other := self._counts.total() - sum(self._counts[kind] for kind in self._kept):
            yield f"{other} more of other kinds"
