"""PAY-14 and CHG-21: a player's receipts, invoices and credit notes, and who they are written to (PAY-28)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_http_methods

from warchest.accounting.contract import Accounting, Document, DocumentKind, UnableToFindDocument
from warchest.delivery.contract import Delivery, UnableToRender
from warchest.journeys.keep_invoice_details import keep_invoice_details
from warchest.journeys.refusals import explain
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.members.contract import InvoiceDetails, Members, Player, VatCheck
from warchest.runtime.services import services
from warchest.web.portal.commands import a_key, key_after, player_command
from warchest.web.portal.forms import InvoiceDetailsForm
from warchest.web.portal.lines import document_title
from warchest.web.portal.players import for_players

PAGE = 30

_FIELD_OF_REASON = {
    "invoice_name_missing": "name",
    "invoice_address_missing": "address",
    "invoice_address_too_long": "address",
    "country_unknown": "country",
    "vat_country_unknown": "vat_number",
    "vat_number_malformed": "vat_number",
    "vat_number_mistyped": "vat_number",
    "vat_country_differs": "vat_number",
}


@require_GET
@for_players
def documents(request: HttpRequest, player: Player) -> HttpResponse:
    before = _id(request.GET.get("before", ""))
    found = services.get(Accounting).documents_of(player=player.id, before=before, limit=PAGE + 1)
    page = found[:PAGE]
    query = urlencode({"before": page[-1].id}) if len(found) > PAGE else ""
    context: dict[str, Any] = {
        "documents": [_row(one) for one in page],
        "next_url": f"{reverse('portal:documents')}?{query}" if query else None,
        "details": services.get(Members).invoice_details(player_id=player.id),
    }
    return render(request, "portal/documents.html", context)


@require_GET
@for_players
def document(request: HttpRequest, player: Player, document_id: UUID) -> HttpResponse:
    found = _own(player, document_id)
    accounting = services.get(Accounting)
    corrected = _corrected(accounting, player, found)
    context = {
        "document": found,
        "title": document_title(found),
        "is_credit_note": found.kind is DocumentKind.CREDIT_NOTE,
        "corrected": corrected,
        "payment_url": reverse("portal:payment", args=[found.payment]) if found.payment else None,
    }
    return render(request, "portal/document.html", context)


@require_GET
@for_players
def pdf(request: HttpRequest, player: Player, document_id: UUID) -> HttpResponse:
    found = _own(player, document_id)
    try:
        file = services.get(Delivery).render_document(document_id=found.id)
    except (UnableToRender, TryAgain) as refusal:
        messages.error(request, explain(refusal).text)
        return redirect("portal:document", found.id)
    response = HttpResponse(file.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{file.filename}"'
    # Another person at the same device shall not find it in the browser's store.
    response["Cache-Control"] = "private, no-store"
    return response


@require_http_methods(["GET", "POST"])
@for_players
def invoice_details(request: HttpRequest, player: Player) -> HttpResponse:
    kept = services.get(Members).invoice_details(player_id=player.id)
    if request.method == "GET":
        return _details_page(request, InvoiceDetailsForm(initial=_initial(player, kept)), kept, key=a_key())
    form = InvoiceDetailsForm(request.POST)
    key = request.POST.get("key") or a_key()
    if form.is_valid():
        said = form.cleaned_data
        try:
            now_kept = keep_invoice_details(
                player_command(request, player, key=key),
                player=player.id,
                name=said["name"],
                address=tuple(said["address"].splitlines()),
                country=said["country"],
                vat_number=said["vat_number"],
            )
        except (UnableTo, TryAgain) as refusal:
            form.add_error(_FIELD_OF_REASON.get(refusal.reason), explain(refusal).text)
            key = key_after(request, refusal)
        else:
            messages.success(request, _kept_text(now_kept))
            return redirect("portal:documents")
    return _details_page(request, form, kept, key=key, status=422)


def _details_page(
    request: HttpRequest,
    form: InvoiceDetailsForm,
    kept: InvoiceDetails | None,
    *,
    key: str,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "key": key, "vat_check": vat_check_words(kept)}
    return render(request, "portal/invoice_details.html", context, status=status)


def _initial(player: Player, kept: InvoiceDetails | None) -> dict[str, str]:
    if kept is None:
        return {"country": player.country}
    return {
        "name": kept.name,
        "address": "\n".join(kept.address),
        "country": kept.country,
        "vat_number": kept.vat_number,
    }


def _kept_text(kept: InvoiceDetails) -> str:
    if not kept.name:
        return _("From now on your invoices bear your nickname only.")
    return _("Kept. Your next invoice is written to it.")


def vat_check_words(kept: InvoiceDetails | None) -> str:
    """How a VAT number stands, in a player's words; nothing where there is none."""
    match kept.vat_check if kept else VatCheck.NONE:
        case VatCheck.REGISTERED:
            return _("Your VAT number is registered.")
        case VatCheck.NOT_REGISTERED:
            return _(
                "The European look-up says that nobody is registered under this number. Ask your tax office, or correct it."
            )
        case VatCheck.UNCHECKED:
            return _("The form of your VAT number is right. Whether it is registered was not asked yet.")
        case _:
            return ""


def _row(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document_title(document),
        "number": document.number,
        "item": document.item,
        "at": document.occurred_at,
        "total": document.gross,
        "kind": "in" if document.kind is DocumentKind.CREDIT_NOTE else "out",
    }


def _corrected(accounting: Accounting, player: Player, found: Document) -> list[Document]:
    corrected = [accounting.document(document_id=one) for one in found.corrects]
    return [one for one in corrected if one.player == player.id]


def _own(player: Player, document_id: UUID) -> Document:
    try:
        found = services.get(Accounting).document(document_id=document_id)
    except UnableToFindDocument:
        raise Http404(pgettext("of a receipt or an invoice", "There is no such document.")) from None
    if found.player != player.id:
        raise Http404
    return found


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
