"""Receipts, tax invoices and credit notes: one for each entry of the journal that the law asks one for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

DOCUMENT_LAYOUT = 1
"""How documents that are issued now look. A document keeps its layout for ever, so that it is the same whenever printed."""


class UnableToFindDocument(UnableTo):
    reasons = frozenset({"document_unknown"})


class UnableToIssueDocument(UnableTo):
    """No document was issued, and no number used."""

    reasons = frozenset(
        {
            "tax_rate_unexplained",  # no rate that was in force in the country makes this tax of this net
            "document_issued",  # the entry has its document
        }
    )


class DocumentKind(StrEnum):
    RECEIPT = "receipt"  # money came in for units: a multi-purpose voucher, not taxed yet
    TAX_INVOICE = "tax_invoice"  # something was bought, and taxed
    CREDIT_NOTE = "credit_note"  # money or units went back: a document before is corrected


class EvidenceKind(StrEnum):
    """What says where a buyer is (Implementing Regulation 282/2011, article 24f)."""

    ACCOUNT = "account"
    PAYMENT = "payment"  # the country that the payment was opened from
    INSTRUMENT = "instrument"  # of the bank that issued the card, or keeps the account
    ADDRESS = "address"  # of the network that the order came from
    VAT_NUMBER = "vat_number"


@dataclass(frozen=True, slots=True)
class Evidence:
    kind: EvidenceKind
    country: str


@dataclass(frozen=True, slots=True)
class TaxLine:
    """A part of a document: what one country takes at one rate. ``rate_bps``: hundredths of a per cent of the net; None
    where nothing is taxed yet (a prepayment), and no country has a say."""

    country: str
    rate_bps: int | None
    net: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class DocumentLines:
    """What an entry says of a country's part: ``taxed`` is False for prepayments. Its rate is not in the journal."""

    country: str
    taxed: bool
    net: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class DueDocument:
    """What an entry of the journal asks for in one currency, as far as the journal itself tells.

    ``entry_key``, ``entry_kind``, ``reference`` and ``details`` are the entry's. ``units`` moved in the wallet of
    ``player``, where it is one's. ``reverses`` is the entry that this one undoes.
    """

    kind: DocumentKind
    entry_id: UUID
    position: int
    entry_key: str
    entry_kind: str
    occurred_at: datetime
    reference: str
    details: Mapping[str, str | int]
    reverses: UUID | None
    player: UUID | None
    units: Money
    lines: tuple[DocumentLines, ...]

    @property
    def gross(self) -> Money:
        first, *rest = (line.net + line.tax for line in self.lines)
        return sum(rest, first)


@dataclass(frozen=True, slots=True)
class DueDocuments:
    """What the entries behind position ``after`` up to ``until`` ask for. ``until`` = ``after``: nothing is behind it yet."""

    after: int
    until: int
    due: tuple[DueDocument, ...]


@dataclass(frozen=True, slots=True)
class DocumentDraft:
    """A document to be issued. ``item`` says in the player's language what it is about. ``country`` is where the buyer is,
    for what a journal entry without tax does not tell. ``sealed_buyer`` is opened by ``Members.unseal_buyer``."""

    due: DueDocument
    player: UUID | None
    payment: UUID | None
    corrects: tuple[UUID, ...]
    language: str
    item: str
    country: str
    units_per_major: str
    evidence: tuple[Evidence, ...]
    sealed_buyer: bytes | None


@dataclass(frozen=True, slots=True)
class Seller:
    """The legal entity, as the configuration named it on the day of the document."""

    name: str
    address: tuple[str, ...]
    country: str
    vat_number: str
    registration: str
    email: str


@dataclass(frozen=True, slots=True)
class Document:
    """An issued document: it never changes.

    ``number`` is ``running`` of its ``series`` (and ``year``, 0 where numbers never begin anew) of the ``entity``. Amounts
    are positive; a credit note's go back to the player. ``units`` are what a receipt's money brought, or a sale charged.
    ``units_per_major`` is the rate of a receipt, as text. ``payment`` and ``corrects`` (documents) are there where known.
    """

    id: UUID
    kind: DocumentKind
    entity: str
    series: str
    year: int
    running: int
    number: str
    entry_id: UUID
    player: UUID | None
    payment: UUID | None
    corrects: tuple[UUID, ...]
    language: str
    item: str
    lines: tuple[TaxLine, ...]
    net: Money
    tax: Money
    gross: Money
    units: Money
    units_per_major: str
    evidence: tuple[Evidence, ...]
    place: str
    seller: Seller
    sealed_buyer: bytes | None
    layout: int
    occurred_at: datetime
    issued_at: datetime

    @property
    def agreeing(self) -> tuple[EvidenceKind, ...]:
        """The pieces of evidence that speak for the place of taxation."""
        return tuple(piece.kind for piece in self.evidence if piece.country == self.place)


@dataclass(frozen=True, slots=True)
class Undocumented:
    """An entry whose document could not be issued, and why."""

    entry_id: UUID
    position: int
    problem: str
    since: datetime
    tries: int


class Documents(Protocol):
    # Issuing: by one worker after the other, in the order of the books.

    def documents_due(self, *, limit: int = 500) -> DueDocuments:
        """What the next ``limit`` settled entries of the journal ask for."""
        ...

    def documents_of_entry_due(self, *, entry_id: UUID) -> tuple[DueDocument, ...]:
        """What one entry asks for; none where it has all its documents."""
        ...

    def lock_documents(self, *, after: int) -> bool:
        """Let nobody else issue until this transaction ends; whether all up to ``after`` is done, and nothing behind it."""
        ...

    def pass_entries(self, *, after: int, until: int) -> None:
        """These entries are done, if nobody was faster."""
        ...

    def issue_documents(self, *, drafts: Sequence[DocumentDraft], at: datetime) -> tuple[Document, ...]:
        """Give each the next number of its series; in the order given, as far as the series is the same.

        The numbers are taken with the rows, in the caller's transaction: what is rolled back leaves no gap, and whoever
        issues at the same time waits. So this belongs at the end of a transaction, and never into one of a sale. Raises
        UnableToIssueDocument.
        """
        ...

    def explain_tax(self, *, draft: DocumentDraft) -> tuple[TaxLine, ...]:
        """The draft's lines with their rates. Raises UnableToIssueDocument (``tax_rate_unexplained``)."""
        ...

    def set_aside(self, *, entry_id: UUID, position: int, problem: str, at: datetime) -> None:
        """No document could be made of this entry: those behind it go on, and it is tried again."""
        ...

    def undocumented(self, *, limit: int = 50) -> tuple[Undocumented, ...]:
        """Entries that were set aside, those tried the longest ago first."""
        ...

    # Reads.

    def document(self, *, document_id: UUID) -> Document:
        """Raises UnableToFindDocument."""
        ...

    def documents_of(
        self, *, player: UUID, before: UUID | None = None, limit: int = 50
    ) -> tuple[Document, ...]:
        """A player's documents, newest first, those older than the document ``before``."""
        ...

    def documents_of_entries(self, *, entry_ids: Sequence[UUID]) -> dict[UUID, tuple[Document, ...]]:
        """The documents of these entries; entries without any are missing."""
        ...

    def documents_of_payment(self, *, payment: UUID) -> tuple[Document, ...]:
        """A payment's documents, oldest first."""
        ...

    def find_documents(self, *, text: str, limit: int = 20) -> tuple[Document, ...]:
        """By number, or by the id of the document, its journal entry, its payment or its player; newest first."""
        ...

    def documents_behind(self) -> int:
        """The position in the journal up to which every entry has its documents, or is set aside."""
        ...
