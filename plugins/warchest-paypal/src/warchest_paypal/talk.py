"""Calls to PayPal: with an access token that is fetched when it is needed, answers read and made fit for the books."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from warchest.sdk.calling import Answer, Caller, NoAnswer
from warchest.sdk.payments import Report, Secret, Standing
from warchest_paypal.wire import Problem, Token

_LEAST_S = 0.05
_EARLIER_S = 60
"""An access token is renewed so long before its end."""

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaypalSettings:
    """An app of the merchant's account at PayPal, and the webhook that was made for it.

    While the webhook is being replaced, notices to ``previous_webhook_id`` are believed too. ``notice_timeout_s`` is how long
    PayPal may take to say whether a notice is its own: short, since it waits for our answer meanwhile. ``currencies`` narrows
    what is offered; empty is all that PayPal takes.
    """

    base_url: Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+/?$", max_length=200)]
    client_id: Annotated[str, Meta(pattern=r"^[!-9;-~]+$", max_length=200)]
    client_secret: Annotated[Secret, Meta(min_length=16, max_length=200, pattern=r"^[!-~]+$")] = field(
        repr=False
    )
    webhook_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9]+$", max_length=60)]
    previous_webhook_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9]*$", max_length=60)] = ""
    brand_name: Annotated[str, Meta(max_length=127)] = ""
    currencies: frozenset[str] = frozenset()
    timeout_s: Annotated[float, Meta(gt=0, le=55)] = 30
    notice_timeout_s: Annotated[float, Meta(gt=0, le=55)] = 5
    notice_tolerance_s: Annotated[int, Meta(ge=60)] = 4 * 86_400


class Unclear(Exception):
    """Nothing that says how it stands: no answer, none that can be read, or one about something else."""

    def __init__(self, reason: str, raw: str = "", *, never_sent: bool = False) -> None:
        self.report = Report(Standing.UNKNOWN, reason=reason, raw=raw, never_sent=never_sent)
        super().__init__(reason)


class Refused(Exception):
    """PayPal understood and said no: HTTP 422, or 400, or 404, with its code."""

    def __init__(self, status: int, reason: str, raw: str) -> None:
        self.status = status
        self.reason = reason
        self.raw = raw
        super().__init__(reason)


class Paypal:
    """Shared by threads; keeps connections and the access token that goes with them."""

    def __init__(self, settings: PaypalSettings) -> None:
        self.settings = settings
        self._caller = Caller(base_url=settings.base_url, timeout_s=settings.timeout_s)
        basic = f"{settings.client_id}:{settings.client_secret}".encode()
        self._basic = base64.b64encode(basic).decode()
        self._lock = threading.Lock()
        self._token = ""
        self._token_ends_at = 0.0

    def close(self) -> None:
        self._caller.close()

    def talk(self, *, timeout_s: float | None = None) -> Talk:
        """The calls of one method, which share its time."""
        return Talk(self, timeout_s=self.settings.timeout_s if timeout_s is None else timeout_s)

    def send(
        self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str], timeout_s: float
    ) -> Answer:
        return self._caller.ask(method, path, body=body, headers=headers, timeout_s=timeout_s)

    def kept_token(self) -> str:
        with self._lock:
            return self._token if time.monotonic() < self._token_ends_at else ""

    def keep_token(self, token: Token) -> None:
        with self._lock:
            self._token = token.access_token
            self._token_ends_at = time.monotonic() + max(token.expires_in - _EARLIER_S, 0)

    def drop_token(self, refused: str) -> None:
        """Unless another thread has fetched a newer one already."""
        with self._lock:
            if self._token == refused:
                self._token = ""

    @property
    def basic(self) -> str:
        return self._basic

    def concealed(self, text: str, *tokens: str) -> str:
        for secret in (self.settings.client_secret, self._basic, *tokens):
            if secret:
                text = text.replace(secret, "*****")
        return text


class Talk:
    def __init__(self, paypal: Paypal, *, timeout_s: float) -> None:
        self._paypal = paypal
        self._ends_at = time.monotonic() + timeout_s

    def fetch_token(self) -> str:
        """A new access token. Raises Unclear (``unauthorized`` where the credentials are not accepted)."""
        answer = self._send(
            "POST",
            "/v1/oauth2/token",
            b"grant_type=client_credentials",
            {
                "authorization": f"Basic {self._paypal.basic}",
                "content-type": "application/x-www-form-urlencoded",
                "accept": "application/json",
            },
        )
        if answer.status == 401:
            raise Unclear("unauthorized")
        if answer.status != 200:
            raise Unclear(f"http_{answer.status}")
        try:
            token = msgspec.json.decode(answer.body, type=Token)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Unclear("unreadable") from None
        if not token.access_token.isascii() or not token.access_token.isprintable():
            raise Unclear("unreadable")
        self._paypal.keep_token(token)
        return token.access_token

    def ask(self, path: str, into: type[_Read]) -> tuple[_Read, str]:
        """A question: the answer, read, and its text for the books. Raises Unclear, Refused."""
        return self._call("GET", path, into)

    def change(self, path: str, into: type[_Read], body: object = None, *, under: str) -> tuple[_Read, str]:
        """Something that moves money or opens an order, under its request id: repeated, it is done once.

        Raises Unclear, Refused.
        """
        headers = {
            "content-type": "application/json",
            "paypal-request-id": under,
            "prefer": "return=representation",
        }
        return self._call("POST", path, into, b"" if body is None else msgspec.json.encode(body), headers)

    def post(self, path: str, into: type[_Read], body: bytes, *, content_type: str) -> tuple[_Read, str]:
        """Raises Unclear, Refused."""
        return self._call("POST", path, into, body, {"content-type": content_type})

    def _call(
        self,
        method: str,
        path: str,
        into: type[_Read],
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[_Read, str]:
        token = self._paypal.kept_token() or self.fetch_token()
        answer = self._send(method, path, body, self._authorized(headers, token))
        if answer.status == 401:
            # The token was taken back before its time. Nothing was done under it, so it is asked once more.
            self._paypal.drop_token(token)
            token = self.fetch_token()
            answer = self._send(method, path, body, self._authorized(headers, token))
        raw = self._paypal.concealed(answer.raw, token)
        match answer.status:
            case 200 | 201 | 202:
                return self._read(answer.body, into, raw), raw
            case 204:
                return self._read(b"{}", into, raw), raw
            case 400 | 404 | 422:
                raise Refused(answer.status, self._read(answer.body, Problem, raw).reason, raw)
            case _:
                # 401, 403 and 429 speak of us and not of the payment; 409 that the same is under way; behind 5xx it may
                # well have been carried out.
                raise Unclear("unauthorized" if answer.status == 401 else f"http_{answer.status}", raw)

    def _authorized(self, headers: Mapping[str, str] | None, token: str) -> Mapping[str, str]:
        return {"accept": "application/json", "authorization": f"Bearer {token}", **(headers or {})}

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        left_s = self._ends_at - time.monotonic()
        if left_s < _LEAST_S:
            raise Unclear("timeout")
        try:
            return self._paypal.send(method, path, body=body, headers=headers, timeout_s=left_s)
        except NoAnswer as silence:
            raise Unclear(silence.reason, never_sent=not silence.was_sent) from None

    def _read(self, body: bytes, into: type[_Read], raw: str) -> _Read:
        try:
            return msgspec.json.decode(body, type=into)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Unclear("unreadable", raw) from None
