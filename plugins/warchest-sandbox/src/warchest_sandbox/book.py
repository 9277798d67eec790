"""The sandbox's memory: payments, refunds, notices to send and switches, in one SQLite file.

A payment is settled once, whoever asks at the same time; refunds never exceed what was taken. Card numbers are
masked before they are kept.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from warchest.kernel.clock import Clock
from warchest.kernel.currency import INNER, currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.masking import masked
from warchest_sandbox.cards import TestCard
from warchest_sandbox.wire import (
    Amount,
    CardShown,
    NoticeBody,
    PaymentAnswer,
    PaymentAsked,
    RefundAnswer,
    RefundAsked,
)

PAGE_LIFETIME_S = 24 * 3600
"""How long an unpaid payment's page can be paid on."""

RETRY_AFTER_S = (1, 5, 30, 120, 600, 3600)
"""How long a notice waits after each failed try; the last one repeats until it is taken."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payment (
    id TEXT PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    reference TEXT NOT NULL UNIQUE,
    asked BLOB NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'pending', 'succeeded', 'failed', 'cancelled', 'expired')),
    reason TEXT NOT NULL DEFAULT '',
    card BLOB,
    taken_minor INTEGER,
    taken_currency TEXT,
    opened_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS refund (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payment,
    reference TEXT NOT NULL UNIQUE,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0)
) STRICT;
CREATE INDEX IF NOT EXISTS refund_of_payment ON refund (payment_id);
CREATE TABLE IF NOT EXISTS notice (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payment,
    url TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS notice_of_payment ON notice (payment_id);
-- One row for each copy of a notice; due_at is empty once it was taken, or where it is lost on purpose.
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY,
    notice_id TEXT NOT NULL REFERENCES notice,
    due_at REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    answer TEXT NOT NULL DEFAULT '',
    delivered_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS control (only INTEGER PRIMARY KEY CHECK (only = 1), switches BLOB NOT NULL) STRICT;
"""


class UnableToServe(UnableTo):
    """The sandbox refuses a request of the merchant's."""

    reasons = frozenset(
        {
            "request_malformed",
            "amount_invalid",
            "currency_unknown",
            "reference_reused",
            "payment_not_found",
            "payment_not_open",
            "payment_not_pending",
            "payment_not_succeeded",
            "refund_exceeds_payment",
            "notice_not_found",
            "card_unknown",
        }
    )


class Switches(Struct, frozen=True, kw_only=True):
    """What the sandbox does wrong on purpose. Counts go down by themselves, all else stays as it is set."""

    decline_next: int = 0
    notice_delay_s: float = 0
    notice_copies: int = 1
    lose_notices: bool = False
    timeout_after_success: bool | Literal["hang", "close"] = False
    wrong_amount_minor: int | None = None
    wrong_currency: str | None = None
    wrong_signature: bool = False
    server_error_next: int = 0


class SwitchesAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New positions of some switches; true counts as 1."""

    decline_next: Annotated[int, Meta(ge=0)] | bool | UnsetType = UNSET
    notice_delay_s: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    notice_copies: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    lose_notices: bool | UnsetType = UNSET
    timeout_after_success: bool | Literal["hang", "close"] | UnsetType = UNSET
    wrong_amount_minor: Annotated[int, Meta(ge=1, le=2**62)] | UnsetType | None = UNSET
    wrong_currency: str | UnsetType | None = UNSET
    wrong_signature: bool | UnsetType = UNSET
    server_error_next: Annotated[int, Meta(ge=0)] | bool | UnsetType = UNSET


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
    refunded_minor: int
    opened_at: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """One copy of a notice that is due."""

    id: int
    notice_id: str
    url: str
    body: bytes


class Book:
    """Shared by all threads of the server: one connection, one at a time."""

    def __init__(self, path: Path, *, clock: Clock, public_url: str) -> None:
        self._clock = clock
        self._public_url = public_url
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(_SCHEMA)

    # Payments

    def open(self, asked: PaymentAsked) -> Payment:
        """A new payment, or the one that this reference already opened.

        Raises UnableToServe: amount_invalid, currency_unknown, reference_reused.
        """
        amount = _positive(asked.amount, asked.currency)
        with self._transaction():
            known = self._db.execute(
                "SELECT id, asked FROM payment WHERE reference = ?", (asked.reference,)
            ).fetchone()
            if known:
                if msgspec.json.decode(known["asked"], type=PaymentAsked) != asked:
                    raise UnableToServe("reference_reused")
                return self._payment(id=known["id"])
            payment_id = f"pay_{new_id().hex}"
            self._db.execute(
                "INSERT INTO payment (id, token, reference, asked, amount_minor, currency, status, opened_at)"
                " VALUES (?, ?, ?, ?, ?, ?, 'open', ?)",
                (
                    payment_id,
                    secrets.token_urlsafe(24),
                    asked.reference,
                    msgspec.json.encode(asked),
                    amount.minor,
                    amount.currency.code,
                    self._now(),
                ),
            )
            return self._payment(id=payment_id)

    def payment(self, **by: str) -> Payment:
        """The payment of this ``id``, ``reference`` or ``token``.

        Raises UnableToServe: payment_not_found.
        """
        with self._transaction():
            return self._payment(**by)

    def pay(self, payment_id: str, card: TestCard) -> Payment:
        """Charge the card, unless the payment is already finished: then it is answered as it stands.

        Raises UnableToServe: payment_not_found.
        """
        with self._transaction():
            payment = self._payment(id=payment_id)
            if payment.status != "open":
                return payment
            switches = self.switches()
            status, reason = card.status, card.reason
            if switches.decline_next:
                status, reason = "failed", "card_declined"
                self._keep(msgspec.structs.replace(switches, decline_next=switches.decline_next - 1))
            shown = CardShown(card.brand, masked(card.number))
            self._db.execute(
                "UPDATE payment SET card = ? WHERE id = ?", (msgspec.json.encode(shown), payment_id)
            )
            return self._settle(payment, status, reason, card=card)

    def cancel(self, payment_id: str) -> Payment:
        """Raises UnableToServe: payment_not_found. A finished payment stays as it is."""
        with self._transaction():
            payment = self._payment(id=payment_id)
            return self._settle(payment, "cancelled", "") if payment.status == "open" else payment

    def decide(self, reference: str, outcome: Literal["succeeded", "failed"]) -> Payment:
        """The late decision about a payment that its card left pending; repeated, it changes nothing.

        Raises UnableToServe: payment_not_found, payment_not_pending.
        """
        with self._transaction():
            payment = self._payment(reference=reference)
            if payment.status == outcome:
                return payment
            if payment.status != "pending":
                raise UnableToServe("payment_not_pending", status=payment.status)
            return self._settle(payment, outcome, "" if outcome == "succeeded" else "card_declined")

    def refund(self, payment_id: str, asked: RefundAsked) -> RefundAnswer:
        """Raises UnableToServe.

        Reasons: amount_invalid, currency_unknown, payment_not_found, payment_not_succeeded,
        refund_exceeds_payment, reference_reused.
        """
        amount = _positive(asked.amount, asked.currency)
        with self._transaction():
            payment = self._payment(id=payment_id)
            known = self._db.execute(
                "SELECT * FROM refund WHERE reference = ?", (asked.refund_reference,)
            ).fetchone()
            if known:
                same = (known["payment_id"], known["amount_minor"]) == (payment_id, amount.minor)
                if not same or payment.taken is None or payment.taken.currency != amount.currency:
                    raise UnableToServe("reference_reused")
                return _refund_answer(known["id"], payment_id, asked, amount)
            if payment.taken is None:
                raise UnableToServe("payment_not_succeeded", status=payment.status)
            if amount.currency != payment.taken.currency:
                raise UnableToServe("amount_invalid", currency=payment.taken.currency.code)
            if payment.refunded_minor + amount.minor > payment.taken.minor:
                raise UnableToServe(
                    "refund_exceeds_payment", left_minor=payment.taken.minor - payment.refunded_minor
                )
            refund_id = f"ref_{new_id().hex}"
            self._db.execute(
                "INSERT INTO refund (id, payment_id, reference, amount_minor) VALUES (?, ?, ?, ?)",
                (refund_id, payment_id, asked.refund_reference, amount.minor),
            )
            return _refund_answer(refund_id, payment_id, asked, amount)

    def answer(self, payment: Payment) -> PaymentAnswer:
        """The payment as the API and the notices tell it."""
        taken = payment.taken
        return PaymentAnswer(
            id=payment.id,
            reference=payment.asked.reference,
            status=payment.status,
            asked=Amount.of(payment.amount),
            page_url=f"{self._public_url}/pay/{payment.token}",
            taken=Amount.of(taken) if taken else None,
            refunded=Amount.of(Money(payment.refunded_minor, taken.currency)) if taken else None,
            reason=payment.reason,
            card=payment.card,
        )

    # Switches

    def switches(self) -> Switches:
        with self._lock:
            row = self._db.execute("SELECT switches FROM control").fetchone()
        return msgspec.json.decode(row["switches"], type=Switches) if row else Switches()

    def set_switches(self, asked: SwitchesAsked) -> Switches:
        """Turns the switches that are named; the others stay.

        Raises UnableToServe: currency_unknown.
        """
        named = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET}
        for count in ("decline_next", "server_error_next"):
            if count in named:
                named[count] = int(named[count])
        if named.get("wrong_currency") is not None:
            _currency(named["wrong_currency"])
        with self._transaction():
            return self._keep(msgspec.structs.replace(self.switches(), **named))

    def reset_switches(self) -> Switches:
        with self._transaction():
            return self._keep(Switches())

    def takes_server_error(self) -> bool:
        """Whether this request is one of those that must fail; counts it."""
        with self._transaction():
            switches = self.switches()
            if not switches.server_error_next:
                return False
            self._keep(msgspec.structs.replace(switches, server_error_next=switches.server_error_next - 1))
            return True

    # Notices

    def due_deliveries(self, *, but_not: Collection[int]) -> list[Delivery]:
        with self._lock:
            rows = self._db.execute(
                "SELECT delivery.id, notice_id, url, body FROM delivery JOIN notice ON notice.id = notice_id"
                " WHERE due_at <= ? ORDER BY due_at, delivery.id LIMIT 200",
                (self._now(),),
            ).fetchall()
        return [Delivery(*row) for row in rows if row["id"] not in but_not]

    def record_delivery(self, delivery_id: int, *, taken: bool, answer: str) -> None:
        with self._transaction():
            row = self._db.execute("SELECT tries FROM delivery WHERE id = ?", (delivery_id,)).fetchone()
            tries, now = row["tries"] + 1, self._now()
            wait_s = RETRY_AFTER_S[min(tries, len(RETRY_AFTER_S)) - 1]
            self._db.execute(
                "UPDATE delivery SET tries = ?, answer = ?, due_at = ?, delivered_at = ? WHERE id = ?",
                (tries, answer, None if taken else now + wait_s, now if taken else None, delivery_id),
            )

    def send_notice_again(self, payment_id_or_reference: str) -> str:
        """Queues the payment's last notice once more, under its old number, also where it was lost.

        Raises UnableToServe: notice_not_found.
        """
        with self._transaction():
            row = self._db.execute(
                "SELECT notice.id FROM notice JOIN payment ON payment.id = payment_id"
                " WHERE ? IN (payment.id, payment.reference) ORDER BY notice.id DESC LIMIT 1",
                (payment_id_or_reference,),
            ).fetchone()
            if row is None:
                raise UnableToServe("notice_not_found")
            self._queue(row["id"], copies=1, due_at=self._now())
            return str(row["id"])

    def deliveries(self, payment_id_or_reference: str) -> list[dict[str, Any]]:
        """Every copy of the payment's notices, and what became of it."""
        with self._lock:
            rows = self._db.execute(
                "SELECT notice_id, tries, answer, due_at, delivered_at FROM delivery"
                " JOIN notice ON notice.id = notice_id JOIN payment ON payment.id = payment_id"
                " WHERE ? IN (payment.id, payment.reference) ORDER BY delivery.id",
                (payment_id_or_reference,),
            ).fetchall()
        return [dict(row) for row in rows]

    # Within a transaction

    def _settle(self, payment: Payment, status: str, reason: str, *, card: TestCard | None = None) -> Payment:
        switches = self.switches()
        taken_minor = taken_currency = None
        if status == "succeeded":
            taken_minor = switches.wrong_amount_minor or payment.amount.minor
            taken_currency = switches.wrong_currency or payment.amount.currency.code
        self._db.execute(
            "UPDATE payment SET status = ?, reason = ?, taken_minor = ?, taken_currency = ? WHERE id = ?",
            (status, reason, taken_minor, taken_currency, payment.id),
        )
        settled = self._payment(id=payment.id)
        if status != "pending":
            self._give_notice(settled, switches, card)
        return settled

    def _give_notice(self, payment: Payment, switches: Switches, card: TestCard | None) -> None:
        notice_id = f"ntc_{new_id().hex}"
        body = NoticeBody(notice_id, f"payment.{payment.status}", self.answer(payment))
        self._db.execute(
            "INSERT INTO notice (id, payment_id, url, body) VALUES (?, ?, ?, ?)",
            (notice_id, payment.id, payment.asked.notice_url, msgspec.json.encode(body)),
        )
        delay_s = max(switches.notice_delay_s, card.notice_delay_s if card else 0)
        lost = switches.lose_notices or (card is not None and card.notice_lost)
        copies = max(switches.notice_copies, card.notice_copies if card else 1)
        self._queue(notice_id, copies=copies, due_at=None if lost else self._now() + delay_s)

    def _queue(self, notice_id: str, *, copies: int, due_at: float | None) -> None:
        self._db.executemany(
            "INSERT INTO delivery (notice_id, due_at) VALUES (?, ?)", [(notice_id, due_at)] * copies
        )

    def _payment(self, **by: str) -> Payment:
        ((column, value),) = by.items()
        assert column in {"id", "reference", "token"}
        row = self._db.execute(
            "SELECT *, (SELECT coalesce(sum(amount_minor), 0) FROM refund WHERE payment_id = payment.id)"
            f" AS refunded FROM payment WHERE {column} = ?",
            (value,),
        ).fetchone()
        if row is None:
            raise UnableToServe("payment_not_found")
        status = row["status"]
        if status == "open" and self._now() > row["opened_at"] + PAGE_LIFETIME_S:
            status = "expired"
            self._db.execute("UPDATE payment SET status = ? WHERE id = ?", (status, row["id"]))
        taken = row["taken_minor"]
        return Payment(
            id=row["id"],
            token=row["token"],
            asked=msgspec.json.decode(row["asked"], type=PaymentAsked),
            amount=Money(row["amount_minor"], currency(row["currency"])),
            status=status,
            reason=row["reason"],
            card=msgspec.json.decode(row["card"], type=CardShown) if row["card"] else None,
            taken=None if taken is None else Money(taken, currency(row["taken_currency"])),
            refunded_minor=row["refunded"],
            opened_at=row["opened_at"],
        )

    def _keep(self, switches: Switches) -> Switches:
        self._db.execute("INSERT OR REPLACE INTO control VALUES (1, ?)", (msgspec.json.encode(switches),))
        return switches

    def _now(self) -> float:
        return self._clock.now().timestamp()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _currency(code: str) -> None:
    try:
        currency(code)
    except UnableTo:
        raise UnableToServe("currency_unknown", currency=code[:8]) from None


def _positive(amount: str, code: str) -> Money:
    _currency(code)
    try:
        money = Money.parse(amount, code)
    except UnableTo as unable:
        raise UnableToServe("amount_invalid", why=unable.reason) from None
    if money.minor <= 0 or money.currency == INNER:
        raise UnableToServe("amount_invalid")
    return money


def _refund_answer(refund_id: str, payment_id: str, asked: RefundAsked, amount: Money) -> RefundAnswer:
    return RefundAnswer(
        id=refund_id,
        payment=payment_id,
        refund_reference=asked.refund_reference,
        status="succeeded",
        amount=Amount.of(amount),
    )
