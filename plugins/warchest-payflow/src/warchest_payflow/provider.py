"""The plug-in: how Warchest asks the gateway.

A payment is paid on a hosted page, behind a secure token that the gateway gave for it. What the browser brings back carries
no signature and is never read: the gateway is asked. It sends no notices that could be trusted either, so asking is all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import urlencode

from warchest.kernel.clock import Clock, SystemClock
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
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
    Standing,
    UnableToTrustNotice,
)
from warchest_payflow.found import Found, one_of, transaction
from warchest_payflow.gateway import (
    Gateway,
    PayflowSettings,
    Talk,
    Unclear,
    customer_reference,
    request_id,
    token_id,
)
from warchest_payflow.namevalue import can_be_written, plain
from warchest_payflow.pages import Page, pages_of
from warchest_payflow.refunds import Refunds
from warchest_payflow.results import Meaning

_AMOUNT_CHARACTERS_MAX = 10
"""The guide's length of ``AMT``, the point included."""


class PayflowProvider(PaymentProvider):
    """Cards by the gateway's hosted page: sale, or authorisation with delayed capture; inquiry, void, credit."""

    settings_type: ClassVar[type[PayflowSettings]] = PayflowSettings

    def __init__(self, settings: PayflowSettings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._gateway = Gateway(settings)
        self._currencies = frozenset(
            code for code in settings.currencies if currency(code).exponent == 2 and code != "HUF"
        )

    def close(self) -> None:
        self._gateway.close()

    @property
    def description(self) -> Description:
        return Description(
            label="Payflow",
            methods=("visa", "mastercard"),
            currencies=self._currencies,
            abilities=frozenset(
                {
                    Ability.INQUIRE,
                    Ability.REFUND,
                    Ability.PARTIAL_REFUND,
                    Ability.CAPTURE,
                    Ability.VOID,
                }
            ),
        )

    def start(self, payment: PaymentRequest) -> Report:
        if refusal := self._cannot_be_sent(payment):
            return Report(Standing.FAILED, reason=refusal)
        talk = self._gateway.talk()
        try:
            known = pages_of(payment.kept)
            if not known:
                return self._open(talk, payment, number=1)
            report = self._stands(talk, payment)
            if report.reason != "page_expired":
                return report
            # Nobody has paid on the old page, and nobody can any more: its time, and that of a payment begun on it, is up.
            return self._open(talk, payment, number=known[-1].number + 1)
        except Unclear as unclear:
            return unclear.report

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        talk = self._gateway.talk()
        try:
            if number := payment.kept.get("capture", ""):
                return self._captured(talk, payment, ORIGID=number)
            if number := payment.kept.get("pnref", "") or provider_reference:
                found = self._ask(talk, payment, ORIGID=number)
                if found is None:
                    # It had this number, and has forgotten it: that says nothing of the money.
                    return Report(Standing.UNKNOWN, reason="payment_not_found")
                return self._told(talk, payment, found)
            if pages_of(payment.kept):
                return self._stands(talk, payment)
            found = self._ask(talk, payment, must_name_us=True, CUSTREF=customer_reference(payment.reference))
            if found is not None:
                return self._told(talk, payment, found)
            # Whether it was ever opened was not answered. Asked again under the same id, the gateway repeats its answer, or
            # opens the page now; either way it is one page, and its token is what can be asked about.
            return self._open(talk, payment, number=1)
        except Unclear as unclear:
            return unclear.report

    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        number = payment.kept.get("pnref", "") or provider_reference
        if payment.kept.get("capture", "") or not number:
            return self.inquire(payment, provider_reference=provider_reference)
        talk = self._gateway.talk()
        try:
            reply = talk.change(
                request_id("capture", payment.reference),
                TRXTYPE="D",
                TENDER="C",
                ORIGID=number,
                AMT=amount.major,
                CURRENCY=amount.currency.code,
                CAPTURECOMPLETE="Y",
                INVNUM=payment.reference,
                CUSTREF=customer_reference("capture", payment.reference),
            )
            if reply.result.meaning is Meaning.APPROVED and (captured := reply.fields.get("PNREF", "")):
                return self._captured(talk, payment, ORIGID=captured)
            if reply.result.meaning is not Meaning.REFUSED:
                raise Unclear(reply.result.reason, reply.raw)
            found = self._ask(talk, payment, ORIGID=number)
            if found is None:
                raise Unclear("payment_not_found", reply.raw)
            # Refused, the authorisation stands as it stood: reserved, voided, or captured by someone else.
            stands = self._told(talk, payment, found)
            return replace(stands, reason=stands.reason or reply.result.reason)
        except Unclear as unclear:
            return unclear.report

    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        """An authorisation is voided. A page cannot be: it is pending until its time is up."""
        stands = self.inquire(payment, provider_reference=provider_reference)
        if stands.standing is not Standing.AUTHORISED:
            return stands
        talk = self._gateway.talk()
        try:
            reply = talk.change(
                request_id("void", payment.reference),
                TRXTYPE="V",
                TENDER="C",
                ORIGID=stands.provider_reference,
            )
            if reply.result.meaning is Meaning.APPROVED:
                return replace(stands, standing=Standing.CANCELLED, raw=reply.raw)
            if reply.result.meaning is not Meaning.REFUSED:
                raise Unclear(reply.result.reason, reply.raw)
        except Unclear as unclear:
            return unclear.report
        return self.inquire(payment, provider_reference=provider_reference)

    def refund(self, refund: RefundRequest) -> Report:
        return Refunds(self._gateway, clock=self._clock).instruct(refund)

    def inquire_refund(self, refund: RefundRequest) -> Report:
        return Refunds(self._gateway, clock=self._clock).inquire(refund)

    def read_notice(self, notice: RawNotice) -> Notice:
        # The gateway's silent post carries no signature: anybody could have sent it.
        raise UnableToTrustNotice("notice_signature_wrong")

    def health(self) -> Health:
        try:
            reply = self._gateway.talk().inquire(CUSTREF=customer_reference("health"))
        except Unclear as unclear:
            return Health(False, f"The gateway does not answer as it should ({unclear.report.reason}).")
        result = reply.result
        match result.meaning:
            case Meaning.NO_SUCH | Meaning.APPROVED:
                return Health(True, "The gateway answers and accepts the account's password.")
            case Meaning.NOT_HEARD:
                return Health(
                    False, f"The gateway does not accept the account: {result.text} ({result.code})."
                )
            case _:
                return Health(
                    False, f"The gateway answers with RESULT {result.code} {result.text}".strip() + "."
                )

    def _cannot_be_sent(self, payment: PaymentRequest) -> str:
        """Why the gateway could not be asked for this payment, by its documents; empty where it can."""
        if payment.amount.currency.code not in self._currencies:
            return "currency_not_supported"
        if payment.amount.minor <= 0 or len(payment.amount.major) > _AMOUNT_CHARACTERS_MAX:
            return "amount_invalid"
        if payment.saved_method:
            return "saved_methods_not_supported"
        return "" if can_be_written(payment.return_url) else "return_url_malformed"

    def _open(self, talk: Talk, payment: PaymentRequest, *, number: int) -> Report:
        reply = talk.change(
            request_id("page", payment.reference, str(number)),
            TRXTYPE="A" if payment.capture_later else "S",
            TENDER="C",
            CREATESECURETOKEN="Y",
            SECURETOKENID=token_id(payment.reference, number),
            AMT=payment.amount.major,
            CURRENCY=payment.amount.currency.code,
            INVNUM=payment.reference,
            CUSTREF=customer_reference(payment.reference),
            COMMENT1=plain(payment.description, characters_max=128),
            RETURNURL=payment.return_url,
            ERRORURL=payment.return_url,
            CANCELURL=payment.return_url,
            RETURNURLMETHOD="GET",
            URLMETHOD="GET",
            DISABLERECEIPT="TRUE",
        )
        result = reply.result
        match result.meaning:
            case Meaning.APPROVED:
                token = reply.fields.get("SECURETOKEN", "")
                # Under a request id that was used before, the gateway answers what it answered then, whatever is asked now.
                if not token or reply.fields.get("SECURETOKENID") != token_id(payment.reference, number):
                    raise Unclear("reference_differs", reply.raw)
                page = Page(number, token, made_at=int(self._now()))
                return Report(
                    Standing.PENDING,
                    redirect_url=self._address(payment, page),
                    raw=reply.raw,
                    keep=page.kept(),
                )
            case Meaning.REFUSED:
                return Report(Standing.FAILED, reason=result.reason, raw=reply.raw)
            case Meaning.UNLISTED:
                return Report(Standing.PENDING, reason=result.reason, raw=reply.raw)
            case _:
                raise Unclear(result.reason, reply.raw)

    def _stands(self, talk: Talk, payment: PaymentRequest) -> Report:
        """How a payment stands by its pages, all of them: an old one may have been paid at its last moment."""
        pages = pages_of(payment.kept)
        asked = [self._ask(talk, payment, SECURETOKEN=page.token) for page in pages]
        found = one_of(one for one in asked if one is not None)
        if found is not None and not found.declined:
            return self._told(talk, payment, found)
        age_s = self._now() - pages[-1].made_at
        reason, raw = (found.report.reason, found.report.raw) if found else ("", "")
        single_use = found is not None and self._settings.page_uses == 1
        if age_s < self._settings.page_lifetime_s + self._settings.page_grace_s and not single_use:
            is_open = age_s < self._settings.page_lifetime_s
            url = self._address(payment, pages[-1]) if is_open else ""
            return Report(Standing.PENDING, redirect_url=url, reason=reason, raw=raw)
        # Nobody can pay on it any more. Before that is said, the gateway is asked in a second way.
        last = self._ask(
            talk,
            payment,
            must_name_us=True,
            ours=found.pnref if found else "",
            CUSTREF=customer_reference(payment.reference),
        )
        if last is not None and not last.declined:
            return self._told(talk, payment, last)
        if found := last or found:
            return found.report
        return Report(Standing.CANCELLED, reason="page_expired")

    def _ask(
        self,
        talk: Talk,
        payment: PaymentRequest,
        *,
        must_name_us: bool = False,
        ours: str = "",
        **by: str,
    ) -> Found | None:
        return transaction(
            talk.inquire(**by),
            reference=payment.reference,
            currency=payment.amount.currency.code,
            authorised_only=payment.capture_later,
            must_name_us=must_name_us,
            ours=ours,
        )

    def _told(self, talk: Talk, payment: PaymentRequest, found: Found) -> Report:
        """The report on a transaction, with what is to be remembered of it."""
        if found.captured:
            return self._captured(
                talk, payment, must_name_us=True, CUSTREF=customer_reference("capture", payment.reference)
            )
        report = found.report
        if report.standing in {Standing.SUCCEEDED, Standing.AUTHORISED}:
            report = replace(report, keep={"pnref": found.pnref, **_taken(report)})
        return report

    def _captured(
        self, talk: Talk, payment: PaymentRequest, *, must_name_us: bool = False, **by: str
    ) -> Report:
        """How the capture of an authorisation stands."""
        found = transaction(
            talk.inquire(**by),
            reference=payment.reference,
            currency=payment.amount.currency.code,
            must_name_us=must_name_us,
        )
        if found is None or found.declined:
            raise Unclear("capture_not_found", found.report.raw if found else "")
        report = found.report
        if report.standing is Standing.SUCCEEDED:
            report = replace(report, keep={"capture": found.pnref, **_taken(report)})
        return report

    def _address(self, payment: PaymentRequest, page: Page) -> str:
        query = {"SECURETOKEN": page.token, "SECURETOKENID": token_id(payment.reference, page.number)}
        if self._settings.test_mode:
            query["MODE"] = "TEST"
        return f"{self._settings.page_url}?{urlencode(query)}"

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _taken(report: Report) -> Mapping[str, str]:
    """What a refund may not exceed."""
    return {"taken_minor": str(report.amount.minor)} if report.amount is not None else {}
