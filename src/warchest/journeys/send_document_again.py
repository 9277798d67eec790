"""PAY-19: support sends a receipt, an invoice or a credit note once more; the record says who did."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.delivery.contract import Delivery, MailKind
from warchest.kernel.errors import UnableTo
from warchest.members.contract import Members, PlayerState, UnableToFindPlayer, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


class UnableToSendDocument(UnableTo):
    """No mail was queued."""

    reasons = frozenset({"document_without_reader"})  # nobody is known to have bought, or they are gone


@dataclass(frozen=True, slots=True)
class SentAgain:
    """``mail`` waits for the e-mail engine. It goes to the address that the player has now."""

    document: UUID
    number: str
    mail: UUID


@journey("documents.send_again")
def send_document_again(tx: Transaction, *, document_id: UUID) -> SentAgain:
    """Raises UnableToAdminister, UnableToFindDocument, UnableToSendDocument."""
    members = tx.get(Members)
    tx.about("document", document_id)
    require(members.administrator(administrator_id=UUID(tx.command.actor.id)), "document.send")
    document = tx.get(Accounting).document(document_id=document_id)
    try:
        reader = members.player(player_id=document.player) if document.player else None
    except UnableToFindPlayer:
        reader = None
    if reader is None or reader.state is PlayerState.CLOSED:
        raise UnableToSendDocument("document_without_reader")
    mail = tx.get(Delivery).queue_mail(
        key=f"document:{document.id}:{tx.command.key}",
        kind=MailKind.DOCUMENT,
        player=reader.id,
        context={"document": str(document.id)},
        at=tx.command.at,
    )
    tx.about("document", document.id, number=document.number, player=str(reader.id), mail=str(mail.id))
    return SentAgain(document=document.id, number=document.number, mail=mail.id)
