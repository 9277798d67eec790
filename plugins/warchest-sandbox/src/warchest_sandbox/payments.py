"""Payments at the sandbox: opened, paid on the page or with a saved method, captured, let go.

A payment is settled once, whoever asks at the same time. Card numbers are masked before they are kept.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

import msgspec

from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.masking import masked
from warchest_sandbox.cards import CARDS_BY_FINGERPRINT, TestCard
from warchest_sandbox.post import Post
from warchest_sandbox.settlements import Settlements
from warchest_sandbox.store import Store, UnableToServe, positive
from warchest_sandbox.switches import SwitchBoard, Switches
from warchest_sandbox.wire import Amount, CaptureAsked, CardShown, PaymentAnswer, PaymentAsked

PAGE_LIFETIME_S = 24 * 3600
"""How long an unpaid payment's page can be paid on."""

CARD_EXPIRES = "2039-12"
"""Of a card that was paid with by the control API."""

_UNLISTED_STATUS = "held_by_the_issuer"


@dataclass(frozen=True, slots=True)
class Payment:
    id: str
    token: str
    asked: PaymentAsked
    amount: Money
    status: str
    reason: str
    card: CardShown | None
    taken: Money | None
    fee: Money | None
    refunded_minor: int
    opened_at: float
    challenged: str


