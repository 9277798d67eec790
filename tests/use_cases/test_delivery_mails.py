"""The e-mail engine: mails that wait, leave once, and stay in doubt rather than leave twice."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.mail.backends import locmem
from django.db import connections

from tests.builders.feed import publish
from tests.builders.people import NOW, a_player
from warchest.delivery.contract import Delivery, MailKind, MailState, UnableToDeliver
from warchest.delivery.operations import mails
from warchest.kernel.ids import new_id
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database", "mailbox")


@pytest.fixture
def mailbox(settings_of_mail: None) -> Iterator[list[Any]]:
    outgoing.outbox = []
    yield outgoing.outbox
    del outgoing.outbox


@pytest.fixture
def settings_of_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")


def delivery() -> Delivery:
    return services.get(Delivery)


def send(after: timedelta = timedelta(0)) -> int:
    delivery().catch_up(at=NOW + after)
    return delivery().send_mails(at=NOW + after)


def states() -> list[MailState]:
    return [each.state for each in reversed(delivery().mails())]


@pytest.mark.in_process("the mailbox is one in memory")
class TestWelcome:
    def test_reaches_a_new_player_as_text_and_as_html(self, mailbox: list[Any]) -> None:
        a_player(nickname="ann")
        assert send() == 1
        (letter,) = mailbox
        assert letter.to == ["ann@example.org"]
        assert letter.subject == "Welcome to Warchest, ann"
        assert "Hello ann," in letter.body
        ((html, kind),) = letter.alternatives
        assert kind == "text/html"
        assert '<html lang="en" dir="ltr">' in html
        assert states() == [MailState.SENT]

    def test_is_one_mail_however_often_it_is_asked_for(self, mailbox: list[Any]) -> None:
        player = a_player().id
        send()
        again = delivery().queue_mail(key=f"welcome:{player}", kind=MailKind.WELCOME, player=player, at=NOW)
        assert again.state is MailState.SENT
        assert send() == 0
        assert len(mailbox) == 1

    def test_goes_to_nobody_when_a_past_is_filled_in(self, mailbox: list[Any]) -> None:
        a_player(at=NOW - timedelta(days=8))
        assert send() == 0
        assert delivery().mails() == ()

    def test_fails_plainly_where_there_is_nobody_to_write_to(self, mailbox: list[Any]) -> None:
        publish("players.registered", key=str(new_id()))
        assert send() == 0
        (mail,) = delivery().mails()
        assert (mail.state, mail.error) == (MailState.FAILED, "player_unknown")

    def test_keeps_no_address(self) -> None:
        a_player(nickname="ann")
        send()
        with services.database("delivery").cursor() as cursor:
            cursor.execute("SELECT string_agg(m::text, '') FROM delivery_mail AS m")
            assert "example.org" not in cursor.fetchone()[0]


@pytest.mark.in_process("the mailbox is one in memory")
class TestThePlug:
    def test_lets_mails_wait_while_it_is_out_and_go_once_when_it_is_in(self, mailbox: list[Any]) -> None:
        delivery().plug_mail_engine(plugged_in=False, at=NOW)
        delivery().plug_mail_engine(plugged_in=False, at=NOW)
        a_player()
        assert send() == 0
        assert states() == [MailState.WAITING]
        assert not delivery().mail_engine_plugged_in()
        delivery().plug_mail_engine(plugged_in=True, at=NOW)
        assert send() == 1
        assert send() == 0
        assert len(mailbox) == 1

    def test_stops_a_round_at_the_next_mail(
        self, mailbox: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            a_player()
        really_send = locmem.EmailBackend.send_messages

        def pull_the_plug(self: Any, messages: Any) -> int:
            delivery().plug_mail_engine(plugged_in=False, at=NOW)
            return really_send(self, messages)

        monkeypatch.setattr(locmem.EmailBackend, "send_messages", pull_the_plug)
        assert send() == 1
        assert sorted(states()) == [MailState.SENT, MailState.WAITING, MailState.WAITING]


@pytest.mark.in_process("the mailbox is one in memory, and the mail server one that fails")
class TestNeverTwice:
    def test_two_workers_at_once_send_each_mail_once(self, mailbox: list[Any]) -> None:
        for _ in range(20):
            a_player()
        delivery().catch_up(at=NOW)

        def work(_worker: int) -> int:
            try:
                return delivery().send_mails(at=NOW)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(work, range(2))) == 20
        assert len({letter.to[0] for letter in mailbox}) == len(mailbox) == 20

    def test_a_mail_whose_worker_died_is_left_to_a_person(
        self, mailbox: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(*_arguments: object, **_values: object) -> None:
            raise SystemExit

        a_player()
        with monkeypatch.context() as killed:
            killed.setattr(mails, "_write_down", die)
            with pytest.raises(SystemExit):
                send()
        assert send(mails.DOUBT_AFTER) == 0
        assert states() == [MailState.UNKNOWN]
        assert len(mailbox) == 1
        delivery().send_mail_again(mail_id=delivery().mails()[0].id, at=NOW)
        assert send() == 1

    @pytest.mark.parametrize(
        ("problem", "state"),
        [
            (smtplib.SMTPServerDisconnected("cut"), MailState.UNKNOWN),
            (TimeoutError("ann@example.org"), MailState.UNKNOWN),
            (smtplib.SMTPDataError(451, b"later, ann@example.org"), MailState.WAITING),
            (smtplib.SMTPRecipientsRefused({"ann@example.org": (550, b"no")}), MailState.WAITING),
        ],
        ids=["cut", "silent", "told to come later", "recipient refused"],
    )
    def test_only_what_surely_did_not_leave_is_tried_again(
        self, monkeypatch: pytest.MonkeyPatch, problem: Exception, state: MailState
    ) -> None:
        def fail(_self: Any, _messages: Any) -> int:
            raise problem

        a_player(nickname="ann")
        with monkeypatch.context() as failing:
            failing.setattr(locmem.EmailBackend, "send_messages", fail)
            assert send() == 0
        assert states() == [state]
        assert "example.org" not in delivery().mails()[0].error
        assert send(timedelta(minutes=1)) == (state is MailState.WAITING)

    def test_a_mail_server_that_is_away_costs_no_attempt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_self: Any) -> None:
            raise ConnectionRefusedError

        a_player()
        with monkeypatch.context() as away:
            away.setattr(locmem.EmailBackend, "open", fail)
            assert send() == 0
        (mail,) = delivery().mails()
        assert (mail.state, mail.attempts) == (MailState.WAITING, 0)
        assert send() == 1

    def test_a_mail_that_fails_to_the_end_of_its_schedule_is_given_up(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_self: Any, _messages: Any) -> int:
            raise smtplib.SMTPDataError(554, b"no")

        monkeypatch.setattr(locmem.EmailBackend, "send_messages", refuse)
        a_player()
        for day in range(len(mails.SCHEDULE) + 1):
            send(timedelta(days=day))
        (mail,) = delivery().mails()
        assert (mail.state, mail.attempts) == (MailState.FAILED, len(mails.SCHEDULE) + 1)

    def test_a_sent_mail_is_not_sent_again_by_anybody(self) -> None:
        a_player()
        send()
        for mail_id, reason in ((delivery().mails()[0].id, "mail_not_stuck"), (new_id(), "mail_unknown")):
            with pytest.raises(UnableToDeliver) as refused:
                delivery().send_mail_again(mail_id=mail_id, at=NOW)
            assert refused.value.reason == reason
