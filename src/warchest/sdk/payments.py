"""The contract between Warchest and a payment provider's plug-in.

A plug-in is a distribution of its own that names a factory under the entry-point group ``warchest.payment_providers``::

    [project.entry-points."warchest.payment_providers"]
    sandbox = "warchest_sandbox.provider:SandboxProvider"

The entry point's name is the provider's name, in the API and in the books. Warchest calls the factory with the
provider's settings (``settings_type``, decoded and checked). A plug-in derives from ``PaymentProvider`` and writes the methods
without a default, and those whose abilities it declares; the others are never called.

Four rules hold for every plug-in:

* *Unknown is not failed.* An answer that is neither a clear yes nor a clear no is ``PENDING`` when the provider says that
  it is still working, and ``UNKNOWN`` when there was no answer that could be read. A status that the plug-in has never
  heard of is ``PENDING``.
* *The plug-in moves no money.* It reports what the provider said, the amount included; Warchest compares amount and
  currency with what was asked before anything is credited.
* *Every call may be repeated.* ``payment.reference`` is the idempotency key towards the provider, and so is the reference of
  a refund.
* *A plug-in keeps nothing.* What it must remember of a payment it answers as ``keep``, and is given again with the next call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

from msgspec import Meta

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

Secret = Annotated[str, Meta(extra_json_schema={"writeOnly": True})]
"""The type of a setting that is kept encrypted and never shown again. Further limits are laid around it."""


class Standing(StrEnum):
    """How a payment, a capture, a voiding or a refund stands with the provider."""

    PENDING = "pending"
    AUTHORISED = (
        "authorised"  # reserved with the player's bank, and to be captured or voided; nothing was taken
    )
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Ability(StrEnum):
    """What a provider can do beyond taking a payment; Warchest offers only what is declared."""

    INQUIRE = "inquire"
    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
    CAPTURE = "capture"  # takes ``capture_later``: authorises first, captures or voids when told
    VOID = "void"  # takes back what was authorised, or opened and not paid yet
    SAVED_METHODS = "saved_methods"
    DISPUTES = "disputes"  # tells of disputes by notice, and takes evidence
    SETTLEMENT_REPORT = "settlement_report"  # answers what it settled of a day when it is asked
    SETTLEMENT_FILE = "settlement_file"  # reads the settlement files that its provider sends
    BANK_STATEMENT = "bank_statement"  # reads statements of our bank account: it is a ``bank.BankFiles`` too
    PAYOUT_FILE = "payout_file"  # writes orders for our bank: it is a ``bank.BankFiles`` too


class UnableToTrustNotice(UnableTo):
    """A notice whose signature is wrong or missing, or too old. It is answered with a refusal and never acted on.

    ``notice_unverifiable``: only the provider itself can say whether it is right, and did not answer now. It is refused, too,
    so that the provider sends it again.
    """

    reasons = frozenset({"notice_signature_wrong", "notice_malformed", "notice_unverifiable"})
    passing = frozenset({"notice_unverifiable"})


class UnableToRead(UnableTo):
    """A file is none of this provider's, or not whole. Nothing of it is used."""

    reasons = frozenset({"file_malformed", "file_not_whole", "file_of_another_account"})


class UnableToTellSettlement(UnableTo):
    """The provider did not tell now what it settled."""

    reasons = frozenset({"settlement_not_ready", "provider_silent"})
    passing = reasons