class Payments:
    def __init__(
        self, store: Store, switches: SwitchBoard, post: Post, settlements: Settlements, *, public_url: str
    ) -> None:
        self._store = store
        self._switches = switches
        self._post = post
        self._settlements = settlements
        self._public_url = public_url

    def open(self, asked: PaymentAsked) -> Payment:
        """A new payment, or the one that this reference already opened. A saved method is charged at once.

        Raises UnableToServe: amount_invalid, currency_unknown, reference_reused.
        """
        amount = positive(asked.amount, asked.currency)
        with self._store.transaction():
            known = self._store.row("SELECT id, asked FROM payment WHERE reference = ?", asked.reference)
            if known:
                if msgspec.json.decode(known["asked"], type=PaymentAsked) != asked:
                    raise UnableToServe("reference_reused")
                return self.payment(id=known["id"])
            payment_id = f"pay_{new_id().hex}"
            self._store.write(
                "INSERT INTO payment (id, token, reference, asked, amount_minor, currency, status, opened_at)"
                " VALUES (?, ?, ?, ?, ?, ?, 'open', ?)",
                *(payment_id, secrets.token_urlsafe(24), asked.reference, msgspec.json.encode(asked)),
                *(amount.minor, amount.currency.code, self._store.now()),
            )
            payment = self.payment(id=payment_id)
            return self._charge_saved(payment) if asked.saved_method else payment

    def payment(self, **by: str) -> Payment:
        """The payment of this ``id``, ``reference`` or ``token``.

        Raises UnableToServe: payment_not_found.
        """
        ((column, value),) = by.items()
        assert column in {"id", "reference", "token"}
        row = self._store.row(
            "SELECT *, (SELECT coalesce(sum(amount_minor), 0) FROM refund"
            "           WHERE payment_id = payment.id AND status <> 'failed') AS refunded"
            f" FROM payment WHERE {column} = ?",
            value,
        )
        if row is None:
            raise UnableToServe("payment_not_found")
        status = row["status"]
        if status == "open" and self._store.now() > row["opened_at"] + PAGE_LIFETIME_S:
            status = "expired"
            self._store.write("UPDATE payment SET status = ? WHERE id = ?", status, row["id"])
        taken, unit = row["taken_minor"], currency(row["taken_currency"] or row["currency"])
        return Payment(
            id=row["id"],
            token=row["token"],
            asked=msgspec.json.decode(row["asked"], type=PaymentAsked),
            amount=Money(row["amount_minor"], currency(row["currency"])),
            status=status,
            reason=row["reason"],
            card=msgspec.json.decode(row["card"], type=CardShown) if row["card"] else None,
            taken=None if taken is None else Money(taken, unit),
            fee=None if row["fee_minor"] is None else Money(row["fee_minor"], unit),
            refunded_minor=row["refunded"],
            opened_at=row["opened_at"],
            challenged=row["challenged"],
        )

    def pay(self, payment_id: str, card: TestCard, *, expires: str = CARD_EXPIRES) -> Payment:
        """Charge the card, unless the payment is already finished: then it is answered as it stands.

        Where a bank wanted to see the player, the saved method is charged, and no other card.
        Raises UnableToServe: payment_not_found.
        """
        with self._store.transaction():
            payment = self.payment(id=payment_id)
            if payment.status != "open":
                return payment
            if payment.challenged:
                return self._charge_saved(payment, proved=True)
            return self._charge(payment, card, expires=expires)

    def cancel(self, payment_id: str) -> Payment:
        """Raises UnableToServe: payment_not_found. A finished payment stays as it is."""
        with self._store.transaction():
            payment = self.payment(id=payment_id)
            return self._finish(payment, "cancelled", "") if payment.status == "open" else payment

    def void(self, payment_id: str) -> Payment:
        """Let go what was opened or authorised; repeated, it changes nothing.

        Raises UnableToServe: payment_not_found, payment_not_open.
        """
        with self._store.transaction():
            payment = self.payment(id=payment_id)
            if payment.status in {"cancelled", "expired"}:
                return payment
            if payment.status not in {"open", "authorised"}:
                raise UnableToServe("payment_not_open", status=payment.status)
            return self._finish(payment, "cancelled", "")

    def capture(self, payment_id: str, asked: CaptureAsked) -> Payment:
        """Take what was authorised, or a part of it and let the rest go; repeated, it changes nothing.

        Raises UnableToServe: amount_invalid, currency_unknown, payment_not_found, payment_not_authorised,
        capture_exceeds_authorisation.
        """
        amount = positive(asked.amount, asked.currency)
        with self._store.transaction():
            payment = self.payment(id=payment_id)
            if payment.status == "succeeded" and payment.asked.capture_later and payment.taken == amount:
                return payment
            if payment.status != "authorised":
                raise UnableToServe("payment_not_authorised", status=payment.status)
            if amount.currency != payment.amount.currency or amount > payment.amount:
                raise UnableToServe("capture_exceeds_authorisation")
            return self._take(payment, amount)

    def decide(self, reference: str, outcome: Literal["succeeded", "failed"]) -> Payment:
        """The late decision about a payment that its card left pending; repeated, it changes nothing.

        Raises UnableToServe: payment_not_found, payment_not_pending.
        """
        with self._store.transaction():
            payment = self.payment(reference=reference)
            if payment.status == outcome:
                return payment
            if payment.status != "pending":
                raise UnableToServe("payment_not_pending", status=payment.status)
            if outcome == "failed":
                return self._finish(payment, outcome, "card_declined")
            return self._approve(payment)

    def forget_method(self, token: str, *, payer: str) -> None:
        """Let a saved method go, which may be gone already.

        Raises UnableToServe: method_of_another_payer.
        """
        with self._store.transaction():
            method = self._store.row("SELECT payer FROM method WHERE token = ?", token)
            if method and method["payer"] != payer:
                raise UnableToServe("method_of_another_payer")
            self._store.write(
                "UPDATE method SET forgotten_at = ? WHERE token = ? AND forgotten_at IS NULL",
                *(self._store.now(), token),
            )

    def answer(self, payment: Payment) -> PaymentAnswer:
        """The payment as the API and the notices tell it."""
        taken, switches = payment.taken, self._switches.stand()
        return PaymentAnswer(
            id=payment.id,
            reference=payment.asked.reference,
            status=_UNLISTED_STATUS if switches.unlisted_status else payment.status,
            asked=Amount.of(payment.amount),
            page_url=f"{self._public_url}/pay/{payment.token}",
            taken=Amount.of(_as_told(taken, switches)) if taken else None,
            refunded=Amount.of(Money(payment.refunded_minor, taken.currency)) if taken else None,
            reason=payment.reason,
            card=payment.card,
            fee=Amount.of(payment.fee) if payment.fee else None,
        )

    # Within a transaction

    def _charge(self, payment: Payment, card: TestCard, *, expires: str, token: str = "") -> Payment:
        status, reason = card.status, card.reason
        if self._switches.takes_decline():
            status, reason = "failed", "card_declined"
        shown = CardShown(card.brand, masked(card.number), card.fingerprint, card.country, expires, token)
        if payment.asked.save_method and status != "failed":
            shown = self._save(payment, shown)
        self._store.write("UPDATE payment SET card = ? WHERE id = ?", msgspec.json.encode(shown), payment.id)
        if status == "succeeded":
            return self._approve(payment, card)
        return self._finish(payment, status, reason, card)

    def _charge_saved(self, payment: Payment, *, proved: bool = False) -> Payment:
        token = payment.asked.saved_method
        method = self._store.row(
            "SELECT card FROM method WHERE token = ? AND payer = ? AND forgotten_at IS NULL",
            *(token, payment.asked.payer),
        )
        if method is None:
            return self._finish(payment, "failed", "method_unknown")
        shown = msgspec.json.decode(method["card"], type=CardShown)
        card = CARDS_BY_FINGERPRINT[shown.fingerprint]
        if (card.wants_player or self._switches.stand().challenge) and not proved:
            if not payment.asked.player_present:
                return self._finish(payment, "failed", "authentication_required")
            self._store.write("UPDATE payment SET challenged = ? WHERE id = ?", token, payment.id)
            return self.payment(id=payment.id)
        return self._charge(payment, card, expires=shown.expires, token=token)

    def _save(self, payment: Payment, shown: CardShown) -> CardShown:
        saved = msgspec.structs.replace(shown, token=f"met_{secrets.token_urlsafe(18)}")
        self._store.write(
            "INSERT INTO method (token, payer, card) VALUES (?, ?, ?)",
            *(saved.token, payment.asked.payer, msgspec.json.encode(shown)),
        )
        return saved

    def _approve(self, payment: Payment, card: TestCard | None = None) -> Payment:
        if payment.asked.capture_later:
            return self._finish(payment, "authorised", "", card)
        return self._take(payment, payment.amount, card)

    def _take(self, payment: Payment, amount: Money, card: TestCard | None = None) -> Payment:
        switches = self._switches.stand()
        taken = Money(
            switches.wrong_amount_minor or amount.minor,
            currency(switches.wrong_currency) if switches.wrong_currency else amount.currency,
        )
        fee = self._settlements.fee_of(taken)
        self._store.write(
            "UPDATE payment SET taken_minor = ?, taken_currency = ?, fee_minor = ? WHERE id = ?",
            *(taken.minor, taken.currency.code, fee.minor, payment.id),
        )
        self._settlements.owe(
            "payment", taken, fee=fee, reference=payment.asked.reference, provider_reference=payment.id
        )
        return self._finish(payment, "succeeded", "", card)

    def _finish(self, payment: Payment, status: str, reason: str, card: TestCard | None = None) -> Payment:
        self._store.write(
            "UPDATE payment SET status = ?, reason = ? WHERE id = ?", status, reason, payment.id
        )
        finished = self.payment(id=payment.id)
        if status != "pending":
            answer = self.answer(finished)
            self._post.write(f"payment.{answer.status}", answer, url=payment.asked.notice_url, card=card)
        return finished


def _as_told(taken: Money, switches: Switches) -> Money:
    match switches.amounts_told:
        case "negative":
            return -taken
        case "zero":
            return Money(0, taken.currency)
        case _:
            return taken
