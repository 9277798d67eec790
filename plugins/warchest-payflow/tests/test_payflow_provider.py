"""The plug-in against the running simulator: real HTTP, nothing replaced but the plug-in's clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import msgspec
import pytest

from warchest.kernel.clock import FixedClock
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.payments import (
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Standing,
    UnableToTrustNotice,
)
from warchest_payflow import namevalue, results
from warchest_payflow.gateway import PayflowSettings, customer_reference, request_id, token_id
from warchest_payflow.provider import PayflowProvider
from warchest_payflow.results import Meaning
from warchest_payflow.testing import RunningPayflow

GOOD_CARD, UNKNOWN_CARD = "4111111111111111", "4000000000000002"
RETURN_URL = "http://127.0.0.1:9/return?basket=7&x=a=b"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPayflow]:
    with RunningPayflow(tmp_path_factory.mktemp("payflow")) as payflow:
        yield payflow


@pytest.fixture
def payflow(running: RunningPayflow) -> Iterator[RunningPayflow]:
    yield running
    running.behave()
    running.control(page_lifetime_s=1800, page_uses=3)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime.now(UTC))


@pytest.fixture
def provider(payflow: RunningPayflow, clock: FixedClock) -> Iterator[PayflowProvider]:
    provider = a_provider(payflow, clock)
    yield provider
    provider.close()


def a_provider(payflow: RunningPayflow, clock: FixedClock, **settings: Any) -> PayflowProvider:
    given = {**payflow.settings, "timeout_s": 5, **settings}
    return PayflowProvider(msgspec.convert(given, PayflowSettings), clock=clock)


def a_payment(amount: str = "20.00", currency: str = "EUR", **fields: Any) -> PaymentRequest:
    given = {
        "return_url": RETURN_URL,
        "notice_url": "http://127.0.0.1:9/notices",
        "description": "Nova & Friends: 2000 “credits” für Zoë",
        "language": "en",
        "country": "DE",
    } | fields
    return PaymentRequest(reference=str(new_id()), amount=Money.parse(amount, currency), **given)


def remembering(payment: PaymentRequest, report: Report) -> PaymentRequest:
    return replace(payment, kept={**payment.kept, **report.keep})


def opened(provider: PayflowProvider, **fields: Any) -> tuple[PaymentRequest, Report]:
    payment = a_payment(**fields)
    report = provider.start(payment)
    assert report.standing is Standing.PENDING
    return remembering(payment, report), report


def paid(provider: PayflowProvider, payflow: RunningPayflow, **fields: Any) -> tuple[PaymentRequest, Report]:
    payment, _ = opened(provider, **fields)
    payflow.pay(payment.reference)
    report = provider.inquire(payment, provider_reference="")
    return remembering(payment, report), report


def a_refund(payment: PaymentRequest, number: str, amount: str, **fields: Any) -> RefundRequest:
    given = {"reference": str(new_id()), "reason": "asked for"} | fields
    return RefundRequest(
        amount=Money.parse(amount, payment.amount.currency.code),
        payment=payment,
        payment_reference=number,
        **given,
    )


def said(
    payflow: RunningPayflow, under: str | None = None, headers: Mapping[str, str] | None = None, **fields: str
) -> dict[str, str]:
    """A request as any merchant's program makes it."""
    settings = payflow.settings
    login = {
        "PARTNER": settings["partner"],
        "VENDOR": settings["vendor"],
        "USER": settings["vendor"],
        "PWD": settings["password"],
    }
    answer = httpx.post(
        payflow.url,
        content=namevalue.encode(login | fields),
        headers={
            "content-type": "text/namevalue",
            "x-vps-request-id": under or new_id().hex,
            "x-vps-client-timeout": "45",
            **(headers or {}),
        },
        trust_env=False,
    )
    return namevalue.decode(answer.content)