class AbilityMissing(NotImplementedError):
    """A method was called whose ability the plug-in does not declare. A mistake of the caller."""


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """A payment as the plug-in sees it. ``reference`` is ours, unique for ever, at most 36 characters.

    ``method`` is one of the provider's (``Description.methods``), empty where the player chooses at the provider.
    ``payer`` names the player to the provider, always the same, and tells nobody who it is. ``kept`` is what the plug-in
    asked to keep of this payment. ``capture_later``: authorise only (``Ability.CAPTURE``).

    For saved methods: ``save_method`` asks the provider to remember what is paid with; ``saved_method`` is the token of one
    that is to be charged, ``player_present`` whether the player is there to prove who they are (3-D Secure).
    """

    reference: str
    amount: Money
    return_url: str
    notice_url: str
    description: str
    language: str
    country: str
    method: str = ""
    payer: str = ""
    capture_later: bool = False
    save_method: bool = False
    saved_method: str = ""
    player_present: bool = True
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Instrument:
    """What was paid with, as far as the provider tells; never a whole card number.

    ``label`` is for people ("Visa •••• 4242"). ``fingerprint`` is the same for the same card or account, whoever pays with
    it. ``country`` is the issuer's, ISO 3166-1 alpha-2. ``expires`` is the month ("2028-12"). ``token`` charges it again,
    where it was saved.
    """

    method: str
    label: str = ""
    fingerprint: str = ""
    country: str = ""
    expires: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What the provider said of one payment, or of one refund of it.

    ``amount`` is what the provider says that it took (or gave back), None where it said nothing about it. ``provider_reference``
    is the provider's own number. ``reason`` is the provider's code for a refusal, for support to read. ``redirect_url`` is
    where the player's browser goes next. ``instructions`` are what the player does where there is no such page, a bank
    transfer for instance: names (``iban``, ``bic``, ``beneficiary``, ``payment_reference``) and values. ``fee`` is what the
    provider keeps for it, where it says so. ``keep`` is what the plug-in will need of this payment later: it replaces what
    was kept under the same names. ``raw`` is the provider's message with secrets and card numbers masked; it is stored as
    it is.

    ``never_sent`` with ``UNKNOWN`` says that the provider certainly never heard of it, since no connection was made
    (``NoAnswer.was_sent`` is False): the player may be sent to another provider at once.
    """

    standing: Standing
    provider_reference: str = ""
    amount: Money | None = None
    redirect_url: str = ""
    reason: str = ""
    raw: str = ""
    instrument: Instrument | None = None
    instructions: Mapping[str, str] = field(default_factory=dict)
    fee: Money | None = None
    keep: Mapping[str, str] = field(default_factory=dict)
    never_sent: bool = False


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A refund as the plug-in sees it. ``reference`` is ours, unique for ever, at most 36 characters.

    ``payment_reference`` is the provider's number of the payment, ``provider_reference`` its number of this refund, empty as
    long as it was not told.
    """

    reference: str
    amount: Money
    payment: PaymentRequest
    payment_reference: str
    provider_reference: str = ""
    reason: str = ""


class DisputeStanding(StrEnum):
    OPENED = "opened"  # the provider has taken the money back, or set it aside
    UNDER_REVIEW = "under_review"  # our evidence was handed in
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """What the provider said of a dispute (chargeback). ``id`` is the provider's own. ``fee`` is what it keeps for it.

    ``reason`` is the provider's code for why the payer disputes. After ``evidence_until`` it hears no more.
    """

    id: str
    standing: DisputeStanding
    amount: Money
    fee: Money | None = None
    reason: str = ""
    evidence_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What we say in a dispute. ``text`` is a person's words; the others are what the house knows."""

    text: str
    paid_at: datetime
    delivered_at: datetime | None = None
    used_at: datetime | None = None


class LineKind(StrEnum):
    """What a line of a settlement is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    FEE = "fee"  # one that belongs to no payment
    RESERVE = "reserve"  # kept back for a time (negative), or let go (positive)
    ADJUSTMENT = "adjustment"  # whatever the plug-in has no better word for
    PAYOUT = "payout"  # what went to our bank, negative


@dataclass(frozen=True, slots=True)
class SettlementLine:
    """One line. ``gross`` counts positive what the provider owes us more, ``fee`` what it keeps of it, as a positive amount.

    ``id`` is the provider's, unique in all its settlements. ``reference`` is ours (of the payment's attempt or of the
    refund), empty where the provider did not tell it; ``provider_reference`` is its own number for the same.
    """

    id: str
    kind: LineKind
    gross: Money
    fee: Money
    occurred_at: datetime
    reference: str = ""
    provider_reference: str = ""
    description: str = ""

    @property
    def net(self) -> Money:
        return self.gross - self.fee


@dataclass(frozen=True, slots=True)
class SettlementReport:
    """What a provider settled. ``id`` is the provider's own, the same when it is told again. One currency each.

    ``paid_out`` is what it transferred to our bank for it, ``payout_reference`` what stands on the bank statement.
    """

    id: str
    currency: str
    lines: tuple[SettlementLine, ...]
    settled_on: date
    paid_out: Money | None = None
    payout_reference: str = ""


@dataclass(frozen=True, slots=True)
class RawNotice:
    """A message from the provider as it came: the headers' names in lower case, and the body's bytes."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


