"""The plug-in: how Warchest asks Stripe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import ClassVar

from warchest.kernel.money import Money
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
    SettlementReport,
    Standing,
    UnableToTellSettlement,
)
from warchest_stripe import minor_units, notices, returning, settlement
from warchest_stripe.answers import Account, Detached, split_token
from warchest_stripe.asking import Missing, Stripe, Unable
from warchest_stripe.charging import Charging
from warchest_stripe.settings import StripeSettings

_ABILITIES = frozenset(
    {
        Ability.INQUIRE,
        Ability.REFUND,
        Ability.PARTIAL_REFUND,
        Ability.CAPTURE,
        Ability.VOID,
        Ability.SAVED_METHODS,
        Ability.DISPUTES,
        Ability.SETTLEMENT_REPORT,
    }
)
_UNWELL = {
    "timeout": "Stripe does not answer in time.",
    "unreachable": "Stripe cannot be reached.",
    "api_key_not_accepted": "Stripe answers, but does not accept the API key.",
    "api_key_lacks_permission": "Stripe answers, but the restricted API key may not read the balance.",
}


class StripeProvider(PaymentProvider):
    """Payments through Stripe: Checkout, saved methods with 3-D Secure, delayed capture, refunds, disputes, settlements."""

    settings_type: ClassVar[type[StripeSettings]] = StripeSettings

    def __init__(self, settings: StripeSettings) -> None:
        self._settings = settings
        self._stripe = Stripe(settings)
        self._charging = Charging(self._stripe, settings)

    def close(self) -> None:
        self._stripe.close()

    @property
    def description(self) -> Description:
        return Description(
            label="Stripe",
            methods=self._settings.methods,
            currencies=minor_units.CURRENCIES,
            abilities=_ABILITIES,
        )

    def start(self, payment: PaymentRequest) -> Report:
        return self._told(lambda: self._charging.start(payment))

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        return self._told(lambda: self._charging.inquire(payment, provider_reference))

    def resume(self, payment: PaymentRequest, *, provider_reference: str, query: Mapping[str, str]) -> Report:
        return self._told(lambda: self._charging.resume(payment, provider_reference, query))

    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        return self._told(lambda: self._charging.capture(payment, provider_reference, amount))

    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        return self._told(lambda: self._charging.void(payment, provider_reference))

    def refund(self, refund: RefundRequest) -> Report:
        def asked() -> Report:
            number = self._charging.intent_number(refund.payment, refund.payment_reference)
            return returning.refund(self._stripe, refund, number)

        return self._told(asked)

    def answer_dispute(
        self, payment: PaymentRequest, *, provider_reference: str, dispute: str, evidence: Evidence
    ) -> Report:
        return self._told(lambda: returning.hand_in(self._stripe, payment, dispute, evidence))

    def forget_method(self, *, payer: str, token: str) -> Report:
        def asked() -> Report:
            _, method = split_token(token)
            methods = self._stripe.api.payment_methods
            try:
                known, raw = self._stripe.look(lambda: methods.retrieve(method), Detached)
                if known.customer is not None:
                    known, raw = self._stripe.ask(lambda: methods.detach(method), Detached)
            except Missing as gone:
                return replace(gone.report, standing=Standing.SUCCEEDED, reason="")
            if known.customer is not None:
                return Report(Standing.UNKNOWN, reason="still_attached", raw=raw)
            return Report(Standing.SUCCEEDED, raw=raw)

        return self._told(asked)

    def read_notice(self, notice: RawNotice) -> Notice:
        return notices.read(notice, settings=self._settings, raw=self._stripe.raw)

    def settlement_report(self, *, day: date) -> tuple[SettlementReport, ...]:
        with self._stripe.in_time():
            try:
                return settlement.of_day(self._stripe, day)
            except Unable as unable:
                raise UnableToTellSettlement("provider_silent", explanation=unable.report.reason) from None

    def health(self) -> Health:
        with self._stripe.in_time():
            try:
                account, _ = self._stripe.look(self._stripe.api.balance.retrieve, Account)
            except Unable as unable:
                reason = unable.report.reason
                return Health(False, _UNWELL.get(reason, f"Stripe answers with “{reason}”."))
        if account.livemode != self._settings.is_live:
            return Health(
                False,
                "Stripe answers, but for test payments where live ones are set, or the other way round.",
            )
        mode = "live" if account.livemode else "test"
        return Health(True, f"Stripe answers and accepts the API key, which is a {mode} one.")

    def _told(self, ask: Callable[[], Report]) -> Report:
        """The report, whatever came of it."""
        with self._stripe.in_time():
            try:
                return ask()
            except Unable as unable:
                return unable.report
