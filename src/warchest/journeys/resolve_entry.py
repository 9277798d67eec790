"""A person says what an entry of the bank is that could not say it itself; the books are told at once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.journeys.match_entry import credit_by_entry, is_settled_by_review
from warchest.journeys.settle_payment import settle
from warchest.journeys.steps.bank import book_bank_entry, clearing_of
from warchest.kernel.ids import new_id
from warchest.ledger.contract import AccountRef, Ledger, Side
from warchest.members.contract import Members, require
from warchest.payments.contract import (
    EntryKept,
    EntryState,
    Payment,
    Payments,
    Resolution,
    Status,
    UnableToResolveBankEntry,
    WaitReason,
)
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.sdk.bank import is_iban

_RETURN_BOOK = "transfers_to_return"
_REVIEWED = (WaitReason.LESS, WaitReason.MORE, WaitReason.UNDER_REVIEW)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of the entry. Not whose money it was: answers are kept in clear."""

    entry: UUID
    state: EntryState
    resolution: Resolution | None
    payment: UUID | None
    journal_entry: UUID | None


@journey("bank.resolve_as_payment")
def pay_by_entry(tx: Transaction, *, entry_id: UUID, payment_id: UUID, note: str) -> Resolved:
    """It paid this payment, of exactly this amount, though its reference says so badly or not at all.

    Raises UnableToAdminister, UnableToFindBankEntry, UnableToFindPayment, UnableToResolveBankEntry.
    """
    _clerk(tx, entry_id, note)
    meant = tx.get(Payments).assign_entry(entry_id=entry_id, payment_id=payment_id, at=tx.command.at)
    credit_by_entry(tx, meant, note=note)
    return _answer(tx, entry_id)


@journey("bank.resolve_as_arrived")
def credit_arrived(tx: Transaction, *, entry_id: UUID, player: UUID | None, note: str) -> Resolved:
    """Credit what arrived, at today's rate: to the player whose payment asked for another amount (``player`` None), or to
    this player.

    It is a payment of its own, of what arrived, so what was asked stays as it was asked; a payment under review for the
    difference ends as cancelled. Raises UnableToAdminister, UnableToFindBankEntry, UnableToResolveBankEntry,
    UnableToFindPlayer, UnableToQuote, UnableToUseProvider.
    """
    _clerk(tx, entry_id, note)
    payments, at = tx.get(Payments), tx.command.at
    entry = _incoming(payments.waiting_entry(entry_id=entry_id))
    if is_settled_by_review(tx, entry_id=entry_id, note=note):
        return _answer(tx, entry_id)
    _check_not_decided(tx, entry)
    if player is None:
        if entry.payment is None:
            raise UnableToResolveBankEntry("bank_amount_differs")
        player = payments.payment(payment_id=entry.payment).player
    if entry.payment is not None:
        payments.end_review(payment_id=entry.payment, reason="credited_as_arrived", at=at)
    made = _payment_of(tx, entry, player)
    report = payments.report_of(entry=entry)
    payments.hear_entry(entry_id=entry.id, payment_id=made.id, report=report, at=at)
    if settle(tx, payment_id=made.id, report=report).status is not Status.SUCCEEDED:
        raise UnableToResolveBankEntry("bank_payment_settled")
    payments.settle_entry(
        entry_id=entry.id,
        resolution=Resolution.PLAYER,
        journal_entry=book_bank_entry(tx, entry, against=clearing_of(entry)),
        actor=str(tx.command.actor),
        at=at,
        payment_id=made.id,
        note=note,
    )
    tx.about("bank_entry", entry.id, payment=str(made.id), player=str(player))
    return _answer(tx, entry_id)


@journey("bank.send_back")
def send_back(tx: Transaction, *, entry_id: UUID, note: str) -> Resolved:
    """It goes back to the account that it came from, with the next file of orders.

    Raises UnableToAdminister, UnableToFindBankEntry, UnableToResolveBankEntry.
    """
    _clerk(tx, entry_id, note)
    payments, at = tx.get(Payments), tx.command.at
    entry = _incoming(payments.waiting_entry(entry_id=entry_id))
    _check_not_decided(tx, entry)
    if not is_iban(entry.iban):
        raise UnableToResolveBankEntry("bank_account_unknown")
    if entry.payment is not None:
        payments.end_review(payment_id=entry.payment, reason="sent_back", at=at)
    payments.want_payout(
        payout_id=entry.id,
        provider=entry.provider,
        purpose="send_back",
        amount=entry.amount,
        name=entry.name or entry.iban,
        iban=entry.iban,
        at=at,
    )
    return _book(tx, entry, AccountRef(_RETURN_BOOK, entry.amount.currency.code), Resolution.SEND_BACK, note)


