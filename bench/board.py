"""The one table: every figure of a run, ours beside the peers', and how each goal stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: ``what`` is measured, of ``who``, ``how`` they were called, in which ``unit``."""

    what: str
    who: str
    how: str
    unit: str = "/s"


@dataclass(frozen=True, slots=True)
class Goal:
    """``ours`` shall be ``times`` the peer's; with ``less``, the peer's shall be so many times ours.

    Where several lines stand for a side, the best of them counts. ``times`` None: the ratio is shown, and nothing promised.
    """

    ours: tuple[Line, ...]
    peer: tuple[Line, ...]
    times: float | None
    less: bool = False


@dataclass
class Board:
    """Figures come round by round; lines and goals are declared beforehand, so that nothing is missing silently."""

    lines: list[Line] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    values: dict[Line, list[float]] = field(default_factory=dict)
    notes: dict[Line, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    """What ended a section early; a peer that merely cannot be had is none."""

    def declare(self, *lines: Line) -> None:
        self.lines += [line for line in lines if line not in self.lines]

    def add(self, line: Line, value: float) -> None:
        self.values.setdefault(line, []).append(value)

    def note(self, line: Line, text: str) -> None:
        self.notes[line] = text

    def best(self, lines: Sequence[Line], *, less: bool) -> Line | None:
        measured = [line for line in lines if self.values.get(line)]
        if not measured:
            return None
        return (min if less else max)(measured, key=lambda line: median(self.values[line]))

    def ratios(self, goal: Goal) -> list[float]:
        """Round by round, so that both sides of each ratio had the same weather; empty where one is missing."""
        ours, peer = self.best(goal.ours, less=goal.less), self.best(goal.peer, less=goal.less)
        if ours is None or peer is None:
            return []
        pairs = zip(self.values[ours], self.values[peer], strict=False)
        return [theirs / own if goal.less else own / theirs for own, theirs in pairs if own and theirs]

    def verdict(self, goal: Goal) -> str:
        ratios = self.ratios(goal)
        if goal.times is None:
            return ""
        if not ratios:
            return "not measured"
        return "met" if median(ratios) >= goal.times else "not met"

    def table(self) -> str:
        """In Markdown. A goal stands on the line of ours that it is about, further goals on lines below."""
        rows = [
            ("measured", "who", "how", "median", "range; last round", "ratio (range)", "against", "goal", "")
        ]
        for line in self.lines:
            goals = [goal for goal in self.goals if self._about(goal) == line]
            first, *others = [self._goal_cells(goal) for goal in goals] or [("", "", "", "")]
            rows.append((line.what, line.who, line.how, *self._value_cells(line), *first))
            rows += [("", "", "", "", "", *cells) for cells in others]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in rows
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        return {
            "lines": [
                {
                    "measured": line.what,
                    "who": line.who,
                    "how": line.how,
                    "unit": line.unit,
                    "values": self.values.get(line, []),
                    "note": self.notes.get(line, ""),
                }
                for line in self.lines
            ],
            "goals": [
                {
                    "measured": about.what,
                    "how": about.how,
                    "against": goal.peer[0].who,
                    "ratios": self.ratios(goal),
                    "times": goal.times,
                    "verdict": self.verdict(goal),
                }
                for goal in self.goals
                if (about := self._about(goal))
            ],
        }

    def _about(self, goal: Goal) -> Line:
        return self.best(goal.ours, less=goal.less) or goal.ours[0]

    def _value_cells(self, line: Line) -> tuple[str, str]:
        values, note = self.values.get(line), self.notes.get(line, "")
        if not values:
            return "missing", note or ("a step before failed" if self.failures else "not asked for")
        spread = f"{_figure(min(values))}–{_figure(max(values))}" if len(values) > 1 else "once"
        return f"{_figure(median(values))} {line.unit}", f"{spread}{'; ' if note else ''}{note}"

    def _goal_cells(self, goal: Goal) -> tuple[str, str, str, str]:
        ratios = self.ratios(goal)
        peer = self.best(goal.peer, less=goal.less) or goal.peer[0]
        told = "–"
        if ratios:
            told = f"{_figure(median(ratios))} ×{' less' if goal.less else ''}"
            told += f" ({_figure(min(ratios))}–{_figure(max(ratios))})" if len(ratios) > 1 else ""
        wanted = f"≥ {_figure(goal.times)} ×" if goal.times else "none"
        return told, f"{peer.who}, {peer.how}", wanted, self.verdict(goal)


def _figure(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
