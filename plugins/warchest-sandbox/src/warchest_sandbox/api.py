"""What a merchant asks of the sandbox."""

from __future__ import annotations

from collections.abc import Callable

from warchest_sandbox.book import Book
from warchest_sandbox.exchange import Answer, Asked, json_answer
from warchest_sandbox.notices import NoticeSender
from warchest_sandbox.settlement_file import settlement_file
from warchest_sandbox.wire import (
    CaptureAsked,
    EvidenceAsked,
    MethodAnswer,
    PaymentAsked,
    RefundAsked,
    SettlementsAnswer,
)


class Api:
    def __init__(self, book: Book, notices: NoticeSender) -> None:
        self._book = book
        self._notices = notices

    def routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("POST", r"/v1/payments", self.open),
            ("GET", r"/v1/payments", self.find),
            ("GET", r"/v1/payments/([^/]+)", self.show),
            ("POST", r"/v1/payments/([^/]+)/capture", self.capture),
            ("POST", r"/v1/payments/([^/]+)/void", self.void),
            ("POST", r"/v1/payments/([^/]+)/refunds", self.refund),
            ("GET", r"/v1/payments/([^/]+)/refunds/([^/]+)", self.show_refund),
            ("DELETE", r"/v1/methods/([^/]+)", self.forget_method),
            ("POST", r"/v1/disputes/([^/]+)/evidence", self.take_evidence),
            ("GET", r"/v1/settlements", self.settlements),
            ("GET", r"/v1/settlements/file", self.settlement_file),
            ("GET", r"/v1/health", self.health),
        ]

    def open(self, asked: Asked) -> Answer:
        payment = self._book.payments.open(asked.read(PaymentAsked))
        return self._done(201, self._book.payments.answer(payment))

    def find(self, asked: Asked) -> Answer:
        payment = self._book.payments.payment(reference=asked.one("reference"))
        return json_answer(200, self._book.payments.answer(payment))

    def show(self, asked: Asked, payment_id: str) -> Answer:
        return json_answer(200, self._book.payments.answer(self._book.payments.payment(id=payment_id)))

    def capture(self, asked: Asked, payment_id: str) -> Answer:
        payment = self._book.payments.capture(payment_id, asked.read(CaptureAsked))
        return self._done(200, self._book.payments.answer(payment))

    def void(self, asked: Asked, payment_id: str) -> Answer:
        return self._done(200, self._book.payments.answer(self._book.payments.void(payment_id)))

    def refund(self, asked: Asked, payment_id: str) -> Answer:
        return self._done(201, self._book.refunds.ask(payment_id, asked.read(RefundAsked)))

    def show_refund(self, asked: Asked, payment_id: str, reference: str) -> Answer:
        return json_answer(200, self._book.refunds.show(payment_id, reference))

    def forget_method(self, asked: Asked, token: str) -> Answer:
        self._book.payments.forget_method(token, payer=asked.one("payer"))
        return self._done(200, MethodAnswer("forgotten"))

    def take_evidence(self, asked: Asked, dispute_id: str) -> Answer:
        return self._done(200, self._book.disputes.take_evidence(dispute_id, asked.read(EvidenceAsked)))

    def settlements(self, asked: Asked) -> Answer:
        told = self._book.settlements.of_day(asked.one("day"))
        return json_answer(200, SettlementsAnswer(tuple(told)))

    def settlement_file(self, asked: Asked) -> Answer:
        told = self._book.settlements.of_day(asked.one("day"))
        return Answer(200, settlement_file(told), "text/csv; charset=utf-8")

    def health(self, asked: Asked) -> Answer:
        return json_answer(200, {"status": "ok"})

    def _done(self, status: int, body: object) -> Answer:
        """The answer to what changes something: a notice may have been written, and the answer may get lost."""
        self._notices.nudge()
        return json_answer(status, body, may_be_withheld=True)
