"""Documents on paper: as PDF in the player's language, and in the mail."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.documents import (
    a_paid_payment,
    a_provider,
    buy_a_month,
    documents,
    documents_of,
    issue,
)
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from tests.builders.watched import database_of
from warchest.delivery.contract import Delivery, MailKind, MailState
from warchest.journeys.hold_units import capture_hold, reserve_units
from warchest.journeys.send_document_again import send_document_again
from warchest.kernel.money import Money
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database", "provider")


@pytest.fixture
def provider() -> Iterator[None]:
    with a_provider():
        yield


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    from django.conf import settings

    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
    outgoing.outbox = []
    yield outgoing.outbox
    del outgoing.outbox


def delivery() -> Delivery:
    return services.get(Delivery)


def send() -> int:
    delivery().catch_up(at=NOW)
    return delivery().send_mails(at=NOW)


def text_of(pdf: bytes) -> str:
    from pypdf import PdfReader

    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).replace("\u00a0", " ")


@pytest.mark.use_case("PAY-14")
class TestPdf:
    def test_says_what_the_document_says(self) -> None:
        ann = a_player(nickname="ann").id
        payment = a_paid_payment(ann)
        buy_a_month(ann)
        issue()
        receipt, invoice = documents_of(ann)
        text = text_of(delivery().render_document(document_id=receipt.id).content)
        for wanted in (
            "Receipt",
            "R-2026-000001",
            "20.00 EUR",
            "1 EUR = 100 credits",
            str(payment.id),
            "ann",
        ):
            assert wanted in text
        text = text_of(delivery().render_document(document_id=invoice.id).content)
        for wanted in (
            "Invoice",
            "I-2026-000001",
            "19 %",
            "4.20 EUR",
            "0.80 EUR",
            "5.00 EUR",
            "Taxed in Germany",
        ):
            assert wanted in text

    def test_is_the_same_to_the_byte_whenever_it_is_made(self) -> None:
        ann = a_player().id
        a_paid_payment(ann)
        issue()
        (receipt,) = documents_of(ann)
        first = delivery().render_document(document_id=receipt.id)
        assert first == delivery().render_document(document_id=receipt.id)
        # In another process, too, whose dictionaries have another order.
        code = (
            "import django; django.setup()\nfrom uuid import UUID\n"
            "from warchest.delivery.contract import Delivery\nfrom warchest.runtime.services import services\n"
            "import sys, hashlib\n"
            f"content = services.get(Delivery).render_document(document_id=UUID('{receipt.id}')).content\n"
            "print(hashlib.sha256(content).hexdigest())"
        )
        environment = {
            **os.environ,
            "PYTHONHASHSEED": "7",
            "WARCHEST_DATABASE_NAME": database_of("accounting"),
        }
        other = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        from hashlib import sha256

        assert other.stdout.split()[-1] == sha256(first.content).hexdigest()

    def test_is_set_for_many_at_once(self) -> None:
        ann = a_player().id
        a_paid_payment(ann)
        issue()
        (receipt,) = documents_of(ann)

        def render(_: int) -> bytes:
            try:
                return delivery().render_document(document_id=receipt.id).content
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(render, range(64)))) == 1

    def test_tells_programs_its_title_its_language_and_its_parts(self) -> None:
        from pypdf import PdfReader

        ann = a_player(language="de").id
        a_paid_payment(ann)
        issue()
        (receipt,) = documents_of(ann)
        pdf = PdfReader(io.BytesIO(delivery().render_document(document_id=receipt.id).content))
        assert pdf.metadata and pdf.metadata.title == f"Quittung {receipt.number}"
        assert pdf.trailer["/Root"]["/Lang"] == "de"
        assert bool(pdf.trailer["/Root"]["/MarkInfo"]["/Marked"])
        assert "/StructTreeRoot" in pdf.trailer["/Root"]


@pytest.mark.use_case("PAY-14")
@pytest.mark.in_process("the mailbox is one in memory")
class TestMail:
    def test_brings_the_document(self, mailbox: list[Any]) -> None:
        ann = a_player(nickname="ann").id
        a_paid_payment(ann)
        issue()
        send()
        (letter,) = [one for one in mailbox if "R-2026" in one.subject]
        assert letter.to == ["ann@example.org"]
        assert letter.subject == "Receipt R-2026-000001 from Warchest"
        assert "20.00 EUR" in letter.body.replace("\u00a0", " ")
        ((name, content, kind),) = letter.attachments
        assert (name, kind) == ("R-2026-000001.pdf", "application/pdf")
        assert content == delivery().render_document(document_id=documents_of(ann)[0].id).content
        ((html, _),) = letter.alternatives
        assert f"/documents/{documents_of(ann)[0].id}" in html

    def test_is_not_sent_for_each_charge_of_a_game(self, mailbox: list[Any]) -> None:
        ann = a_player(with_units="100").id
        hold = reserve_units(
            a_command(), player=ann, amount=Money.units(100), purpose="loot", expires_in_s=60
        ).answer
        capture_hold(a_command(), hold_id=hold.id, amount=None)
        issue()
        delivery().catch_up(at=NOW)
        kinds = [mail.kind for mail in delivery().mails(player=ann)]
        assert kinds.count(MailKind.DOCUMENT) == 1  # the receipt of what was paid

    def test_is_not_sent_when_a_past_is_filled_in(self) -> None:
        ann = a_player(with_units="100", at=NOW - timedelta(days=8)).id
        issue()
        delivery().catch_up(at=NOW)
        assert documents_of(ann) and delivery().mails(player=ann) == ()

    def test_never_goes_to_another(self, mailbox: list[Any]) -> None:
        ann, bob = a_player().id, a_player().id
        a_paid_payment(ann)
        issue()
        mail = delivery().queue_mail(
            key="wrong", kind=MailKind.DOCUMENT, player=bob, context={"document": str(documents_of(ann)[0].id)}, at=NOW
        )  # fmt: skip
        delivery().send_mails(at=NOW)
        (found,) = [one for one in delivery().mails(player=bob) if one.id == mail.id]
        assert (found.state, found.error) == (MailState.FAILED, "document_of_another")


@pytest.mark.use_case("PAY-19")
@pytest.mark.in_process("the mailbox is one in memory")
class TestSendingAgain:
    def test_is_one_mail_more_each_time_it_is_asked_for(self, mailbox: list[Any]) -> None:
        ann = a_player().id
        a_paid_payment(ann)
        issue()
        send()
        before = len(mailbox)
        command = acting_as(an_administrator(Role.SUPPORT))
        for _ in range(2):
            send_document_again(command, document_id=documents_of(ann)[0].id)
        send()
        assert len(mailbox) == before + 1

    def test_is_refused_to_who_may_not(self) -> None:
        ann = a_player().id
        a_paid_payment(ann)
        issue()
        with pytest.raises(UnableToAdminister):
            send_document_again(
                acting_as(an_administrator(Role.OPERATOR)), document_id=documents_of(ann)[0].id
            )


@pytest.mark.use_case("PAY-14")
@pytest.mark.in_process("the process that issues is killed")
class TestKilled:
    def test_issuing_leaves_neither_gap_nor_double(self) -> None:
        """Processes that issue are killed wherever they are, again and again, and the last one finishes."""
        players = [a_player(with_units="3000").id for _ in range(3)]
        for player in players:
            for _ in range(6):
                buy_a_month(player)
        from warchest.jobs.books import fold_journal

        fold_journal()
        # One entry at a time, so that there are many places to be killed at.
        code = (
            "import django; django.setup()\n"
            "from warchest.journeys import issue_documents as issuing\nfrom warchest.jobs import documents\n"
            "from tests.builders.people import NOW\n"
            "issuing.ENTRIES_MAX = documents.ENTRIES_MAX = 1\n"
            "print('begins', flush=True)\n"
            "documents.issue_due_documents(at=NOW)\n"
        )
        environment = {
            **os.environ,
            "WARCHEST_DATABASE_NAME": database_of("accounting"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        reached = []
        for round_ in range(6):
            process = subprocess.Popen(
                [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
            )
            assert process.stdout and process.stdout.readline() == "begins\n"
            time.sleep(0.02 + 0.03 * round_)
            process.send_signal(signal.SIGKILL)
            process.wait()
            reached.append(documents().documents_behind())
        assert reached == sorted(reached)
        issue()
        invoices = [one for player in players for one in documents_of(player) if one.series == "I"]
        assert sorted(one.running for one in invoices) == list(range(1, 19))
        assert len({one.entry_id for one in invoices}) == 18
        assert_books_prove()
