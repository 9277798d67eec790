"""Receipts, tax invoices and credit notes: of a payment, of a player, and as PDF."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import BaseModel, Field

from warchest.accounting.contract import Accounting, Document, DocumentKind, UnableToFindDocument
from warchest.api.authentication import needs
from warchest.api.pages import LIMIT, Cursor, Limit, Page, UnableToTurnPage, cut, page_of
from warchest.api.players import player_identity
from warchest.api.shapes import Amount, Id, Moment, identity, identity_or_none
from warchest.delivery.contract import Delivery
from warchest.members.contract import Scope
from warchest.payments.contract import Payments, UnableToFindPayment
from warchest.runtime.services import services

router = Router(tags=["documents"])


class TaxLineShape(BaseModel):
    """``rate_bps`` is the rate in hundredths of a per cent of the net; null where nothing is taxed yet."""

    country: str | None
    rate_bps: int | None
    net: Amount
    tax: Amount


class DocumentShape(BaseModel):
    """``number`` is the next of its series, without gaps. ``corrects`` are the documents that a credit note corrects."""

    id: str
    kind: DocumentKind
    number: str
    player: str | None
    payment: str | None
    journal_entry: str
    corrects: list[str]
    item: str
    net: Amount
    tax: Amount
    gross: Amount
    lines: list[TaxLineShape]
    issued_at: Moment
    occurred_at: Moment
    pdf: str = Field(description="Where its PDF is")

    @classmethod
    def of(cls, document: Document) -> DocumentShape:
        return cls(
            id=str(document.id),
            kind=document.kind,
            number=document.number,
            player=str(document.player) if document.player else None,
            payment=str(document.payment) if document.payment else None,
            journal_entry=str(document.entry_id),
            corrects=list(map(str, document.corrects)),
            item=document.item,
            net=Amount.of(document.net),
            tax=Amount.of(document.tax),
            gross=Amount.of(document.gross),
            lines=[
                TaxLineShape(
                    country=line.country or None,
                    rate_bps=line.rate_bps,
                    net=Amount.of(line.net),
                    tax=Amount.of(line.tax),
                )
                for line in document.lines
            ],
            issued_at=document.issued_at,
            occurred_at=document.occurred_at,
            pdf=f"/api/v1/documents/{document.id}/pdf",
        )


@router.get("/payments/{payment_id}/documents", auth=needs(Scope.PAYMENTS_READ), response=Page[DocumentShape])
def list_documents_of_payment(
    request: HttpRequest, payment_id: Id, cursor: Cursor = "", limit: Limit = LIMIT
) -> dict[str, Any]:
    """Its receipt and its credit notes. They come a moment after the money."""
    unknown = UnableToFindPayment("payment_unknown")
    payment = services.get(Payments).payment(payment_id=identity(payment_id, unknown=unknown))
    found = services.get(Accounting).documents_of_payment(payment=payment.id)
    page, next_cursor = page_of(found[::-1], cursor=cursor, limit=limit, cursor_of=lambda one: one.id)
    return {"items": list(map(DocumentShape.of, page)), "next_cursor": next_cursor}


@router.get("/players/{player_id}/documents", auth=needs(Scope.PAYMENTS_READ), response=Page[DocumentShape])
def list_documents_of_player(
    request: HttpRequest, player_id: Id, cursor: Cursor = "", limit: Limit = LIMIT
) -> dict[str, Any]:
    before: UUID | None = None
    if cursor and (before := identity_or_none(cursor)) is None:
        raise UnableToTurnPage("cursor_malformed")
    found = services.get(Accounting).documents_of(
        player=player_identity(player_id), before=before, limit=limit + 1
    )
    page, next_cursor = cut(found, limit=limit, cursor_of=lambda one: one.id)
    return {"items": list(map(DocumentShape.of, page)), "next_cursor": next_cursor}


@router.get("/documents/{document_id}", auth=needs(Scope.PAYMENTS_READ), response=DocumentShape)
def show_document(request: HttpRequest, document_id: Id) -> DocumentShape:
    return DocumentShape.of(_document(document_id))


@router.get(
    "/documents/{document_id}/pdf",
    auth=needs(Scope.PAYMENTS_READ),
    openapi_extra={
        "responses": {
            200: {
                "description": "The document as PDF",
                "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    },
)
def download_document(request: HttpRequest, document_id: Id) -> HttpResponse:
    file = services.get(Delivery).render_document(document_id=_document(document_id).id)
    response = HttpResponse(file.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{file.filename}"'
    return response


def _document(document_id: str) -> Document:
    unknown = UnableToFindDocument("document_unknown")
    return services.get(Accounting).document(document_id=identity(document_id, unknown=unknown))
