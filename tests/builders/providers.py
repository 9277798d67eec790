"""Providers that do what a test tells them, several of them beside each other, without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from unittest.mock import patch

from tests.builders.configuration import change_configuration
from tests.builders.people import a_command
from warchest.journeys.settle_payment import settle_payment
from warchest.kernel.money import Money
from warchest.payments import operations, providers
from warchest.payments.contract import Exchange, Payment
from warchest.runtime.transactions import technical_transaction
from warchest.sdk.payments import (
    Ability,
    Description,
    Health,
    Instrument,
    Notice,
    PaymentProvider,
    PaymentRequest,
    RawNotice,
    Report,
    Standing,
)

CARD = Instrument("visa", "Visa •••• 4242", fingerprint="card-1", country="DE")


@dataclass
class Scripted(PaymentProvider):
    """``starts`` answers an opening by its number, from 0; all else goes by what it has in its own books (``live``)."""

    name: str
    methods: tuple[str, ...] = ("visa",)
    currencies: frozenset[str] = frozenset({"EUR", "USD"})
    abilities: frozenset[Ability] = frozenset(
        {Ability.INQUIRE, Ability.VOID, Ability.CAPTURE, Ability.REFUND, Ability.PARTIAL_REFUND}
    )
    starts: Callable[[int], Report] = lambda _number: Report(Standing.PENDING)
    opened: list[PaymentRequest] = field(default_factory=list)
    stands: dict[str, Report] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    settings_type: ClassVar[type[Any]] = dict

    @property
    def description(self) -> Description:
        return Description(self.name.title(), self.methods, self.currencies, self.abilities)

    def number_of(self, payment: PaymentRequest) -> str:
        return f"{self.name}-{payment.reference}"

    def start(self, payment: PaymentRequest) -> Report:
        self.calls.append(("start", payment.reference))
        answer = self.starts(len(self.opened))
        self.opened.append(payment)
        return answer

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        self.calls.append(("inquire", payment.reference))
        return self.stands.get(payment.reference, Report(Standing.PENDING))

    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        self.calls.append(("capture", payment.reference))
        return Report(Standing.SUCCEEDED, provider_reference=self.number_of(payment), amount=amount)

    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        self.calls.append(("void", payment.reference))
        return self.stands.get(payment.reference, Report(Standing.CANCELLED))

    def refund(self, refund: Any) -> Report:
        self.calls.append(("refund", refund.reference))
        return Report(Standing.SUCCEEDED, provider_reference=f"r-{refund.reference}", amount=refund.amount)

    def read_notice(self, notice: RawNotice) -> Notice:
        raise NotImplementedError

    def health(self) -> Health:
        return Health(True)

    def did(self, what: str) -> int:
        return sum(done == what for done, _ in self.calls)


@contextmanager
def only(*scripted: Scripted, **settings: Mapping[str, Any]) -> Iterator[None]:
    """These providers are installed and configured, and no others."""
    plugins = {
        one.name: providers.Plugin(one.name, "tests", "1", lambda one=one: _factory(one)) for one in scripted
    }
    with (
        patch.object(providers, "installed", lambda: plugins),
        patch.object(providers, "_built", {}),
    ):
        change_configuration(
            providers={one.name: {"calls_at_once": 16, **settings.get(one.name, {})} for one in scripted}
        )
        try:
            yield
        finally:
            change_configuration()


def _factory(one: Scripted) -> Callable[[object], Scripted]:
    def factory(settings: object) -> Scripted:
        return one

    factory.settings_type = dict  # type: ignore[attr-defined]
    return factory


def hears(payment: Payment, report: Report, *, attempt: int = 0) -> Payment:
    """The provider has said this of an attempt (0: of the one that counts): kept, as what providers say is, and then acted on."""
    with technical_transaction("payments"):
        operations.keep_answer(
            payment_id=payment.id,
            provider=payment.provider,
            exchange=Exchange.NOTICE,
            report=report,
            at=payment.opened_at,
        )
    return settle_payment(
        a_command(at=payment.opened_at), payment_id=payment.id, report=report, attempt=attempt
    ).answer
