"""One database does not answer: what has nothing to do with it is forgotten, answered and told all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from django.db import OperationalError, connections

from tests.builders.cards import a_batch
from tests.builders.people import a_command, a_player
from tests.services.test_two_phase import activate, assert_all_happened
from tests.services.test_two_phase_mishaps import left_open
from warchest.kernel.errors import TryAgain
from warchest.runtime import feed, two_phase

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.spread]

# Registering promises in people, activating in the shop.


@contextmanager
def silent(monkeypatch: pytest.MonkeyPatch, alias: str) -> Iterator[None]:
    in_doubt = two_phase.in_doubt

    def asked(*, databases: Sequence[str] | None = None) -> tuple[two_phase.InDoubt, ...]:
        if databases is None or alias in databases:
            raise OperationalError("away")
        return in_doubt(databases=databases)

    with monkeypatch.context() as patched:
        patched.setattr(two_phase, "in_doubt", asked)
        yield


def decided() -> list[tuple[int, list[str]]]:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT number, databases FROM runtime_decision WHERE outcome = 'commit' ORDER BY number"
        )
        return [(number, databases) for number, databases in cursor.fetchall()]


@pytest.fixture
def alter(superuser_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(superuser_dsn, autocommit=True) as superuser:
        yield superuser


def pass_a_minute(superuser: psycopg.Connection) -> None:
    superuser.execute("UPDATE runtime_decision SET recorded_at = recorded_at - interval '1 minute'")


class TestDeciding:
    def test_writes_down_who_promises(self):
        player, (card, *_) = a_player(), a_batch().cards
        activate(a_command(), player, card)
        assert decided()[-1][1] == ["shop"]
        assert ["people"] in [databases for _, databases in decided()]

    def test_the_code_before_names_none(self, alter):
        alter.execute(
            "INSERT INTO runtime_decision (transaction, outcome, number, keys, recorded_at)"
            " VALUES (gen_random_uuid(), 'commit', 7, '{}', now())"
        )
        assert decided()[0] == (7, [])


class TestForgetting:
    def test_waits_for_those_who_promised_only(self, monkeypatch, alter):
        player, (card, *_) = a_player(), a_batch().cards
        activate(a_command(), player, card)
        pass_a_minute(alter)
        with silent(monkeypatch, "people"):
            assert two_phase.recover() == 1
        assert {tuple(databases) for _, databases in decided()} == {("people",)}
        two_phase.recover()
        assert decided() == []

    def test_waits_for_all_where_nobody_wrote_them_down(self, monkeypatch, alter):
        alter.execute("UPDATE runtime_decision SET databases = '{}'")
        pass_a_minute(alter)
        before = decided()
        with silent(monkeypatch, "people"):
            two_phase.recover()
        assert decided() == before
        two_phase.recover()
        assert decided() == []

    def test_not_while_one_of_its_promises_is_open(self, monkeypatch, alter):
        player, (card, *_) = a_player(), a_batch().cards
        left_open(monkeypatch, player, card)
        pass_a_minute(alter)
        with silent(monkeypatch, "people"):
            two_phase.recover(older_than_s=3600)
            assert [databases for _, databases in decided()][-1] == ["shop"]
            two_phase.recover(older_than_s=0)
            two_phase.recover()
            assert ["shop"] not in [databases for _, databases in decided()]
        assert_all_happened(player, card)


class TestAnsweringAgain:
    def test_asks_those_who_promised_only(self, monkeypatch):
        player, (card, *_) = a_player(), a_batch().cards
        command = a_command()
        left_open(monkeypatch, player, card, command=command)
        with silent(monkeypatch, "shop"), pytest.raises(TryAgain, match="transaction_pending"):
            activate(command, player, card)
        with silent(monkeypatch, "people"):
            assert activate(command, player, card).replayed
        assert_all_happened(player, card)

    def test_asks_all_where_nobody_wrote_them_down(self, monkeypatch, alter):
        player, (card, *_) = a_player(), a_batch().cards
        command = a_command()
        activate(command, player, card)
        alter.execute("UPDATE runtime_decision SET databases = '{}'")
        with silent(monkeypatch, "people"), pytest.raises(TryAgain, match="transaction_pending"):
            activate(command, player, card)
        assert activate(command, player, card).replayed

    def test_waits_where_our_configuration_does_not_know_who_promised(self, alter):
        player, (card, *_) = a_player(), a_batch().cards
        command = a_command()
        activate(command, player, card)
        alter.execute("UPDATE runtime_decision SET databases = '{elsewhere}'")
        with pytest.raises(TryAgain, match="transaction_pending"):
            activate(command, player, card)
        pass_a_minute(alter)
        before = decided()
        two_phase.recover()
        assert decided() == before


class TestTelling:
    def test_waits_for_what_touches_the_silent_one_only(self, monkeypatch, alter):
        player, (card, *_) = a_player(), a_batch().cards
        pass_a_minute(alter)
        two_phase.recover()
        activate(a_command(), player, card)
        ((number, databases),) = decided()
        assert databases == ["shop"]
        with silent(monkeypatch, "people"):
            assert two_phase.kept_upto() is None
            assert "cards.activated" in [event.topic for _, event in feed.events()]
        with silent(monkeypatch, "shop"):
            assert two_phase.kept_upto() == number
        alter.execute("UPDATE runtime_decision SET databases = '{}'")
        with silent(monkeypatch, "people"):
            assert two_phase.kept_upto() == number

    def test_waits_for_promises_of_those_who_answer(self, monkeypatch, alter):
        player, (card, *_) = a_player(), a_batch().cards
        pass_a_minute(alter)
        two_phase.recover()
        left_open(monkeypatch, player, card)
        ((number, _),) = decided()
        with silent(monkeypatch, "people"):
            assert two_phase.kept_upto() == number