def charged(
    payflow: RunningPayflow, amount: str, *, kind: str = "S", card: str = GOOD_CARD
) -> dict[str, str]:
    return said(payflow, TRXTYPE=kind, TENDER="C", ACCT=card, EXPDATE="1239", AMT=amount, CURRENCY="USD")


class TestTheVendorsRules:
    @pytest.mark.parametrize(
        ("amount", "code"),
        [
            ("0.01", 0),
            ("1000.00", 0),
            ("1000.01", 12),
            ("1012.00", 12),
            ("1013.00", 13),
            ("1013.50", 12),
            ("1104.00", 104),
            ("1114.00", 114),
            ("1007.00", 12),
            ("2000.00", 1000),
            ("2001.00", 12),
            ("99999.00", 12),
            ("-1.00", 4),
            ("1,000.00", 4),
        ],
    )
    def test_the_amount_brings_about_the_result(
        self, payflow: RunningPayflow, amount: str, code: int
    ) -> None:
        assert charged(payflow, amount)["RESULT"] == str(code)

    @pytest.mark.parametrize("card", ["4012888888881881", "5105105105105100", "5555555555554444"])
    def test_the_test_cards_are_taken_and_no_others(self, payflow: RunningPayflow, card: str) -> None:
        assert charged(payflow, "5.00", card=card)["RESULT"] == "0"
        assert charged(payflow, "5.00", card=UNKNOWN_CARD)["RESULT"] == "23"

    def test_voice_authorisations_and_credits_are_approved_whatever_the_amount(
        self, payflow: RunningPayflow
    ) -> None:
        forced = charged(payflow, "1500.00", kind="F")
        assert forced["RESULT"] == "0"
        credit = said(payflow, TRXTYPE="C", ORIGID=forced["PNREF"], AMT="1200.00", CURRENCY="USD")
        assert credit["RESULT"] == "0"

    def test_a_request_id_gets_its_first_answer_again_whatever_is_asked(
        self, payflow: RunningPayflow
    ) -> None:
        card = {"TRXTYPE": "S", "TENDER": "C", "ACCT": GOOD_CARD, "EXPDATE": "1239", "CURRENCY": "USD"}
        first = said(payflow, "one", AMT="5.00", **card)
        again = said(payflow, "one", AMT="9.00", **card)
        assert again == first | {"DUPLICATE": "1"}
        assert said(payflow, "another", AMT="9.00", **card)["PNREF"] != first["PNREF"]

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"PWD": "wrong!"}, 1),
            ({"VENDOR": "stranger"}, 26),
            ({"TRXTYPE": "G"}, 3),
            ({"TRXTYPE": "S", "TENDER": "G"}, 2),
            ({"TRXTYPE": "D"}, 7),
            ({"TRXTYPE": "D", "ORIGID": "VXYZ00887892"}, 19),
            ({"TRXTYPE": "I", "CUSTREF": "nobody"}, 20),
            ({"TRXTYPE": "C", "AMT": "5.00"}, 117),
        ],
    )
    def test_other_results_are_had_as_the_guide_says(
        self, payflow: RunningPayflow, fields: dict[str, str], code: int
    ) -> None:
        assert said(payflow, **fields)["RESULT"] == str(code)

    @pytest.mark.parametrize("under", ["", "x" * 33])
    def test_a_request_without_a_right_id_is_not_heard(self, payflow: RunningPayflow, under: str) -> None:
        assert said(payflow, headers={"x-vps-request-id": under}, TRXTYPE="I")["RESULT"] == "7"

    def test_an_authorisation_is_captured_once_and_voided_only_before(self, payflow: RunningPayflow) -> None:
        number = charged(payflow, "9.00", kind="A")["PNREF"]
        capture = said(payflow, TRXTYPE="D", ORIGID=number)
        assert capture["RESULT"] == "0"
        assert said(payflow, TRXTYPE="D", ORIGID=number)["RESULT"] == "111"
        assert said(payflow, TRXTYPE="V", ORIGID=number)["RESULT"] == "108"
        assert said(payflow, TRXTYPE="C", ORIGID=number)["RESULT"] == "105"
        told = said(payflow, TRXTYPE="I", ORIGID=number, VERBOSITY="HIGH")
        assert (told["TRANSSTATE"], told["ORIGRESULT"], told["ORIGPNREF"]) == ("9", "0", number)

    def test_a_sale_is_voided_before_it_is_settled_and_not_after(self, payflow: RunningPayflow) -> None:
        early, late = charged(payflow, "9.00")["PNREF"], charged(payflow, "9.00")["PNREF"]
        assert said(payflow, TRXTYPE="V", ORIGID=early)["RESULT"] == "0"
        assert said(payflow, TRXTYPE="I", ORIGID=early)["TRANSSTATE"] == "1006"
        payflow.settle()
        assert said(payflow, TRXTYPE="V", ORIGID=late)["RESULT"] == "108"
        assert said(payflow, TRXTYPE="I", ORIGID=late)["TRANSSTATE"] == "8"
        assert said(payflow, TRXTYPE="V", ORIGID=early)["RESULT"] == "108"


