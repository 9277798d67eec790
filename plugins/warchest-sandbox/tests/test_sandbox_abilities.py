"""What the sandbox can do beyond taking a payment, and how it is steered. That it keeps the contract, the kit tries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from warchest.kernel.clock import SystemClock
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.payments import (
    LineKind,
    PaymentRequest,
    RefundRequest,
    SettlementReport,
    Standing,
    UnableToRead,
    UnableToTellSettlement,
)
from warchest_sandbox.book import Book
from warchest_sandbox.provider import SandboxProvider, SandboxSettings
from warchest_sandbox.testing import RunningSandbox

WANTS_PLAYER = "4000002760003184"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox"), merchant="Nova") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> Iterator[RunningSandbox]:
    running.control(lose_notices=True)
    # What other tests earned is paid out already.
    running.settle()
    yield running
    running.reset()


@pytest.fixture
def provider(sandbox: RunningSandbox) -> Iterator[SandboxProvider]:
    provider = SandboxProvider(msgspec.convert(sandbox.settings | {"timeout_s": 2}, SandboxSettings))
    yield provider
    provider.close()


def a_payment(amount: str = "20.00", currency: str = "EUR", **fields: Any) -> PaymentRequest:
    given = {
        "return_url": "http://127.0.0.1:9/return",
        "notice_url": "http://127.0.0.1:9/notices",
        "description": "2000 credits",
        "language": "de",
        "country": "DE",
        "payer": "player-1",
    }
    return PaymentRequest(reference=str(new_id()), amount=Money.parse(amount, currency), **(given | fields))


def paid(
    sandbox: RunningSandbox, provider: SandboxProvider, *, card: str = "4111111111111111", **fields: Any
) -> PaymentRequest:
    payment = a_payment(**fields)
    provider.start(payment)
    sandbox.pay(payment.reference, card)
    return payment


def euros(amount: str) -> Money:
    return Money.parse(amount, "EUR")


class TestInstruments:
    def test_tell_the_card_its_country_and_the_month(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        payment = a_payment()
        url = provider.start(payment).redirect_url
        form = {"number": "4000 0007 6000 0002", "expiry": "08/39", "cvc": "123", "action": "pay"}
        httpx.post(url, data=form, trust_env=False)
        instrument = provider.inquire(payment, provider_reference="").instrument
        assert instrument is not None
        assert (instrument.method, instrument.label) == ("visa", "Visa •••• 0002")
        assert (instrument.country, instrument.expires, instrument.token) == ("BR", "2039-08", "")

    def test_have_one_fingerprint_for_one_card_and_another_for_another(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        cards = ("4111111111111111", "4111111111111111", "5555555555554444")
        payments = [paid(sandbox, provider, card=card) for card in cards]
        first, again, other = (provider.inquire(one, provider_reference="").instrument for one in payments)
        assert first and again and other
        assert first.fingerprint == again.fingerprint != other.fingerprint
        assert "1111111111" not in first.fingerprint


class TestSavedMethods:
    def saved(self, sandbox: RunningSandbox, provider: SandboxProvider, card: str) -> str:
        payment = paid(sandbox, provider, card=card, save_method=True)
        instrument = provider.inquire(payment, provider_reference="").instrument
        assert instrument is not None and instrument.token
        return instrument.token

    def test_belong_to_one_payer(self, sandbox: RunningSandbox, provider: SandboxProvider) -> None:
        token = self.saved(sandbox, provider, "4111111111111111")
        stranger = provider.start(a_payment(payer="player-2", saved_method=token, player_present=False))
        assert (stranger.standing, stranger.reason) == (Standing.FAILED, "method_unknown")
        refused = provider.forget_method(payer="player-2", token=token)
        assert (refused.standing, refused.reason) == (Standing.FAILED, "method_of_another_payer")
        own = provider.start(a_payment(saved_method=token, player_present=False))
        assert (own.standing, own.amount) == (Standing.SUCCEEDED, euros("20.00"))

    def test_one_whose_bank_wants_the_player_asks_on_a_page(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        token = self.saved(sandbox, provider, WANTS_PLAYER)
        absent = provider.start(a_payment(saved_method=token, player_present=False))
        assert (absent.standing, absent.reason) == (Standing.FAILED, "authentication_required")

        payment = a_payment(saved_method=token)
        url = provider.start(payment).redirect_url
        page = httpx.get(url, trust_env=False).text
        assert "Bist du es?" in page and "Ja, bezahlen" in page and 'name="number"' not in page
        # Whoever sends another card along pays with the saved one.
        form = {"number": "4000 0000 0000 0002", "expiry": "12/39", "cvc": "123", "action": "pay"}
        assert "status=succeeded" in httpx.post(url, data=form, trust_env=False).headers["location"]
        assert provider.inquire(payment, provider_reference="").standing is Standing.SUCCEEDED

    def test_the_player_may_say_no_to_the_bank(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        token = self.saved(sandbox, provider, WANTS_PLAYER)
        payment = a_payment(saved_method=token)
        url = provider.start(payment).redirect_url
        httpx.post(url, data={"action": "cancel"}, trust_env=False)
        assert provider.inquire(payment, provider_reference="").standing is Standing.CANCELLED


class TestCaptures:
    def test_take_no_more_than_was_authorised(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        payment = paid(sandbox, provider, capture_later=True)
        number = provider.inquire(payment, provider_reference="").provider_reference
        more = provider.capture(payment, provider_reference=number, amount=euros("20.01"))
        assert (more.standing, more.reason) == (Standing.FAILED, "capture_exceeds_authorisation")
        assert provider.inquire(payment, provider_reference=number).standing is Standing.AUTHORISED

    def test_are_shown_on_the_finished_page(self, sandbox: RunningSandbox, provider: SandboxProvider) -> None:
        payment = a_payment(capture_later=True)
        url = provider.start(payment).redirect_url
        sandbox.pay(payment.reference)
        assert "Vorgemerkt" in httpx.get(url, trust_env=False).text

    def test_nothing_that_the_sandbox_never_saw_needs_to_be_let_go(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        assert provider.void(a_payment(), provider_reference="").standing is Standing.CANCELLED


class TestSettlements:
    def settle(self, sandbox: RunningSandbox, provider: SandboxProvider) -> SettlementReport:
        (settled,) = sandbox.settle()
        told = provider.settlement_report(day=datetime.now(UTC).date())
        (report,) = (one for one in told if one.id == settled["id"])
        return report

    def test_tell_payments_refunds_disputes_and_what_was_paid_out(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        kept = paid(sandbox, provider, amount="100.00")
        back = paid(sandbox, provider, amount="50.00")
        refund = RefundRequest(
            reference=str(new_id()), amount=euros("10.00"), payment=back, payment_reference=""
        )
        provider.refund(refund)
        disputed = paid(sandbox, provider, amount="30.00")
        sandbox.dispute(disputed.reference)

        report = self.settle(sandbox, provider)

        lines = [(line.kind, line.reference, line.gross.major, line.fee.major) for line in report.lines]
        assert lines == [
            (LineKind.PAYMENT, kept.reference, "100.00", "1.65"),
            (LineKind.PAYMENT, back.reference, "50.00", "0.95"),
            (LineKind.REFUND, refund.reference, "-10.00", "0.00"),
            (LineKind.PAYMENT, disputed.reference, "30.00", "0.67"),
            (LineKind.DISPUTE, disputed.reference, "-30.00", "15.00"),
            (LineKind.PAYOUT, "", "-121.73", "0.00"),
        ]
        assert report.paid_out == euros("121.73")
        assert report.payout_reference.startswith("SANDBOX ")

    def test_keep_something_back_for_a_time(self, sandbox: RunningSandbox, provider: SandboxProvider) -> None:
        sandbox.control(reserve_bps=1000, fee_bps=0, fee_minor=0)
        paid(sandbox, provider, amount="100.00")
        report = self.settle(sandbox, provider)
        assert report.paid_out == euros("90.00")
        assert [line.gross.major for line in report.lines if line.kind is LineKind.RESERVE] == ["-10.00"]

        sandbox.control(reserve_bps=0)
        sandbox.release_reserve()
        report = self.settle(sandbox, provider)
        assert (report.paid_out, report.lines[0].kind) == (euros("10.00"), LineKind.RESERVE)

    def test_what_is_owed_to_the_sandbox_waits(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        payment = paid(sandbox, provider)
        self.settle(sandbox, provider)
        sandbox.dispute(payment.reference)
        assert sandbox.settle() == []
        sandbox.dispute(payment.reference, "won")
        paid(sandbox, provider, amount="100.00")
        report = self.settle(sandbox, provider)
        # 100.00 less 1.65, the dispute's fee of 15.00, and the dispute there and back.
        assert report.paid_out == euros("83.35")

    def test_the_file_says_what_the_report_says(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        paid(sandbox, provider)
        paid(sandbox, provider, amount="1500", currency="JPY")
        sandbox.settle()
        day = datetime.now(UTC).date()
        assert provider.read_settlement(sandbox.settlement_file(day)) == provider.settlement_report(day=day)

    @pytest.mark.parametrize(
        "change", [(b"100.00", b"100.01"), (b",payment,", b",feast,"), (b"\nend,", b"\nEnd,")]
    )
    def test_a_changed_file_is_refused_or_has_no_better_word(
        self, sandbox: RunningSandbox, provider: SandboxProvider, change: tuple[bytes, bytes]
    ) -> None:
        paid(sandbox, provider, amount="100.00")
        sandbox.settle()
        data = sandbox.settlement_file(datetime.now(UTC).date())
        changed = data.replace(*change, 1)
        assert changed != data
        if change[1] == b",feast,":
            kinds = {line.kind for report in provider.read_settlement(changed) for line in report.lines}
            assert LineKind.ADJUSTMENT in kinds
        else:
            with pytest.raises(UnableToRead):
                provider.read_settlement(changed)

    def test_silence_is_said_to_be_silence(self, sandbox: RunningSandbox, provider: SandboxProvider) -> None:
        sandbox.control(answers="server_error")
        with pytest.raises(UnableToTellSettlement, match="provider_silent"):
            provider.settlement_report(day=datetime.now(UTC).date())


class TestDisputes:
    def test_leave_nothing_to_be_refunded(self, sandbox: RunningSandbox, provider: SandboxProvider) -> None:
        payment = paid(sandbox, provider)
        sandbox.dispute(payment.reference)
        refund = RefundRequest(
            reference=str(new_id()), amount=euros("1.00"), payment=payment, payment_reference=""
        )
        refused = provider.refund(refund)
        assert (refused.standing, refused.reason) == (Standing.FAILED, "refund_exceeds_payment")

    def test_end_once(self, sandbox: RunningSandbox, provider: SandboxProvider) -> None:
        payment = paid(sandbox, provider)
        with pytest.raises(RuntimeError, match="dispute_not_found"):
            sandbox.dispute(payment.reference, "lost")
        sandbox.dispute(payment.reference)
        sandbox.dispute(payment.reference, "lost")
        assert sandbox.dispute(payment.reference, "lost")["status"] == "lost"
        with pytest.raises(RuntimeError, match="dispute_is_over"):
            sandbox.dispute(payment.reference, "won")


class TestItsOwnDesk:
    def test_knows_what_was_taken_whatever_it_says(
        self, sandbox: RunningSandbox, provider: SandboxProvider
    ) -> None:
        sandbox.control(amounts_told="negative", unlisted_status=True)
        payment = paid(sandbox, provider)
        told = provider.inquire(payment, provider_reference="")
        assert (told.standing, told.amount) == (Standing.PENDING, euros("-20.00"))
        desk = sandbox.desk(payment.reference)
        assert desk and desk["status"] == "succeeded"
        assert desk["taken"] == {"amount_minor": 2000, "currency": "EUR"}
        assert sandbox.desk("nothing-of-ours") is None


def test_a_file_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    """Its payments, refunds and notices are there, and it knows authorised payments from now on."""
    file = tmp_path / "sandbox.sqlite"
    with sqlite3.connect(file) as old:
        old.executescript(_FIRST_VERSION)
    old.close()
    for _ in range(2):
        book = Book(file, clock=SystemClock(), public_url="http://127.0.0.1:1")
        payment = book.payments.payment(reference="ours")
        assert (payment.status, payment.taken, payment.refunded_minor) == ("succeeded", euros("20.00"), 500)
        (refund,) = book.refunds.of_payment("pay_1")
        assert (refund.status, refund.amount.amount) == ("succeeded", "5.00")
        assert len(book.post.copies("ours")) == 1


_FIRST_VERSION = """
CREATE TABLE payment (
    id TEXT PRIMARY KEY, token TEXT NOT NULL UNIQUE, reference TEXT NOT NULL UNIQUE, asked BLOB NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'pending', 'succeeded', 'failed', 'cancelled', 'expired')),
    reason TEXT NOT NULL DEFAULT '', card BLOB, taken_minor INTEGER, taken_currency TEXT, opened_at REAL NOT NULL
) STRICT;
CREATE TABLE refund (
    id TEXT PRIMARY KEY, payment_id TEXT NOT NULL REFERENCES payment, reference TEXT NOT NULL UNIQUE,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0)
) STRICT;
CREATE TABLE notice (
    id TEXT PRIMARY KEY, payment_id TEXT NOT NULL REFERENCES payment, url TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY, notice_id TEXT NOT NULL REFERENCES notice, due_at REAL, tries INTEGER NOT NULL DEFAULT 0,
    answer TEXT NOT NULL DEFAULT '', delivered_at REAL
) STRICT;
INSERT INTO payment VALUES (
    'pay_1', 'token', 'ours',
    CAST('{"reference":"ours","amount":"20.00","currency":"EUR","return_url":"http://a","notice_url":"http://b"}' AS BLOB),
    2000, 'EUR', 'succeeded', '', CAST('{"brand":"Visa","number":"411111******1111"}' AS BLOB), 2000, 'EUR', 1.0
);
INSERT INTO refund VALUES ('ref_1', 'pay_1', 'r1', 500);
INSERT INTO notice VALUES ('ntc_1', 'pay_1', 'http://b', CAST('{}' AS BLOB));
INSERT INTO delivery (notice_id) VALUES ('ntc_1');
"""
