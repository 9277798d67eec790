"""Receipts, tax invoices and credit notes on paper: their words in the player's language, and the PDF."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.delivery.contract import RenderedDocument
from warchest.delivery.documents.pdf import render
from warchest.runtime.services import services


def render_document(*, document_id: UUID) -> RenderedDocument:
    return render(services.get(Accounting).document(document_id=document_id))
