"""Notices that wait to be sent, and what became of each copy."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import msgspec

from warchest.kernel.ids import new_id
from warchest_sandbox.cards import TestCard
from warchest_sandbox.store import Store, UnableToServe
from warchest_sandbox.switches import SwitchBoard
from warchest_sandbox.wire import DisputeAnswer, NoticeBody, PaymentAnswer, RefundAnswer

RETRY_AFTER_S = (1, 5, 30, 120, 600, 3600)
"""How long a notice waits after each failed try; the last one repeats until it is taken."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One copy of a notice that is due."""

    id: int
    notice_id: str
    url: str
    body: bytes


class Post:
    def __init__(self, store: Store, switches: SwitchBoard) -> None:
        self._store = store
        self._switches = switches

    def write(
        self,
        kind: str,
        payment: PaymentAnswer,
        *,
        url: str,
        card: TestCard | None = None,
        refund: RefundAnswer | None = None,
        dispute: DisputeAnswer | None = None,
    ) -> None:
        """Queue a notice, in the transaction that makes it true."""
        notice_id = f"ntc_{new_id().hex}"
        body = NoticeBody(notice_id, kind, payment, refund, dispute)
        self._store.write(
            "INSERT INTO notice (id, payment_id, url, body) VALUES (?, ?, ?, ?)",
            *(notice_id, payment.id, url, msgspec.json.encode(body)),
        )
        switches = self._switches.stand()
        delay_s = max(switches.notice_delay_s, card.notice_delay_s if card else 0)
        lost = switches.lose_notices or (card is not None and card.notice_lost)
        copies = max(switches.notice_copies, card.notice_copies if card else 1)
        self._queue(notice_id, copies=copies, due_at=None if lost else self._store.now() + delay_s)

    def due(self, *, but_not: Collection[int]) -> list[Delivery]:
        rows = self._store.rows(
            "SELECT delivery.id, notice_id, url, body FROM delivery JOIN notice ON notice.id = notice_id"
            " WHERE due_at <= ? ORDER BY due_at, delivery.id LIMIT 200",
            self._store.now(),
        )
        return [Delivery(*row) for row in rows if row["id"] not in but_not]

    def record(self, delivery_id: int, *, taken: bool, answer: str) -> None:
        with self._store.transaction():
            row = self._store.row("SELECT tries FROM delivery WHERE id = ?", delivery_id)
            assert row is not None
            tries, now = row["tries"] + 1, self._store.now()
            wait_s = RETRY_AFTER_S[min(tries, len(RETRY_AFTER_S)) - 1]
            self._store.write(
                "UPDATE delivery SET tries = ?, answer = ?, due_at = ?, delivered_at = ? WHERE id = ?",
                *(tries, answer, None if taken else now + wait_s, now if taken else None, delivery_id),
            )

    def send_again(self, payment_id_or_reference: str) -> str:
        """Queues the payment's last notice once more, under its old number, also where it was lost.

        Raises UnableToServe: notice_not_found.
        """
        with self._store.transaction():
            row = self._store.row(
                "SELECT notice.id FROM notice JOIN payment ON payment.id = payment_id"
                " WHERE ? IN (payment.id, payment.reference) ORDER BY notice.id DESC LIMIT 1",
                payment_id_or_reference,
            )
            if row is None:
                raise UnableToServe("notice_not_found")
            self._queue(row["id"], copies=1, due_at=self._store.now())
            return str(row["id"])

    def copies(self, payment_id_or_reference: str) -> list[dict[str, Any]]:
        """Every copy of the payment's notices, and what became of it."""
        rows = self._store.rows(
            "SELECT notice_id, tries, answer, due_at, delivered_at FROM delivery"
            " JOIN notice ON notice.id = notice_id JOIN payment ON payment.id = payment_id"
            " WHERE ? IN (payment.id, payment.reference) ORDER BY delivery.id",
            payment_id_or_reference,
        )
        return [dict(row) for row in rows]

    def _queue(self, notice_id: str, *, copies: int, due_at: float | None) -> None:
        for _ in range(copies):
            self._store.write("INSERT INTO delivery (notice_id, due_at) VALUES (?, ?)", notice_id, due_at)
