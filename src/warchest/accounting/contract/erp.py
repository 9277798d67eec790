"""What is handed to an accounting system (ERP): which entries, in which documents, and what it says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.sdk.erp import Answer, ErpError, Health, Method, Outcome

ANY = "*"
"""In a mapping: every owner, or every currency, that has no mapping of its own."""

HOUSE, PERSON = "house", "person"
"""Classes of owners: accounts of nobody else, and accounts of one player, sponsor, batch of cards: whatever is called by
an id. Every other owner (a provider, a country, a reseller) is a class of its own."""


class UnableToExport(UnableTo):
    """Nothing was changed in what is handed to the ERP."""

    reasons = frozenset(
        {
            "exporter_unknown",  # not installed, or not in the configuration
            "exporter_misconfigured",
            "export_not_begun",
            "export_begun",  # from another position, or with other numbers
            "export_position_unknown",  # behind the end of the books
            "erp_number_out_of_range",
            "erp_document_unknown",
            "erp_document_acknowledged",
            "erp_document_waiting",  # it is to be sent anyway
            "erp_document_not_sent",
            "erp_account_missing",  # an account of the document has no mapping (any more)
            "erp_account_malformed",  # empty, too long for this ERP, or not printable
            "erp_owner_malformed",
            "erp_customer_malformed",
            "erp_customer_missing",  # a method without a customer, or the other way round
            "treatment_not_offered",  # by this exporter
            "reason_missing",
        }
    )


class Treatment(StrEnum):
    """How entries become documents.

    ``DETAIL``: a journal for the entry. ``SUMMARY``: with all others of its day and currency in one journal, a line for
    each account and side. ``RECEIPT``: a cash receipt instead of a journal. ``UNITS``: none, since nothing but units moved.
    """

    DETAIL = "detail"
    SUMMARY = "summary"
    RECEIPT = "receipt"
    UNITS = "units"


class ErpState(StrEnum):
    """``WAITING`` to be sent; ``SENT`` and not answered, for however long; ``ACKNOWLEDGED`` by the ERP; ``REFUSED`` by it,
    or not to be written in its form."""

    WAITING = "waiting"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"


class Series(StrEnum):
    """What is counted, each by itself and without gaps."""

    JOURNAL = "journal"
    RECEIPT = "receipt"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class Exporter:
    """An installed exporter. ``problem`` says why a configured one cannot be used; ``is_configured`` is whether it has a
    table in the configuration, ``begun_at`` when exporting was begun (None: not yet)."""

    name: str
    label: str
    distribution: str
    version: str
    is_configured: bool
    begun_at: datetime | None
    abilities: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ExportStanding:
    """How far the export is. ``position`` is that of the last entry which was taken; ``behind`` counts positions up to the
    end of the books, a few of which may be gaps. ``waiting`` entries have no batch yet, ``held`` ones cannot have one since
    an account has no mapping; ``documents`` counts them by state. ``oldest_unanswered_at``: when it was sent."""

    name: str
    begun_at: datetime
    begins_after: int
    position: int
    behind: int
    waiting: int
    held: int
    documents: dict[str, int]
    oldest_unanswered_at: datetime | None
    last_batch_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccountKey:
    """What is mapped: a book, a class of owners (or ``ANY``), a currency (or ``ANY``)."""

    book: str
    owner_class: str = ANY
    currency: str = ANY


@dataclass(frozen=True, slots=True)
class MappedAccount:
    """``account`` is the ERP's own string; empty: mapped no more. ``customer`` and ``method`` are for cash receipts: from
    whom money comes in on this account, as the ERP calls them, and how."""

    key: AccountKey
    account: str
    customer: str = ""
    method: Method | None = None
    set_by: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MissingAccount:
    """An account without a mapping, by the narrowest key that would be one, and how many entries are held for it."""

    key: AccountKey
    entries: int


@dataclass(frozen=True, slots=True)
class TreatmentRule:
    """How entries are treated that touch ``book``; empty: all books without a rule of their own."""

    book: str
    treatment: Treatment
    set_by: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """Of a batch: what its entries of one treatment posted to a book in one currency, in minor units."""

    treatment: Treatment
    book: str
    currency: str
    debit_minor: int
    credit_minor: int


@dataclass(frozen=True, slots=True)
class ErpBatch:
    """What became documents at once. ``number`` counts an exporter's batches without gaps."""

    id: UUID
    exporter: str
    number: int
    made_at: datetime
    entries: int
    documents: int


