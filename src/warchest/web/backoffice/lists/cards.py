"""Batches and cards, never a code."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from warchest.cards.models import Batch, Card
from warchest.web.backoffice.lists import base
from warchest.web.backoffice.site import site

BATCH_STATES = {
    "ordered": (_("waits for approval"), "warning"),
    "approved": (_("approved"), "info"),
    "refused": (_("refused"), "danger"),
    "generated": (_("made, not handed over"), "info"),
    "handed_over": (_("handed over"), "success"),
    "closed": (_("closed"), "plain"),
    "cancelled": (_("cancelled"), "plain"),
}
CARD_STATES = {
    "as_batch": (_("as its batch"), "plain"),
    "spare": (_("spare"), "plain"),
    "shipped": (_("shipped"), "info"),
    "sold": (_("sold"), "info"),
    "returned": (_("returned"), "plain"),
    "activated": (_("activated"), "success"),
    "expired": (_("expired"), "plain"),
    "void": (_("void"), "danger"),
}


@display(description=_("Who sells them"))
def _who_sells(row: Batch) -> Any:
    return row.reseller or (_("our stock") if row.stock else "–")


@admin.register(Batch, site=site)
class Batches(base.ReadOnlyList):
    is_long = False
    searched_ids = ("pk",)
    searched_texts = ("serial_prefix__iexact", "reseller__icontains")
    list_display = (
        "__str__",
        base.state("state", _("State"), BATCH_STATES),
        base.number("quantity", _("Cards")),
        base.amount("face_minor", "face_currency", _("Price of a card")),
        _who_sells,
        base.moment("ordered_at", _("Ordered")),
    )
    list_filter = (base.one_of("state", _("State"), base.labels_of(BATCH_STATES)), "ordered_at")
    details = ("id",)

    def change_view(  # type: ignore[override]
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: object = None
    ) -> HttpResponse:
        return redirect("backoffice:batch", object_id)


@admin.register(Card, site=site)
class Cards(base.ReadOnlyList):
    players = ("player_id",)
    searched_ids = ("batch_id",)
    searched_texts = ("serial__iexact",)
    search_help_text = _("A serial, a batch's id, or a player's nickname, e-mail address or id")
    list_display = (
        "serial",
        base.text("batch", _("Batch")),
        base.state("state", _("State"), CARD_STATES),
        base.player("player_id"),
        base.amount("units_minor", "XCR", _("Gave")),
        base.moment("activated_at", _("Activated")),
    )
    list_filter = (base.one_of("state", _("State"), base.labels_of(CARD_STATES)),)
    list_select_related = ("batch",)
    details = ("serial",)

    def get_queryset(self, request: HttpRequest):
        # The code's hash is not even read.
        return super().get_queryset(request).defer("code_hash").select_related("batch")

    def change_view(  # type: ignore[override]
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: object = None
    ) -> HttpResponse:
        return redirect("backoffice:card", object_id)
