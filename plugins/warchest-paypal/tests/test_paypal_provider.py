"""The plug-in against the running simulator: real HTTP, nothing replaced but the plug-in's clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from warchest.kernel.clock import FixedClock
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.payments import (
    DisputeStanding,
    Evidence,
    Notice,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Standing,
    Subject,
    UnableToTrustNotice,
)
from warchest_paypal.provider import PaypalProvider
from warchest_paypal.talk import PaypalSettings
from warchest_paypal.testing import RunningPaypal

RETURN_URL = "http://127.0.0.1:9/return?basket=7"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPaypal]:
    with RunningPaypal(tmp_path_factory.mktemp("paypal")) as paypal:
        yield paypal


@pytest.fixture
def paypal(running: RunningPaypal) -> Iterator[RunningPaypal]:
    yield running
    running.behave()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime.now(UTC))


@pytest.fixture
def provider(paypal: RunningPaypal, clock: FixedClock) -> Iterator[PaypalProvider]:
    provider = a_provider(paypal, clock)
    yield provider
    provider.close()


def a_provider(paypal: RunningPaypal, clock: FixedClock, **settings: Any) -> PaypalProvider:
    given = {**paypal.settings, "timeout_s": 5, **settings}
    return PaypalProvider(msgspec.convert(given, PaypalSettings), clock=clock)


def a_payment(amount: str = "20.00", currency: str = "EUR", **fields: Any) -> PaymentRequest:
    given = {
        "return_url": RETURN_URL,
        "notice_url": "http://127.0.0.1:9/notices",
        "description": "2000 credits für Zoë & <b>friends</b>",
        "language": "de",
        "country": "DE",
    } | fields
    return PaymentRequest(reference=str(new_id()), amount=Money.parse(amount, currency), **given)


def remembering(payment: PaymentRequest, report: Report) -> PaymentRequest:
    return replace(payment, kept={**payment.kept, **report.keep})


def opened(provider: PaypalProvider, **fields: Any) -> tuple[PaymentRequest, Report]:
    payment = a_payment(**fields)
    report = provider.start(payment)
    assert report.standing is Standing.PENDING
    return remembering(payment, report), report


def paid(provider: PaypalProvider, paypal: RunningPaypal, **fields: Any) -> tuple[PaymentRequest, Report]:
    payment, first = opened(provider, **fields)
    paypal.approve(payment.reference)
    report = provider.inquire(payment, provider_reference=first.provider_reference)
    return remembering(payment, report), report


def a_refund(payment: PaymentRequest, report: Report, amount: str, **fields: Any) -> RefundRequest:
    given = {"reference": str(new_id()), "reason": "asked for"} | fields
    return RefundRequest(
        amount=Money.parse(amount, payment.amount.currency.code),
        payment=payment,
        payment_reference=report.provider_reference,
        **given,
    )


def brought(paypal: RunningPaypal, reference: str, *, at: datetime | None = None) -> list[RawNotice]:
    """All webhooks about a payment, carried by hand."""
    now = at or datetime.now(UTC)
    return [RawNotice(headers, body, now) for headers, body in paypal.notices(reference)]


def read(provider: PaypalProvider, paypal: RunningPaypal, reference: str, kind: str) -> Notice:
    """What the last webhook of this type says."""
    found = [raw for raw in brought(paypal, reference) if json.loads(raw.body)["event_type"] == kind]
    return provider.read_notice(found[-1])


class TestOrders:
    def test_are_approved_on_a_page_and_captured_when_the_browser_returns(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = opened(provider)
        page = httpx.get(report.redirect_url, trust_env=False).text
        assert "20.00 EUR" in page and "&lt;b&gt;friends&lt;/b&gt;" in page
        token = {"token": report.provider_reference, "with": "balance"}
        back = httpx.post(f"{paypal.url}/checkoutnow", data=token, trust_env=False).headers["location"]
        query = parse_qs(urlsplit(back).query)
        assert (query["basket"], query["token"]) == (["7"], [report.provider_reference])
        assert paypal.truth(payment.reference)["taken"] is None
        done = provider.resume(payment, provider_reference=report.provider_reference, query={})
        assert (done.standing, done.amount, done.fee) == (
            Standing.SUCCEEDED,
            payment.amount,
            Money.parse("0.58", "EUR"),
        )

    def test_are_captured_once_though_eight_ask_at_once(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = opened(provider)
        paypal.approve(payment.reference)
        number = report.provider_reference
        with ThreadPoolExecutor(8) as pool:
            reports = list(pool.map(lambda _: provider.inquire(payment, provider_reference=number), range(8)))
        assert {one.standing for one in reports} == {Standing.SUCCEEDED}
        assert len({one.keep["capture"] for one in reports}) == 1
        assert paypal.truth(payment.reference)["taken"] == {"minor": 2000, "currency": "EUR"}

    def test_whose_card_was_declined_can_be_approved_again(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = opened(provider)
        number = report.provider_reference
        paypal.approve(payment.reference, "declined")
        declined = provider.inquire(payment, provider_reference=number)
        assert (declined.standing, declined.reason) == (Standing.PENDING, "INSTRUMENT_DECLINED")
        assert declined.redirect_url == report.redirect_url
        paypal.approve(payment.reference)
        assert provider.inquire(payment, provider_reference=number).standing is Standing.SUCCEEDED

    @pytest.mark.parametrize(
        ("issue", "standing"),
        [
            ("TRANSACTION_REFUSED", Standing.FAILED),
            ("PAYER_CANNOT_PAY", Standing.FAILED),
            ("DUPLICATE_INVOICE_ID", Standing.UNKNOWN),
            ("SOMETHING_NEW", Standing.PENDING),
        ],
    )
    def test_that_paypal_does_not_capture_stand_as_it_says(
        self, paypal: RunningPaypal, provider: PaypalProvider, issue: str, standing: Standing
    ) -> None:
        payment, report = opened(provider)
        paypal.approve(payment.reference)
        paypal.control(refuse_captures=issue)
        answer = provider.inquire(payment, provider_reference=report.provider_reference)
        assert (answer.standing, answer.reason) == (standing, issue)
        assert paypal.truth(payment.reference)["taken"] is None

    def test_that_lapsed_are_given_up_only_when_they_are_old(
        self, paypal: RunningPaypal, provider: PaypalProvider, clock: FixedClock
    ) -> None:
        payment, report = opened(provider)
        paypal.forget(payment.reference)
        number = report.provider_reference
        assert provider.inquire(payment, provider_reference=number).standing is Standing.UNKNOWN
        clock.advance(timedelta(hours=25))
        lapsed = provider.inquire(payment, provider_reference=number)
        assert (lapsed.standing, lapsed.reason) == (Standing.CANCELLED, "order_expired")
        once_paid = replace(payment, kept={**payment.kept, "capture": "CAP1"})
        assert provider.inquire(once_paid, provider_reference=number).standing is Standing.UNKNOWN

    def test_of_another_payment_are_not_taken_for_ours(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        _, report = paid(provider, paypal)
        other = provider.inquire(a_payment(), provider_reference=report.provider_reference)
        assert (other.standing, other.reason) == (Standing.UNKNOWN, "reference_differs")

    def test_ask_for_what_paypal_shall_show(self, paypal: RunningPaypal, clock: FixedClock) -> None:
        provider = a_provider(paypal, clock, brand_name="Nova Arena")
        _, report = opened(provider)
        assert "Pay Nova Arena" in httpx.get(report.redirect_url, trust_env=False).text


class TestCurrencies:
    @pytest.mark.parametrize(
        ("amount", "currency", "shown"),
        [
            ("1500", "JPY", "1500"),
            ("1500.00", "HUF", "1500"),
            ("300.00", "TWD", "300"),
            ("0.29", "EUR", "0.29"),
        ],
    )
    def test_are_written_with_the_decimals_that_paypal_takes(
        self, paypal: RunningPaypal, provider: PaypalProvider, amount: str, currency: str, shown: str
    ) -> None:
        payment, report = paid(provider, paypal, amount=amount, currency=currency)
        assert report.amount == payment.amount
        told = json.loads(report.raw)["purchase_units"][0]["payments"]["captures"][0]["amount"]
        assert told == {"currency_code": currency, "value": shown}

    @pytest.mark.parametrize(("amount", "currency"), [("1500.50", "HUF"), ("10.01", "TWD")])
    def test_whose_fractions_paypal_does_not_take_are_not_rounded(
        self, provider: PaypalProvider, amount: str, currency: str
    ) -> None:
        report = provider.start(a_payment(amount=amount, currency=currency))
        assert (report.standing, report.reason) == (Standing.FAILED, "amount_invalid")

    def test_that_are_not_offered_are_refused(self, paypal: RunningPaypal, clock: FixedClock) -> None:
        provider = a_provider(paypal, clock, currencies=["USD", "XCR"])
        assert provider.description.currencies == {"USD"}
        assert provider.start(a_payment()).standing is Standing.FAILED


class TestTheAccessToken:
    def test_is_fetched_again_once_when_it_was_taken_back(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = opened(provider)
        paypal.revoke_tokens()
        again = provider.inquire(payment, provider_reference=report.provider_reference)
        assert again.standing is Standing.PENDING

    def test_is_renewed_before_its_end(
        self, paypal: RunningPaypal, provider: PaypalProvider, clock: FixedClock
    ) -> None:
        paypal.control(tokens_live_s=30)
        payment, report = opened(a_provider(paypal, clock))
        assert payment.kept["order"] == report.provider_reference

    def test_that_is_not_given_leaves_payments_unknown(
        self, paypal: RunningPaypal, clock: FixedClock
    ) -> None:
        stranger = a_provider(paypal, clock, client_secret="another-secret-of-enough-length")
        report = stranger.start(a_payment())
        assert (report.standing, report.reason) == (Standing.UNKNOWN, "unauthorized")
        assert "does not accept" in stranger.health().detail


class TestAuthorisations:
    def test_are_captured_in_part(self, paypal: RunningPaypal, provider: PaypalProvider) -> None:
        payment, report = paid(provider, paypal, capture_later=True)
        assert (report.standing, report.amount) == (Standing.AUTHORISED, None)
        number = report.provider_reference
        part = Money.parse("15.00", "EUR")
        captured = provider.capture(payment, provider_reference=number, amount=part)
        assert (captured.standing, captured.amount) == (Standing.SUCCEEDED, part)
        asked = provider.inquire(remembering(payment, captured), provider_reference=number)
        assert (asked.standing, asked.amount) == (Standing.SUCCEEDED, part)

    def test_are_captured_once_whatever_is_asked_again(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = paid(provider, paypal, capture_later=True)
        number = report.provider_reference
        for amount in ("15.00", "20.00"):
            again = provider.capture(payment, provider_reference=number, amount=Money.parse(amount, "EUR"))
            assert again.amount == Money.parse("15.00", "EUR")
        assert paypal.truth(payment.reference)["taken"] == {"minor": 1500, "currency": "EUR"}

    def test_that_exceed_what_was_authorised_leave_it_as_it_is(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = paid(provider, paypal, capture_later=True)
        more = provider.capture(
            payment, provider_reference=report.provider_reference, amount=Money.parse("20.01", "EUR")
        )
        assert (more.standing, more.reason) == (Standing.AUTHORISED, "MAX_CAPTURE_AMOUNT_EXCEEDED")

    def test_an_open_order_cannot_be_voided_and_a_paid_one_is_not(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        waiting, first = opened(provider)
        still = provider.void(waiting, provider_reference=first.provider_reference)
        assert still.standing is Standing.PENDING
        payment, report = paid(provider, paypal)
        after = provider.void(payment, provider_reference=report.provider_reference)
        assert after.standing is Standing.SUCCEEDED


class TestRefunds:
    def test_of_parts_add_up_and_never_exceed_the_capture(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = paid(provider, paypal)
        assert provider.refund(a_refund(payment, report, "15.00")).standing is Standing.SUCCEEDED
        beyond = provider.refund(a_refund(payment, report, "5.01"))
        assert (beyond.standing, beyond.reason) == (Standing.FAILED, "REFUND_AMOUNT_EXCEEDED")
        assert provider.refund(a_refund(payment, report, "5.00")).standing is Standing.SUCCEEDED
        nothing_left = provider.refund(a_refund(payment, report, "0.01"))
        assert (nothing_left.standing, nothing_left.reason) == (Standing.FAILED, "CAPTURE_FULLY_REFUNDED")
        stands = provider.inquire(payment, provider_reference=report.provider_reference)
        assert (stands.standing, stands.amount) == (Standing.SUCCEEDED, payment.amount)

    def test_that_nobody_answered_are_found_by_our_mark(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = paid(provider, paypal)
        refund = a_refund(payment, report, "5.00")
        paypal.control(mood="lose_answers")
        silent = provider.refund(refund)
        assert silent.standing is Standing.UNKNOWN
        paypal.behave()
        asked = replace(refund, payment=remembering(payment, silent))
        found = provider.inquire_refund(asked)
        assert (found.standing, found.amount) == (Standing.SUCCEEDED, refund.amount)
        assert paypal.truth(payment.reference)["refunds"] == 1

    def test_are_made_without_what_was_kept_of_the_capture(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = paid(provider, paypal)
        bare = replace(payment, kept={})
        assert provider.refund(a_refund(bare, report, "5.00")).standing is Standing.SUCCEEDED

    def test_that_paypal_may_have_forgotten_are_not_made_again(
        self, paypal: RunningPaypal, provider: PaypalProvider, clock: FixedClock
    ) -> None:
        payment, report = paid(provider, paypal)
        refund = a_refund(payment, report, "5.00")
        paypal.control(mood="server_error")
        silent = provider.refund(refund)
        paypal.behave()
        clock.advance(timedelta(days=31))
        late = provider.inquire_refund(replace(refund, payment=remembering(payment, silent)))
        assert (late.standing, late.reason) == (Standing.UNKNOWN, "too_late_to_repeat")

    def test_refused_for_a_reason_that_is_not_listed_are_neither_yes_nor_no(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = paid(provider, paypal)
        paypal.control(refuse_refunds="SOMETHING_NEW")
        answer = provider.refund(a_refund(payment, report, "5.00"))
        assert (answer.standing, answer.reason) == (Standing.PENDING, "SOMETHING_NEW")


class TestNotices:
    def test_of_an_approval_is_no_success_and_asking_captures(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = opened(provider)
        paypal.approve(payment.reference)
        notice = read(provider, paypal, payment.reference, "CHECKOUT.ORDER.APPROVED")
        assert (notice.reference, notice.payment_reference) == (payment.reference, report.provider_reference)
        assert (notice.report.standing, notice.report.amount) == (Standing.PENDING, None)
        assert paypal.truth(payment.reference)["taken"] is None
        done = provider.inquire(payment, provider_reference=report.provider_reference)
        assert done.standing is Standing.SUCCEEDED

    @pytest.mark.parametrize(
        ("succeeded", "kind", "standing"),
        [
            (True, "PAYMENT.CAPTURE.COMPLETED", Standing.SUCCEEDED),
            (False, "PAYMENT.CAPTURE.DECLINED", Standing.FAILED),
        ],
    )
    def test_tells_a_late_decision(
        self,
        paypal: RunningPaypal,
        provider: PaypalProvider,
        succeeded: bool,
        kind: str,
        standing: Standing,
    ) -> None:
        payment, report = opened(provider)
        paypal.approve(payment.reference, "check")
        waiting = provider.inquire(payment, provider_reference=report.provider_reference)
        assert (waiting.standing, waiting.reason) == (Standing.PENDING, "ECHECK")
        first = read(provider, paypal, payment.reference, "PAYMENT.CAPTURE.PENDING")
        assert (first.report.standing, first.report.reason) == (Standing.PENDING, "ECHECK")
        paypal.decide(payment.reference, succeeded=succeeded)
        notice = read(provider, paypal, payment.reference, kind)
        assert (notice.reference, notice.report.standing) == (payment.reference, standing)
        assert notice.report.amount == (payment.amount if succeeded else None)

    def test_of_a_refund_at_paypals_own_desk_is_not_taken_for_one_of_ours(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, _ = paid(provider, paypal)
        paypal.refund_at_desk(payment.reference)
        notice = read(provider, paypal, payment.reference, "PAYMENT.CAPTURE.REFUNDED")
        assert (notice.subject, notice.reference, notice.refund_reference) == (
            Subject.REFUND,
            payment.reference,
            "",
        )
        assert notice.report.amount == payment.amount

    def test_of_a_failed_refund_names_it(self, paypal: RunningPaypal, provider: PaypalProvider) -> None:
        payment, report = paid(provider, paypal)
        paypal.control(delay_refunds=True)
        refund = a_refund(payment, report, "5.00")
        assert provider.refund(refund).standing is Standing.PENDING
        paypal.finish_refunds(payment.reference, confirmed=False)
        notice = read(provider, paypal, payment.reference, "PAYMENT.REFUND.FAILED")
        assert notice.refund_reference == refund.reference
        assert (notice.report.standing, notice.report.reason) == (Standing.FAILED, "ECHECK")

    def test_that_concerns_nothing_of_ours_is_read_and_nothing_follows(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        body = b'{"id": "WH-1", "event_type": "BILLING.PLAN.CREATED", "resource": {"id": "P-1"}}'
        paypal.control(verify_answer="SUCCESS")
        payment, _ = paid(provider, paypal)
        (headers, _), *_ = paypal.notices(payment.reference)
        notice = provider.read_notice(RawNotice(headers, body, datetime.now(UTC)))
        assert (notice.id, notice.subject) == ("WH-1", Subject.NOTHING)

    def test_with_what_is_no_text_in_it_is_read_all_the_same(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        paypal.control(verify_answer="SUCCESS")
        payment, _ = paid(provider, paypal)
        raw = brought(paypal, payment.reference)[-1]
        careless = replace(raw, body=raw.body[:-1] + b',"junk":"\xff 4111111111111111"}')
        notice = provider.read_notice(careless)
        assert notice.reference == payment.reference
        assert "4111111111111111" not in notice.report.raw

    def test_is_sent_to_paypal_byte_by_byte(self, paypal: RunningPaypal, provider: PaypalProvider) -> None:
        payment, _ = paid(provider, paypal)
        raw = brought(paypal, payment.reference)[-1]
        assert provider.read_notice(raw).id
        rewritten = json.dumps(json.loads(raw.body), sort_keys=True).encode()
        with pytest.raises(UnableToTrustNotice) as refusal:
            provider.read_notice(replace(raw, body=rewritten))
        assert refusal.value.reason == "notice_signature_wrong"

    @pytest.mark.parametrize(
        "body",
        [
            b'{},"webhook_id":"X","webhook_event":{}',
            b'{"id":"1"',
            b'{"id":"1"}x',
            b"[]",
            b"\xff",
            b'{"id":"1","event_type":"x","resource":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        ],
        ids=["two documents", "half", "more", "a list", "no text", "deep"],
    )
    def test_that_is_not_one_document_never_reaches_paypal(
        self, paypal: RunningPaypal, provider: PaypalProvider, body: bytes
    ) -> None:
        paypal.control(verify_answer="SUCCESS")
        payment, _ = paid(provider, paypal)
        raw = replace(brought(paypal, payment.reference)[-1], body=body)
        with pytest.raises(UnableToTrustNotice) as refusal:
            provider.read_notice(raw)
        assert refusal.value.reason == "notice_malformed"

    @pytest.mark.parametrize("told", ["FAILURE", "success", "PONDERED"])
    def test_that_paypal_does_not_own_up_to_is_refused(
        self, paypal: RunningPaypal, provider: PaypalProvider, told: str
    ) -> None:
        payment, _ = paid(provider, paypal)
        paypal.control(verify_answer=told)
        with pytest.raises(UnableToTrustNotice) as refusal:
            provider.read_notice(brought(paypal, payment.reference)[-1])
        assert refusal.value.reason == "notice_signature_wrong"

    @pytest.mark.parametrize(
        "switch", [{"verify_answer": "error"}, {"mood": "server_error"}, {"mood": "hang"}, {"mood": "drip"}]
    )
    def test_that_paypal_does_not_answer_for_now_is_refused_so_that_it_comes_again(
        self, paypal: RunningPaypal, clock: FixedClock, switch: dict[str, str]
    ) -> None:
        provider = a_provider(paypal, clock, notice_timeout_s=1)
        payment, _ = paid(provider, paypal)
        raw = brought(paypal, payment.reference)[-1]
        paypal.control(**switch)
        with pytest.raises(UnableToTrustNotice) as refusal:
            provider.read_notice(raw)
        assert refusal.value.reason == "notice_unverifiable"
        assert refusal.value.reason in refusal.value.passing
        paypal.behave()
        assert provider.read_notice(raw).report.standing is Standing.SUCCEEDED

    def test_to_the_webhook_before_is_believed_while_it_is_being_replaced(
        self, paypal: RunningPaypal, provider: PaypalProvider, clock: FixedClock
    ) -> None:
        payment, _ = paid(provider, paypal)
        raw = brought(paypal, payment.reference)[-1]
        renewed = {"webhook_id": "NEWHOOK"}
        with pytest.raises(UnableToTrustNotice):
            a_provider(paypal, clock, **renewed).read_notice(raw)
        before = {"previous_webhook_id": paypal.settings["webhook_id"]}
        assert a_provider(paypal, clock, **renewed, **before).read_notice(raw).id


class TestDisputes:
    @pytest.mark.parametrize(
        ("outcome", "standing"),
        [
            ("RESOLVED_SELLER_FAVOUR", DisputeStanding.WON),
            ("CANCELED_BY_BUYER", DisputeStanding.WON),
            ("RESOLVED_BUYER_FAVOUR", DisputeStanding.LOST),
            ("ACCEPTED", DisputeStanding.LOST),
            ("RESOLVED_WITH_PAYOUT", DisputeStanding.UNDER_REVIEW),
            ("SOMETHING_NEW", DisputeStanding.UNDER_REVIEW),
        ],
    )
    def test_end_as_paypal_says(
        self, paypal: RunningPaypal, provider: PaypalProvider, outcome: str, standing: DisputeStanding
    ) -> None:
        payment, _ = paid(provider, paypal)
        paypal.dispute(payment.reference)
        paypal.end_dispute(payment.reference, outcome)
        notice = read(provider, paypal, payment.reference, "CUSTOMER.DISPUTE.RESOLVED")
        assert notice.dispute is not None
        assert (notice.reference, notice.dispute.standing) == (payment.reference, standing)
        assert notice.dispute.amount == payment.amount
        assert notice.dispute.evidence_until == datetime(2039, 1, 1, tzinfo=UTC)

    def test_take_evidence_once(self, paypal: RunningPaypal, provider: PaypalProvider) -> None:
        payment, report = paid(provider, paypal)
        paypal.dispute(payment.reference)
        notice = read(provider, paypal, payment.reference, "CUSTOMER.DISPUTE.CREATED")
        assert notice.dispute is not None and notice.dispute.standing is DisputeStanding.OPENED
        at = datetime(2026, 11, 1, 12, tzinfo=UTC)
        evidence = Evidence("Used the same evening — " + "x" * 3000, paid_at=at, used_at=at)
        for _ in range(2):
            answer = provider.answer_dispute(
                payment,
                provider_reference=report.provider_reference,
                dispute=notice.dispute.id,
                evidence=evidence,
            )
            assert answer.standing is Standing.SUCCEEDED
        (notes,) = paypal.truth(payment.reference)["evidences"]
        assert len(notes) <= 2000 and notes.startswith("Used the same evening — ")
        assert notes.endswith("Used at 2026-11-01T12:00:00+00:00.")

    def test_that_take_no_evidence_any_more_say_so(
        self, paypal: RunningPaypal, provider: PaypalProvider
    ) -> None:
        payment, report = paid(provider, paypal)
        paypal.dispute(payment.reference)
        paypal.end_dispute(payment.reference, "ACCEPTED")
        notice = read(provider, paypal, payment.reference, "CUSTOMER.DISPUTE.RESOLVED")
        assert notice.dispute is not None
        answer = provider.answer_dispute(
            payment,
            provider_reference=report.provider_reference,
            dispute=notice.dispute.id,
            evidence=Evidence("Late.", paid_at=datetime.now(UTC)),
        )
        assert (answer.standing, answer.reason) == (
            Standing.FAILED,
            "ACTION_NOT_ALLOWED_IN_CURRENT_STATE",
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "paypal"},
        {"base_url": "https://paypal/path"},
        {"client_id": "a:b"},
        {"client_secret": "short"},
        {"webhook_id": "WH 1"},
        {"timeout_s": 0},
        {"timeout_s": 61},
    ],
)
def test_settings_that_cannot_work_are_refused(
    paypal: RunningPaypal, clock: FixedClock, wrong: dict[str, Any]
) -> None:
    with pytest.raises(msgspec.ValidationError):
        a_provider(paypal, clock, **wrong)
