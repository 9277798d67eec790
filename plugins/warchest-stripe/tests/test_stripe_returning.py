"""Refunds, disputes and settlements, against the running simulator."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from warchest.kernel.money import Money
from warchest.sdk.payments import (
    DisputeStanding,
    Evidence,
    LineKind,
    Standing,
    Subject,
    UnableToTellSettlement,
)
from warchest_stripe.provider import StripeProvider
from warchest_stripe.testing import RunningSimulator

from .hands import (
    DISPUTED,
    REFUND_FAILS_LATER,
    a_notice,
    a_payment,
    a_provider,
    a_refund,
    an_impostor,
    events_about,
    opened,
    paid,
)


class TestRefunds:
    def test_are_one_though_stripe_has_forgotten_the_key(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider)
        refund = a_refund(payment, report)
        first = provider.refund(refund)
        simulator.forget_keys()
        again = provider.refund(refund)
        assert (first.standing, again.standing) == (Standing.SUCCEEDED, Standing.SUCCEEDED)
        assert first.provider_reference == again.provider_reference
        assert simulator.truth(payment.reference)["returned"] == 500

    def test_need_not_be_told_the_payments_number(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider)
        refund = a_refund(payment, report, payment_reference="")
        assert provider.refund(refund).standing is Standing.SUCCEEDED

    def test_of_a_payment_that_nobody_paid_are_no_guess(self, provider: StripeProvider) -> None:
        payment, report = opened(provider, a_payment())
        assert provider.refund(a_refund(payment, report)).standing is Standing.UNKNOWN

    def test_that_the_bank_returns_later_are_told_by_notice(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider, REFUND_FAILS_LATER)
        refund = a_refund(payment, report)
        assert provider.refund(refund).standing is Standing.SUCCEEDED
        event = events_about(simulator, payment.reference)["refund.failed"]
        notice = provider.read_notice(a_notice(simulator, event))
        assert (notice.subject, notice.refund_reference) == (Subject.REFUND, refund.reference)
        assert (notice.reference, notice.payment_reference) == (payment.reference, report.provider_reference)
        assert (notice.report.standing, notice.report.reason) == (Standing.FAILED, "expired_or_canceled_card")
        assert provider.inquire_refund(refund).standing is Standing.FAILED

    def test_made_at_stripes_own_desk_are_told_by_the_payments_number(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, report = paid(simulator, provider)
        form = {"payment_intent": report.provider_reference, "amount": "300"}
        refund = simulator.ask("POST", "/v1/refunds", data=form)
        event = events_about(simulator, refund["id"])["refund.created"]
        notice = provider.read_notice(a_notice(simulator, event))
        assert (notice.subject, notice.reference, notice.refund_reference) == (Subject.REFUND, "", "")
        assert notice.payment_reference == report.provider_reference
        assert notice.report.amount == Money.parse("3.00", "EUR")


class TestDisputes:
    def test_tell_fee_reason_and_how_long_evidence_is_heard(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider, DISPUTED)
        event = events_about(simulator, report.provider_reference)["charge.dispute.funds_withdrawn"]
        notice = provider.read_notice(a_notice(simulator, event))
        assert notice.subject is Subject.DISPUTE
        assert notice.payment_reference == report.provider_reference
        assert notice.dispute is not None
        assert notice.dispute.standing is DisputeStanding.OPENED
        assert (notice.dispute.amount, notice.dispute.fee) == (payment.amount, Money.parse("20.00", "EUR"))
        assert notice.dispute.reason == "fraudulent"
        assert notice.dispute.evidence_until and notice.dispute.evidence_until > datetime.now(UTC)

    @pytest.mark.parametrize(
        ("words", "standing"),
        [("winning_evidence", DisputeStanding.WON), ("losing_evidence", DisputeStanding.LOST)],
    )
    def test_are_decided_by_what_was_handed_in(
        self, simulator: RunningSimulator, provider: StripeProvider, words: str, standing: DisputeStanding
    ) -> None:
        payment, report = paid(simulator, provider, DISPUTED)
        opened = events_about(simulator, report.provider_reference)["charge.dispute.created"]
        number = opened["data"]["object"]["id"]
        now = datetime.now(UTC)
        evidence = Evidence(words, paid_at=now, delivered_at=now, used_at=now)
        handed_in = provider.answer_dispute(
            payment, provider_reference=report.provider_reference, dispute=number, evidence=evidence
        )
        assert handed_in.standing is Standing.SUCCEEDED
        closed = events_about(simulator, report.provider_reference)["charge.dispute.closed"]
        notice = provider.read_notice(a_notice(simulator, closed))
        assert notice.dispute and (notice.dispute.id, notice.dispute.standing) == (number, standing)
        written = closed["data"]["object"]["evidence"]
        assert written["uncategorized_text"].startswith(words)
        assert f"{now:%Y-%m-%d}" in written["service_date"] and "used" in written["access_activity_log"]
        late = provider.answer_dispute(
            payment, provider_reference=report.provider_reference, dispute=number, evidence=evidence
        )
        assert late.standing is Standing.FAILED

    def test_that_are_only_inquiries_take_no_money_and_concern_nobody(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        payment, report = paid(simulator, provider)
        simulator.dispute(payment.reference, "warning_needs_response")
        event = events_about(simulator, report.provider_reference)["charge.dispute.created"]
        notice = provider.read_notice(a_notice(simulator, event))
        assert (notice.subject, notice.dispute) == (Subject.NOTHING, None)

    def test_of_a_status_that_nobody_has_heard_of_are_open_where_money_was_taken(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        _, report = paid(simulator, provider, DISPUTED)
        event = events_about(simulator, report.provider_reference)["charge.dispute.funds_withdrawn"]
        event["data"]["object"]["status"] = "pondering"
        notice = provider.read_notice(a_notice(simulator, event))
        assert notice.dispute and notice.dispute.standing is DisputeStanding.OPENED


class TestSettlements:
    def test_are_a_payout_each_with_fees_refunds_and_disputes(self, tmp_path: Path) -> None:
        with RunningSimulator(tmp_path) as simulator:
            provider = a_provider(simulator)
            plain, plain_report = paid(simulator, provider)
            refund = a_refund(plain, plain_report)
            refunded = provider.refund(refund)
            disputed, disputed_report = paid(simulator, provider, DISPUTED)
            simulator.dispute(disputed.reference, "won")
            paid(simulator, provider, amount="3000", currency="JPY")
            yesterday = datetime.now(UTC).date() - timedelta(days=1)
            simulator.settle(yesterday)

            euros, yen = sorted(provider.settlement_report(day=yesterday), key=lambda told: told.currency)
            provider.close()

        assert (euros.currency, yen.currency) == ("EUR", "JPY")
        assert euros.id.startswith("po_") and euros.settled_on == yesterday
        by_kind = {line.kind: line for line in euros.lines}
        assert set(by_kind) == {
            LineKind.PAYMENT,
            LineKind.REFUND,
            LineKind.DISPUTE,
            LineKind.DISPUTE_WON,
            LineKind.PAYOUT,
        }
        payments = {line.reference: line for line in euros.lines if line.kind is LineKind.PAYMENT}
        assert set(payments) == {plain.reference, disputed.reference}
        assert payments[plain.reference].provider_reference == plain_report.provider_reference
        assert payments[plain.reference].fee == Money.parse("0.55", "EUR")
        line = by_kind[LineKind.REFUND]
        assert (line.reference, line.provider_reference) == (refund.reference, refunded.provider_reference)
        assert line.gross == Money.parse("-5.00", "EUR")
        line = by_kind[LineKind.DISPUTE]
        assert (line.provider_reference, line.fee) == (
            disputed_report.provider_reference,
            Money.parse("20.00", "EUR"),
        )
        # 20 − 0.55, −5, 20 − 0.55, −20 − 20, +20
        assert euros.paid_out == Money.parse("13.90", "EUR")
        assert sum(line.net.minor for line in euros.lines) == 0
        assert euros.payout_reference == "WARCHEST TEST"

    @pytest.mark.parametrize("ahead", [0, 1])
    def test_of_a_day_that_is_not_over_are_not_told(self, provider: StripeProvider, ahead: int) -> None:
        day = datetime.now(UTC).date() + timedelta(days=ahead)
        with pytest.raises(UnableToTellSettlement, match="settlement_not_ready"):
            provider.settlement_report(day=day)

    def test_that_stripe_does_not_tell_are_no_empty_ones(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        simulator.control(forbidden="payouts")
        with pytest.raises(UnableToTellSettlement, match="provider_silent"):
            provider.settlement_report(day=date(2026, 1, 1))

    def test_of_a_day_without_payouts_are_none(self, provider: StripeProvider) -> None:
        assert provider.settlement_report(day=date(2020, 1, 1)) == ()

    @pytest.mark.parametrize(
        ("kind", "category", "line"),
        [
            ("stripe_fee", "fee", LineKind.FEE),
            ("reserve_transaction", "risk_reserved_funds", LineKind.RESERVE),
            ("payout_failure", "payout_reversal", LineKind.ADJUSTMENT),
            ("refund_failure", "refund_failure", LineKind.REFUND),
            ("made_up_since", "other_adjustment", LineKind.ADJUSTMENT),
        ],
    )
    def test_have_a_line_for_whatever_moves_the_balance(
        self, kind: str, category: str, line: LineKind
    ) -> None:
        moved = {
            "id": "txn_1",
            "type": kind,
            "reporting_category": category,
            "amount": -120,
            "fee": 0,
            "currency": "eur",
            "created": 1767225600,
            "source": None,
        }
        payout = {
            "id": "po_1",
            "amount": -120,
            "currency": "eur",
            "automatic": True,
            "reconciliation_status": "completed",
        }
        with an_impostor(200, b"") as impostor:
            impostor.bodies = [
                json.dumps({"object": "list", "data": [each], "has_more": False}).encode()
                for each in (payout, moved)
            ]
            (told,) = impostor.provider.settlement_report(day=date(2026, 1, 1))
        (found,) = told.lines
        assert (found.kind, found.net) == (line, Money.parse("-1.20", "EUR"))
        if line is LineKind.FEE:
            assert (found.gross.minor, found.fee) == (0, Money.parse("1.20", "EUR"))