class Subject(StrEnum):
    """What a notice is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    NOTHING = "nothing"  # rightly signed, and of no concern to us: it is stored, and nothing follows


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice whose signature was right. ``id`` is the provider's own, the same when the notice is sent again.

    ``reference`` is ours of the payment, empty where the provider told only its own number (``payment_reference``). Of a
    refund, ``report`` is about the refund and ``refund_reference`` ours of it, empty where somebody made it at the provider's
    own desk. Of a dispute, ``dispute`` says how it stands.
    """

    id: str
    reference: str
    report: Report
    subject: Subject = Subject.PAYMENT
    payment_reference: str = ""
    refund_reference: str = ""
    dispute: DisputeReport | None = None


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
    """One configured provider. An instance is shared by threads and keeps nothing between calls but connections.

    No method but ``read_notice`` and those that read files raises for what the provider or the network did. Each has a
    time-out of its own: a call ends within a minute, whatever the other side does.
    """

    settings_type: ClassVar[type[Any]]
    """A frozen dataclass or msgspec struct: the fields of the provider's settings, those of type ``Secret`` never shown."""

    asks_about_notices: ClassVar[bool] = False
    """Whether ``read_notice`` asks the provider itself whether it sent the notice, as other calls do, rather than trust a key of
    ours: then it is called within the bounds of other calls."""

    @property
    def description(self) -> Description: ...

    def start(self, payment: PaymentRequest) -> Report:
        """Open the payment at the provider. An answer that never came is ``UNKNOWN``."""
        ...

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        """Ask how the payment stands. ``provider_reference`` is empty where ``start`` never got an answer."""
        ...

    def read_notice(self, notice: RawNotice) -> Notice:
        """Check the signature and read the notice.

        Raises UnableToTrustNotice.
        """
        ...

    def health(self) -> Health: ...

    def resume(self, payment: PaymentRequest, *, provider_reference: str, query: Mapping[str, str]) -> Report:
        """What the browser's return says, which is never believed alone: unless a provider needs the query, it is asked."""
        return self.inquire(payment, provider_reference=provider_reference)

    def capture(self, payment: PaymentRequest, *, provider_reference: str, amount: Money) -> Report:
        """Take ``amount`` of what was authorised, and let the rest go (``Ability.CAPTURE``)."""
        raise AbilityMissing("capture")

    def void(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        """Let go what was authorised or opened: ``CANCELLED`` when nothing can be taken for it any more (``Ability.VOID``)."""
        raise AbilityMissing("void")

    def refund(self, refund: RefundRequest) -> Report:
        """Instruct a refund. Repeated with the same ``reference`` it is one refund (``Ability.REFUND``)."""
        raise AbilityMissing("refund")

    def inquire_refund(self, refund: RefundRequest) -> Report:
        """Ask how a refund stands. By default it is instructed again, which is one refund."""
        return self.refund(refund)

    def forget_method(self, *, payer: str, token: str) -> Report:
        """Let a saved method go: ``SUCCEEDED`` also when it was gone already (``Ability.SAVED_METHODS``)."""
        raise AbilityMissing("forget_method")

    def answer_dispute(
        self, payment: PaymentRequest, *, provider_reference: str, dispute: str, evidence: Evidence
    ) -> Report:
        """Hand evidence in: ``SUCCEEDED`` when the provider has it (``Ability.DISPUTES``)."""
        raise AbilityMissing("answer_dispute")

    def settlement_report(self, *, day: date) -> tuple[SettlementReport, ...]:
        """What was settled on a day, UTC (``Ability.SETTLEMENT_REPORT``).

        Raises UnableToTellSettlement.
        """
        raise AbilityMissing("settlement_report")

    def read_settlement(self, data: bytes) -> tuple[SettlementReport, ...]:
        """What a settlement file says (``Ability.SETTLEMENT_FILE``).

        Raises UnableToRead.
        """
        raise AbilityMissing("read_settlement")

    def close(self) -> None:
        """Let connections go; nothing is asked of the instance afterwards."""
        return None