@dataclass(frozen=True, slots=True)
class ErpDocument:
    """A document for the ERP. ``number`` is for ever, whatever happens to it; ``attempts`` counts how often it was written
    to be sent. ``amount_minor`` is that of its debits; None for a customer. ``problem`` is why it could not be handed over
    the last time, ``error`` what the ERP said, or why it cannot be written."""

    id: UUID
    exporter: str
    batch: UUID
    batch_number: int
    series: Series
    number: int
    treatment: Treatment | None
    day: date
    currency: str
    amount_minor: int | None
    text: str
    state: ErpState
    attempts: int
    made_at: datetime
    sent_at: datetime | None
    is_handed_over: bool
    answered_at: datetime | None
    error: str
    problem: str


@dataclass(frozen=True, slots=True)
class ErpAttempt:
    """What was written to be sent. ``name`` is the parcel's."""

    number: int
    name: str
    text: str
    digest: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class ErpAnswer:
    """An answer as it was kept. ``attempt`` 0: somebody here said so (``said_by``), not the ERP."""

    attempt: int
    outcome: Outcome
    errors: tuple[ErpError, ...]
    raw: str
    heard_at: datetime
    said_by: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """What one round of sending did: parcels handed over, of which some were answered at once, and failures."""

    handed_over: int
    failed: int
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """What an answer came to: the document that it was about (None: none of ours), its state now, and whether the answer
    is to be discarded where it lies."""

    document: UUID | None
    state: ErpState | None
    is_kept: bool