@journey("bank.resolve_as_book")
def book_entry_as(tx: Transaction, *, entry_id: UUID, book: str, owner: str, note: str) -> Resolved:
    """Book it against one of the books for what no rule explains (``Accounting.bank_counterparts``).

    Raises UnableToAdminister, UnableToFindBankEntry, UnableToResolveBankEntry.
    """
    _clerk(tx, entry_id, note)
    if book not in tx.get(Accounting).bank_counterparts():
        raise UnableToResolveBankEntry("bank_book_not_allowed", book=book[:40])
    entry = tx.get(Payments).waiting_entry(entry_id=entry_id)
    against = AccountRef(book, entry.amount.currency.code, owner.strip()[:64])
    return _book(tx, entry, against, Resolution.BOOK, note)


@journey("bank.resolve_as_booked")
def note_as_booked(tx: Transaction, *, entry_id: UUID, journal_entry: UUID, note: str) -> Resolved:
    """The journal has it already, in an entry that moves this amount at the bank: nothing is booked.

    Raises UnableToAdminister, UnableToFindBankEntry, UnableToResolveBankEntry.
    """
    _clerk(tx, entry_id, note)
    entry = tx.get(Payments).waiting_entry(entry_id=entry_id)
    booked = tx.get(Ledger).entry(entry_id=journal_entry)
    side = Side.DEBIT if entry.incoming else Side.CREDIT
    moves = booked is not None and any(
        (leg.book, leg.side, leg.amount) == ("bank", side, entry.amount) for leg in booked.legs
    )
    if not moves:
        raise UnableToResolveBankEntry("bank_entry_not_in_books")
    return _settle(tx, entry, journal_entry, Resolution.BOOKED_BEFORE, note)


def _clerk(tx: Transaction, entry_id: UUID, note: str) -> None:
    tx.about("bank_entry", entry_id)
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "bank.resolve")
    if not note.strip():
        raise UnableToResolveBankEntry("bank_note_missing")


def _check_not_decided(tx: Transaction, entry: EntryKept) -> None:
    """Its payment was put under review. Decided there, the money is counted; and nobody decides here, alone, what two people
    decide there, or what is not about the amount."""
    if entry.payment is None or entry.reason not in _REVIEWED:
        return
    payments = tx.get(Payments)
    if payments.payment(payment_id=entry.payment).status is not Status.REVIEW:
        raise UnableToResolveBankEntry("bank_payment_settled")
    needed = payments.review(payment_id=entry.payment, at=tx.command.at).votes_needed
    if entry.reason is WaitReason.UNDER_REVIEW or needed > 1:
        raise UnableToResolveBankEntry("bank_two_people")


def _incoming(entry: EntryKept) -> EntryKept:
    if not entry.incoming:
        raise UnableToResolveBankEntry("bank_entry_outgoing")
    return entry


def _payment_of(tx: Transaction, entry: EntryKept, player: UUID) -> Payment:
    found = tx.get(Members).player(player_id=player)
    return tx.get(Payments).open_payment(
        payment_id=new_id(),
        player=found.id,
        provider=entry.provider,
        quote=tx.get(Accounting).quote(paid=entry.amount, at=tx.command.at),
        return_url="",
        language=found.language,
        country=found.country,
        at=tx.command.at,
    )


def _book(
    tx: Transaction, entry: EntryKept, against: AccountRef, resolution: Resolution, note: str
) -> Resolved:
    return _settle(tx, entry, book_bank_entry(tx, entry, against=against), resolution, note)


def _settle(
    tx: Transaction, entry: EntryKept, journal_entry: UUID, resolution: Resolution, note: str
) -> Resolved:
    tx.about("bank_entry", entry.id, resolution=resolution, journal_entry=str(journal_entry))
    tx.get(Payments).settle_entry(
        entry_id=entry.id,
        resolution=resolution,
        journal_entry=journal_entry,
        actor=str(tx.command.actor),
        at=tx.command.at,
        note=note,
    )
    return _answer(tx, entry.id)


def _answer(tx: Transaction, entry_id: UUID) -> Resolved:
    entry = tx.get(Payments).bank_entry(entry_id=entry_id)
    return Resolved(entry.id, entry.state, entry.resolution, entry.payment, entry.journal_entry)
