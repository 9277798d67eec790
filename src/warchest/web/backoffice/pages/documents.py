"""PAY-19: a receipt, an invoice or a credit note, with what it says, as PDF, and sent once more."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from warchest.accounting.contract import Accounting, Document, UnableToFindDocument
from warchest.delivery.contract import Delivery
from warchest.journeys.send_document_again import send_document_again
from warchest.members.contract import Members, UnableToFindPlayer
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.lists.documents import EVIDENCE, KINDS


@needs("document.read")
def document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    found, members = _found(document_id), services.get(Members)
    try:
        player = members.player(player_id=found.player) if found.player else None
    except UnableToFindPlayer:
        player = None
    buyer = (
        members.unseal_buyer(player_id=found.player, sealed=found.sealed_buyer)
        if found.player and found.sealed_buyer
        else None
    )
    related = services.get(Accounting).documents_of_entries(entry_ids=[found.entry_id])
    label, colour = KINDS[found.kind]
    return page(
        request,
        "document",
        f"{label} {found.number}",
        document=found,
        label=label,
        colour=colour,
        evidence=[(EVIDENCE[piece.kind], piece.country) for piece in found.evidence],
        player=player,
        buyer=buyer,
        corrected=[services.get(Accounting).document(document_id=one) for one in found.corrects],
        beside=[one for one in related.get(found.entry_id, ()) if one.id != found.id],
    )


@needs("document.read")
def pdf(request: HttpRequest, document_id: UUID) -> HttpResponse:
    found = _found(document_id)
    file = attempt(request, lambda: services.get(Delivery).render_document(document_id=found.id))
    if file is None:
        return redirect("backoffice:document", document_id)
    response = HttpResponse(file.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{file.filename}"'
    return response


@only_sent("backoffice:document", "document_id")
@needs("document.send")
def send_again(request: HttpRequest, document_id: UUID) -> HttpResponse:
    sent = attempt(request, lambda: send_document_again(command(request), document_id=document_id).answer)
    if sent:
        messages.success(
            request, _("%(number)s goes to the player's address again.") % {"number": sent.number}
        )
    return redirect("backoffice:document", document_id)


def _found(document_id: UUID) -> Document:
    try:
        return services.get(Accounting).document(document_id=document_id)
    except UnableToFindDocument:
        raise Http404(_("There is no such document.")) from None
