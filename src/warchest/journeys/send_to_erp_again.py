"""What an ERP refused or never answered: it is sent again, or somebody has looked and it is there."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting, ErpDocument
from warchest.journeys.steps.accountants import check_right
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("erp.send_again")
def send_to_erp_again(tx: Transaction, *, document_id: UUID) -> ErpDocument:
    """Under the same number. A refused one is written anew by the mappings of now, an unanswered one stays as it was.
    Raises UnableToAdminister, UnableToExport."""
    tx.about("erp_document", document_id)
    check_right(tx, "erp.send")
    document = tx.get(Accounting).send_again(document_id=document_id, at=tx.command.at)
    tx.about("erp_document", document_id, attempt=document.attempts, state=document.state)
    return document


@journey("erp.confirm")
def confirm_erp_document(tx: Transaction, *, document_id: UUID, reason: str) -> ErpDocument:
    """Somebody has seen it in the ERP, which never acknowledged it. Raises UnableToAdminister, UnableToExport."""
    tx.about("erp_document", document_id, reason=reason)
    said_by = check_right(tx, "erp.send")
    return tx.get(Accounting).confirm_document(
        document_id=document_id, reason=reason, said_by=said_by, at=tx.command.at
    )
