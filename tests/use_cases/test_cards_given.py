"""CRD-10 and CRD-11: virtual cards come as designed mails with PDF and QR code, to their buyers or as gifts at their day."""

from __future__ import annotations

import io
import re
import smtplib
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.mail.backends import locmem
from structlog.testing import capture_logs

from tests.builders.books import assert_books_prove
from tests.builders.cards import an_approved_batch
from tests.builders.people import NOW, a_command, a_player
from warchest.cards.contract import (
    BoughtCard,
    Cards,
    GiftState,
    GiftWish,
    UnableToBuyCard,
    UnableToHandleBoughtCard,
)
from warchest.delivery.contract import Delivery, MailState
from warchest.delivery.operations import mails
from warchest.jobs.gifts import deliver_gifts, forget_card_codes
from warchest.journeys.activate_card import activate_card
from warchest.journeys.buy_card import buy_card
from warchest.journeys.cancel_bought_card import cancel_bought_card
from warchest.journeys.give_card import correct_gift
from warchest.journeys.show_bought_code import show_bought_code
from warchest.kernel.money import Money
from warchest.runtime.services import services

pytestmark = [
    pytest.mark.usefixtures("database", "mailbox"),
    pytest.mark.use_case("CRD-10"),
    pytest.mark.use_case("CRD-11"),
    pytest.mark.in_process("the mailbox is one in memory, and the mail server one that fails"),
]

CODE = re.compile(r"\b(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}\b")
TO_LISA = GiftWish(
    recipient="lisa@elsewhere.example", name="Lisa", message="Happy birthday!\nSee you <soon>", language="de"
)


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    from django.conf import settings

    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
    outgoing.outbox = []
    yield outgoing.outbox
    del outgoing.outbox


def cards() -> Cards:
    return services.get(Cards)


def delivery() -> Delivery:
    return services.get(Delivery)


def work(at: datetime = NOW) -> None:
    """A round of the worker's pulses."""
    deliver_gifts(at=at)
    delivery().catch_up(at=at)
    delivery().send_mails(at=at)
    deliver_gifts(at=at)
    delivery().catch_up(at=at)
    delivery().send_mails(at=at)


def bought(player: Any, *, gift: GiftWish | None = None) -> BoughtCard:
    batch = an_approved_batch(
        quantity=10, virtual=True, stock=True, reseller="", margin_bps=0, product="gift-10"
    )
    return buy_card(a_command(), player=player.id, batch=batch.id, gift=gift).answer


def stands(card: BoughtCard) -> BoughtCard:
    return cards().bought_card(bought_id=card.id, buyer=card.buyer, at=NOW)


def gift_letters(mailbox: list[Any]) -> list[Any]:
    return [letter for letter in mailbox if letter.to == ["lisa@elsewhere.example"]]


def refuse(monkeypatch: pytest.MonkeyPatch, problem: Exception, *, to: str = "lisa@") -> None:
    really_send = locmem.EmailBackend.send_messages

    def send(self: Any, messages: Any) -> int:
        if messages[0].to[0].startswith(to):
            raise problem
        return really_send(self, messages)

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", send)


REFUSED = smtplib.SMTPRecipientsRefused({"lisa@elsewhere.example": (550, b"no such user")})


