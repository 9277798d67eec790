"""The plug-in: how Warchest asks the sandbox."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Meta

from warchest.kernel.currency import INNER, currency_codes
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.masking import mask_card_numbers
from warchest.sdk.payments import (
    Ability,
    Description,
    Health,
    Notice,
    PaymentProvider,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Secret,
    Standing,
    UnableToTrustNotice,
)
from warchest_sandbox.wire import (
    Amount,
    NoticeBody,
    PaymentAnswer,
    PaymentAsked,
    RefundAnswer,
    RefundAsked,
    Refusal,
    signature,
)

_RAW_CHARACTERS_MAX = 20_000
_NOT_FOUND = "payment_not_found"

_Answer = TypeVar("_Answer", PaymentAnswer, RefundAnswer)
_SharedSecret = Annotated[Secret, Meta(min_length=16)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """Where the sandbox listens and the two secrets shared with it.

    While the notices' secret is being changed, ``previous_notice_secret`` is believed too.
    """

    base_url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+")]
    api_secret: _SharedSecret = field(repr=False)
    notice_secret: _SharedSecret = field(repr=False)
    previous_notice_secret: Secret = field(default="", repr=False)
    timeout_s: Annotated[float, Meta(gt=0, le=60)] = 10
    notice_tolerance_s: Annotated[int, Meta(ge=1)] = 300


class _Unclear(Exception):
    """Nothing that says how the payment stands: no answer, none that can be read, or one about something else."""

    def __init__(self, reason: str, raw: str = "") -> None:
        self.report = Report(Standing.UNKNOWN, reason=reason, raw=raw)
        super().__init__(reason)


class _Refused(Exception):
    """The sandbox understood and said no."""

    def __init__(self, reason: str, raw: str) -> None:
        self.report = Report(Standing.FAILED, reason=reason, raw=raw)
        super().__init__(reason)


class SandboxProvider(PaymentProvider):
    """Payments at the sandbox: hosted card page, inquiry, refunds in full and in part."""

    settings_type: ClassVar[type[SandboxSettings]] = SandboxSettings

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        secrets = (settings.notice_secret, settings.previous_notice_secret)
        self._notice_secrets = tuple(secret for secret in secrets if secret)
        # Proxies named in the environment are left aside: the sandbox stands on this machine or next to it.
        self._client = httpx.Client(
            base_url=settings.base_url,
            headers={"authorization": f"Bearer {settings.api_secret}"},
            timeout=settings.timeout_s,
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=10, keepalive_expiry=20),
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    @property
    def description(self) -> Description:
        return Description(
            label="Sandbox",
            methods=("visa", "mastercard"),
            currencies=frozenset(currency_codes()) - {INNER.code},
            abilities=frozenset({Ability.INQUIRE, Ability.REFUND, Ability.PARTIAL_REFUND}),
        )

    def start(self, payment: PaymentRequest) -> Report:
        asked = PaymentAsked(
            reference=payment.reference,
            amount=payment.amount.major,
            currency=payment.amount.currency.code,
            return_url=payment.return_url,
            notice_url=payment.notice_url,
            description=payment.description,
            language=payment.language,
            country=payment.country,
        )
        try:
            answer, raw = self._ask("POST", "/v1/payments", PaymentAnswer, asked)
            return _report(answer, raw, reference=payment.reference)
        except (_Unclear, _Refused) as unable:
            return unable.report

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        try:
            if provider_reference:
                answer, raw = self._ask("GET", _path(provider_reference), PaymentAnswer)
            else:
                answer, raw = self._ask("GET", "/v1/payments", PaymentAnswer, reference=payment.reference)
            return _report(answer, raw, reference=payment.reference)
        except _Unclear as unclear:
            # A payment that never reached the sandbox cannot be paid there: nobody was given the address of its
            # page. One that the sandbox gave a number to, and has now forgotten, is another matter.
            if unclear.report.reason == _NOT_FOUND and not provider_reference:
                return replace(unclear.report, standing=Standing.FAILED)
            return unclear.report
        except _Refused as refused:
            # What was refused is the question, not the payment.
            return replace(refused.report, standing=Standing.UNKNOWN)

    def refund(self, refund: RefundRequest) -> Report:
        provider_reference, refund_reference, amount = (
            refund.payment_reference,
            refund.reference,
            refund.amount,
        )
        if not provider_reference:
            found = self.inquire(refund.payment, provider_reference="")
            if not found.provider_reference:
                return found
            provider_reference = found.provider_reference
        asked = RefundAsked(
            refund_reference=refund_reference, amount=amount.major, currency=amount.currency.code
        )
        path = f"{_path(provider_reference)}/refunds"
        try:
            answer, raw = self._ask("POST", path, RefundAnswer, asked)
            return _refund_report(answer, raw, refund_reference=refund_reference)
        except (_Unclear, _Refused) as unable:
            return unable.report

    def read_notice(self, notice: RawNotice) -> Notice:
        notice_id = notice.headers.get("sandbox-id", "")
        timestamp = notice.headers.get("sandbox-timestamp", "")
        self._check_signature(notice, notice_id=notice_id, timestamp=timestamp)
        try:
            body = msgspec.json.decode(notice.body, type=NoticeBody)
            report = _report(body.payment, _raw(notice.body.decode()), reference=body.payment.reference)
        except (msgspec.MsgspecError, UnicodeDecodeError, _Unclear):
            raise UnableToTrustNotice("notice_malformed") from None
        return Notice(id=notice_id, reference=body.payment.reference, report=report)

    def health(self) -> Health:
        try:
            response = self._client.get("/v1/health")
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            return Health(False, f"The sandbox does not answer ({type(failure).__name__}).")
        if response.status_code == 401:
            return Health(False, "The sandbox answers, but does not accept the API secret.")
        if response.status_code != 200:
            return Health(False, f"The sandbox answers with HTTP status {response.status_code}.")
        return Health(True, "The sandbox answers and accepts the API secret.")

    def _check_signature(self, notice: RawNotice, *, notice_id: str, timestamp: str) -> None:
        given = notice.headers.get("sandbox-signature", "").encode()
        right = False
        for secret in self._notice_secrets:
            expected = signature(secret, notice_id=notice_id, timestamp=timestamp, body=notice.body).encode()
            right |= hmac.compare_digest(given, expected)
        if not (right and notice_id and timestamp.isascii() and timestamp.isdecimal()):
            raise UnableToTrustNotice("notice_signature_wrong")
        if abs(notice.received_at.timestamp() - int(timestamp)) > self._settings.notice_tolerance_s:
            raise UnableToTrustNotice("notice_signature_wrong")

    def _ask(
        self,
        method: str,
        path: str,
        into: type[_Answer],
        body: PaymentAsked | RefundAsked | None = None,
        **params: str,
    ) -> tuple[_Answer, str]:
        """One exchange with the sandbox: its answer, read, and the text of it for the books."""
        try:
            response = self._client.request(
                method,
                path,
                params=params or None,
                content=None if body is None else msgspec.json.encode(body),
                headers=None if body is None else {"content-type": "application/json"},
            )
        except httpx.TimeoutException:
            raise _Unclear("timeout") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise _Unclear("unreachable") from None
        raw = _raw(response.text)
        match response.status_code:
            case 200 | 201:
                try:
                    return msgspec.json.decode(response.content, type=into), raw
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    raise _Unclear("unreadable", raw) from None
            case 400 | 422:
                raise _Refused(_problem(response), raw)
            case _:
                # 401 and 429 speak of us and not of the payment; 404 and 409 mean that the sandbox and Warchest
                # disagree about what was asked before; behind 5xx the payment may well have been carried out.
                raise _Unclear(_problem(response), raw)


def _path(provider_reference: str) -> str:
    return f"/v1/payments/{quote(provider_reference, safe='')}"


def _problem(response: httpx.Response) -> str:
    """The sandbox's own code; a page that some machine in between wrote has none, and refuses nothing."""
    try:
        return msgspec.json.decode(response.content, type=Refusal).error.code
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _Unclear(f"http_{response.status_code}", _raw(response.text)) from None


