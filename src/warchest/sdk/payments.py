"""The contract between Warchest and a payment provider's plug-in.

A plug-in is a distribution of its own that names a factory under the entry-point group ``warchest.payment_providers``::

    [project.entry-points."warchest.payment_providers"]
    sandbox = "warchest_sandbox.provider:SandboxProvider"

The entry point's name is the provider's name, in the API and in the books. Warchest calls the factory with the
provider's settings (``settings_type``, decoded from the configuration and checked).

Three rules hold for every plug-in:

* *Unknown is not failed.* An answer that is neither a clear yes nor a clear no is ``PENDING`` when the provider says that
  it is still working, and ``UNKNOWN`` when there was no answer that could be read. A status that the plug-in has never
  heard of is ``PENDING``.
* *The plug-in moves no money.* It reports what the provider said, the amount included; Warchest compares amount and
  currency with what was asked before anything is credited.
* *Every call may be repeated.* ``payment.reference`` is the idempotency key towards the provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


class Standing(StrEnum):
    """How a payment stands with the provider."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Ability(StrEnum):
    """What a provider can do beyond taking a payment; Warchest offers only what is declared."""

    INQUIRE = "inquire"
    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
    CAPTURE = "capture"
    VOID = "void"
    SAVED_METHODS = "saved_methods"
    SETTLEMENT_REPORT = "settlement_report"


class UnableToTrustNotice(UnableTo):
    """A notice whose signature is wrong or missing, or too old. It is answered with a refusal and never acted on."""

    reasons = frozenset({"notice_signature_wrong", "notice_malformed"})


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """A payment as the plug-in sees it. ``reference`` is ours, unique for ever, at most 36 characters."""

    reference: str
    amount: Money
    return_url: str
    notice_url: str
    description: str
    language: str
    country: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the provider said of one payment.

    ``amount`` is what the provider says that it took, None where it said nothing about it. ``provider_reference`` is the
    provider's own number. ``reason`` is the provider's code for a refusal, for support to read. ``redirect_url`` is
    where the player's browser goes next. ``raw`` is the provider's message with secrets and card numbers masked; it is
    stored as it is.
    """

    standing: Standing
    provider_reference: str = ""
    amount: Money | None = None
    redirect_url: str = ""
    reason: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class RawNotice:
    """A message from the provider as it came: the headers' names in lower case, and the body's bytes."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice whose signature was right. ``id`` is the provider's own, the same when the notice is sent again."""

    id: str
    reference: str
    report: Report


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the provider answers. ``detail`` is a sentence for the operator."""

    well: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """How a provider presents itself: a name that people know, and what it can do."""

    label: str
    methods: tuple[str, ...]
    currencies: frozenset[str]
    abilities: frozenset[Ability] = field(default_factory=frozenset)


@runtime_checkable
class PaymentProvider(Protocol):
    """One configured provider. An instance is shared by threads and keeps nothing between calls but connections."""

    settings_type: ClassVar[type[Any]]
    """A frozen dataclass or msgspec struct: the fields of the provider's part of the configuration."""

    @property
    def description(self) -> Description: ...

    def start(self, payment: PaymentRequest) -> Report:
        """Open the payment at the provider. Never raises for what the provider or the network did: see ``UNKNOWN``."""
        ...

    def resume(self, payment: PaymentRequest, *, provider_reference: str, query: Mapping[str, str]) -> Report:
        """What the browser's return says, which is never believed alone: a plug-in asks the provider, as ``inquire``."""
        ...

    def read_notice(self, notice: RawNotice) -> Notice:
        """Check the signature and read the notice.

        Raises UnableToTrustNotice.
        """
        ...

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        """Ask how the payment stands. ``provider_reference`` is empty where ``start`` never got an answer."""
        ...

    def refund(
        self, payment: PaymentRequest, *, provider_reference: str, refund_reference: str, amount: Money
    ) -> Report:
        """Instruct a refund of ``amount``. Repeated with the same ``refund_reference`` it is one refund."""
        ...

    def health(self) -> Health: ...
