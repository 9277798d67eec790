"""Giving money back: refunds, and disputes, which take it."""

from __future__ import annotations

import time
from typing import Any

from warchest_stripe import minor_units
from warchest_stripe.simulator import balance
from warchest_stripe.simulator.book import Book, Object
from warchest_stripe.simulator.cards import CARD_ENDING
from warchest_stripe.simulator.intents import Intents
from warchest_stripe.simulator.parameters import required, whole
from warchest_stripe.simulator.refusing import invalid, missing

_EVIDENCE_S = 7 * 86400


class Returning:
    def __init__(self, book: Book, intents: Intents) -> None:
        self.book = book
        self._intents = intents
        intents.open_dispute = self.open_dispute

    # Refunds

    def create_refund(self, given: dict[str, Any]) -> Object:
        number = required(given, "payment_intent")
        intent = self.book.find(number, "payment_intent")
        if intent is None:
            raise missing("payment_intent", number, param="payment_intent")
        charge = self.book.find(intent["latest_charge"] or "", "charge")
        if intent["status"] != "succeeded" or charge is None:
            raise invalid(
                "This PaymentIntent does not have a successful charge to refund.", param="payment_intent"
            )
        if charge["disputed"]:
            raise invalid("This charge has been charged back.", code="charge_disputed", keeps=True)
        left = charge["_taken"] - charge["amount_refunded"]
        amount = whole(given["amount"], "amount") if "amount" in given else left
        if amount <= 0:
            raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
        if left <= 0:
            raise invalid("Charge has already been refunded.", code="charge_already_refunded", keeps=True)
        if amount > left:
            raise invalid(
                f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
                param="amount",
                keeps=True,
            )
        refund = self.book.new(
            "refund",
            "re",
            amount=amount,
            balance_transaction=None,
            charge=charge["id"],
            currency=charge["currency"],
            failure_reason=None,
            metadata=given.get("metadata") or {},
            payment_intent=intent["id"],
            reason=given.get("reason"),
            status="pending",
        )
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["_taken"]
        self.book.keep(charge)
        moved = balance.move(self.book, "refund", refund, -amount, charge["currency"], description="REFUND")
        refund["balance_transaction"] = moved["id"]
        rule = self._rule(charge)
        if self.book.switch("refuse_refunds"):
            self._fail(refund, "declined")
        elif not self.book.switch("delay_refunds") and rule != "pending":
            refund["status"] = "succeeded"
        self.book.keep(refund)
        self._intents.announce("refund.created", refund)
        self._intents.announce("charge.refunded", charge)
        if refund["status"] == "failed":
            self._intents.announce("refund.failed", refund)
        if rule == "fail_later":
            self.finish_refund(refund["id"], succeeded=False)
        return refund

    def refund(self, number: str) -> Object:
        found = self.book.find(number, "refund")
        if found is None:
            raise missing("refund", number, param="refund")
        return found

    def finish_refund(self, number: str, *, succeeded: bool) -> Object:
        """Decide a refund that is pending; one that succeeded may still be returned by the bank."""
        refund = self.refund(number)
        if succeeded:
            refund["status"] = "succeeded"
        elif refund["status"] != "failed":
            self._fail(refund, "expired_or_canceled_card")
        self.book.keep(refund)
        self._intents.announce("refund.updated", refund)
        if refund["status"] == "failed":
            self._intents.announce("refund.failed", refund)
        return refund

    def _fail(self, refund: Object, reason: str) -> None:
        refund |= {"status": "failed", "failure_reason": reason}
        charge = self.book.find(refund["charge"], "charge") or {}
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        self.book.keep(charge)
        moved = balance.move(
            self.book,
            "refund_failure",
            refund,
            refund["amount"],
            refund["currency"],
            description="REFUND FAILURE",
        )
        refund["failure_balance_transaction"] = moved["id"]

    def _rule(self, charge: Object) -> str:
        card = CARD_ENDING.get(charge["payment_method_details"].get("card", {}).get("last4", ""))
        return card.refunds if card else "at_once"

    # Disputes

    def open_dispute(self, intent: Object, reason: str, *, inquiry: bool = False) -> Object:
        charge = self.book.find(intent["latest_charge"] or "", "charge")
        if charge is None:
            raise invalid("Nothing was taken that could be disputed.")
        amount, code = charge["_taken"], charge["currency"]
        dispute = self.book.new(
            "dispute",
            "du",
            amount=amount,
            balance_transactions=[],
            charge=charge["id"],
            currency=code,
            evidence={},
            evidence_details={
                "due_by": int(time.time()) + _EVIDENCE_S,
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            is_charge_refundable=inquiry,
            metadata={},
            payment_intent=intent["id"],
            reason=reason,
            status="warning_needs_response" if inquiry else "needs_response",
        )
        self.book.keep(charge | {"disputed": True})
        if inquiry:
            self._intents.announce("charge.dispute.created", dispute)
            return dispute
        fee = balance.DISPUTE_FEE[minor_units.decimals(code.upper())]
        self._move(dispute, -amount, fee, "dispute")
        self._intents.announce("charge.dispute.created", dispute)
        self._intents.announce("charge.dispute.funds_withdrawn", dispute)
        return dispute

    def dispute(self, number: str) -> Object:
        found = self.book.find(number, "dispute")
        if found is None:
            raise missing("dispute", number, param="dispute")
        return found

    def update_dispute(self, number: str, given: dict[str, Any]) -> Object:
        dispute = self.dispute(number)
        if dispute["status"] not in {"needs_response", "warning_needs_response"}:
            raise invalid(
                "This dispute is already closed or was answered.", code="dispute_closed", keeps=True
            )
        dispute["evidence"] = dispute["evidence"] | (given.get("evidence") or {})
        details = dispute["evidence_details"] | {"has_evidence": True}
        if given.get("submit") == "true":
            details["submission_count"] += 1
            warning = "warning_" if dispute["status"].startswith("warning") else ""
            dispute["status"] = f"{warning}under_review"
        dispute["evidence_details"] = details
        self.book.keep(dispute)
        self._intents.announce("charge.dispute.updated", dispute)
        # Stripe's test mode decides by these words.
        words = str(dispute["evidence"].get("uncategorized_text", ""))
        for word, won in (("winning_evidence", True), ("losing_evidence", False)):
            if word in words and dispute["status"] == "under_review":
                return self.decide_dispute(dispute, won=won)
        return dispute

    def decide_dispute(self, dispute: Object, *, won: bool) -> Object:
        dispute["status"] = "won" if won else "lost"
        if won:
            self._move(dispute, dispute["amount"], 0, "dispute_reversal")
            self._intents.announce("charge.dispute.funds_reinstated", dispute)
        self.book.keep(dispute)
        self._intents.announce("charge.dispute.closed", dispute)
        return dispute

    def _move(self, dispute: Object, amount: int, fee: int, category: str) -> None:
        moved = balance.move(
            self.book,
            "adjustment",
            dispute,
            amount,
            dispute["currency"],
            fee=fee,
            category=category,
            description=f"Chargeback {'withdrawal' if amount < 0 else 'reversal'} for {dispute['charge']}",
        )
        seen = {name: value for name, value in moved.items() if not name.startswith("_")}
        dispute["balance_transactions"] = [*dispute["balance_transactions"], seen]
        self.book.keep(dispute)