class ErpExports(Protocol):
    def exporters(self) -> tuple[Exporter, ...]:
        """All installed exporters, by name; asks none of them."""
        ...

    def exporter_health(self, *, exporter: str) -> Health:
        """Whether the way to the ERP is open. Raises UnableToExport (``exporter_unknown``, ``exporter_misconfigured``)."""
        ...

    def begin_export(self, *, exporter: str, begins_after: int, first_journal_number: int) -> ExportStanding:
        """From now on entries behind the position ``begins_after`` are handed to this ERP, journals counted from
        ``first_journal_number``. Begun once; the same again answers how it stands. Raises UnableToExport."""
        ...

    def export_standing(self, *, exporter: str) -> ExportStanding:
        """Raises UnableToExport (``export_not_begun``)."""
        ...

    def set_treatment(self, *, exporter: str, book: str, treatment: Treatment, set_by: str) -> TreatmentRule:
        """How entries are treated that are taken from now on. Raises UnableToExport."""
        ...

    def treatments(self, *, exporter: str) -> tuple[TreatmentRule, ...]:
        """The rules in force, that for all other books first."""
        ...

    def map_erp_account(
        self,
        *,
        exporter: str,
        key: AccountKey,
        account: str,
        customer: str,
        method: Method | None,
        set_by: str,
    ) -> MappedAccount:
        """From now on this account goes by that string; what was held for it is looked at again. An empty ``account`` takes
        the mapping away. Raises UnableToExport."""
        ...

    def mapped_accounts(self, *, exporter: str) -> tuple[MappedAccount, ...]:
        """The mappings in force, by book."""
        ...

    def mapping_history(self, *, exporter: str, limit: int = 100) -> tuple[MappedAccount, ...]:
        """What was ever mapped, the newest first."""
        ...

    def missing_accounts(self, *, exporter: str) -> tuple[MissingAccount, ...]:
        """For what entries are held."""
        ...

    def keep_erp_customer(self, *, exporter: str, number: str, name: str, set_by: str) -> None:
        """Have the next batch make this customer in the ERP, or change it there. Raises UnableToExport."""
        ...

    @at_most_once
    def take_entries(self, *, exporter: str, limit: int = 1000) -> int:
        """Take the next entries of the books into the queue, in their order and each once; answers how many.

        Only as far as nothing can come in before them any more. Raises UnableToExport (``export_not_begun``).
        """
        ...

    def is_batch_due(self, *, exporter: str, at: datetime) -> bool:
        """Whether there is something for a batch, and the last one is so long ago as the configuration says."""
        ...

    @at_most_once
    def make_batch(self, *, exporter: str, at: datetime) -> ErpBatch | None:
        """Make documents of what waits: of details at once, of summaries and units when their day (UTC) is over. None where
        there is nothing. An entry of which an account has no mapping is held, and does not hold up others.
        Raises UnableToExport."""
        ...

    def send_documents(self, *, exporter: str, at: datetime, limit: int = 100) -> Sending:
        """Hand over what waits, the oldest first, and what was begun and not finished; outside of any transaction.
        Raises UnableToExport."""
        ...

    def fetch_answers(self, *, exporter: str) -> tuple[Answer, ...]:
        """What the ERP has answered, as long as it is not discarded; outside of any transaction. Raises UnableToExport;
        a way that is closed just now answers nothing."""
        ...

    def note_answer(self, *, exporter: str, answer: Answer, at: datetime) -> Noted:
        """Keep an answer, once, and let it count. One that cannot be read is kept, and nothing follows from it; so is one
        that tells of another text than was sent."""
        ...

    def discard_answer(self, *, exporter: str, answer: Answer) -> None:
        """It is kept: have it discarded where it lies."""
        ...

    @at_most_once
    def send_again(self, *, document_id: UUID, at: datetime) -> ErpDocument:
        """Have a refused document written anew, by the mappings of now, and sent under its number; or one that was not
        answered sent again as it was. Raises UnableToExport."""
        ...

    def confirm_document(self, *, document_id: UUID, reason: str, said_by: str, at: datetime) -> ErpDocument:
        """Somebody has looked, and it is in the ERP, though that never said so. Raises UnableToExport."""
        ...

    def erp_document(self, *, document_id: UUID) -> ErpDocument:
        """Raises UnableToExport (``erp_document_unknown``)."""
        ...

    def erp_documents(
        self,
        *,
        exporter: str,
        state: ErpState | None = None,
        batch: UUID | None = None,
        before: UUID | None = None,
        limit: int = 50,
    ) -> tuple[ErpDocument, ...]:
        """Documents below the id ``before``, the newest first."""
        ...

    def erp_attempts(self, *, document_id: UUID) -> tuple[ErpAttempt, ...]:
        """What was written to be sent, oldest first."""
        ...

    def erp_answers(self, *, document_id: UUID) -> tuple[ErpAnswer, ...]:
        """What was said of it, oldest first."""
        ...

    def entries_of_document(self, *, document_id: UUID, limit: int = 1000) -> tuple[UUID, ...]:
        """The journal entries that it says, in the order of the books."""
        ...

    def erp_documents_of_entries(self, *, entry_ids: Sequence[UUID]) -> tuple[tuple[UUID, UUID], ...]:
        """Pairs of entry and document."""
        ...

    def erp_batches(
        self, *, exporter: str, before: int | None = None, limit: int = 50
    ) -> tuple[ErpBatch, ...]:
        """Batches below the number ``before``, the newest first."""
        ...

    def control_totals(self, *, batch_id: UUID) -> tuple[ControlTotal, ...]:
        """Of each treatment, book and currency; the debits of each treatment and currency sum to the credits."""
        ...