class TestTheHostedPage:
    def test_shows_what_is_paid_and_brings_the_browser_back(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = opened(provider)
        page = httpx.get(report.redirect_url, trust_env=False)
        assert page.status_code == 200
        assert "20.00 EUR" in page.text and payment.reference in page.text
        assert "Nova &amp; Friends: 2000 ?credits? fur Zoe" in page.text
        brought = self.fill(payflow, report, ACCT="4111 1111 1111 1111", EXPDATE="1239")
        back = urlsplit(brought.headers["location"])
        query = parse_qs(back.query)
        assert (query["basket"], query["x"], query["RESULT"]) == (["7"], ["a=b"], ["0"])
        assert provider.resume(payment, provider_reference="", query={}).standing is Standing.SUCCEEDED

    def test_lets_the_player_try_another_card_and_the_payment_stays_open(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = opened(provider)
        again = self.fill(payflow, report, ACCT=UNKNOWN_CARD, EXPDATE="1239")
        assert again.status_code == 422 and "Try another card" in again.text
        declined = provider.inquire(payment, provider_reference="")
        assert (declined.standing, declined.reason) == (Standing.PENDING, "payflow_23")
        assert declined.redirect_url == report.redirect_url
        self.fill(payflow, report, ACCT=GOOD_CARD, EXPDATE="1239")
        approved = provider.inquire(remembering(payment, declined), provider_reference="")
        assert (approved.standing, approved.amount) == (Standing.SUCCEEDED, payment.amount)
        assert approved.provider_reference != declined.provider_reference

    def test_that_takes_one_card_only_ends_the_payment_with_it(
        self, payflow: RunningPayflow, clock: FixedClock
    ) -> None:
        payflow.control(page_uses=1)
        provider = a_provider(payflow, clock, page_uses=1)
        payment, report = opened(provider)
        back = self.fill(payflow, report, ACCT=UNKNOWN_CARD, EXPDATE="1239")
        assert back.status_code == 303
        declined = provider.inquire(payment, provider_reference="")
        assert (declined.standing, declined.reason) == (Standing.FAILED, "payflow_23")
        assert "160" in httpx.get(report.redirect_url, trust_env=False).text

    def test_is_told_in_test_mode_where_the_account_is_one(
        self, payflow: RunningPayflow, clock: FixedClock
    ) -> None:
        _, report = opened(a_provider(payflow, clock, test_mode=True))
        assert dict(parse_qsl(urlsplit(report.redirect_url).query))["MODE"] == "TEST"

    def test_comes_back_by_post_where_that_is_asked(self, payflow: RunningPayflow) -> None:
        made = said(
            payflow,
            TRXTYPE="S",
            CREATESECURETOKEN="Y",
            SECURETOKENID="page1",
            AMT="5.00",
            RETURNURL="http://127.0.0.1:9/back",
        )
        filled = {
            "SECURETOKEN": made["SECURETOKEN"],
            "SECURETOKENID": "page1",
            "ACCT": GOOD_CARD,
            "EXPDATE": "1239",
        }
        page = httpx.post(f"{payflow.url}/pay/card", data=filled, trust_env=False).text
        assert '<form method="post" action="http://127.0.0.1:9/back">' in page

    def fill(self, payflow: RunningPayflow, report: Report, **fields: str) -> httpx.Response:
        token = dict(parse_qsl(urlsplit(report.redirect_url).query))
        return httpx.post(f"{payflow.url}/pay/card", data=token | fields | {"action": "pay"}, trust_env=False)


class TestAPageWhoseTimeIsUp:
    def test_is_refused_and_the_payment_is_given_up_only_after_the_grace(
        self, payflow: RunningPayflow, provider: PayflowProvider, clock: FixedClock
    ) -> None:
        payment, report = opened(provider)
        payflow.control(page_lifetime_s=0)
        clock.advance(timedelta(minutes=31))
        page = httpx.get(report.redirect_url, trust_env=False)
        assert page.status_code == 410 and "(7)" in page.text
        waiting = provider.inquire(payment, provider_reference="")
        assert (waiting.standing, waiting.redirect_url) == (Standing.PENDING, "")
        clock.advance(timedelta(minutes=5))
        given_up = provider.inquire(payment, provider_reference="")
        assert (given_up.standing, given_up.reason) == (Standing.CANCELLED, "page_expired")

    def test_is_followed_by_a_new_one_under_a_new_id_when_the_payment_is_opened_again(
        self, payflow: RunningPayflow, provider: PayflowProvider, clock: FixedClock
    ) -> None:
        payment, report = opened(provider)
        assert provider.start(payment).redirect_url == report.redirect_url
        payflow.control(page_lifetime_s=0)
        clock.advance(timedelta(minutes=31))
        assert provider.start(payment).redirect_url == ""
        clock.advance(timedelta(minutes=5))
        second = provider.start(payment)
        assert second.redirect_url not in ("", report.redirect_url)
        assert token_id(payment.reference, 2) in second.redirect_url
        payflow.control(page_lifetime_s=1800)
        payment = remembering(payment, second)
        assert provider.start(payment).redirect_url == second.redirect_url
        payflow.pay(payment.reference)
        assert provider.inquire(payment, provider_reference="").amount == payment.amount
        assert payflow.truth(payment.reference)["pages"] == 2
        assert payflow.truth(payment.reference)["taken"] == {"minor": 2000, "currency": "EUR"}

    def test_and_was_paid_at_the_last_moment_gets_no_second_one(
        self, payflow: RunningPayflow, provider: PayflowProvider, clock: FixedClock
    ) -> None:
        payment, _ = opened(provider)
        payflow.pay(payment.reference)
        clock.advance(timedelta(days=2))
        report = provider.start(payment)
        assert (report.standing, report.amount) == (Standing.SUCCEEDED, payment.amount)
        assert payflow.truth(payment.reference)["pages"] == 1

    def test_and_was_paid_all_the_same_beside_a_second_one_is_told_with_the_whole_sum(
        self, payflow: RunningPayflow, provider: PayflowProvider, clock: FixedClock
    ) -> None:
        payment, first = opened(provider)
        clock.advance(timedelta(minutes=36))
        payment = remembering(payment, provider.start(payment))
        payflow.pay(payment.reference)
        token = dict(parse_qsl(urlsplit(first.redirect_url).query))
        card = {"ACCT": GOOD_CARD, "EXPDATE": "1239", "action": "pay"}
        httpx.post(f"{payflow.url}/pay/card", data=token | card, trust_env=False)
        report = provider.inquire(payment, provider_reference="")
        assert (report.standing, report.reason) == (Standing.SUCCEEDED, "paid_on_two_pages")
        assert report.amount == Money.parse("40.00", "EUR")

    def test_and_that_was_declined_fails(
        self, payflow: RunningPayflow, provider: PayflowProvider, clock: FixedClock
    ) -> None:
        payment, _ = opened(provider)
        payflow.pay(payment.reference, card=UNKNOWN_CARD)
        clock.advance(timedelta(minutes=36))
        report = provider.inquire(payment, provider_reference="")
        assert (report.standing, report.reason) == (Standing.FAILED, "payflow_23")


class TestStandings:
    @pytest.mark.parametrize("code", sorted(code for code in results.RESULTS if code))
    def test_every_listed_result_of_a_charge_stands_as_its_meaning_says(
        self, payflow: RunningPayflow, clock: FixedClock, code: int
    ) -> None:
        provider = a_provider(payflow, clock, page_uses=1)
        payment, _ = opened(provider)
        payflow.pay(payment.reference, result=code)
        report = provider.inquire(payment, provider_reference="")
        expected = {
            Meaning.REFUSED: Standing.FAILED,
            Meaning.NO_SUCH: Standing.FAILED,
            Meaning.PAGE_USED: Standing.FAILED,
            Meaning.REVIEW: Standing.PENDING,
            Meaning.UNCLEAR: Standing.UNKNOWN,
            Meaning.NOT_HEARD: Standing.UNKNOWN,
        }
        assert report.standing is expected[results.RESULTS[code].meaning]
        assert report.reason == f"payflow_{code}"
        assert report.amount is None

    @pytest.mark.parametrize(
        ("code", "standing"), [(-12, Standing.UNKNOWN), (-1, Standing.UNKNOWN), (777, Standing.PENDING)]
    )
    def test_a_failed_communication_is_unknown_and_an_unlisted_number_pending(
        self, payflow: RunningPayflow, provider: PayflowProvider, code: int, standing: Standing
    ) -> None:
        payment, _ = opened(provider)
        payflow.pay(payment.reference, result=code)
        report = provider.inquire(payment, provider_reference="")
        assert (report.standing, report.reason) == (standing, f"payflow_{code}")

    @pytest.mark.parametrize(
        ("state", "standing"),
        [
            (6, Standing.SUCCEEDED),
            (7, Standing.SUCCEEDED),
            (8, Standing.SUCCEEDED),
            (0, Standing.PENDING),
            (1, Standing.PENDING),
            (3, Standing.PENDING),
            (11, Standing.PENDING),
            (14, Standing.PENDING),
            (15, Standing.PENDING),
            (106, Standing.PENDING),
            (206, Standing.PENDING),
            (1006, Standing.CANCELLED),
            (1077, Standing.PENDING),
            (10006, Standing.PENDING),
        ],
    )
    def test_every_state_of_an_approved_sale_stands_as_it_should(
        self, payflow: RunningPayflow, provider: PayflowProvider, state: int, standing: Standing
    ) -> None:
        payment, _ = opened(provider)
        payflow.pay(payment.reference)
        payflow.control(state_told=state)
        report = provider.inquire(payment, provider_reference="")
        assert report.standing is standing
        assert (report.amount is not None) == (standing is Standing.SUCCEEDED)

    def test_a_payment_in_fraud_review_is_delivered_only_when_it_was_accepted(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, _ = opened(provider)
        payflow.pay(payment.reference, result=126)
        held = provider.inquire(payment, provider_reference="")
        assert (held.standing, held.reason, held.amount) == (Standing.PENDING, "payflow_126", None)
        payflow.review(payment.reference, accepted=True)
        report = provider.inquire(payment, provider_reference="")
        assert (report.standing, report.amount) == (Standing.SUCCEEDED, payment.amount)

    def test_what_was_paid_with_is_told_without_its_number(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        _, report = paid(provider, payflow)
        assert report.instrument is not None
        assert (report.instrument.method, report.instrument.label, report.instrument.expires) == (
            "visa",
            "Visa •••• 1111",
            "2039-12",
        )
        assert GOOD_CARD not in report.raw

    def test_a_payment_whose_number_is_known_is_asked_about_by_it_alone(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = paid(provider, payflow)
        stranger = replace(payment, reference=str(new_id()), kept={})
        again = provider.inquire(stranger, provider_reference=report.provider_reference)
        assert (again.standing, again.reason) == (Standing.UNKNOWN, "reference_differs")
        lost = provider.inquire(replace(payment, kept={}), provider_reference="V00000000000")
        assert lost.standing is Standing.UNKNOWN

    def test_the_answer_to_another_page_is_not_taken_for_ours(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment = a_payment()
        said(
            payflow,
            request_id("page", payment.reference, "1"),
            TRXTYPE="S",
            CREATESECURETOKEN="Y",
            SECURETOKENID="somebodyelses",
            AMT="1.00",
        )
        report = provider.start(payment)
        assert (report.standing, report.reason) == (Standing.UNKNOWN, "reference_differs")

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"currency": "JPY", "amount": "2000"}, "currency_not_supported"),
            ({"amount": "0.00"}, "amount_invalid"),
            ({"amount": "12345678.00"}, "amount_invalid"),
            ({"saved_method": "tok"}, "saved_methods_not_supported"),
            ({"return_url": 'http://127.0.0.1/"'}, "return_url_malformed"),
        ],
    )
    def test_what_the_gateway_could_not_be_asked_for_is_failed_without_asking(
        self, provider: PayflowProvider, fields: dict[str, str], reason: str
    ) -> None:
        report = provider.start(a_payment(**fields))
        assert (report.standing, report.reason) == (Standing.FAILED, reason)

    def test_marks_are_as_short_as_the_gateway_wants_and_the_same_for_ever(self) -> None:
        reference = "01890a5d-ac96-774b-bcce-b302099a8057"
        assert len(request_id("refund", reference)) == 32 and request_id("refund", reference).isalnum()
        assert request_id("refund", reference) == request_id("refund", reference)
        assert request_id("refund", reference) != request_id("void", reference)
        assert len(token_id(reference, 1)) == 36 and token_id(reference, 1).isalnum()
        assert token_id(reference, 1) != token_id(reference, 2)
        assert len(customer_reference(reference)) == 12 and customer_reference(reference).isalnum()


class TestAGatewayThatTellsLess:
    """The guide does not say that an inquiry answers with our reference and the currency."""

    def test_is_believed_about_a_page_of_ours(
        self, payflow: RunningPayflow, provider: PayflowProvider, clock: FixedClock
    ) -> None:
        payflow.control(terse=True)
        payment, report = paid(provider, payflow)
        assert (report.standing, report.amount) == (Standing.SUCCEEDED, payment.amount)
        refund = provider.refund(a_refund(payment, report.provider_reference, "5.00"))
        assert (refund.standing, refund.amount) == (Standing.SUCCEEDED, Money.parse("5.00", "EUR"))

    def test_ends_a_declined_payment_too(
        self, payflow: RunningPayflow, provider: PayflowProvider, clock: FixedClock
    ) -> None:
        payflow.control(terse=True)
        payment, _ = opened(provider)
        payflow.pay(payment.reference, card=UNKNOWN_CARD)
        clock.advance(timedelta(minutes=36))
        report = provider.inquire(payment, provider_reference="")
        assert (report.standing, report.reason) == (Standing.FAILED, "payflow_23")

    def test_is_not_believed_about_what_might_be_anothers(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payflow.control(terse=True)
        payment, _ = opened(provider)
        payflow.pay(payment.reference)
        forgotten = provider.inquire(replace(payment, kept={}), provider_reference="")
        assert (forgotten.standing, forgotten.reason) == (Standing.UNKNOWN, "reference_not_stated")


class TestAuthorisations:
    def test_are_captured_in_part_and_only_so_much_goes_back(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = paid(provider, payflow, capture_later=True)
        assert (report.standing, report.amount) == (Standing.AUTHORISED, None)
        captured = provider.capture(
            payment, provider_reference=report.provider_reference, amount=Money.parse("15.00", "EUR")
        )
        assert (captured.standing, captured.amount) == (Standing.SUCCEEDED, Money.parse("15.00", "EUR"))
        payment = remembering(payment, captured)
        asked = provider.inquire(payment, provider_reference=report.provider_reference)
        assert asked.amount == Money.parse("15.00", "EUR")
        refused = provider.refund(a_refund(payment, report.provider_reference, "15.01"))
        assert (refused.standing, refused.reason) == (Standing.FAILED, "refund_exceeds_payment")
        given_back = provider.refund(a_refund(payment, report.provider_reference, "15.00"))
        assert given_back.standing is Standing.SUCCEEDED

    def test_whose_capture_was_forgotten_are_found_captured_by_asking(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = paid(provider, payflow, capture_later=True)
        provider.capture(payment, provider_reference=report.provider_reference, amount=payment.amount)
        asked = provider.inquire(payment, provider_reference=report.provider_reference)
        assert (asked.standing, asked.amount) == (Standing.SUCCEEDED, payment.amount)
        assert asked.keep["capture"]

    def test_that_were_captured_by_somebody_else_are_neither_yes_nor_no(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = paid(provider, payflow, capture_later=True)
        said(payflow, TRXTYPE="D", ORIGID=report.provider_reference)
        for answer in (
            provider.capture(payment, provider_reference=report.provider_reference, amount=payment.amount),
            provider.inquire(payment, provider_reference=report.provider_reference),
        ):
            assert (answer.standing, answer.reason) == (Standing.UNKNOWN, "capture_not_found")

    def test_that_are_voided_by_somebody_else_are_cancelled(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = paid(provider, payflow, capture_later=True)
        said(payflow, TRXTYPE="V", ORIGID=report.provider_reference)
        number = report.provider_reference
        assert provider.void(payment, provider_reference=number).standing is Standing.CANCELLED
        refused = provider.capture(payment, provider_reference=number, amount=payment.amount)
        assert refused.standing is Standing.CANCELLED

    def test_an_open_page_cannot_be_voided_and_a_sale_is_not(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        waiting, _ = opened(provider)
        assert provider.void(waiting, provider_reference="").standing is Standing.PENDING
        payment, report = paid(provider, payflow)
        after = provider.void(payment, provider_reference=report.provider_reference)
        assert after.standing is Standing.SUCCEEDED
        assert payflow.truth(payment.reference)["taken"] == {"minor": 2000, "currency": "EUR"}


class TestCredits:
    def test_never_exceed_the_payment_even_where_the_gateway_approves_all(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payflow.control(credits_unguarded=True)
        payment, report = paid(provider, payflow)
        number = report.provider_reference
        first = provider.refund(a_refund(payment, number, "15.00"))
        assert first.standing is Standing.SUCCEEDED
        payment = remembering(payment, first)
        beyond = provider.refund(a_refund(payment, number, "5.01"))
        assert (beyond.standing, beyond.reason) == (Standing.FAILED, "refund_exceeds_payment")
        payment = remembering(payment, beyond)
        assert provider.refund(a_refund(payment, number, "5.00")).standing is Standing.SUCCEEDED
        assert payflow.truth(payment.reference)["returned"] == {"minor": 2000, "currency": "EUR"}

    def test_are_counted_so_many_and_no_more(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = paid(provider, payflow)
        for _ in range(25):
            made = provider.refund(a_refund(payment, report.provider_reference, "0.01"))
            assert made.standing is Standing.SUCCEEDED
            payment = remembering(payment, made)
        more = provider.refund(a_refund(payment, report.provider_reference, "0.01"))
        assert (more.standing, more.reason) == (Standing.FAILED, "too_many_refunds")
        assert len(payment.kept) < 40

    def test_that_were_refused_leave_room_for_others(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = paid(provider, payflow)
        payflow.control(refuse_credits=True)
        refused = provider.refund(a_refund(payment, report.provider_reference, "20.00"))
        assert (refused.standing, refused.reason) == (Standing.FAILED, "payflow_105")
        payflow.behave()
        payment = remembering(payment, refused)
        again = provider.refund(a_refund(payment, report.provider_reference, "20.00"))
        assert again.standing is Standing.SUCCEEDED

    def test_repeated_with_another_amount_are_told_as_they_were_made(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = paid(provider, payflow)
        refund = a_refund(payment, report.provider_reference, "5.00")
        provider.refund(refund)
        changed = provider.refund(replace(refund, amount=Money.parse("7.00", "EUR")))
        assert (changed.standing, changed.amount) == (Standing.SUCCEEDED, Money.parse("5.00", "EUR"))
        assert payflow.truth(payment.reference)["refunds"] == 1

    def test_that_nobody_answered_are_found_by_our_own_mark(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = paid(provider, payflow)
        refund = a_refund(payment, report.provider_reference, "5.00")
        payflow.control(mood="lose_answers")
        silent = provider.refund(refund)
        assert silent.standing is Standing.UNKNOWN
        payflow.behave()
        found = provider.inquire_refund(replace(refund, payment=remembering(payment, silent)))
        assert (found.standing, found.amount) == (Standing.SUCCEEDED, refund.amount)
        assert payflow.truth(payment.reference)["refunds"] == 1

    def test_that_the_gateway_may_have_forgotten_are_not_made_again(
        self, payflow: RunningPayflow, provider: PayflowProvider, clock: FixedClock
    ) -> None:
        payment, report = paid(provider, payflow)
        refund = a_refund(payment, report.provider_reference, "5.00")
        payflow.control(mood="server_error")
        silent = provider.refund(refund)
        payflow.behave()
        clock.advance(timedelta(days=26))
        late = provider.inquire_refund(replace(refund, payment=remembering(payment, silent)))
        assert (late.standing, late.reason) == (Standing.UNKNOWN, "too_late_to_repeat")
        assert payflow.truth(payment.reference)["refunds"] == 0

    def test_that_were_voided_gave_nothing_back(
        self, payflow: RunningPayflow, provider: PayflowProvider
    ) -> None:
        payment, report = paid(provider, payflow)
        refund = a_refund(payment, report.provider_reference, "5.00")
        credit = provider.refund(refund).provider_reference
        said(payflow, TRXTYPE="V", ORIGID=credit)
        asked = provider.inquire_refund(replace(refund, provider_reference=credit))
        assert asked.standing is Standing.FAILED


class TestTrust:
    def test_no_notice_is_ever_believed(self, provider: PayflowProvider) -> None:
        silent_post = b"RESULT=0&RESPMSG=Approved&PNREF=V63F28770576&AMT=117.03"
        with pytest.raises(UnableToTrustNotice):
            provider.read_notice(RawNotice({}, silent_post, datetime.now(UTC)))

    def test_health_says_what_is_wrong(self, payflow: RunningPayflow, clock: FixedClock) -> None:
        wrong = a_provider(payflow, clock, password="something else").health()
        assert not wrong.well and "User authentication failed (1)" in wrong.detail
        stranger = a_provider(payflow, clock, vendor="stranger").health()
        assert not stranger.well and "(26)" in stranger.detail

    @pytest.mark.parametrize(
        "wrong",
        [
            {"base_url": "gateway"},
            {"page_url": "https://page?x=1"},
            {"password": "short"},
            {"password": 'with "quotes"'},
            {"vendor": "a\nb"},
            {"timeout_s": 0},
            {"timeout_s": 61},
            {"page_uses": 4},
        ],
    )
    def test_settings_that_cannot_work_are_refused(
        self, payflow: RunningPayflow, clock: FixedClock, wrong: dict[str, Any]
    ) -> None:
        with pytest.raises(msgspec.ValidationError):
            a_provider(payflow, clock, **wrong)

    def test_a_password_with_special_characters_is_sent_by_its_length(
        self, payflow: RunningPayflow, clock: FixedClock
    ) -> None:
        assert not a_provider(payflow, clock, password="a&b=c%26 d").health().well
