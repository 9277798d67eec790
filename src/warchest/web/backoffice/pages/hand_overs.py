"""Codes leave the house: asked by one, confirmed by another, fetched once. And the print houses that get them."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from warchest.cards.contract import Cards
from warchest.journeys.hand_over_batch import (
    ask_hand_over,
    confirm_hand_over,
    open_print_file,
    withdraw_hand_over,
)
from warchest.journeys.keep_printers import add_printer as add
from warchest.journeys.keep_printers import change_printer_key, retire_printer
from warchest.journeys.replace_spoiled_cards import replace_spoiled_cards
from warchest.members.contract import Members
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page


@only_sent("backoffice:batch", "batch_id")
@needs("batch.hand_over")
def ask(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    printer = request.POST.get("printer", "")[:60]
    if attempt(request, lambda: ask_hand_over(command(request), batch=batch_id, printer=printer)):
        messages.success(request, _("Asked. A second person confirms it."))
    return redirect("backoffice:batch", batch_id)


@only_sent("backoffice:hand-over", "hand_over_id")
@needs("batch.hand_over")
def confirm(request: HttpRequest, hand_over_id: UUID) -> HttpResponse:
    fingerprint = request.POST.get("fingerprint", "")[:64]
    if attempt(
        request, lambda: confirm_hand_over(command(request), hand_over=hand_over_id, fingerprint=fingerprint)
    ):
        messages.success(request, _("Handed over. The encrypted file can be fetched once."))
    return hand_over(request, hand_over_id)


@only_sent("backoffice:hand-over", "hand_over_id")
@needs("batch.hand_over")
def withdraw(request: HttpRequest, hand_over_id: UUID) -> HttpResponse:
    if attempt(request, lambda: withdraw_hand_over(command(request), hand_over=hand_over_id)):
        messages.success(request, _("Withdrawn. The codes stay sealed."))
    return hand_over(request, hand_over_id)


@needs("batch.hand_over")
def hand_over(request: HttpRequest, hand_over_id: UUID) -> HttpResponse:
    """It has no page of its own: its batch tells of it."""
    found = services.get(Cards).hand_over(hand_over_id=hand_over_id)
    return redirect("backoffice:batch", found.batch) if found else redirect("admin:cards_batch_changelist")


@only_sent("backoffice:batch", "batch_id")
@needs("batch.hand_over")
def file(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """The encrypted file. Whoever has taken its last part has fetched it; one that breaks off may be begun again."""
    sent = command(request)
    opened = attempt(request, lambda: open_print_file(sent, batch=batch_id).answer)
    if opened is None:
        return redirect("backoffice:batch", batch_id)
    administrator = request.administrator  # type: ignore[attr-defined]
    parts = services.get(Cards).print_file(batch_id=batch_id, fetched_by=administrator.id, at=sent.at)
    # A refusal is told before anything is sent.
    begun = attempt(request, lambda: (next(parts, b""),))
    if begun is None:
        return redirect("backoffice:batch", batch_id)
    batch = services.get(Cards).batch(batch_id=batch_id)

    def all_of_it():  # type: ignore[no-untyped-def]
        try:
            yield begun[0]
            yield from parts
        finally:
            parts.close()  # type: ignore[attr-defined]

    answer = StreamingHttpResponse(all_of_it(), content_type="application/octet-stream")
    name = f"{batch.first_serial}-{batch.last_spare_serial or batch.last_serial}.csv.age"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Content-Length"] = str(opened.file_bytes)
    answer["Cache-Control"] = "no-store"
    return answer


@only_sent("backoffice:batch", "batch_id")
@needs("batch.hand_over")
def spoiled(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    serials = tuple(request.POST.get("serials", "").replace(",", " ").split())
    reason = request.POST.get("reason", "").strip()[:250]
    done = attempt(
        request,
        lambda: (
            replace_spoiled_cards(command(request), batch=batch_id, serials=serials, reason=reason).answer
        ),
    )
    if done:
        messages.success(
            request,
            ngettext(
                "%(count)d card is void, and %(spare)s takes its place.",
                "%(count)d cards are void; spares take their places, from %(spare)s on.",
                len(done),
            )
            % {"count": len(done), "spare": done[0].spare},
        )
    return redirect("backoffice:batch", batch_id)


@needs("batch.hand_over")
def printers(request: HttpRequest) -> HttpResponse:
    return page(
        request,
        "printers",
        _("Print houses"),
        printers=services.get(Cards).printers(),
        people={one.id: one.username for one in services.get(Members).administrators()},
    )


@only_sent("backoffice:printers")
@needs("printer.keep")
def add_printer(request: HttpRequest) -> HttpResponse:
    said = {name: request.POST.get(name, "").strip()[:500] for name in ("name", "title", "key_of_printer")}
    if attempt(
        request,
        lambda: add(command(request), name=said["name"], title=said["title"], key=said["key_of_printer"]),
    ):
        messages.success(
            request, _("Kept. Compare the fingerprint with the print house, by telephone for instance.")
        )
    return redirect("backoffice:printers")


@only_sent("backoffice:printers")
@needs("printer.keep")
def change_key(request: HttpRequest, name: str) -> HttpResponse:
    key = request.POST.get("key_of_printer", "").strip()[:500]
    if attempt(request, lambda: change_printer_key(command(request), name=name, key=key)):
        messages.success(
            request, _("Kept. Compare the fingerprint with the print house, by telephone for instance.")
        )
    return redirect("backoffice:printers")


@only_sent("backoffice:printers")
@needs("printer.keep")
def retire(request: HttpRequest, name: str) -> HttpResponse:
    if attempt(request, lambda: retire_printer(command(request), name=name)):
        messages.success(request, _("It gets nothing any more."))
    return redirect("backoffice:printers")
