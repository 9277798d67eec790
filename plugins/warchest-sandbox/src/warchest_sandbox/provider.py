"""The plug-in: how Warchest asks the sandbox."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, ClassVar, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Meta

from warchest.kernel.currency import INNER, currency_codes
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.calling import Answer, Caller, NoAnswer
from warchest.sdk.masking import mask_secrets
from warchest.sdk.payments import (
    Ability,
    Description,
    Evidence,
    Health,
    Notice,
    PaymentProvider,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Secret,
    SettlementReport,
    Standing,
    Subject,
    UnableToRead,
    UnableToTellSettlement,
    UnableToTrustNotice,
)
from warchest_sandbox.reading import (
    Refused,
    Unclear,
    dispute_report,
    payment_report,
    refund_report,
    settlement_report,
)
from warchest_sandbox.settlement_file import read_settlement_file
from warchest_sandbox.wire import (
    CaptureAsked,
    DisputeAnswer,
    EvidenceAsked,
    MethodAnswer,
    NoticeBody,
    PaymentAnswer,
    PaymentAsked,
    RefundAnswer,
    RefundAsked,
    Refusal,
    SettlementsAnswer,
    signature,
)

_NOT_FOUND = "payment_not_found"
_REFUND_NOT_FOUND = "refund_not_found"

_Answer = TypeVar("_Answer")
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


class SandboxProvider(PaymentProvider):
    """Payments at the sandbox: hosted card page and all that a provider can do."""

    settings_type: ClassVar[type[SandboxSettings]] = SandboxSettings

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        secrets = (settings.notice_secret, settings.previous_notice_secret)
        self._notice_secrets = tuple(secret for secret in secrets if secret)
        self._caller = Caller(
            base_url=settings.base_url,
            timeout_s=settings.timeout_s,
            headers={"authorization": f"Bearer {settings.api_secret}"},
        )

    def close(self) -> None:
        self._caller.close()

    @property
    def description(self) -> Description:
        return Description(
            label="Sandbox",
            methods=("visa", "mastercard"),
            currencies=frozenset(currency_codes()) - {INNER.code},
            abilities=frozenset(Ability) - {Ability.BANK_STATEMENT, Ability.PAYOUT_FILE},
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
            payer=payment.payer,
            capture_later=payment.capture_later,
            save_method=payment.save_method,
            saved_method=payment.saved_method,
            player_present=payment.player_present,
        )
        return _reported(lambda: self._about(payment, "POST", "/v1/payments", asked))

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        try:
            if provider_reference:
                return self._about(payment, "GET", _path(provider_reference))
            return self._about(payment, "GET", "/v1/payments", reference=payment.reference)
        except Unclear as unclear:
            # A payment that never reached the sandbox cannot be paid there: nobody was given the address of its
            # page. One that the sandbox gave a number to, and has now forgotten, is another matter.
            if unclear.report.reason == _NOT_FOUND and not provider_reference:
                return replace(unclear.report, standing=Standing.FAILED)
            return unclear.report
        except Refused as refused:
            # What was refused is the question, not the payment.
            return replace(refused.report, standing=Standing.UNKNOWN)

    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        asked = CaptureAsked(amount.major, amount.currency.code)
        return self._change(payment, provider_reference, f"{_path(provider_reference)}/capture", asked)

    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        if not provider_reference:
            found = self.inquire(payment, provider_reference="")
            provider_reference = found.provider_reference
            if not provider_reference:
                # What never came to the sandbox is let go as it is; of what is unknown, nobody can say so.
                gone = found.standing is Standing.FAILED
                return replace(found, standing=Standing.CANCELLED) if gone else found
        return self._change(payment, provider_reference, f"{_path(provider_reference)}/void")

    def refund(self, refund: RefundRequest) -> Report:
        number = refund.payment_reference
        if not number:
            found = self.inquire(refund.payment, provider_reference="")
            if not found.provider_reference:
                return found
            number = found.provider_reference
        asked = RefundAsked(
            refund_reference=refund.reference,
            amount=refund.amount.major,
            currency=refund.amount.currency.code,
        )

        def ask() -> Report:
            answer, raw = self._ask("POST", f"{_path(number)}/refunds", RefundAnswer, asked)
            return refund_report(answer, raw, refund_reference=refund.reference)

        return _reported(ask)

    def inquire_refund(self, refund: RefundRequest) -> Report:
        """How it stands; one that the sandbox never heard of is instructed now."""
        path = f"{_path(refund.payment_reference)}/refunds/{quote(refund.reference, safe='')}"
        try:
            answer, raw = self._ask("GET", path, RefundAnswer)
            return refund_report(answer, raw, refund_reference=refund.reference)
        except Unclear as unclear:
            return self.refund(refund) if unclear.report.reason == _REFUND_NOT_FOUND else unclear.report
        except Refused as refused:
            return replace(refused.report, standing=Standing.UNKNOWN)

    def forget_method(self, *, payer: str, token: str) -> Report:
        def ask() -> Report:
            _, raw = self._ask("DELETE", f"/v1/methods/{quote(token, safe='')}", MethodAnswer, payer=payer)
            return Report(Standing.SUCCEEDED, raw=mask_secrets(raw, [token]))

        return _reported(ask)

    def answer_dispute(
        self, payment: PaymentRequest, *, provider_reference: str, dispute: str, evidence: Evidence
    ) -> Report:
        asked = EvidenceAsked(
            text=evidence.text,
            paid_at=evidence.paid_at.isoformat(),
            delivered_at=evidence.delivered_at.isoformat() if evidence.delivered_at else "",
            used_at=evidence.used_at.isoformat() if evidence.used_at else "",
        )

        def ask() -> Report:
            path = f"/v1/disputes/{quote(dispute, safe='')}/evidence"
            _, raw = self._ask("POST", path, DisputeAnswer, asked)
            return Report(Standing.SUCCEEDED, provider_reference=provider_reference, raw=raw)

        return _reported(ask)

    def settlement_report(self, *, day: date) -> tuple[SettlementReport, ...]:
        try:
            told, _ = self._ask("GET", "/v1/settlements", SettlementsAnswer, day=day.isoformat())
            return tuple(settlement_report(one) for one in told.settlements)
        except (Unclear, Refused, UnableTo, ValueError):
            raise UnableToTellSettlement("provider_silent") from None

    def read_settlement(self, data: bytes) -> tuple[SettlementReport, ...]:
        try:
            return tuple(settlement_report(one) for one in read_settlement_file(data))
        except UnableToRead:
            raise
        except (UnableTo, ValueError):
            raise UnableToRead("file_malformed") from None

    def read_notice(self, notice: RawNotice) -> Notice:
        notice_id = notice.headers.get("sandbox-id", "")
        timestamp = notice.headers.get("sandbox-timestamp", "")
        self._check_signature(notice, notice_id=notice_id, timestamp=timestamp)
        try:
            body = msgspec.json.decode(notice.body, type=NoticeBody)
            raw = self._masked(Answer(200, {}, notice.body), _token(body.payment))
            return _notice(notice_id, body, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, Unclear):
            raise UnableToTrustNotice("notice_malformed") from None

    def health(self) -> Health:
        try:
            answer = self._caller.ask("GET", "/v1/health")
        except NoAnswer as silence:
            return Health(False, f"The sandbox does not answer ({silence.reason}).")
        if answer.status == 401:
            return Health(False, "The sandbox answers, but does not accept the API secret.")
        if answer.status != 200:
            return Health(False, f"The sandbox answers with HTTP status {answer.status}.")
        if answer.body != b'{"status":"ok"}':
            return Health(False, "Something answers, but not as the sandbox does.")
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

    def _change(
        self, payment: PaymentRequest, provider_reference: str, path: str, asked: CaptureAsked | None = None
    ) -> Report:
        """Change a payment that has a number; where its state forbids it, say how it stands instead."""
        try:
            return self._about(payment, "POST", path, asked)
        except Refused as refused:
            return refused.report
        except Unclear as unclear:
            if unclear.report.reason in {"payment_not_open", "payment_not_authorised"}:
                return self.inquire(payment, provider_reference=provider_reference)
            return unclear.report

    def _about(
        self, payment: PaymentRequest, method: str, path: str, asked: object = None, **params: str
    ) -> Report:
        """One exchange that is answered with the payment."""
        answer, raw = self._ask(method, path, PaymentAnswer, asked, **params)
        raw = mask_secrets(raw, [_token(answer), payment.saved_method])
        return payment_report(answer, raw, reference=payment.reference)

    def _ask(
        self, method: str, path: str, into: type[_Answer], asked: object = None, **params: str
    ) -> tuple[_Answer, str]:
        """One exchange with the sandbox: its answer, read, and the text of it for the books."""
        try:
            answer = self._caller.ask(
                method,
                path,
                params=params or None,
                body=None if asked is None else msgspec.json.encode(asked),
                headers=None if asked is None else {"content-type": "application/json"},
            )
        except NoAnswer as silence:
            raise Unclear(silence.reason, never_sent=not silence.was_sent) from None
        raw = self._masked(answer)
        match answer.status:
            case 200 | 201:
                try:
                    return msgspec.json.decode(answer.body, type=into), raw
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    raise Unclear("unreadable", raw) from None
            case 400 | 422:
                raise Refused(_problem(answer, raw), raw)
            case _:
                # 401 and 429 speak of us and not of the payment; 404 and 409 mean that the sandbox and Warchest
                # disagree about what was asked before; behind 5xx the payment may well have been carried out.
                raise Unclear(_problem(answer, raw), raw)

    def _masked(self, answer: Answer, *more: str) -> str:
        return mask_secrets(answer.raw, [self._settings.api_secret, *self._notice_secrets, *more])


def _notice(notice_id: str, body: NoticeBody, raw: str) -> Notice:
    payment = payment_report(body.payment, raw, reference=body.payment.reference)
    notice = Notice(notice_id, body.payment.reference, payment, payment_reference=body.payment.id)
    if body.refund is not None:
        reference = body.refund.refund_reference
        report = refund_report(body.refund, raw, refund_reference=reference)
        return replace(notice, report=report, subject=Subject.REFUND, refund_reference=reference)
    if body.dispute is not None:
        return replace(notice, subject=Subject.DISPUTE, dispute=dispute_report(body.dispute, raw))
    return notice


def _reported(ask: Callable[[], Report]) -> Report:
    try:
        return ask()
    except (Unclear, Refused) as unable:
        return unable.report


def _path(provider_reference: str) -> str:
    return f"/v1/payments/{quote(provider_reference, safe='')}"


def _token(answer: PaymentAnswer) -> str:
    return answer.card.token if answer.card else ""


def _problem(answer: Answer, raw: str) -> str:
    """The sandbox's own code; a page that some machine in between wrote has none, and refuses nothing."""
    try:
        return msgspec.json.decode(answer.body, type=Refusal).error.code
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unclear(f"http_{answer.status}", raw) from None
