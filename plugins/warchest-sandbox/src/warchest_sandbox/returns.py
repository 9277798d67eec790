"""Money that goes back: refunds, which never exceed what was taken, and disputes."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest_sandbox.payments import Payment, Payments
from warchest_sandbox.post import Post
from warchest_sandbox.settlements import DISPUTE_FEE_MAJOR, Settlements
from warchest_sandbox.store import Store, UnableToServe, positive
from warchest_sandbox.switches import SwitchBoard
from warchest_sandbox.wire import Amount, DisputeAnswer, EvidenceAsked, RefundAnswer, RefundAsked

EVIDENCE_DAYS = 7


class Refunds:
    def __init__(
        self, store: Store, switches: SwitchBoard, post: Post, settlements: Settlements, payments: Payments
    ) -> None:
        self._store = store
        self._switches = switches
        self._post = post
        self._settlements = settlements
        self._payments = payments

    def ask(self, payment_id: str, asked: RefundAsked) -> RefundAnswer:
        """A new refund, or the one that this reference already asked for.

        Raises UnableToServe: amount_invalid, currency_unknown, payment_not_found, payment_not_succeeded,
        refund_exceeds_payment, reference_reused.
        """
        amount = positive(asked.amount, asked.currency)
        with self._store.transaction():
            payment = self._payments.payment(id=payment_id)
            known = self._store.row("SELECT * FROM refund WHERE reference = ?", asked.refund_reference)
            if known:
                same = (known["payment_id"], known["amount_minor"]) == (payment_id, amount.minor)
                if not same or payment.taken is None or payment.taken.currency != amount.currency:
                    raise UnableToServe("reference_reused")
                return self._answer(known, payment)
            if payment.taken is None:
                raise UnableToServe("payment_not_succeeded", status=payment.status)
            if amount.currency != payment.taken.currency:
                raise UnableToServe("amount_invalid", currency=payment.taken.currency.code)
            left_minor = payment.taken.minor - payment.refunded_minor - self._disputed_minor(payment_id)
            if amount.minor > left_minor:
                raise UnableToServe("refund_exceeds_payment", left_minor=left_minor)
            refund_id = f"ref_{new_id().hex}"
            self._store.write(
                "INSERT INTO refund (id, payment_id, reference, amount_minor, status) VALUES (?, ?, ?, ?, 'pending')",
                *(refund_id, payment_id, asked.refund_reference, amount.minor),
            )
            match self._switches.stand().refunds:
                case "wait":
                    return self._refund(asked.refund_reference)
                case "refused":
                    return self.decide(asked.refund_reference, "failed")
                case _:
                    return self.decide(asked.refund_reference, "succeeded")

    def decide(self, reference: str, outcome: Literal["succeeded", "failed"]) -> RefundAnswer:
        """Decide a refund that waits; repeated, it changes nothing.

        Raises UnableToServe: refund_not_found, refund_not_pending.
        """
        with self._store.transaction():
            row = self._row(reference)
            if row["status"] == outcome:
                return self._refund(reference)
            if row["status"] != "pending":
                raise UnableToServe("refund_not_pending", status=row["status"])
            reason = "" if outcome == "succeeded" else "refund_refused"
            self._store.write(
                "UPDATE refund SET status = ?, reason = ? WHERE id = ?", outcome, reason, row["id"]
            )
            payment = self._payments.payment(id=row["payment_id"])
            refund = self._answer(self._row(reference), payment)
            if outcome == "succeeded":
                self._settlements.owe(
                    "refund", -refund.amount.money(), reference=reference, provider_reference=row["id"]
                )
            self._post.write(
                f"refund.{outcome}",
                self._payments.answer(payment),
                url=payment.asked.notice_url,
                refund=refund,
            )
            return refund

    def show(self, payment_id: str, reference: str) -> RefundAnswer:
        """Raises UnableToServe: refund_not_found."""
        refund = self._refund(reference)
        if refund.payment != payment_id:
            raise UnableToServe("refund_not_found")
        return refund

    def of_payment(self, payment_id: str) -> list[RefundAnswer]:
        payment = self._payments.payment(id=payment_id)
        rows = self._store.rows("SELECT * FROM refund WHERE payment_id = ? ORDER BY id", payment_id)
        return [self._answer(row, payment) for row in rows]

    def _disputed_minor(self, payment_id: str) -> int:
        """What a dispute has taken back already cannot be refunded, too."""
        row = self._store.row(
            "SELECT amount_minor FROM dispute WHERE payment_id = ? AND status <> 'won'", payment_id
        )
        return row["amount_minor"] if row else 0

    def _refund(self, reference: str) -> RefundAnswer:
        row = self._row(reference)
        return self._answer(row, self._payments.payment(id=row["payment_id"]))

    def _row(self, reference: str) -> sqlite3.Row:
        row = self._store.row("SELECT * FROM refund WHERE reference = ?", reference)
        if row is None:
            raise UnableToServe("refund_not_found")
        return row

    def _answer(self, row: sqlite3.Row, payment: Payment) -> RefundAnswer:
        assert payment.taken is not None
        return RefundAnswer(
            id=row["id"],
            payment=payment.id,
            refund_reference=row["reference"],
            status=row["status"],
            amount=Amount.of(Money(row["amount_minor"], payment.taken.currency)),
            reason=row["reason"],
        )


class Disputes:
    def __init__(self, store: Store, post: Post, settlements: Settlements, payments: Payments) -> None:
        self._store = store
        self._post = post
        self._settlements = settlements
        self._payments = payments

    def turn(self, reference: str, status: Literal["opened", "under_review", "won", "lost"]) -> DisputeAnswer:
        """Open a dispute about what was not refunded, or say how it goes on; repeated, it changes nothing.

        Raises UnableToServe: payment_not_found, payment_not_succeeded, dispute_not_found, dispute_is_over.
        """
        with self._store.transaction():
            payment = self._payments.payment(reference=reference)
            row = self._row(payment)
            if row is None:
                if status != "opened":
                    raise UnableToServe("dispute_not_found")
                return self._open(payment)
            if row["status"] == status:
                return self._answer(row, payment)
            if row["status"] in {"won", "lost"} or status == "opened":
                raise UnableToServe("dispute_is_over", status=row["status"])
            return self._become(row, payment, status)

    def take_evidence(self, dispute_id: str, asked: EvidenceAsked) -> DisputeAnswer:
        """Raises UnableToServe: dispute_not_found, dispute_is_over."""
        with self._store.transaction():
            row = self._store.row("SELECT * FROM dispute WHERE id = ?", dispute_id)
            if row is None:
                raise UnableToServe("dispute_not_found")
            if row["status"] in {"won", "lost"}:
                raise UnableToServe("dispute_is_over", status=row["status"])
            self._store.write(
                "UPDATE dispute SET evidence = ? WHERE id = ?", msgspec.json.encode(asked), dispute_id
            )
            payment = self._payments.payment(id=row["payment_id"])
            if row["status"] == "under_review":
                return self._answer(row, payment)
            return self._become(row, payment, "under_review")

    def _open(self, payment: Payment) -> DisputeAnswer:
        if payment.taken is None or payment.taken.minor == payment.refunded_minor:
            raise UnableToServe("payment_not_succeeded", status=payment.status)
        amount = Money(payment.taken.minor - payment.refunded_minor, payment.taken.currency)
        fee = Money(DISPUTE_FEE_MAJOR * 10**amount.currency.exponent, amount.currency)
        dispute_id = f"dsp_{new_id().hex}"
        self._store.write(
            "INSERT INTO dispute (id, payment_id, status, amount_minor, fee_minor, opened_at)"
            " VALUES (?, ?, 'opened', ?, ?, ?)",
            *(dispute_id, payment.id, amount.minor, fee.minor, self._store.now()),
        )
        self._settlements.owe(
            "dispute",
            -amount,
            fee=fee,
            reference=payment.asked.reference,
            provider_reference=dispute_id,
            description="chargeback",
        )
        return self._tell(payment)

    def _become(self, row: sqlite3.Row, payment: Payment, status: str) -> DisputeAnswer:
        self._store.write("UPDATE dispute SET status = ? WHERE id = ?", status, row["id"])
        if status == "won":
            assert payment.taken is not None
            self._settlements.owe(
                "dispute_won",
                Money(row["amount_minor"], payment.taken.currency),
                reference=payment.asked.reference,
                provider_reference=row["id"],
            )
        return self._tell(payment)

    def _tell(self, payment: Payment) -> DisputeAnswer:
        row = self._row(payment)
        assert row is not None
        dispute = self._answer(row, payment)
        self._post.write(
            f"dispute.{dispute.status}",
            self._payments.answer(payment),
            url=payment.asked.notice_url,
            dispute=dispute,
        )
        return dispute

    def _row(self, payment: Payment) -> sqlite3.Row | None:
        return self._store.row("SELECT * FROM dispute WHERE payment_id = ?", payment.id)

    def _answer(self, row: sqlite3.Row, payment: Payment) -> DisputeAnswer:
        assert payment.taken is not None
        until = datetime.fromtimestamp(row["opened_at"], UTC) + timedelta(days=EVIDENCE_DAYS)
        return DisputeAnswer(
            id=row["id"],
            payment=payment.id,
            status=row["status"],
            amount=Amount.of(Money(row["amount_minor"], payment.taken.currency)),
            fee=Amount.of(Money(row["fee_minor"], payment.taken.currency)),
            reason="fraudulent",
            evidence_until=until.isoformat(),
        )
