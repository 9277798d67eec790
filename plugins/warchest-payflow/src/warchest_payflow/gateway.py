"""One conversation with the gateway: requests under an id, answers read and made fit for the books."""

from __future__ import annotations

import hashlib
import html
import re
import time
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import quote
from uuid import uuid4

from msgspec import Meta

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.calling import Answer as HttpAnswer
from warchest.sdk.calling import Caller, NoAnswer
from warchest.sdk.payments import Report, Secret, Standing
from warchest_payflow import namevalue
from warchest_payflow.results import Result, result

_LEAST_S = 0.05
_CLIENT_TIMEOUT_S = 45
"""What the vendor recommends for ``X-VPS-CLIENT-TIMEOUT``."""

_Address = Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+[^\s?#]*$", max_length=200)]
_Login = Annotated[str, Meta(pattern=r"^[!#-~]+$", max_length=64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayflowSettings:
    """An account at the gateway, and how its hosted pages are set up.

    ``user`` is empty where the account has no users besides the vendor. ``page_lifetime_s`` is how long a page can be paid on,
    ``page_grace_s`` how much longer a payment that was begun on it may take: only after both is an unpaid page given up.
    ``page_uses`` is how many cards may be tried on one page; where it is one, a declined card ends the payment at once.
    """

    base_url: _Address
    page_url: _Address
    partner: _Login
    vendor: _Login
    password: Annotated[Secret, Meta(min_length=6, max_length=64, pattern=r"^[ -!#-~]+$")] = field(repr=False)
    user: Annotated[str, Meta(pattern=r"^[!#-~]*$", max_length=64)] = ""
    test_mode: bool = False
    currencies: frozenset[str] = frozenset({"USD"})
    timeout_s: Annotated[float, Meta(gt=0, le=55)] = 50
    page_lifetime_s: Annotated[float, Meta(gt=0)] = 1800
    page_grace_s: Annotated[float, Meta(ge=0)] = 300
    page_uses: Annotated[int, Meta(ge=1, le=3)] = 3


def request_id(*purpose: str) -> str:
    """The ``X-VPS-REQUEST-ID`` for a purpose (what, and our reference): the same for ever, 32 characters."""
    return _digest("request", *purpose).hex()[:32]


def token_id(reference: str, number: int) -> str:
    """The ``SECURETOKENID`` of a payment's first page, its second, …: unique, 36 characters."""
    return _digest("page", reference, str(number)).hex()[:36]


def customer_reference(*purpose: str) -> str:
    """The ``CUSTREF`` to find a transaction by when its number was never told.

    The gateway keeps 12 characters; 60 bits of a digest are not quite unique, so what is found by it is believed only
    together with the whole reference (``INVNUM``).
    """
    return b32encode(_digest("custref", *purpose)).decode()[:12]


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\n".join(parts).encode()).digest()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gateway answered. ``duplicate``: it is the answer that this request id got before."""

    fields: Mapping[str, str]
    raw: str

    @property
    def result(self) -> Result:
        return result(_whole(self.fields["RESULT"]) or 0)

    @property
    def duplicate(self) -> bool:
        return self.fields.get("DUPLICATE", "") not in ("", "0", "-1")

    def number(self, name: str) -> int | None:
        """A whole number among the fields, None where it is missing or none."""
        return _whole(self.fields.get(name, ""))

    def amount(self, *, currency: str) -> Money | None:
        """``AMT``, in the answer's own currency, or in this one where the answer names none. Raises Unclear."""
        told = self.fields.get("AMT", "")
        if not told:
            return None
        try:
            return Money.parse(told, self.fields.get("CURRENCY") or currency)
        except UnableTo:
            raise Unclear("unreadable", self.raw) from None


class Unclear(Exception):
    """Nothing that says how it stands: no answer, none that can be read, or one about something else."""

    def __init__(self, reason: str, raw: str = "", *, never_sent: bool = False) -> None:
        self.report = Report(Standing.UNKNOWN, reason=reason, raw=raw, never_sent=never_sent)
        super().__init__(reason)


class Gateway:
    """Shared by threads; keeps nothing but connections."""

    def __init__(self, settings: PayflowSettings) -> None:
        self._settings = settings
        self._caller = Caller(base_url=settings.base_url, timeout_s=settings.timeout_s)

    def close(self) -> None:
        self._caller.close()

    def talk(self) -> Talk:
        """The calls of one method, which share its time."""
        return Talk(self._settings, self._caller)


class Talk:
    def __init__(self, settings: PayflowSettings, caller: Caller) -> None:
        self._settings = settings
        self._caller = caller
        self._ends_at = time.monotonic() + settings.timeout_s

    def change(self, under: str, **fields: str) -> Reply:
        """Something that moves money or opens a page, under its request id: repeated, it is answered and not done again.

        Raises Unclear.
        """
        return self._ask(under, fields)

    def inquire(self, **by: str) -> Reply:
        """``TRXTYPE=I``. Each has an id of its own: under an old one the gateway would repeat what it said then.

        Raises Unclear.
        """
        return self._ask(uuid4().hex, {"TRXTYPE": "I", "TENDER": "C", **by})

    def _ask(self, under: str, fields: Mapping[str, str]) -> Reply:
        left_s = self._ends_at - time.monotonic()
        if left_s < _LEAST_S:
            raise Unclear("timeout")
        try:
            answer = self._caller.ask(
                "POST",
                "/",
                body=namevalue.encode({**fields, "VERBOSITY": "HIGH", **self._credentials()}),
                headers={
                    "content-type": "text/namevalue",
                    "x-vps-request-id": under,
                    "x-vps-client-timeout": str(max(1, min(_CLIENT_TIMEOUT_S, int(left_s)))),
                },
                timeout_s=left_s,
            )
        except NoAnswer as silence:
            raise Unclear(silence.reason, never_sent=not silence.was_sent) from None
        return self._read(answer)

    def _credentials(self) -> dict[str, str]:
        settings = self._settings
        return {
            "PARTNER": settings.partner,
            "VENDOR": settings.vendor,
            "USER": settings.user or settings.vendor,
            "PWD": settings.password,
        }

    def _concealed(self, text: str) -> str:
        """What a careless answer repeats of us is hidden, also as a page or an address would write it."""
        password = self._settings.password
        for written in (password, html.escape(password), quote(password, safe="")):
            text = text.replace(written, "*****")
        return text

    def _read(self, answer: HttpAnswer) -> Reply:
        raw = self._concealed(answer.raw)
        if answer.status != 200:
            raise Unclear(f"http_{answer.status}", raw)
        try:
            fields = namevalue.decode(answer.body.strip(b"\r\n"))
        except namevalue.Malformed:
            raise Unclear("unreadable", raw) from None
        if _whole(fields.get("RESULT", "")) is None:
            raise Unclear("unreadable", raw)
        return Reply(fields, raw)


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,6}", text, re.ASCII) else None
