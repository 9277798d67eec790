"""The bench on which a step works: the plug-in under trial, its rig, and payments that are followed as Warchest does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.conformance.receiver import NoticeReceiver
from warchest.sdk.conformance.rig import Act, Flaw, Rig
from warchest.sdk.conformance.step import Nonconformity, expect
from warchest.sdk.payments import (
    Notice,
    PaymentProvider,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Standing,
    UnableToTrustNotice,
)

_GRACE_S = 1.5
"""So much later than ``Rig.timeout_s`` a call may end: threads and sockets are not let go at once."""

_OPEN = {Standing.PENDING, Standing.UNKNOWN}
_Answer = TypeVar("_Answer")


class Trial:
    """What one step has: a provider of its own, closed behind it, and an empty receiver."""

    def __init__(self, rig: Rig, factory: Callable[[Any], PaymentProvider], receiver: NoticeReceiver) -> None:
        self.rig = rig
        self.receiver = receiver
        self.factory = factory
        self._built: list[PaymentProvider] = []
        self.provider = self.build()

    def settings(self, flaw: Flaw | None = None) -> Any:
        """The rig's settings, decoded as Warchest decodes them."""
        settings_type = self.factory.settings_type  # type: ignore[attr-defined]
        try:
            return msgspec.convert(dict(self.rig.settings(flaw)), settings_type)
        except msgspec.ValidationError as error:
            raise Nonconformity(f"the rig's settings are none of the plug-in's: {error}") from None

    def build(self, flaw: Flaw | None = None) -> PaymentProvider:
        """One more instance, closed with the trial."""
        provider = self.factory(self.settings(flaw))
        self._built.append(provider)
        return provider

    def close(self) -> None:
        for provider in self._built:
            provider.close()

    def call(self, what: str, function: Callable[[], _Answer]) -> _Answer:
        """One method of the plug-in: it ends within its time, and raises nothing but what its contract names."""
        outcome: list[_Answer | BaseException] = []

        def run() -> None:
            try:
                outcome.append(function())
            except BaseException as error:
                outcome.append(error)

        allowed_s = self.rig.timeout_s + _GRACE_S
        thread = threading.Thread(target=run, name=f"conformance {what}", daemon=True)
        thread.start()
        thread.join(allowed_s)
        expect(bool(outcome), f"{what} did not end within {allowed_s:g} s")
        (answer,) = outcome
        if isinstance(answer, UnableTo | NotImplementedError | Nonconformity):
            raise answer
        if isinstance(answer, BaseException):
            raise Nonconformity(f"{what} raised {type(answer).__name__}: {answer}") from answer
        return answer

    def money(self, amount: str = "", currency: str = "") -> Money:
        return Money.parse(amount or self.rig.amount, currency or self.rig.currency)

    def request(self, amount: Money | None = None, **fields: Any) -> PaymentRequest:
        given: dict[str, Any] = {
            "return_url": "http://127.0.0.1:9/return?basket=7",
            "description": "2000 credits",
            "language": "en",
            "country": self.rig.country,
            "method": self.rig.method,
            "payer": str(new_id()),
        }
        return PaymentRequest(
            reference=str(new_id()),
            amount=amount or self.money(),
            notice_url=self.receiver.url,
            **(given | fields),
        )

    def start(self, amount: Money | None = None, **fields: Any) -> Followed:
        """A payment that was opened."""
        followed = Followed(self, self.request(amount, **fields))
        followed.start()
        return followed

    def paid(self, amount: Money | None = None, **fields: Any) -> Followed:
        """A payment that the player approved, and that succeeded."""
        followed = self.start(amount, **fields)
        followed.approve()
        followed.expect(Standing.SUCCEEDED, "after the player approved")
        return followed

    def read(self, notice: RawNotice, provider: PaymentProvider | None = None) -> Notice:
        reader = provider or self.provider
        try:
            return self.call("read_notice", lambda: reader.read_notice(notice))
        except UnableToTrustNotice as refusal:
            raise Nonconformity(f"a rightly signed notice is refused: {refusal.reason}") from None

    def notices(
        self, wanted: Callable[[Notice], bool], *, more_than: int = 0
    ) -> list[tuple[RawNotice, Notice]]:
        """The notices that fit, waiting until there are ``more_than`` so many, or for as long as the rig allows."""
        until = time.monotonic() + self.rig.notice_within_s
        seen: list[tuple[RawNotice, Notice]] = []
        while True:
            arrived = self.receiver.arrived()
            seen += [(raw, self.read(raw)) for raw in arrived[len(seen) :]]
            fitting = [(raw, notice) for raw, notice in seen if wanted(notice)]
            left_s = until - time.monotonic()
            if len(fitting) > more_than or left_s <= 0:
                return fitting
            self.receiver.wait(but=len(seen), timeout_s=left_s)

    def notice(self, what: str, wanted: Callable[[Notice], bool]) -> tuple[RawNotice, Notice]:
        """The first notice that fits. There must be one."""
        fitting = self.notices(wanted)
        expect(bool(fitting), f"no notice {what} came within {self.rig.notice_within_s:g} s")
        return fitting[0]


