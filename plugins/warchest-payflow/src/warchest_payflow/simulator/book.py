"""What the simulator remembers, until it ends: pages, transactions, and the requests that it answered.

One lock for all of it, so that whatever comes at once is done one after the other.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from warchest.kernel.clock import Clock
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest_payflow.simulator import rules

_PNREF_CHARACTERS = string.ascii_uppercase + string.digits
_AUTHORISED, _SETTLING, _SETTLED, _CAPTURED, _HELD, _ERROR = 3, 6, 8, 9, 206, 1
_VOIDED = 1000
_IN_REVIEW, _REFUSED_IN_REVIEW = 126, 128


class Refused(Exception):
    """RESULT and RESPMSG of what cannot be done."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


class Switches(Struct, kw_only=True):
    """What it does wrong on purpose; ``mood`` concerns every call, the others what their names say."""

    mood: str = ""
    result_next: int | None = None  # of the next charge, whatever its card and amount
    state_told: int | None = None  # TRANSSTATE in the answers to inquiries
    charge_less_minor: int = 0
    charge_in: str = ""
    amount_told: str | None = None  # AMT in the answers to inquiries: "negative", "zero"
    terse: bool = False  # INVNUM, CUSTREF and CURRENCY are not told in answers to inquiries
    refuse_credits: bool = False
    credits_unguarded: bool = False  # as the vendor's test mode has it: every credit is approved
    page_lifetime_s: float = 1800
    page_uses: int = 3


@dataclass(slots=True)
class Page:
    """A secure token, and all that was sent with it."""

    id: str
    token: str
    fields: Mapping[str, str]
    amount: Money
    made_at: datetime
    uses: int = 0
    paid: bool = False


@dataclass(slots=True)
class Transaction:
    pnref: str
    kind: str
    amount: Money
    result: int
    state: int
    at: datetime
    origin: str = ""
    token: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    card_type: str = ""
    last_four: str = ""
    expiry: str = ""

    @property
    def is_voided(self) -> bool:
        return self.state >= _VOIDED

    @property
    def is_approved(self) -> bool:
        return self.result == 0 and not self.is_voided


