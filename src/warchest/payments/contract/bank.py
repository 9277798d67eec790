"""The bank: statements of our account, whose money each entry is, and orders to pay out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import runs_here
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.payments.contract.life import Payment
from warchest.sdk.bank import BankStatement
from warchest.sdk.payments import Report


class UnableToImportStatement(UnableTo):
    """Nothing of the file was kept."""

    reasons = frozenset(
        {
            "provider_reads_no_statements",
            "statement_differs",  # one of the same account and id was imported before, with other balances or entries
        }
    )


class UnableToFindBankEntry(UnableTo):
    reasons = frozenset({"bank_entry_unknown"})


class UnableToResolveBankEntry(UnableTo):
    """The entry waits as before."""

    reasons = frozenset(
        {
            "bank_entry_settled",  # somebody did, or it found its payment
            "bank_entry_outgoing",  # money that left is nobody's top-up, and can't be sent back
            "bank_amount_differs",  # the payment asks for another amount: credit what arrived, or send it back
            "bank_payment_settled",  # the payment was credited before, or is of another provider
            "bank_account_unknown",  # nobody knows where the money came from
            "bank_book_not_allowed",  # that book is kept by something else than an accountant's word
            "bank_entry_not_in_books",  # the entry named does not move this amount on the bank's account
            "bank_note_missing",
            "bank_two_people",  # two people decide about a payment of this size, among the reviews
        }
    )


class UnableToOrderPayouts(UnableTo):
    """No file was made."""

    reasons = frozenset({"payouts_missing", "provider_writes_no_orders", "payout_file_unknown"})


class EntryState(StrEnum):
    NEW = "new"  # kept, and not looked at yet
    WAITING = "waiting"  # a person says what it is
    MATCHED = "matched"  # it paid the payment that it names, or is the order that we gave
    RESOLVED = "resolved"  # a person, or a settlement, said what it is


class WaitReason(StrEnum):
    """Why an entry waits for a person."""

    NO_REFERENCE = "no_reference"
    REFERENCE_UNKNOWN = "reference_unknown"  # right by its check digits, and of no payment
    SEVERAL_REFERENCES = "several_references"
    PAYMENT_SETTLED = "payment_settled"  # the payment was paid before, or has ended otherwise
    LESS = "less"  # less came than was asked
    MORE = "more"
    UNDER_REVIEW = "under_review"  # what came is right, and something else about the payment is not
    CURRENCY_DIFFERS = "currency_differs"
    TOLD_BEFORE = (
        "told_before"  # another statement has an entry with the same reference of the bank, day and amount
    )
    REVERSAL = "reversal"
    OUTGOING = "outgoing"  # nothing that we ordered
    PAYOUT_DIFFERS = "payout_differs"  # it names a provider's payout, of another amount


class Resolution(StrEnum):
    """What an entry turned out to be."""

    PAYMENT = "payment"
    SENT_BACK = "sent_back"  # what was to go back to its sender went out
    REFUND = "refund"  # a refund that we ordered went out
    PLAYER = "player"  # no payment asked for it: it was made one, of what arrived
    SETTLEMENT = "settlement"  # a provider's payout
    BOOK = "book"  # booked against a book that an accountant named
    BOOKED_BEFORE = "booked_before"  # the journal had it already
    SEND_BACK = "send_back"


@dataclass(frozen=True, slots=True)
class StatementKept:
    """``ours`` is our account. ``missing_before``: its opening balance is not where the one before ended."""

    id: UUID
    provider: str
    iban: str
    statement_id: str
    opening: Money
    closing: Money
    closed_on: date
    imported_at: datetime
    entries: int
    waiting: int
    missing_before: bool = False


@dataclass(frozen=True, slots=True)
class EntryKept:
    """An entry as it stands. ``name``, ``iban`` and ``text`` are personal data, decrypted for who may read them.

    ``account`` is ours; with ``statement_name`` and ``reference`` it names the entry for ever. ``payment`` is the one that it
    paid, or that it names. ``journal_entry`` booked it.
    """

    id: UUID
    statement: UUID
    provider: str
    account: str
    statement_name: str
    reference: str
    amount: Money
    incoming: bool
    booked_on: date
    creditor_reference: str
    end_to_end_id: str
    name: str
    iban: str
    text: str
    state: EntryState
    reason: WaitReason | None = None
    resolution: Resolution | None = None
    payment: UUID | None = None
    journal_entry: UUID | None = None
    note: str = ""
    settled_at: datetime | None = None
    settled_by: str = ""


@dataclass(frozen=True, slots=True)
class Import:
    """What an import kept: ``new`` entries by id; ``repeated`` is how many were known."""

    statements: tuple[UUID, ...]
    new: tuple[UUID, ...]
    repeated: int


@dataclass(frozen=True, slots=True)
class PayoutWanted:
    """Money to be transferred. ``purpose`` is ``send_back`` or ``refund``; ``reference`` travels with the order."""

    id: UUID
    purpose: str
    reference: str
    amount: Money
    name: str
    iban: str
    wanted_at: datetime
    file: UUID | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Meant:
    """Whose an entry is. With a ``payment`` and a ``report`` that payment is to hear it; with an ``order`` it is what we
    ordered; otherwise the entry waits now, for a ``reason``."""

    entry: EntryKept
    payment: UUID | None = None
    report: Report | None = None
    order: PayoutWanted | None = None
    reason: WaitReason | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A payment that an entry might be meant for. ``why`` is ``reference_alike`` (so many characters differ) or
    ``amount_alike``."""

    payment: Payment
    why: str
    differing: int = 0