class TestTheBuyersMail:
    def test_brings_code_picture_and_pdf(self, mailbox: list[Any]) -> None:
        buyer = a_player(nickname="ann", with_units="2000")
        card = bought(buyer)
        work()
        letter = next(one for one in mailbox if "10.00 EUR" in one.subject)
        _, given = show_bought_code(a_command(), player=buyer.id, card=card.id)
        assert letter.to == ["ann@example.org"]
        assert letter.subject == "Your card from Warchest: 10.00 EUR"
        ((html, _),) = letter.alternatives
        link = f"http://127.0.0.1:8000/activate#{given.code}"
        for text in (letter.body, html):
            assert given.code in text
            assert link in text
            assert CODE.findall(text.replace(link, "").replace(given.code, "")) == []
        assert given.code not in letter.subject
        picture, pdf = letter.attachments
        assert isinstance(picture, Message)
        assert picture["Content-ID"] == "<qr>"
        assert 'src="cid:qr"' in html
        assert pdf.filename == f"{card.serial}.pdf"
        assert given.code in text_of(pdf.content)

    def test_has_no_code_once_the_card_was_given_back(self, mailbox: list[Any]) -> None:
        buyer = a_player(with_units="2000")
        card = bought(buyer)
        delivery().catch_up(at=NOW)
        cancel_bought_card(a_command(), player=buyer.id, card=card.id)
        work()
        assert not any(CODE.search(letter.body) for letter in mailbox)
        mail = delivery().find_mail(key=f"card:{card.id}")
        assert mail is not None
        assert (mail.state, mail.error) == (MailState.FAILED, "nothing_to_send")

    def test_starts_the_time_after_which_its_code_is_forgotten(self, mailbox: list[Any]) -> None:
        buyer = a_player(with_units="2000")
        card = bought(buyer)
        assert forget_card_codes(at=NOW + timedelta(days=40)) == 0
        work(NOW + timedelta(days=1))
        assert forget_card_codes(at=NOW + timedelta(days=30)) == 0
        assert forget_card_codes(at=NOW + timedelta(days=32)) == 1
        assert not stands(card).code_kept


class TestAGift:
    def test_goes_at_its_day_in_the_recipients_language_and_its_sender_is_told(
        self, mailbox: list[Any]
    ) -> None:
        buyer = a_player(nickname="ann", with_units="2000")
        day = NOW + timedelta(days=3)
        wish = GiftWish(TO_LISA.recipient, TO_LISA.name, TO_LISA.message, day, "de")
        card = bought(buyer, gift=wish)
        work(NOW + timedelta(days=2))
        assert gift_letters(mailbox) == []
        work(day)
        (letter,) = gift_letters(mailbox)
        ((html, _),) = letter.alternatives
        assert '<html lang="de"' in html
        assert "ann" in letter.subject
        assert "Happy birthday!\nSee you <soon>" in letter.body
        assert "See you &lt;soon&gt;" in html
        code = CODE.search(letter.body)
        assert code
        assert stands(card).gift.state is GiftState.DELIVERED
        (told,) = [one for one in mailbox if one.to == ["ann@example.org"] and "gift" in one.subject]
        assert told.subject == "Your gift has arrived"
        assert code.group() not in told.body
        work(day + timedelta(hours=1))
        assert len(gift_letters(mailbox)) == 1
        # Whoever got it uses it.
        friend = a_player()
        activate_card(a_command(), player=friend.id, code=code.group())
        assert_books_prove()

    def test_is_shown_to_nobody_but_the_recipient(self) -> None:
        buyer = a_player(with_units="2000")
        card = bought(buyer, gift=TO_LISA)
        with pytest.raises(UnableToHandleBoughtCard) as refused:
            show_bought_code(a_command(), player=buyer.id, card=card.id)
        assert refused.value.reason == "code_is_gift"

    def test_can_be_given_back_before_its_mail_began_and_not_after(self, mailbox: list[Any]) -> None:
        buyer = a_player(with_units="3000")
        later = GiftWish(TO_LISA.recipient, deliver_at=NOW + timedelta(days=3))
        waiting, sent = bought(buyer, gift=later), bought(buyer, gift=TO_LISA)
        cancel_bought_card(a_command(), player=buyer.id, card=waiting.id)
        assert stands(waiting).gift.state is GiftState.STOPPED
        work()
        with pytest.raises(UnableToHandleBoughtCard) as refused:
            cancel_bought_card(a_command(), player=buyer.id, card=sent.id)
        assert refused.value.reason == "gift_delivered"
        work(NOW + timedelta(days=3))
        assert len(gift_letters(mailbox)) == 1
        assert_books_prove()

    def test_given_back_while_its_mail_waits_is_never_written(self, mailbox: list[Any]) -> None:
        buyer = a_player(with_units="2000")
        card = bought(buyer, gift=TO_LISA)
        deliver_gifts(at=NOW)
        cancel_bought_card(a_command(), player=buyer.id, card=card.id)
        work()
        assert gift_letters(mailbox) == []
        assert services.get(Cards).card(serial=card.serial, at=NOW).state == "void"

    def test_of_a_frozen_player_waits(self, mailbox: list[Any]) -> None:
        from warchest.members.models import Player

        buyer = a_player(with_units="2000")
        bought(buyer, gift=TO_LISA)
        Player.objects.filter(id=buyer.id).update(state="frozen")
        work()
        assert gift_letters(mailbox) == []
        Player.objects.filter(id=buyer.id).update(state="active")
        work()
        assert len(gift_letters(mailbox)) == 1

    @pytest.mark.parametrize(
        ("wish", "reason"),
        [
            (GiftWish("lisa"), "gift_address_malformed"),
            (GiftWish("lisa@elsewhere.example\nBcc: all@x.example"), "gift_address_malformed"),
            (GiftWish("lisa@elsewhere.example", message="x" * 301), "gift_message_too_long"),
            (GiftWish("lisa@elsewhere.example", name="a\nb"), "gift_name_malformed"),
            (
                GiftWish("lisa@elsewhere.example", deliver_at=NOW - timedelta(days=1)),
                "gift_date_out_of_range",
            ),
            (
                GiftWish("lisa@elsewhere.example", deliver_at=NOW + timedelta(days=400)),
                "gift_date_out_of_range",
            ),
            (GiftWish("lisa@elsewhere.example", language="xx"), "gift_language_unknown"),
        ],
    )
    def test_is_looked_at_before_anything_is_bought(self, wish: GiftWish, reason: str) -> None:
        buyer = a_player(with_units="2000")
        with pytest.raises(UnableToBuyCard) as refused:
            bought(buyer, gift=wish)
        assert refused.value.reason == reason
        assert cards().bought_cards(buyer=buyer.id, at=NOW) == ()