def _raw(text: str) -> str:
    return mask_card_numbers(text)[:_RAW_CHARACTERS_MAX]


def _report(answer: PaymentAnswer, raw: str, *, reference: str) -> Report:
    if answer.reference != reference:
        raise _Unclear("reference_differs", raw)
    standing, redirect_url = Standing.PENDING, ""
    match answer.status:
        case "open":
            redirect_url = answer.page_url
        case "pending":
            pass
        case "succeeded":
            standing = Standing.SUCCEEDED
        case "failed":
            standing = Standing.FAILED
        case "cancelled" | "expired":
            standing = Standing.CANCELLED
        case _:
            # A status of a newer sandbox. Guessing "failed" would let the player pay twice, "succeeded" would give
            # money away; pending asks again until somebody teaches the plug-in the new word.
            standing = Standing.PENDING
    return Report(
        standing,
        provider_reference=answer.id,
        amount=_money(answer.taken, raw),
        redirect_url=redirect_url,
        reason=answer.reason,
        raw=raw,
    )


def _refund_report(answer: RefundAnswer, raw: str, *, refund_reference: str) -> Report:
    if answer.refund_reference != refund_reference:
        raise _Unclear("reference_differs", raw)
    match answer.status:
        case "succeeded":
            standing = Standing.SUCCEEDED
        case "failed":
            standing = Standing.FAILED
        case _:
            # As above: an unheard-of status is neither money returned nor a refusal.
            standing = Standing.PENDING
    return Report(
        standing,
        provider_reference=answer.id,
        amount=_money(answer.amount, raw),
        reason=answer.reason,
        raw=raw,
    )


def _money(amount: Amount | None, raw: str) -> Money | None:
    if amount is None:
        return None
    try:
        return amount.money()
    except UnableTo:
        raise _Unclear("unreadable", raw) from None
