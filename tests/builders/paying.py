"""A provider that is an object of the tests: it takes payments, says what it is told to say, and counts its own money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from unittest import mock

from tests.builders.configuration import changed_configuration
from warchest.payments import providers
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


@dataclass(frozen=True)
class NoSettings:
    """This provider needs none."""


@dataclass
class Till:
    """What the provider was told, what it shall say next, and what it has really taken and given, by payment.

    ``starts`` and ``answers`` are used up one by one; then payments succeed and refunds are made. What is given back is
    counted once for each refund, however often it is told.
    """

    starts: list[Standing] = field(default_factory=list)
    answers: list[Report] = field(default_factory=list)
    refunds: list[RefundRequest] = field(default_factory=list)
    paid: dict[str, PaymentRequest] = field(default_factory=dict)
    given: dict[str, RefundRequest] = field(default_factory=dict)

    def has(self) -> Counter[str]:
        """What it has taken and not given back, by currency in minor units."""
        sums: Counter[str] = Counter()
        for payment in self.paid.values():
            sums[payment.amount.currency.code] += payment.amount.minor
        for refund in self.given.values():
            sums[refund.amount.currency.code] -= refund.amount.minor
        return sums


class TestProvider(PaymentProvider):
    __test__ = False
    settings_type: ClassVar[type[Any]] = NoSettings
    till: ClassVar[Till] = Till()

    def __init__(self, settings: NoSettings) -> None: ...

    @property
    def description(self) -> Description:
        able = frozenset({Ability.REFUND, Ability.PARTIAL_REFUND, Ability.DISPUTES, Ability.INQUIRE})
        return Description("Bank", ("card",), frozenset({"EUR", "USD", "JPY"}), able)

    def start(self, payment: PaymentRequest) -> Report:
        standing = self.till.starts.pop(0) if self.till.starts else Standing.SUCCEEDED
        if standing is Standing.SUCCEEDED:
            self.till.paid[payment.reference] = payment
            return self._taken(payment)
        return Report(standing, provider_reference=f"b-{payment.reference}")

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        if payment.reference in self.till.paid:
            return self._taken(payment)
        return Report(Standing.PENDING, provider_reference=f"b-{payment.reference}")

    def _taken(self, payment: PaymentRequest) -> Report:
        return Report(Standing.SUCCEEDED, provider_reference=f"b-{payment.reference}", amount=payment.amount)

    def read_notice(self, notice: RawNotice) -> Notice:
        raise UnableToTrustNotice("notice_malformed")

    def health(self) -> Health:
        return Health(True)

    def refund(self, refund: RefundRequest) -> Report:
        self.till.refunds.append(refund)
        made = Report(Standing.SUCCEEDED, provider_reference=f"r-{refund.reference}", amount=refund.amount)
        if refund.reference in self.till.given:
            return made
        answer = self.till.answers.pop(0) if self.till.answers else made
        # An answer that never came: the money went all the same.
        if answer.standing in {Standing.SUCCEEDED, Standing.UNKNOWN}:
            self.till.given[refund.reference] = refund
        return answer


@contextmanager
def a_test_provider(name: str = "bank") -> Iterator[Till]:
    """The provider, installed and configured under this name."""
    TestProvider.till = Till()
    plugins = {**providers.installed(), name: providers.Plugin(name, "tests", "1", lambda: TestProvider)}
    with (
        mock.patch.object(providers, "installed", lambda: plugins),
        changed_configuration(providers={name: {}}),
    ):
        yield TestProvider.till