class Book:
    def __init__(self, *, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.switches = Switches()
        self.answered: dict[str, bytes] = {}
        self._pages: dict[str, Page] = {}
        self._transactions: dict[str, Transaction] = {}

    # Pages

    def make_page(self, fields: Mapping[str, str]) -> Page:
        id = fields.get("SECURETOKENID", "")
        if not 0 < len(id) <= 36 or not id.isalnum():
            raise Refused(7, "Field format error: SECURETOKENID")
        if any(page.id == id for page in self._pages.values()):
            raise Refused(7, "Field format error: Secure Token Id already being used")
        page = Page(id, secrets.token_urlsafe(18)[:24] + "=", fields, _amount(fields), self.clock.now())
        self._pages[page.token] = page
        return page

    def page(self, token: str, id: str) -> Page:
        page = self._pages.get(token)
        if page is None or page.id != id:
            raise Refused(7, "Field format error: SECURETOKEN")
        return page

    def page_of(self, reference: str) -> Page:
        """The payment's last page, by its INVNUM."""
        pages = [page for page in self._pages.values() if page.fields.get("INVNUM") == reference]
        if not pages:
            raise Refused(7, "Field format error: INVNUM")
        return pages[-1]

    def check_open(self, page: Page) -> None:
        if page.paid or page.uses >= self.switches.page_uses:
            raise Refused(160, "Secure Token already been used")
        if not self.is_alive(page):
            raise Refused(7, "Field format error: Secure Token expired")

    def is_alive(self, page: Page) -> bool:
        age_s = (self.clock.now() - page.made_at).total_seconds()
        return age_s < self.switches.page_lifetime_s

    def pay(self, page: Page, *, card: str, expiry: str) -> Transaction:
        """One try with one card. Raises Refused where the page is used or too old."""
        self.check_open(page)
        page.uses += 1
        paid = self.charge(page.fields, card=card, expiry=expiry, token=page.token)
        page.paid = paid.result in (0, _IN_REVIEW)
        return paid

    # Transactions

    def charge(self, fields: Mapping[str, str], *, card: str, expiry: str, token: str = "") -> Transaction:
        """A sale, an authorisation or a voice authorisation."""
        amount, kind = _amount(fields), fields["TRXTYPE"]
        code = rules.result_of_card(card, expiry, today=self.clock.now().date())
        if code == 0 and kind != "F":
            code = rules.result_of_amount(Decimal(amount.major))
        if self.switches.result_next is not None:
            code, self.switches.result_next = self.switches.result_next, None
        amount = Money(amount.minor - self.switches.charge_less_minor, amount.currency)
        if self.switches.charge_in:
            amount = Money.parse(amount.major, self.switches.charge_in)
        if code == _IN_REVIEW:
            state = _HELD
        elif code:
            state = _ERROR
        else:
            state = _AUTHORISED if kind == "A" else _SETTLING
        card_type, _ = rules.TEST_CARDS.get(card, ("", ""))
        return self._keep(
            kind,
            amount,
            code,
            state,
            fields=fields,
            token=token,
            card_type=card_type,
            last_four=card[-4:],
            expiry=expiry,
        )

    def capture(self, fields: Mapping[str, str]) -> Transaction:
        origin = self._origin(fields)
        if origin.result == _IN_REVIEW or (origin.kind == "A" and origin.result):
            raise Refused(120, "Attempt to reference a failed transaction")
        if origin.kind != "A" or origin.state != _AUTHORISED:
            raise Refused(111, "Capture error")
        amount = _amount(fields, instead=origin.amount)
        origin.state = _CAPTURED
        return self._follow(origin, "D", amount, fields)

    def void(self, fields: Mapping[str, str]) -> Transaction:
        origin = self._origin(fields)
        if origin.result:
            raise Refused(120, "Attempt to reference a failed transaction")
        if origin.is_voided or origin.state not in (_AUTHORISED, _SETTLING):
            raise Refused(108, "Void error")
        origin.state += _VOIDED
        return self._follow(origin, "V", origin.amount, fields, state=0)

    def credit(self, fields: Mapping[str, str]) -> Transaction:
        """Against a sale, a capture or a voice authorisation, in parts that together stay within it."""
        if not fields.get("ORIGID"):
            raise Refused(117, "Failed merchant rule check: non-referenced credits are not allowed")
        origin = self._origin(fields)
        if self.switches.refuse_credits or origin.kind not in ("S", "D", "F") or not origin.is_approved:
            raise Refused(105, "Credit error")
        amount = _amount(fields, instead=origin.amount)
        if amount.currency != origin.amount.currency:
            raise Refused(6, "Invalid or unsupported currency code")
        returned = sum(one.amount.minor for one in self._credits_of(origin))
        if returned + amount.minor > origin.amount.minor and not self.switches.credits_unguarded:
            raise Refused(105, "Credit error: more than the original transaction")
        return self._follow(origin, "C", amount, fields)

    def find(self, fields: Mapping[str, str]) -> Transaction:
        """The transaction that an inquiry asks about: the last one that fits."""
        if pnref := fields.get("ORIGID", ""):
            return self._origin({"ORIGID": pnref})
        token, mark = fields.get("SECURETOKEN", ""), fields.get("CUSTREF", "")
        if not token and not mark:
            raise Refused(7, "Field format error: ORIGID")
        found = [
            one
            for one in self._transactions.values()
            if (one.token == token if token else one.fields.get("CUSTREF") == mark)
        ]
        if not found:
            raise Refused(
                *((19, "Original transaction ID not found") if token else (20, "CUSTREF not found"))
            )
        return found[-1]

    # What happens without the merchant

    def settle(self) -> None:
        """The day's end: what was to be settled is settled."""
        for one in self._transactions.values():
            if one.state == _SETTLING:
                one.state = _SETTLED

    def review(self, reference: str, *, accepted: bool) -> None:
        """What the merchant decides at the gateway's own desk about a payment that a filter held."""
        for one in self._transactions.values():
            if one.fields.get("INVNUM") == reference and one.result == _IN_REVIEW:
                one.result = 0 if accepted else _REFUSED_IN_REVIEW
                one.state = (_AUTHORISED if one.kind == "A" else _SETTLING) if accepted else _ERROR

    def truth(self, reference: str) -> dict[str, object]:
        """How a payment stands by these books: ``INVNUM`` is the reference."""
        with self.lock:
            ours = [one for one in self._transactions.values() if one.fields.get("INVNUM") == reference]
            took = [one for one in ours if one.kind in ("S", "D", "F") and one.is_approved]
            credits = [one for one in ours if one.kind == "C" and one.is_approved]
            pages = [page for page in self._pages.values() if page.fields.get("INVNUM") == reference]
            payable = [page for page in pages if page.paid or self.is_alive(page)]
            return {
                "payments": max(len(payable), 1 if pages else 0),
                "taken": _sum(took),
                "returned": _sum(credits),
                "refunds": len(credits),
                "pages": len(pages),
            }

    # Within

    def _origin(self, fields: Mapping[str, str]) -> Transaction:
        pnref = fields.get("ORIGID", "")
        if not pnref:
            raise Refused(7, "Field format error: ORIGID")
        if pnref not in self._transactions:
            raise Refused(19, "Original transaction ID not found")
        return self._transactions[pnref]

    def _credits_of(self, origin: Transaction) -> list[Transaction]:
        return [
            one
            for one in self._transactions.values()
            if one.kind == "C" and one.origin == origin.pnref and one.is_approved
        ]

    def _follow(
        self,
        origin: Transaction,
        kind: str,
        amount: Money,
        fields: Mapping[str, str],
        *,
        state: int = _SETTLING,
    ) -> Transaction:
        # What is not said again is copied from the original transaction.
        copied = {name: origin.fields[name] for name in ("INVNUM", "COMMENT1") if name in origin.fields}
        return self._keep(
            kind,
            amount,
            0,
            state,
            origin=origin.pnref,
            fields=copied | dict(fields),
            card_type=origin.card_type,
            last_four=origin.last_four,
            expiry=origin.expiry,
        )

    def _keep(self, kind: str, amount: Money, code: int, state: int, **more: object) -> Transaction:
        pnref = "V" + "".join(secrets.choice(_PNREF_CHARACTERS) for _ in range(11))
        kept = Transaction(pnref, kind, amount, code, state, self.clock.now(), **more)  # type: ignore[arg-type]
        self._transactions[pnref] = kept
        return kept


def _amount(fields: Mapping[str, str], instead: Money | None = None) -> Money:
    told = fields.get("AMT", "")
    if not told and instead is not None:
        return instead
    try:
        amount = Money.parse(told, fields.get("CURRENCY") or (instead.currency.code if instead else "USD"))
    except UnableTo as error:
        if error.reason == "currency_unknown":
            raise Refused(6, "Invalid or unsupported currency code") from None
        raise Refused(4, "Invalid amount format") from None
    if amount.minor <= 0:
        raise Refused(4, "Invalid amount format")
    return amount


def _sum(transactions: list[Transaction]) -> dict[str, object] | None:
    if not transactions:
        return None
    currency = transactions[0].amount.currency
    return {"minor": sum(one.amount.minor for one in transactions), "currency": currency.code}
