"""The plug-in against the running sandbox: a real process, real HTTP, nothing replaced."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.masking import has_right_check_digit, mask_card_numbers
from warchest.sdk.payments import (
    Ability,
    PaymentProvider,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Standing,
    UnableToTrustNotice,
)
from warchest_sandbox.cards import TEST_CARDS
from warchest_sandbox.provider import SandboxProvider, SandboxSettings
from warchest_sandbox.testing import RunningSandbox

GOOD_CARD = "4111111111111111"


@dataclass
class Inbox:
    """A merchant that receives notices."""

    url: str
    received: queue.Queue[RawNotice]
    answers: queue.Queue[int]

    def next(self, within_s: float = 5) -> RawNotice:
        return self.received.get(timeout=within_s)

    def stays_empty(self, for_s: float = 0.7) -> bool:
        try:
            self.received.get(timeout=for_s)
        except queue.Empty:
            return True
        return False


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    received: queue.Queue[RawNotice] = queue.Queue()
    answers: queue.Queue[int] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.put(RawNotice(headers=headers, body=body, received_at=datetime.now(UTC)))
            self.send_response(204 if answers.empty() else answers.get())
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serve_in_background(server)
    yield Inbox(f"http://127.0.0.1:{server.server_address[1]}/notices", received, answers)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox"), merchant="Nova & Friends") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> Iterator[RunningSandbox]:
    yield running
    running.reset()


@pytest.fixture
def provider(sandbox: RunningSandbox) -> Iterator[SandboxProvider]:
    provider = a_provider(sandbox)
    yield provider
    provider.close()


def a_provider(sandbox: RunningSandbox, **settings: Any) -> SandboxProvider:
    return SandboxProvider(msgspec.convert(sandbox.settings | settings, SandboxSettings))


def a_payment(inbox: Inbox, amount: str = "20.00", currency: str = "EUR", **fields: str) -> PaymentRequest:
    given = {
        "return_url": "http://127.0.0.1:9/return?basket=7#top",
        "description": "2000 credits",
        "language": "en",
        "country": "DE",
    } | fields
    return PaymentRequest(
        reference=str(new_id()), amount=Money.parse(amount, currency), notice_url=inbox.url, **given
    )


def a_paid_payment(
    sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox, card: str = GOOD_CARD
) -> tuple[PaymentRequest, str]:
    payment = a_payment(inbox)
    opened = provider.start(payment)
    sandbox.pay(payment.reference, card)
    return payment, opened.provider_reference


def serve_in_background(server: ThreadingHTTPServer) -> None:
    # The interval is how long the server takes to notice that it shall stop.
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()


def eventually(holds: Callable[[], bool], within_s: float = 5) -> bool:
    until = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


class TestThePlugIn:
    def test_is_found_by_its_entry_point_and_keeps_the_contract(self, provider: SandboxProvider) -> None:
        (entry,) = entry_points(group="warchest.payment_providers", name="sandbox")
        assert entry.load() is SandboxProvider
        assert isinstance(provider, PaymentProvider)
        assert set(Ability) - provider.description.abilities == {Ability.BANK_STATEMENT, Ability.PAYOUT_FILE}
        assert "EUR" in provider.description.currencies
        assert "XCR" not in provider.description.currencies

    @pytest.mark.parametrize(
        "wrong",
        [{"base_url": "sandbox"}, {"api_secret": "short"}, {"timeout_s": 0}, {"notice_tolerance_s": 0}],
    )
    def test_refuses_settings_that_cannot_work(self, sandbox: RunningSandbox, wrong: dict[str, Any]) -> None:
        with pytest.raises(msgspec.ValidationError):
            a_provider(sandbox, **wrong)

    def test_does_not_show_its_secrets(self, sandbox: RunningSandbox) -> None:
        shown = repr(SandboxSettings(**sandbox.settings))
        assert sandbox.settings["api_secret"] not in shown
        assert sandbox.settings["notice_secret"] not in shown

    def test_tells_whether_the_sandbox_is_well(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        assert provider.health().well
        assert not a_provider(sandbox, api_secret="a wrong secret, long enough").health().well
        assert not a_provider(sandbox, base_url="http://127.0.0.1:9").health().well


class TestStandings:
    def test_an_opened_payment_is_pending_and_has_a_page(
        self, provider: SandboxProvider, inbox: Inbox, sandbox: RunningSandbox
    ) -> None:
        report = provider.start(a_payment(inbox))
        assert report.standing is Standing.PENDING
        assert report.amount is None
        assert report.redirect_url.startswith(f"{sandbox.url}/pay/")

    @pytest.mark.parametrize(
        ("card", "standing", "reason"),
        [
            ("4111111111111111", Standing.SUCCEEDED, ""),
            ("5555555555554444", Standing.SUCCEEDED, ""),
            ("4000000000000002", Standing.FAILED, "card_declined"),
            ("4000000000000069", Standing.FAILED, "expired_card"),
            ("4000000000009995", Standing.FAILED, "insufficient_funds"),
            ("4000000000000036", Standing.PENDING, ""),
        ],
    )
    def test_each_card_leads_where_it_says(
        self,
        sandbox: RunningSandbox,
        provider: SandboxProvider,
        inbox: Inbox,
        card: str,
        standing: Standing,
        reason: str,
    ) -> None:
        payment, number = a_paid_payment(sandbox, provider, inbox, card)
        report = provider.inquire(payment, provider_reference=number)
        assert (report.standing, report.reason) == (standing, reason)
        assert report.amount == (payment.amount if standing is Standing.SUCCEEDED else None)
        assert report.redirect_url == ""
        assert provider.inquire(payment, provider_reference="") == report

    @pytest.mark.parametrize(
        ("outcome", "standing"), [("succeeded", Standing.SUCCEEDED), ("failed", Standing.FAILED)]
    )
    def test_a_pending_payment_is_decided_later(
        self,
        sandbox: RunningSandbox,
        provider: SandboxProvider,
        inbox: Inbox,
        outcome: str,
        standing: Standing,
    ) -> None:
        payment, number = a_paid_payment(sandbox, provider, inbox, "4000000000000036")
        assert inbox.stays_empty()
        sandbox.decide(payment.reference, outcome)
        assert provider.inquire(payment, provider_reference=number).standing is standing
        assert provider.read_notice(inbox.next()).report.standing is standing

    def test_a_returning_browser_is_not_believed(self, provider: SandboxProvider, inbox: Inbox) -> None:
        payment = a_payment(inbox)
        opened = provider.start(payment)
        query = {"reference": payment.reference, "status": "succeeded"}
        report = provider.resume(payment, provider_reference=opened.provider_reference, query=query)
        assert report.standing is Standing.PENDING

    @pytest.mark.parametrize(
        ("amount", "currency"), [("2000", "JPY"), ("1.234", "KWD"), ("1234567.89", "USD")]
    )
    def test_amounts_keep_their_currencys_decimals(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox, amount: str, currency: str
    ) -> None:
        payment = a_payment(inbox, amount, currency)
        provider.start(payment)
        sandbox.pay(payment.reference)
        assert provider.inquire(payment, provider_reference="").amount == Money.parse(amount, currency)

    def test_a_clear_refusal_is_failed(self, provider: SandboxProvider, inbox: Inbox) -> None:
        report = provider.start(a_payment(inbox, "0.00"))
        assert (report.standing, report.reason) == (Standing.FAILED, "amount_invalid")

    def test_a_payment_that_the_sandbox_never_saw_is_failed(
        self, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        report = provider.inquire(a_payment(inbox), provider_reference="")
        assert (report.standing, report.reason) == (Standing.FAILED, "payment_not_found")

    def test_a_payment_that_the_sandbox_has_forgotten_is_unknown(
        self, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        report = provider.inquire(a_payment(inbox), provider_reference="pay_lost/../x")
        assert report.standing is Standing.UNKNOWN

    def test_the_amount_taken_is_reported_as_it_is(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        sandbox.control(wrong_amount_minor=100, wrong_currency="JPY")
        payment, number = a_paid_payment(sandbox, provider, inbox)
        assert provider.inquire(payment, provider_reference=number).amount == Money.parse("100", "JPY")
        assert provider.read_notice(inbox.next()).report.amount == Money.parse("100", "JPY")

    def test_decline_next_counts_down(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        sandbox.control(decline_next=1)
        first, _ = a_paid_payment(sandbox, provider, inbox)
        second, _ = a_paid_payment(sandbox, provider, inbox)
        assert provider.inquire(first, provider_reference="").standing is Standing.FAILED
        assert provider.inquire(second, provider_reference="").standing is Standing.SUCCEEDED


class TestAnswersThatSayNothing:
    def test_nobody_listening_is_unknown(self, sandbox: RunningSandbox, inbox: Inbox) -> None:
        report = a_provider(sandbox, base_url="http://127.0.0.1:9").start(a_payment(inbox))
        assert (report.standing, report.reason) == (Standing.UNKNOWN, "unreachable")

    def test_a_server_error_is_unknown(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        payment = a_payment(inbox)
        sandbox.control(server_error_next=2)
        assert provider.start(payment).standing is Standing.UNKNOWN
        assert provider.inquire(payment, provider_reference="").standing is Standing.UNKNOWN
        assert provider.start(payment).standing is Standing.PENDING

    def test_a_wrong_api_secret_says_nothing_about_the_payment(
        self, sandbox: RunningSandbox, inbox: Inbox
    ) -> None:
        stranger = a_provider(sandbox, api_secret="a wrong secret, long enough")
        report = stranger.start(a_payment(inbox))
        assert (report.standing, report.reason) == (Standing.UNKNOWN, "unauthorized")

    @pytest.mark.parametrize("how", ["hang", "close"])
    def test_a_success_that_was_never_answered_is_found_by_asking(
        self, sandbox: RunningSandbox, inbox: Inbox, how: str
    ) -> None:
        provider = a_provider(sandbox, timeout_s=0.5)
        payment = a_payment(inbox)
        sandbox.control(timeout_after_success=how)
        report = provider.start(payment)
        assert (report.standing, report.provider_reference) == (Standing.UNKNOWN, "")
        sandbox.pay(payment.reference)
        found = provider.inquire(payment, provider_reference="")
        assert (found.standing, found.amount) == (Standing.SUCCEEDED, payment.amount)

    @pytest.mark.parametrize(
        ("status", "body"),
        [(200, b"<html>"), (200, b"{}"), (200, b"\xff"), (302, b""), (404, b"no page"), (422, b"[]")],
    )
    def test_what_cannot_be_read_is_unknown(self, inbox: Inbox, status: int, body: bytes) -> None:
        with an_impostor(status, body) as url:
            provider = SandboxProvider(
                SandboxSettings(base_url=url, api_secret="x" * 16, notice_secret="y" * 16)
            )
            assert provider.start(a_payment(inbox)).standing is Standing.UNKNOWN
            assert provider.inquire(a_payment(inbox), provider_reference="").standing is Standing.UNKNOWN

    @pytest.mark.parametrize(
        ("change", "standing"),
        [
            ({"status": "on_the_moon"}, Standing.PENDING),
            ({"status": "expired"}, Standing.CANCELLED),
            ({"status": "succeeded", "taken": None}, Standing.SUCCEEDED),
            ({"status": "succeeded", "taken": {"amount": "1.005", "currency": "EUR"}}, Standing.UNKNOWN),
            ({"status": "succeeded", "taken": {"amount": "1.00", "currency": "ABC"}}, Standing.UNKNOWN),
            ({"status": "succeeded", "reference": "someone else's"}, Standing.UNKNOWN),
        ],
    )
    def test_strange_answers_lead_to_no_false_certainty(
        self, provider: SandboxProvider, inbox: Inbox, change: dict[str, Any], standing: Standing
    ) -> None:
        payment = a_payment(inbox)
        answer = json.loads(provider.start(payment).raw) | change
        with an_impostor(200, json.dumps(answer).encode()) as url:
            settings = SandboxSettings(base_url=url, api_secret="x" * 16, notice_secret="y" * 16)
            report = SandboxProvider(settings).inquire(payment, provider_reference="")
        assert report.standing is standing
        assert report.amount is None


class TestRepeats:
    def test_the_same_reference_is_the_same_payment(self, provider: SandboxProvider, inbox: Inbox) -> None:
        payment = a_payment(inbox)
        with ThreadPoolExecutor(8) as pool:
            reports = list(pool.map(lambda _: provider.start(payment), range(16)))
        assert len({report.provider_reference for report in reports}) == 1
        assert len({report.redirect_url for report in reports}) == 1

    def test_the_same_reference_for_something_else_is_not_guessed(
        self, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        payment = a_payment(inbox)
        provider.start(payment)
        other = replace(payment, amount=Money.parse("21.00", "EUR"))
        report = provider.start(other)
        assert (report.standing, report.reason) == (Standing.UNKNOWN, "reference_reused")

    def test_starting_a_paid_payment_again_says_that_it_is_paid(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        payment, _ = a_paid_payment(sandbox, provider, inbox)
        report = provider.start(payment)
        assert (report.standing, report.redirect_url) == (Standing.SUCCEEDED, "")


class TestRefunds:
    def refund(self, provider: SandboxProvider, payment: PaymentRequest, name: str, amount: str) -> Report:
        reference = f"{payment.reference[-12:]}-{name}"
        money = Money.parse(amount, "EUR")
        return provider.refund(
            RefundRequest(reference=reference, amount=money, payment=payment, payment_reference="")
        )

    def test_in_parts_up_to_the_payment_and_no_further(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        payment, _ = a_paid_payment(sandbox, provider, inbox)
        for name, amount, standing, reason in (
            ("a", "5.00", Standing.SUCCEEDED, ""),
            ("a", "5.00", Standing.SUCCEEDED, ""),
            ("a", "6.00", Standing.UNKNOWN, "reference_reused"),
            ("b", "15.01", Standing.FAILED, "refund_exceeds_payment"),
            ("c", "15.00", Standing.SUCCEEDED, ""),
            ("d", "0.01", Standing.FAILED, "refund_exceeds_payment"),
        ):
            report = self.refund(provider, payment, name, amount)
            assert (report.standing, report.reason) == (standing, reason), (name, amount)

    def test_two_at_once_never_exceed_the_payment(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        payment, number = a_paid_payment(sandbox, provider, inbox)
        together = threading.Barrier(2)

        def refund(name: str) -> Standing:
            together.wait()
            return self.refund(provider, payment, name, "12.00").standing

        with ThreadPoolExecutor(2) as pool:
            standings = sorted(pool.map(refund, ("a", "b")))
        assert standings == [Standing.FAILED, Standing.SUCCEEDED]
        raw = json.loads(provider.inquire(payment, provider_reference=number).raw)
        assert raw["refunded"] == {"amount": "12.00", "currency": "EUR"}

    def test_one_that_was_never_answered_is_one_refund_when_repeated(
        self, sandbox: RunningSandbox, inbox: Inbox
    ) -> None:
        provider = a_provider(sandbox, timeout_s=0.5)
        payment, _ = a_paid_payment(sandbox, provider, inbox)
        sandbox.control(timeout_after_success=True)
        assert self.refund(provider, payment, "a", "20.00").standing is Standing.UNKNOWN
        sandbox.reset()
        report = self.refund(provider, payment, "a", "20.00")
        assert (report.standing, report.amount) == (Standing.SUCCEEDED, payment.amount)

    def test_needs_a_payment_that_succeeded(self, provider: SandboxProvider, inbox: Inbox) -> None:
        payment = a_payment(inbox)
        provider.start(payment)
        report = self.refund(provider, payment, "a", "1.00")
        assert (report.standing, report.reason) == (Standing.FAILED, "payment_not_succeeded")


class TestNotices:
    def test_says_what_an_inquiry_says(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        payment, number = a_paid_payment(sandbox, provider, inbox)
        notice = provider.read_notice(inbox.next())
        assert notice.reference == payment.reference
        assert notice.report.provider_reference == number
        assert (notice.report.standing, notice.report.amount) == (Standing.SUCCEEDED, payment.amount)

    def test_the_signature_is_the_documented_one(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        a_paid_payment(sandbox, provider, inbox)
        notice = inbox.next()
        signed = (
            f"{notice.headers['sandbox-id']}.{notice.headers['sandbox-timestamp']}.".encode() + notice.body
        )
        expected = hmac.new(sandbox.settings["notice_secret"].encode(), signed, hashlib.sha256).hexdigest()
        assert notice.headers["sandbox-signature"] == f"v1={expected}"

    def test_is_not_trusted_when_anything_was_changed(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        a_paid_payment(sandbox, provider, inbox)
        notice = inbox.next()
        headers = dict(notice.headers)
        for changed in (
            replace(notice, body=notice.body.replace(b"20.00", b"90.00")),
            replace(notice, headers=headers | {"sandbox-id": "ntc_other"}),
            replace(notice, headers=headers | {"sandbox-timestamp": "1"}),
            replace(notice, headers=headers | {"sandbox-signature": ""}),
            replace(notice, headers=headers | {"sandbox-signature": "v1=ü"}),
            replace(notice, headers={}),
        ):
            with pytest.raises(UnableToTrustNotice, match="notice_signature_wrong"):
                provider.read_notice(changed)

    @pytest.mark.parametrize(("seconds", "trusted"), [(-310, False), (-290, True), (290, True), (310, False)])
    def test_is_trusted_near_its_time_only(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox, seconds: int, trusted: bool
    ) -> None:
        a_paid_payment(sandbox, provider, inbox)
        notice = inbox.next()
        moved = replace(notice, received_at=notice.received_at + timedelta(seconds=seconds))
        if trusted:
            provider.read_notice(moved)
        else:
            with pytest.raises(UnableToTrustNotice, match="notice_signature_wrong"):
                provider.read_notice(moved)

    def test_a_wrong_secret_is_not_trusted_and_the_retry_with_the_right_one_is(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        sandbox.control(wrong_signature=True)
        inbox.answers.put(400)
        payment, _ = a_paid_payment(sandbox, provider, inbox)
        with pytest.raises(UnableToTrustNotice, match="notice_signature_wrong"):
            provider.read_notice(inbox.next())
        sandbox.control(wrong_signature=False)
        assert provider.read_notice(inbox.next()).reference == payment.reference

    def test_the_previous_secret_is_believed_during_a_change(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        a_paid_payment(sandbox, provider, inbox)
        notice = inbox.next()
        old, new = sandbox.settings["notice_secret"], "the next secret of notices"
        a_provider(sandbox, notice_secret=new, previous_notice_secret=old).read_notice(notice)
        with pytest.raises(UnableToTrustNotice):
            a_provider(sandbox, notice_secret=new).read_notice(notice)

    @pytest.mark.parametrize("body", [b"", b"null", b"\xff", b'{"id": "ntc_1"}'])
    def test_signed_nonsense_is_malformed(
        self, sandbox: RunningSandbox, provider: SandboxProvider, body: bytes
    ) -> None:
        with pytest.raises(UnableToTrustNotice, match="notice_malformed"):
            provider.read_notice(a_signed_notice(sandbox, body))

    def test_five_copies_carry_one_id(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        a_paid_payment(sandbox, provider, inbox, "4000000000000044")
        assert len({provider.read_notice(inbox.next()).id for _ in range(5)}) == 1
        assert inbox.stays_empty()

    def test_a_late_one_comes_after_five_seconds(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        began = time.monotonic()
        a_paid_payment(sandbox, provider, inbox, "4000000000000259")
        inbox.next(within_s=8)
        assert 4.9 < time.monotonic() - began < 7

    def test_a_lost_one_comes_only_when_it_is_sent_again(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        payment, number = a_paid_payment(sandbox, provider, inbox, "4000000000000341")
        assert inbox.stays_empty()
        assert provider.inquire(payment, provider_reference=number).standing is Standing.SUCCEEDED
        notice_id = sandbox.send_notice_again(payment.reference)
        assert provider.read_notice(inbox.next()).id == notice_id

    def test_the_switches_delay_multiply_and_lose(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        sandbox.control(notice_delay_s=1, notice_copies=2)
        began = time.monotonic()
        a_paid_payment(sandbox, provider, inbox)
        assert inbox.next().headers["sandbox-id"] == inbox.next().headers["sandbox-id"]
        assert time.monotonic() - began > 0.9
        sandbox.control(lose_notices=True)
        a_paid_payment(sandbox, provider, inbox)
        assert inbox.stays_empty(1.5)

    def test_is_repeated_until_it_is_taken(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        inbox.answers.put(503)
        payment, _ = a_paid_payment(sandbox, provider, inbox)
        assert inbox.next().headers["sandbox-id"] == inbox.next().headers["sandbox-id"]
        assert eventually(lambda: bool(sandbox.notices(payment.reference)[0]["delivered_at"]))
        (copy,) = sandbox.notices(payment.reference)
        assert (copy["tries"], copy["answer"], copy["due_at"]) == (2, "204", None)

    def test_survives_a_crash_of_the_sandbox(self, tmp_path: Path, inbox: Inbox) -> None:
        with RunningSandbox(tmp_path) as sandbox:
            provider = a_provider(sandbox)
            sandbox.control(notice_delay_s=1.5)
            payment, number = a_paid_payment(sandbox, provider, inbox)
            sandbox.kill()
            assert provider.inquire(payment, provider_reference=number).standing is Standing.UNKNOWN
            sandbox.start()
            assert provider.inquire(payment, provider_reference=number).standing is Standing.SUCCEEDED
            assert provider.read_notice(inbox.next()).reference == payment.reference


class TestTheHostedPage:
    def fill(self, url: str, **fields: str) -> httpx.Response:
        given = {"number": "4111 1111 1111 1111", "expiry": "12/39", "cvc": "123", "action": "pay"} | fields
        return httpx.post(url, data=given, trust_env=False)

    def open(self, provider: SandboxProvider, payment: PaymentRequest) -> str:
        return provider.start(payment).redirect_url

    def test_is_paid_on_and_leads_back(self, provider: SandboxProvider, inbox: Inbox) -> None:
        payment = a_payment(inbox)
        url = self.open(provider, payment)
        page = httpx.get(url, trust_env=False)
        assert page.status_code == 200
        assert "Nova &amp; Friends" in page.text
        assert "Pay 20.00 EUR" in page.text
        assert "<script" not in page.text and "style=" not in page.text
        for autocomplete in ("cc-number", "cc-exp", "cc-csc"):
            assert f'autocomplete="{autocomplete}"' in page.text
        answer = self.fill(url)
        assert answer.status_code == 303
        back = urlsplit(answer.headers["location"])
        assert parse_qs(back.query) == {
            "basket": ["7"],
            "reference": [payment.reference],
            "status": ["succeeded"],
        }
        assert (back.path, back.fragment) == ("/return", "top")
        assert provider.inquire(payment, provider_reference="").standing is Standing.SUCCEEDED

    def test_submitted_many_times_at_once_pays_once(
        self, provider: SandboxProvider, inbox: Inbox, sandbox: RunningSandbox
    ) -> None:
        payment = a_payment(inbox)
        url = self.open(provider, payment)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.fill(url), range(8)))
        assert {answer.status_code for answer in answers} == {303}
        assert len({answer.headers["location"] for answer in answers}) == 1
        assert len(sandbox.notices(payment.reference)) == 1
        assert "need not pay again" in httpx.get(url, trust_env=False).text

    def test_cancel_is_cancelled_whatever_stands_in_the_fields(
        self, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        payment = a_payment(inbox)
        url = self.open(provider, payment)
        answer = self.fill(url, action="cancel", number="", cvc="")
        assert "status=cancelled" in answer.headers["location"]
        assert self.fill(url).headers["location"] == answer.headers["location"]
        assert provider.inquire(payment, provider_reference="").standing is Standing.CANCELLED

    @pytest.mark.parametrize(
        ("fields", "text"),
        [
            ({"number": "4111111111111112"}, "not a card number"),
            ({"number": ""}, "not a card number"),
            ({"number": "4012888888881881"}, "only the test cards"),
            ({"expiry": "13/39"}, "Write the month"),
            ({"expiry": "soon"}, "Write the month"),
            ({"expiry": "01/20"}, "has expired"),
            ({"cvc": "12"}, "has 3 digits"),
        ],
    )
    def test_mistakes_are_shown_and_charge_nothing(
        self, provider: SandboxProvider, inbox: Inbox, fields: dict[str, str], text: str
    ) -> None:
        payment = a_payment(inbox)
        url = self.open(provider, payment)
        answer = self.fill(url, **fields)
        assert answer.status_code == 422
        assert text in answer.text
        assert 'value="123"' not in answer.text
        assert len(re.findall('aria-invalid="true"', answer.text)) == 1
        assert provider.inquire(payment, provider_reference="").standing is Standing.PENDING

    @pytest.mark.parametrize(
        ("language", "amount", "currency", "button"),
        [
            ("de", "1234.50", "EUR", "1.234,50 EUR bezahlen"),
            ("de-AT", "2000", "JPY", "2.000 JPY bezahlen"),
            ("en", "1.234", "KWD", "Pay 1.234 KWD"),
            ("pt-br", "20.00", "BRL", "Pay 20.00 BRL"),
            ("", "20.00", "BRL", "Pay 20.00 BRL"),
        ],
    )
    def test_speaks_the_payments_language_and_currency(
        self,
        provider: SandboxProvider,
        inbox: Inbox,
        language: str,
        amount: str,
        currency: str,
        button: str,
    ) -> None:
        payment = a_payment(inbox, amount, currency, language=language)
        assert f">{button}<" in httpx.get(self.open(provider, payment), trust_env=False).text

    def test_writes_foreign_text_as_text(self, provider: SandboxProvider, inbox: Inbox) -> None:
        payment = a_payment(inbox, description="<script>alert(1)</script> $amount")
        url = self.open(provider, payment)
        page = httpx.get(url, trust_env=False).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt; $amount" in page
        assert 'value="&quot;&gt;&lt;b&gt;"' in self.fill(url, number='"><b>').text

    def test_every_listed_test_card_fills_in_the_form_and_a_real_one_does_not(
        self, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        url = self.open(provider, a_payment(inbox))
        page = httpx.get(url, trust_env=False).text
        for number in TEST_CARDS:
            assert f'href="?card={number}"' in page
        filled = httpx.get(url, params={"card": GOOD_CARD}, trust_env=False).text
        assert 'value="4111 1111 1111 1111"' in filled
        assert "4012" not in httpx.get(url, params={"card": "4012888888881881"}, trust_env=False).text

    def test_an_unknown_address_belongs_to_no_payment(self, sandbox: RunningSandbox) -> None:
        answer = httpx.get(f"{sandbox.url}/pay/nothing", trust_env=False)
        assert (answer.status_code, "No such payment" in answer.text) == (404, True)


class TestCardNumbers:
    def test_all_test_cards_have_right_check_digits(self) -> None:
        assert all(has_right_check_digit(number) for number in TEST_CARDS)

    def test_never_reach_the_books(
        self, sandbox: RunningSandbox, provider: SandboxProvider, inbox: Inbox
    ) -> None:
        payment, number = a_paid_payment(sandbox, provider, inbox)
        assert GOOD_CARD not in provider.inquire(payment, provider_reference=number).raw
        notice = inbox.next()
        careless = json.loads(notice.body)
        careless["payment"]["card"]["number"] = "4111 1111 1111 1111"
        read = provider.read_notice(a_signed_notice(sandbox, json.dumps(careless).encode()))
        assert "4111 11** **** 1111" in read.report.raw
        assert "1111 1111 1111 1111" not in read.report.raw

    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("4111111111111111", "411111******1111"),
            ("pan=5555-5555-5555-4444;", "pan=5555-55**-****-4444;"),
            ("4111 1111 1111 1111 12/39", "4111 11** **** 1111 12/39"),
            ("0004111111111111111", "000411111******1111"),
            ("4111111111111112", "4111111111111112"),
            ("1753264800123 20.00", "1753264800123 20.00"),
        ],
    )
    def test_are_masked_wherever_they_stand(self, text: str, masked: str) -> None:
        assert mask_card_numbers(text) == masked


class TestTheServer:
    def test_asks_for_the_api_secret(self, sandbox: RunningSandbox) -> None:
        for method, path in (("GET", "/v1/payments?reference=a"), ("PUT", "/v1/control"), ("GET", "/v1/x")):
            assert httpx.request(method, sandbox.url + path, trust_env=False).status_code == 401

    def test_refuses_a_switch_that_it_does_not_have(self, sandbox: RunningSandbox) -> None:
        with pytest.raises(RuntimeError, match="request_malformed"):
            sandbox.control(lose_everything=True)

    def test_keeps_the_switches_that_are_not_named(self, sandbox: RunningSandbox) -> None:
        sandbox.control(lose_notices=True)
        assert sandbox.control(notice_copies=3)["lose_notices"] is True
        assert sandbox.reset()["notice_copies"] == 1

    def test_ends_with_its_parent(self, tmp_path: Path) -> None:
        program = (
            "import os, pathlib, sys; from warchest_sandbox.testing import RunningSandbox\n"
            "sandbox = RunningSandbox(pathlib.Path(sys.argv[1])); sandbox.start()\n"
            "print(sandbox.url, flush=True); os._exit(1)"
        )
        run = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, timeout=30
        )
        url = run.stdout.strip()

        def is_gone() -> bool:
            try:
                httpx.get(f"{url}/v1/health", trust_env=False)
            except httpx.TransportError:
                return True
            return False

        assert url and eventually(is_gone)


def a_signed_notice(sandbox: RunningSandbox, body: bytes) -> RawNotice:
    now = datetime.now(UTC)
    timestamp = str(int(now.timestamp()))
    signed = f"ntc_x.{timestamp}.".encode() + body
    digest = hmac.new(sandbox.settings["notice_secret"].encode(), signed, hashlib.sha256).hexdigest()
    headers = {"sandbox-id": "ntc_x", "sandbox-timestamp": timestamp, "sandbox-signature": f"v1={digest}"}
    return RawNotice(headers=headers, body=body, received_at=now)


class an_impostor:
    """A server that gives every request the same answer."""

    def __init__(self, status: int, body: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        serve_in_background(self._server)
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()
