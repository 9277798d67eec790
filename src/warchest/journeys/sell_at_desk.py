"""CRD-34: an administrator sells a few virtual cards at the desk, for cash. Serial and code are shown once, and recorded.

Whoever took the money owes it until it is at the bank: an account of the receivables for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting, Taxed
from warchest.cards.contract import Cards, CodeGiven, DeskIssue, UnableToBuyCard, UnableToIssueAtDesk
from warchest.journeys.buy_card import KEY as SOLD_KEY
from warchest.journeys.cancel_bought_card import KEY as REVERSED_KEY
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger, Leg
from warchest.members.contract import Members, require
from warchest.runtime.command import Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class SoldAtDesk:
    """The cards by their serials, and what was to be taken for them. The codes are shown apart, once."""

    issue: UUID
    serials: tuple[str, ...]
    taken: Money
    entries: tuple[UUID, ...]


@journey("cards.sell_at_desk")
def sell_at_desk(tx: Transaction, *, batch: UUID, quantity: int, note: str = "") -> SoldAtDesk:
    """Issue cards of an approved batch in our stock, each at its face. Raises UnableToAdminister, UnableToIssueAtDesk."""
    clerk = UUID(tx.command.actor.id)
    _check_right(tx, clerk)
    cards, accounting, issue = tx.get(Cards), tx.get(Accounting), new_id()
    try:
        offer = cards.card_offer(batch=batch, at=tx.command.at)
    except UnableToBuyCard as refusal:
        raise UnableToIssueAtDesk(refusal.reason, **refusal.details) from None
    taken = cards.issue_at_desk(
        issue_id=issue,
        batch=batch,
        quantity=quantity,
        clerk=clerk,
        note=note,
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
    taxed = _taxed(accounting, offer.face, offer.tax_country, tx)
    serials = tuple(card.serial for card in taken)
    cards.note_paid_at_desk(serials=serials, owed=taxed.net, at=tx.command.at)
    legs = accounting.card_sold_at_desk_legs(batch=batch, clerk=clerk, taxed=taxed)
    entries = tuple(
        _post(tx, serial, kind="card_sold_at_desk", key=SOLD_KEY.format(serial=serial), legs=legs)
        for serial in serials
    )
    tx.about("batch", batch, issue=str(issue), serials=list(serials), quantity=quantity)
    for serial in serials:
        tx.announce(
            "cards.sold_at_desk",
            key=serial,
            serial=serial,
            batch=batch,
            face_minor=offer.face.minor,
            currency=offer.face.currency.code,
        )
    return SoldAtDesk(issue, serials, offer.face * quantity, entries)


def show_desk_codes(command: Command, *, issue: UUID) -> tuple[CodeGiven, ...]:
    """Serials and codes, once, to whoever sold them; from then on nobody here knows the codes.

    That they are shown is written down before they are. Raises UnableToAdminister, UnableToIssueAtDesk.
    """
    note_shown(command, issue=issue)
    given = services.get(Cards).codes_at_desk(issue_id=issue, clerk=UUID(command.actor.id), at=command.at)
    if not given:
        raise UnableToIssueAtDesk("desk_codes_shown")
    return given


@journey("cards.show_desk_codes")
def note_shown(tx: Transaction, *, issue: UUID) -> DeskIssue:
    clerk = UUID(tx.command.actor.id)
    _check_right(tx, clerk)
    shown = tx.get(Cards).note_shown_at_desk(
        issue_id=issue, clerk=clerk, actor=str(tx.command.actor), at=tx.command.at
    )
    tx.about("batch", shown.batch, issue=str(issue), serials=list(shown.serials))
    return shown


@journey("cards.take_back_at_desk")
def take_back_at_desk(tx: Transaction, *, issue: UUID) -> DeskIssue:
    """All cards of an issue come back unused, and the money was given back: they are void. One that was used refuses all.

    Raises UnableToAdminister, UnableToIssueAtDesk.
    """
    _check_right(tx, UUID(tx.command.actor.id))
    cards, accounting = tx.get(Cards), tx.get(Accounting)
    back = cards.take_back_at_desk(issue_id=issue, actor=str(tx.command.actor), at=tx.command.at)
    tax_country = cards.batch(batch_id=back.batch).terms.tax_country
    for serial, owed in zip(back.serials, back.owed, strict=True):
        taxed = Taxed(net=owed, tax=back.face - owed, rate_bps=0, country=tax_country)
        legs = accounting.card_taken_back_at_desk_legs(batch=back.batch, clerk=back.clerk, taxed=taxed)
        _post(tx, serial, kind="card_sale_reversed", key=REVERSED_KEY.format(serial=serial), legs=legs)
        tx.announce("cards.sale_reversed", key=serial, serial=serial, batch=back.batch)
    tx.about("batch", back.batch, issue=str(issue), serials=list(back.serials))
    return back


def _check_right(tx: Transaction, clerk: UUID) -> None:
    require(tx.get(Members).administrator(administrator_id=clerk), "card.issue")


def _taxed(accounting: Accounting, face: Money, tax_country: str, tx: Transaction) -> Taxed:
    if tax_country:
        return accounting.tax_within(gross=face, country=tax_country, at=tx.command.at)
    return Taxed(net=face, tax=Money.zero(face.currency), rate_bps=0, country="")


def _post(tx: Transaction, serial: str, *, kind: str, key: str, legs: tuple[Leg, ...]) -> UUID:
    entry = EntryDraft(
        id=new_id(),
        key=key,
        kind=kind,
        occurred_at=tx.command.at,
        legs=legs,
        reference=serial,
        details={"serial": serial},
    )
    tx.get(Ledger).post(entry=entry)
    return entry.id