class Followed:
    """A payment as Warchest follows it: what the plug-in asked to keep is kept, and given again."""

    def __init__(self, trial: Trial, payment: PaymentRequest) -> None:
        self.trial = trial
        self.payment = payment
        self.report = Report(Standing.UNKNOWN)

    def take(self, report: Report) -> Report:
        known = self.report
        self.report = replace(
            report,
            provider_reference=report.provider_reference or known.provider_reference,
            redirect_url=report.redirect_url or known.redirect_url,
            instructions=report.instructions or known.instructions,
        )
        self.payment = replace(self.payment, kept={**self.payment.kept, **report.keep})
        return report

    def start(self) -> Report:
        return self.take(self.trial.call("start", lambda: self.trial.provider.start(self.payment)))

    def inquire(self) -> Report:
        number = self.report.provider_reference
        return self.take(
            self.trial.call(
                "inquire",
                lambda: self.trial.provider.inquire(self.payment, provider_reference=number),
            )
        )

    def act(self, act: Act) -> Mapping[str, str]:
        return self.trial.rig.act(self.payment, self.report, act)

    def resume(self, query: Mapping[str, str]) -> Report:
        number = self.report.provider_reference
        return self.take(
            self.trial.call(
                "resume",
                lambda: self.trial.provider.resume(self.payment, provider_reference=number, query=query),
            )
        )

    def approve(self) -> Report:
        """The player approves, the browser returns, and Warchest asks until there is an answer."""
        report = self.resume(self.act(Act.APPROVE))
        return self.settled() if report.standing in _OPEN else report

    def settled(self) -> Report:
        """Ask until the answer is more than pending, or for as long as the rig lets notices take."""
        until = time.monotonic() + self.trial.rig.notice_within_s
        while (report := self.inquire()).standing in _OPEN and time.monotonic() < until:
            time.sleep(0.05)
        return report

    def capture(self, amount: Money) -> Report:
        number = self.report.provider_reference
        return self.take(
            self.trial.call(
                "capture",
                lambda: self.trial.provider.capture(self.payment, provider_reference=number, amount=amount),
            )
        )

    def void(self) -> Report:
        number = self.report.provider_reference
        return self.take(
            self.trial.call("void", lambda: self.trial.provider.void(self.payment, provider_reference=number))
        )

    def refund(self, amount: Money) -> FollowedRefund:
        """A refund that was instructed once."""
        refund = FollowedRefund(self, self.refund_request(amount))
        refund.instruct()
        return refund

    def refund_request(self, amount: Money) -> RefundRequest:
        return RefundRequest(
            reference=str(new_id()),
            amount=amount,
            payment=self.payment,
            payment_reference=self.report.provider_reference,
            reason="asked for by the player",
        )

    def expect(self, standing: Standing, when: str) -> None:
        expect(
            self.report.standing is standing,
            f"{when}, the payment is {_told(self.report)} and not {standing}",
        )

    def expect_taken(self, amount: Money | None) -> None:
        """The simulator's books say that so much was taken, once."""
        truth = self.trial.rig.truth(self.payment)
        expect(
            truth.taken == amount,
            f"the provider took {truth.taken or 'nothing'} and not {amount or 'nothing'}",
        )
        expect(truth.payments <= 1, f"the provider holds {truth.payments} payments for one reference")

    def is_told_by(self, notice: Notice) -> bool:
        """Whether the notice is about this payment, by our reference or by the provider's number."""
        if notice.reference:
            return notice.reference == self.payment.reference
        return bool(notice.payment_reference) and notice.payment_reference == self.report.provider_reference


class FollowedRefund:
    def __init__(self, of: Followed, request: RefundRequest) -> None:
        self.of = of
        self.request = request
        self.report = Report(Standing.UNKNOWN)

    def instruct(self) -> Report:
        return self._take("refund", self.of.trial.provider.refund)

    def inquire(self) -> Report:
        return self._take("inquire_refund", self.of.trial.provider.inquire_refund)

    def settled(self) -> Report:
        until = time.monotonic() + self.of.trial.rig.notice_within_s
        while self.report.standing in _OPEN and time.monotonic() < until:
            self.inquire()
            time.sleep(0.05)
        return self.report

    def expect(self, standing: Standing, when: str) -> None:
        expect(
            self.report.standing is standing,
            f"{when}, the refund is {_told(self.report)} and not {standing}",
        )

    def _take(self, what: str, method: Callable[[RefundRequest], Report]) -> Report:
        self.report = self.of.trial.call(what, lambda: method(self.request))
        self.of.payment = replace(self.of.payment, kept={**self.of.payment.kept, **self.report.keep})
        self.request = replace(
            self.request,
            payment=self.of.payment,
            provider_reference=self.report.provider_reference or self.request.provider_reference,
        )
        return self.report


def _told(report: Report) -> str:
    return f"{report.standing} ({report.reason})" if report.reason else str(report.standing)
