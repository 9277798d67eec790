"""PAY-14: receipts, tax invoices and credit notes are written, behind the sales and in the order of the books."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError

from warchest.accounting.contract import (
    Accounting,
    Document,
    DocumentDraft,
    DocumentKind,
    DueDocument,
    Evidence,
    EvidenceKind,
)
from warchest.cards.contract import Cards, UnableToFindCard
from warchest.catalogue.contract import Catalogue
from warchest.journeys.steps.document_items import Shelf, item_of
from warchest.kernel.errors import TryAgain
from warchest.members.contract import Members, Player, SealedBuyer
from warchest.payments.contract import Payment, Payments, UnableToFindPayment
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction

ENTRIES_MAX = 500
"""So many entries of the journal are gone through in one transaction."""

_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_TAKEN_BACK = re.compile(f"(?:refund|dispute):({_ID.pattern})")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Issued:
    """``numbers`` were given out; ``set_aside`` entries could get no document. ``until``: how far the journal is done."""

    until: int
    numbers: tuple[str, ...]
    set_aside: int = 0


@journey("documents.issue")
def issue_documents(tx: Transaction, *, after: int) -> Issued:
    """Write the documents of the settled entries behind ``after``; none where another worker was faster."""
    accounting = tx.get(Accounting)
    tx.about("journal", after)
    if not accounting.lock_documents(after=after):
        return Issued(until=after, numbers=())
    found = accounting.documents_due(limit=ENTRIES_MAX)
    numbers, set_aside = _issue(tx, found.due)
    accounting.pass_entries(after=after, until=found.until)
    tx.about(
        "journal",
        after,
        until=found.until,
        documents=len(numbers),
        set_aside=set_aside,
        first=numbers[0] if numbers else "",
        last=numbers[-1] if numbers else "",
    )
    return Issued(until=found.until, numbers=numbers, set_aside=set_aside)


@journey("documents.issue_late")
def issue_late(tx: Transaction, *, entry_id: UUID) -> Issued:
    """Try again to write what an entry asks for that was set aside."""
    tx.about("entry", entry_id)
    accounting = tx.get(Accounting)
    position = accounting.documents_behind()
    accounting.lock_documents(after=position)
    numbers, set_aside = _issue(tx, accounting.documents_of_entry_due(entry_id=entry_id))
    tx.about("entry", entry_id, documents=len(numbers))
    return Issued(until=position, numbers=numbers, set_aside=set_aside)


def _issue(tx: Transaction, due: Sequence[DueDocument]) -> tuple[tuple[str, ...], int]:
    clerk = _Clerk(tx, due)
    numbers: list[str] = []
    # What a credit note corrects may have been issued just before it.
    for _, together in groupby(due, key=lambda one: one.kind is DocumentKind.CREDIT_NOTE):
        drafts = list(clerk.drafts(together))
        documents = tx.get(Accounting).issue_documents(drafts=drafts, at=tx.command.at) if drafts else ()
        mailed = {draft.due.entry_id: draft.due.entry_kind != "charge" for draft in drafts}
        for document in documents:
            _tell(tx, document, mailed=mailed[document.entry_id])
        numbers += (document.number for document in documents)
    return tuple(numbers), clerk.set_aside


class _Clerk:
    """Knows, for a portion of documents, who bought, what they are called, and what they paid with."""

    def __init__(self, tx: Transaction, due: Sequence[DueDocument]) -> None:
        self._tx = tx
        self._accounting = tx.get(Accounting)
        self._shelf = Shelf(tx.get(Catalogue), at=tx.command.at)
        self._payments: dict[str, Payment | None] = {}
        self._last_paid: dict[UUID, Payment | None] = {}
        self._issuers: dict[UUID, str] = {}
        self.set_aside = 0
        buyers = {one.entry_id: self._buyer(one) for one in due}
        self._buyers = buyers
        asked = sorted({buyer for buyer in buyers.values() if buyer})
        members = tx.get(Members)
        self._players = members.players(player_ids=asked) if asked else {}
        self._sealed = members.seal_buyers(player_ids=asked) if asked else {}

    def drafts(self, due: Iterable[DueDocument]) -> Iterable[DocumentDraft]:
        for one in due:
            try:
                draft = self._draft(one)
                self._accounting.explain_tax(draft=draft)
            except (TryAgain, DatabaseError):
                raise
            except Exception as problem:
                # Those behind it have a right to their documents, too; this one is told of, and tried again.
                log.exception("document_set_aside", entry=str(one.entry_id))
                self.set_aside += 1
                self._accounting.set_aside(
                    entry_id=one.entry_id,
                    position=one.position,
                    problem=f"{type(problem).__name__}: {problem}",
                    at=self._tx.command.at,
                )
            else:
                yield draft

    def _draft(self, due: DueDocument) -> DocumentDraft:
        corrects = self._corrects(due)
        buyer = self._buyers[due.entry_id] or next((one.player for one in corrects if one.player), None)
        player = self._player(buyer) if buyer else None
        sealed = self._sealed.get(player.id) if player else None
        payment = self._payment(due)
        language = player.language if player else settings.LANGUAGE_CODE
        taxed = any(line.taxed for line in due.lines)
        return DocumentDraft(
            due=due,
            player=player.id if player else None,
            payment=payment.id if payment else next((one.payment for one in corrects), None),
            corrects=tuple(one.id for one in corrects),
            language=language,
            item=item_of(due, corrects=corrects, shelf=self._shelf, language=language),
            country=player.country if player else "",
            units_per_major=payment.units_per_major if payment else "",
            evidence=self._evidence(player, sealed) if taxed and player else (),
            sealed_buyer=sealed.sealed if sealed else None,
        )

    def _player(self, player: UUID) -> Player | None:
        if player not in self._players:
            # Known only from what is corrected.
            members = self._tx.get(Members)
            self._players |= members.players(player_ids=[player])
            self._sealed |= members.seal_buyers(player_ids=[player])
        return self._players.get(player)

    def _buyer(self, due: DueDocument) -> UUID | None:
        if due.player:
            return due.player
        if payment := self._payment(due):
            return payment.player
        if serial := due.details.get("serial"):
            try:
                return self._tx.get(Cards).card(serial=str(serial), at=self._tx.command.at).player
            except UnableToFindCard:
                return None
        return None

    def _payment(self, due: DueDocument) -> Payment | None:
        """The payment that an entry's reference names, where it names one."""
        if due.kind is DocumentKind.TAX_INVOICE or not _ID.fullmatch(due.reference):
            return None
        if due.reference not in self._payments:
            try:
                found = self._tx.get(Payments).payment(payment_id=UUID(due.reference))
            except UnableToFindPayment:
                found = None
            self._payments[due.reference] = found
        return self._payments[due.reference]

    def _corrects(self, due: DueDocument) -> tuple[Document, ...]:
        """The documents of what is undone: an entry's, or of a payment its receipt and the invoices of what it had bought."""
        if due.kind is not DocumentKind.CREDIT_NOTE:
            return ()
        before: list[Document] = []
        entries = [due.reverses] if due.reverses else self._sales_undone(due)
        if entries:
            found = self._accounting.documents_of_entries(entry_ids=entries)
            before += (document for entry in entries for document in found.get(entry, ()))
        payment = self._payment(due)
        if payment and not due.reverses and not all(line.taxed for line in due.lines):
            before += self._accounting.documents_of_payment(payment=payment.id)
        return tuple(
            one
            for one in dict.fromkeys(before)
            if one.gross.currency == due.gross.currency and one.kind is not DocumentKind.CREDIT_NOTE
        )

    def _sales_undone(self, due: DueDocument) -> list[UUID]:
        """The sales that a refund, a lost dispute or a withdrawal takes back parts of."""
        if due.entry_kind == "withdrawal":
            return [UUID(str(due.details["sale"]))]
        if (found := _TAKEN_BACK.match(due.entry_key)) is None:
            return []
        parts = self._tx.get(Payments).parts(of=UUID(found[1]))
        return list(dict.fromkeys(part.sale_entry for part in parts if part.sale_entry))

    def _evidence(self, player: Player, buyer: SealedBuyer | None) -> tuple[Evidence, ...]:
        """What is known of where a buyer is."""
        found = [Evidence(EvidenceKind.ACCOUNT, player.country)]
        if payment := self._last_paid_by(player.id):
            if payment.country:
                found.append(Evidence(EvidenceKind.PAYMENT, payment.country))
            if issuer := self._issuer_country(payment.id):
                found.append(Evidence(EvidenceKind.INSTRUMENT, issuer))
        if buyer and buyer.vat_country:
            found.append(Evidence(EvidenceKind.VAT_NUMBER, buyer.vat_country))
        return tuple(found)

    def _issuer_country(self, payment: UUID) -> str:
        """Of the bank that issued the card, or keeps the account, where the provider told it."""
        if payment not in self._issuers:
            attempts = self._tx.get(Payments).attempts(payment_id=payment)
            told = [one.instrument.country for one in attempts if one.instrument and one.instrument.country]
            self._issuers[payment] = told[-1] if told else ""
        return self._issuers[payment]

    def _last_paid_by(self, player: UUID) -> Payment | None:
        if player not in self._last_paid:
            paid = self._tx.get(Payments).payments_of(player=player, limit=5)
            self._last_paid[player] = next((one for one in paid if one.credited_at), None)
        return self._last_paid[player]


def _tell(tx: Transaction, document: Document, *, mailed: bool) -> None:
    tx.announce(
        "documents.issued",
        key=str(document.player or document.id),
        document=document.id,
        kind=document.kind,
        number=document.number,
        player=document.player,
        payment=document.payment,
        journal_entry=document.entry_id,
        # What a game charges many times a day is to be found in the portal, and fills nobody's letter box.
        mailed=mailed and document.player is not None,
        sold_at=document.occurred_at,
    )
