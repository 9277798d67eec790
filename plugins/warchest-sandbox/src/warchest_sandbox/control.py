"""The control API: the player, the banks, and the sandbox's own bad days, for tests and demonstrations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from warchest_sandbox.book import Book
from warchest_sandbox.cards import TEST_CARDS
from warchest_sandbox.exchange import Answer, Asked, json_answer
from warchest_sandbox.notices import NoticeSender
from warchest_sandbox.payments import Payment
from warchest_sandbox.store import UnableToServe
from warchest_sandbox.switches import SwitchesAsked
from warchest_sandbox.wire import SettlementsAnswer


class PayAsked(Struct, frozen=True, forbid_unknown_fields=True):
    reference: str
    card: str = "4111111111111111"


class CancelAsked(Struct, frozen=True, forbid_unknown_fields=True):
    reference: str


class DecideAsked(Struct, frozen=True, forbid_unknown_fields=True):
    reference: str
    outcome: Literal["succeeded", "failed"]


class DecideRefundAsked(Struct, frozen=True, forbid_unknown_fields=True):
    refund_reference: str
    outcome: Literal["succeeded", "failed"]


class DisputeAsked(Struct, frozen=True, forbid_unknown_fields=True):
    reference: str
    status: Literal["opened", "under_review", "won", "lost"] = "opened"


class Control:
    def __init__(self, book: Book, notices: NoticeSender) -> None:
        self._book = book
        self._notices = notices

    def routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("GET", r"/v1/control", self.show_switches),
            ("PUT", r"/v1/control", self.set_switches),
            ("DELETE", r"/v1/control", self.reset_switches),
            ("POST", r"/v1/control/pay", self.pay),
            ("POST", r"/v1/control/cancel", self.cancel),
            ("POST", r"/v1/control/decide", self.decide),
            ("POST", r"/v1/control/decide-refund", self.decide_refund),
            ("POST", r"/v1/control/dispute", self.dispute),
            ("POST", r"/v1/control/settle", self.settle),
            ("POST", r"/v1/control/release-reserve", self.release_reserve),
            ("GET", r"/v1/control/payments/([^/]+)", self.show_payment),
            ("GET", r"/v1/control/notices/([^/]+)", self.show_notices),
            ("POST", r"/v1/control/notices/([^/]+)", self.send_notice_again),
        ]

    def show_switches(self, asked: Asked) -> Answer:
        return json_answer(200, self._book.switches.stand())

    def set_switches(self, asked: Asked) -> Answer:
        return json_answer(200, self._book.switches.turn(asked.read(SwitchesAsked)))

    def reset_switches(self, asked: Asked) -> Answer:
        return json_answer(200, self._book.switches.reset())

    def pay(self, asked: Asked) -> Answer:
        wanted = asked.read(PayAsked)
        card = TEST_CARDS.get(wanted.card)
        if card is None:
            raise UnableToServe("card_unknown")
        payment = self._open_payment(wanted.reference)
        return self._settled(self._book.payments.pay(payment.id, card))

    def cancel(self, asked: Asked) -> Answer:
        payment = self._open_payment(asked.read(CancelAsked).reference)
        return self._settled(self._book.payments.cancel(payment.id))

    def decide(self, asked: Asked) -> Answer:
        wanted = asked.read(DecideAsked)
        return self._settled(self._book.payments.decide(wanted.reference, wanted.outcome))

    def decide_refund(self, asked: Asked) -> Answer:
        wanted = asked.read(DecideRefundAsked)
        return self._told(self._book.refunds.decide(wanted.refund_reference, wanted.outcome))

    def dispute(self, asked: Asked) -> Answer:
        wanted = asked.read(DisputeAsked)
        return self._told(self._book.disputes.turn(wanted.reference, wanted.status))

    def settle(self, asked: Asked) -> Answer:
        return json_answer(200, SettlementsAnswer(tuple(self._book.settlements.settle())))

    def release_reserve(self, asked: Asked) -> Answer:
        self._book.settlements.release_reserve()
        return json_answer(200, {})

    def show_payment(self, asked: Asked, reference: str) -> Answer:
        """A payment by our reference, as the sandbox's own desk sees it: no switch changes what is told here."""
        payment = self._book.payments.payment(reference=reference)
        return json_answer(
            200,
            {
                "id": payment.id,
                "status": payment.status,
                "taken": _minor(payment),
                "refunds": self._book.refunds.of_payment(payment.id) if payment.taken else [],
            },
        )

    def show_notices(self, asked: Asked, payment: str) -> Answer:
        return json_answer(200, {"copies": self._book.post.copies(payment)})

    def send_notice_again(self, asked: Asked, payment: str) -> Answer:
        notice_id = self._book.post.send_again(payment)
        self._notices.nudge()
        return json_answer(202, {"notice": notice_id})

    def _open_payment(self, reference: str) -> Payment:
        payment = self._book.payments.payment(reference=reference)
        if payment.status != "open":
            raise UnableToServe("payment_not_open", status=payment.status)
        return payment

    def _settled(self, payment: Payment) -> Answer:
        return self._told(self._book.payments.answer(payment))

    def _told(self, body: object) -> Answer:
        self._notices.nudge()
        return json_answer(200, body)


def _minor(payment: Payment) -> dict[str, object] | None:
    if payment.taken is None:
        return None
    return {"amount_minor": payment.taken.minor, "currency": payment.taken.currency.code}
