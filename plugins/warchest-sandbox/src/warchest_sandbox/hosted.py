"""The page on which the player pays, cancels, or proves who they are."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit, urlunsplit

from warchest.kernel.clock import Clock
from warchest_sandbox import pages
from warchest_sandbox.book import Book
from warchest_sandbox.cards import TEST_CARDS
from warchest_sandbox.exchange import Answer, Asked, html
from warchest_sandbox.notices import NoticeSender
from warchest_sandbox.payments import Payment


class HostedPage:
    def __init__(self, book: Book, notices: NoticeSender, *, merchant: str, clock: Clock) -> None:
        self._book = book
        self._notices = notices
        self._merchant = merchant
        self._clock = clock

    def routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("GET", r"/pay/([^/]+)", self.page),
            ("POST", r"/pay/([^/]+)", self.submit_page),
            ("GET", r"/assets/sandbox\.css", self.style_sheet),
        ]

    def page(self, asked: Asked, token: str) -> Answer:
        payment = self._book.payments.payment(token=token)
        if payment.status != "open":
            page = pages.finished(payment, merchant=self._merchant, back_url=_return_address(payment))
            return html(200, page)
        if payment.challenged:
            return html(200, pages.challenge(payment, merchant=self._merchant))
        prefilled = TEST_CARDS.get(asked.query.get("card", [""])[0])
        form = pages.CardForm.of(prefilled, today=self._clock.now().date()) if prefilled else pages.CardForm()
        return self._pay_page(200, payment, form)

    def submit_page(self, asked: Asked, token: str) -> Answer:
        """A payment that is already finished leads back to the merchant with its outcome, whatever is submitted."""
        payment = self._book.payments.payment(token=token)
        fields = asked.form()
        if payment.status == "open" and fields.get("action") == "cancel":
            payment = self._book.payments.cancel(payment.id)
        elif payment.status == "open" and payment.challenged:
            # Whichever card is named: the saved one is charged.
            payment = self._book.payments.pay(payment.id, next(iter(TEST_CARDS.values())))
        elif payment.status == "open":
            form = pages.CardForm.read(fields, today=self._clock.now().date())
            if form.errors:
                return self._pay_page(422, payment, form)
            payment = self._book.payments.pay(payment.id, TEST_CARDS[form.card_number], expires=form.expires)
        self._notices.nudge()
        return Answer(303, headers={"Location": _return_address(payment), "Cache-Control": "no-store"})

    def style_sheet(self, asked: Asked) -> Answer:
        return Answer(200, pages.STYLE_SHEET, "text/css; charset=utf-8", {"Cache-Control": "max-age=300"})

    def _pay_page(self, status: int, payment: Payment, form: pages.CardForm) -> Answer:
        return html(status, pages.pay(payment, form, merchant=self._merchant))


def _return_address(payment: Payment) -> str:
    """The merchant's address with our two parameters behind those that it already has."""
    parts = urlsplit(payment.asked.return_url)
    ours = urlencode({"reference": payment.asked.reference, "status": payment.status})
    query = f"{parts.query}&{ours}" if parts.query else ours
    return urlunsplit(parts._replace(query=query))
