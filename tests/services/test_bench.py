"""The benchmark runs, and its table is whole. No figure is looked at: those belong to the machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.__main__ import QUICK, measure
from bench.board import Board, Goal, Line
from bench.contender import BARE, PGLEDGER, TIGERBEETLE
from bench.server import SETTINGS, describe, durable_server

OURS = Line("purchases", "ours", "8 callers")
PEER = Line("purchases", "peer", "8 callers")


class TestMeasuringOurs:
    @pytest.mark.slow
    def test_every_row_of_ours_has_a_figure_and_every_peer_says_why_it_has_none(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        for variable in (PGLEDGER, TIGERBEETLE):
            monkeypatch.delenv(variable, raising=False)
        tiny = replace(
            QUICK,
            seconds=0.1,
            players=1_000,
            journey_players=60,
            postings=(0, 15_000),
            wal_purchases=60,
            only=frozenset({"warchest"}),
        )
        with durable_server(None) as server:
            facts = describe(server)
            board = measure(server, tiny)
        assert board.failures == []
        assert "fsync=on" in facts["settings"]
        assert SETTINGS["synchronous_commit"] == "on"
        ours = {line for line in board.lines if line.who in ("Warchest", "full scan", BARE.name)}
        assert {line: board.notes.get(line) for line in ours if not board.values.get(line)} == {}
        assert all(board.notes[line] for line in board.lines if line not in ours)


class TestTheTable:
    def test_a_ratio_is_taken_round_by_round(self):
        board = a_board(ours=[100, 300], peer=[10, 10])
        assert board.ratios(board.goals[0]) == [10, 30]
        assert board.verdict(board.goals[0]) == "met"

    def test_where_less_is_better_the_ratio_says_how_many_times_less(self):
        board = a_board(ours=[100], peer=[900], less=True)
        assert board.ratios(board.goals[0]) == [9]
        assert board.verdict(board.goals[0]) == "not met"

    def test_the_best_of_several_lines_stands_for_a_side(self):
        board = a_board(ours=[100], peer=[10])
        quicker = Line("purchases", "peer", "2 callers")
        board.declare(quicker)
        board.add(quicker, 50)
        goal = Goal((OURS,), (PEER, quicker), 10)
        assert board.ratios(goal) == [2]

    def test_a_missing_peer_is_printed_as_missing_and_its_goal_as_not_measured(self):
        board = a_board(ours=[100], peer=[])
        board.note(PEER, "missing: it is not installed")
        told = board.table()
        assert "missing: it is not installed" in told
        assert "not measured" in told


def a_board(*, ours: list[float], peer: list[float], less: bool = False) -> Board:
    board = Board()
    board.declare(OURS, PEER)
    board.goals.append(Goal((OURS,), (PEER,), 10, less=less))
    for line, values in ((OURS, ours), (PEER, peer)):
        for value in values:
            board.add(line, value)
    return board