@dataclass(frozen=True, slots=True)
class PayoutFileKept:
    """Orders that were put into one file together, which can be written again, the same byte by byte."""

    id: UUID
    provider: str
    count: int
    total: Money
    made_at: datetime
    execute_on: date
    made_by: str


class BankStatements(Protocol):
    @runs_here
    def read_statement(self, *, provider: str, data: bytes) -> tuple[BankStatement, ...]:
        """What a file says, kept nowhere yet; outside of any transaction.

        Raises UnableToUseProvider, UnableToImportStatement, sdk.payments.UnableToRead.
        """
        ...

    # Within a journey's transaction.

    def keep_statements(
        self, *, provider: str, statements: Sequence[BankStatement], actor: str, at: datetime
    ) -> Import:
        """Keep all of them, or none. What was kept before is passed over. Raises UnableToImportStatement."""
        ...

    def weigh_entry(self, *, entry_id: UUID, at: datetime) -> Meant:
        """Lock an entry that nobody looked at yet, and say whose it is; what nobody can say waits from now on.

        A reference that is right counts, and nothing else. One that was settled or waits already is answered with none of
        the three. Raises UnableToFindBankEntry.
        """
        ...

    def assign_entry(self, *, entry_id: UUID, payment_id: UUID, at: datetime) -> Meant:
        """Lock a waiting entry that a person says is this payment's. Raises UnableToFindBankEntry, UnableToFindPayment,
        UnableToResolveBankEntry."""
        ...

    def hear_entry(self, *, entry_id: UUID, payment_id: UUID, report: Report, at: datetime) -> None:
        """Keep among the payment's messages that the bank told of its money, and with its attempt whose it was."""
        ...

    def leave_entry(
        self, *, entry_id: UUID, reason: WaitReason, payment_id: UUID | None, at: datetime
    ) -> EntryKept:
        """The entry waits for a person."""
        ...

    def settle_entry(
        self,
        *,
        entry_id: UUID,
        resolution: Resolution,
        journal_entry: UUID,
        actor: str,
        at: datetime,
        payment_id: UUID | None = None,
        payout_id: UUID | None = None,
        note: str = "",
    ) -> EntryKept:
        """It is known what the entry is, and it is booked. Raises UnableToFindBankEntry, UnableToResolveBankEntry
        (``bank_entry_settled``)."""
        ...

    def waiting_entry(self, *, entry_id: UUID) -> EntryKept:
        """Lock an entry that waits. Raises UnableToFindBankEntry, UnableToResolveBankEntry (``bank_entry_settled``)."""
        ...

    def report_of(self, *, entry: EntryKept) -> Report:
        """What the bank says by an entry, as a provider would: the money came, from that account (``Report.keep``)."""
        ...

    def reviewed_entry(self, *, entry_id: UUID) -> UUID | None:
        """The payment that a waiting entry put under review for its amount, if that was decided since and counted exactly this
        money: credited, or owed to the payer and on its way back. Locks both; None for every other entry."""
        ...

    def reviewed_entries(self, *, limit: int = 1000) -> tuple[UUID, ...]:
        """Waiting entries whose payments are under review for their amounts no more."""
        ...

    def end_review(self, *, payment_id: UUID, reason: str, at: datetime) -> Payment:
        """A payment under review, for an amount that differed, ends as cancelled; another one stays as it is."""
        ...

    def want_payout(
        self,
        *,
        payout_id: UUID,
        provider: str,
        purpose: str,
        amount: Money,
        name: str,
        iban: str,
        at: datetime,
    ) -> PayoutWanted:
        """Money is to be transferred; the account is kept encrypted. The same id again is the same."""
        ...

    def order_payouts(
        self, *, file_id: UUID, provider: str, actor: str, execute_on: date, at: datetime
    ) -> PayoutFileKept:
        """Put everything that is wanted and in no file yet into one, refunds that this plug-in was instructed with included.

        Raises UnableToOrderPayouts, UnableToUseProvider.
        """
        ...

    def finish_payout(self, *, payout_id: UUID, at: datetime) -> PayoutWanted:
        """The bank's statement shows it."""
        ...

    # Reads.

    @runs_here
    def payout_file(self, *, file_id: UUID) -> bytes:
        """The file of orders, the same each time. Raises UnableToOrderPayouts, UnableToUseProvider,
        sdk.bank.UnableToWriteOrders."""
        ...

    def payouts(self, *, waiting: bool = False, limit: int = 100) -> tuple[PayoutWanted, ...]:
        """Newest first; ``waiting``: only those in no file."""
        ...

    def payout_files(self, *, limit: int = 20) -> tuple[PayoutFileKept, ...]:
        """Newest first."""
        ...

    def bank_entry(self, *, entry_id: UUID) -> EntryKept:
        """Raises UnableToFindBankEntry."""
        ...

    def bank_entries(
        self,
        *,
        state: EntryState | None = None,
        statement: UUID | None = None,
        incoming: bool | None = None,
        before: UUID | None = None,
        limit: int = 100,
    ) -> tuple[EntryKept, ...]:
        """Newest first. Those that wait and came in may be a provider's payout: settlement looks here."""
        ...

    def new_entries(self, *, limit: int = 1000) -> tuple[UUID, ...]:
        """Entries that were kept and not looked at, oldest first."""
        ...

    def statements(self, *, limit: int = 20) -> tuple[StatementKept, ...]:
        """Newest first."""
        ...

    def suggestions(self, *, entry_id: UUID, limit: int = 5) -> tuple[Suggestion, ...]:
        """Open payments that a waiting entry might be meant for, the likeliest first: for a person to look at."""
        ...