class TestAMailThatComesBack:
    def test_is_told_to_its_sender_who_corrects_the_address(
        self, mailbox: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        buyer = a_player(nickname="ann", with_units="2000")
        card = bought(buyer, gift=TO_LISA)
        refuse(monkeypatch, REFUSED)
        work()
        assert stands(card).gift.state is GiftState.BOUNCED
        assert [one.subject for one in mailbox if "gift" in one.subject] == ["Your gift came back"]
        with pytest.raises(UnableToHandleBoughtCard) as malformed:
            correct_gift(a_command(), player=buyer.id, card=card.id, recipient="lisa")
        assert malformed.value.reason == "gift_address_malformed"
        again = correct_gift(
            a_command(), player=buyer.id, card=card.id, recipient="lisa.b@elsewhere.example"
        ).answer
        assert (again.gift.state, again.gift.sends) == (GiftState.WAITING, 2)
        # The sender did that in the real world, where time goes on.
        monkeypatch.undo()
        from django.conf import settings

        monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
        work(NOW + timedelta(minutes=1))
        assert stands(card).gift.state is GiftState.DELIVERED
        assert [one.to for one in mailbox if CODE.search(one.body)] == [["lisa.b@elsewhere.example"]]
        assert_books_prove()

    def test_or_takes_it_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        buyer = a_player(with_units="2000")
        card = bought(buyer, gift=TO_LISA)
        refuse(monkeypatch, REFUSED)
        work()
        assert cancel_bought_card(a_command(), player=buyer.id, card=card.id).answer.units == Money.units(
            100000
        )
        assert_books_prove()

    def test_for_now_is_tried_again_by_itself(
        self, mailbox: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        card = bought(a_player(with_units="2000"), gift=TO_LISA)
        with monkeypatch.context() as busy:
            refuse(busy, smtplib.SMTPRecipientsRefused({"lisa@elsewhere.example": (451, b"later")}))
            work()
        assert stands(card).gift.state is GiftState.SENDING
        work(NOW + timedelta(minutes=2))
        assert stands(card).gift.state is GiftState.DELIVERED
        assert len(gift_letters(mailbox)) == 1


class TestAMailThatMayHaveLeft:
    def test_is_unknown_until_a_person_says_so(
        self, mailbox: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        buyer = a_player(with_units="2000")
        card = bought(buyer, gift=TO_LISA)
        with monkeypatch.context() as cut:
            refuse(cut, smtplib.SMTPServerDisconnected("cut"))
            work()
        assert stands(card).gift.state is GiftState.UNKNOWN
        work(NOW + timedelta(days=1))
        assert gift_letters(mailbox) == []
        # Somebody may have the code: it stays given.
        with pytest.raises(UnableToHandleBoughtCard) as refused:
            cancel_bought_card(a_command(), player=buyer.id, card=card.id)
        assert refused.value.reason == "gift_on_its_way"
        mail = delivery().find_mail(key=f"gift:{card.id}:1")
        assert mail is not None
        delivery().send_mail_again(mail_id=mail.id, at=NOW)
        work(NOW + timedelta(days=1))
        assert stands(card).gift.state is GiftState.DELIVERED
        assert len(gift_letters(mailbox)) == 1

    def test_is_not_written_again_once_its_sender_has_named_another_address(
        self, mailbox: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        buyer = a_player(with_units="2000")
        card = bought(buyer, gift=TO_LISA)
        with monkeypatch.context() as cut:
            refuse(cut, smtplib.SMTPServerDisconnected("cut"))
            work()
        correct_gift(a_command(), player=buyer.id, card=card.id, recipient="lisa.b@elsewhere.example")
        first = delivery().find_mail(key=f"gift:{card.id}:1")
        assert first is not None
        delivery().send_mail_again(mail_id=first.id, at=NOW)
        work(NOW + timedelta(minutes=1))
        assert [one.to for one in mailbox if CODE.search(one.body)] == [["lisa.b@elsewhere.example"]]


class TestKilled:
    """At each step, and everything goes on where it was: nobody gets two mails, and no card is lost."""

    @pytest.mark.parametrize("step", ["queue", "begin", "written", "sent", "ended"])
    def test_on_its_way(self, step: str, mailbox: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        import warchest.jobs.gifts as job
        from warchest.cards.service import LocalCards

        card = bought(a_player(with_units="2000"), gift=TO_LISA)

        def die(*_arguments: object, **_values: object) -> None:
            raise SystemExit

        places = {
            "queue": (mails, "as_mail"),
            "begin": (LocalCards, "begin_gift"),
            "written": (locmem.EmailBackend, "send_messages"),
            "sent": (mails, "_write_down"),
            "ended": (job, "end_gift"),
        }
        place, name = places[step]
        with monkeypatch.context() as killed:
            killed.setattr(place, name, staticmethod(die) if place is LocalCards else die)
            with pytest.raises(SystemExit):
                work()
        work(NOW + timedelta(minutes=1))
        if step in ("written", "sent"):
            # Nobody knows whether it left: a person looks, and sends it again or not.
            work(NOW + mails.DOUBT_AFTER + timedelta(minutes=2))
            assert stands(card).gift.state is GiftState.UNKNOWN
            assert len(gift_letters(mailbox)) == (step == "sent")
        else:
            assert stands(card).gift.state is GiftState.DELIVERED
            assert len(gift_letters(mailbox)) == 1
        assert_books_prove()


class TestNothingIsLeftLying:
    def test_no_code_address_or_message_is_in_clear_anywhere(
        self, mailbox: list[Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        logged = caplog
        logged.set_level("DEBUG")
        buyer = a_player(nickname="ann", with_units="3000")
        with capture_logs() as lines:
            own, gift = bought(buyer), bought(buyer, gift=TO_LISA)
            work()
            _, given = show_bought_code(a_command(), player=buyer.id, card=own.id)
        (letter,) = gift_letters(mailbox)
        code = CODE.search(letter.body)
        assert code
        secrets = [given.code, code.group(), "elsewhere.example", "Happy birthday"]
        secrets += [one.replace("-", "") for one in secrets[:2]]
        text = everything() + str(lines) + logged.text
        assert own.serial in text
        assert [one for one in secrets if one in text or one.encode().hex() in text] == []
        forget_card_codes(at=NOW + timedelta(days=31))
        assert (stands(own).code_kept, stands(gift).code_kept) == (False, False)
        assert cards().gift_words(bought_id=gift.id, buyer=buyer.id) is None


def everything() -> str:
    """All rows of all tables, as text."""
    with services.database("cards").cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        rows = []
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT coalesce(string_agg(row::text, E'\\n'), '') FROM {table} AS row")
            rows.append(cursor.fetchone()[0])
    return "\n".join(rows)


def text_of(pdf: bytes) -> str:
    from pypdf import PdfReader

    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
