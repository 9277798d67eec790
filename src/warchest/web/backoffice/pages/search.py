"""The one box."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.members.contract import Role
from warchest.runtime.command import now
from warchest.views.search import Found, Kind, search
from warchest.web.backoffice.frame import needs, page

_SEEN_BY = {
    Role.OWNER: frozenset(Kind),
    Role.ADMINISTRATOR: frozenset(Kind),
    Role.ACCOUNTANT: frozenset(Kind),
    Role.SUPPORT: frozenset(Kind),
    Role.OPERATOR: frozenset({Kind.BATCH, Kind.ENTRY}),
}
_KINDS = {
    Kind.PLAYER: gettext_lazy("Player"),
    Kind.PAYMENT: gettext_lazy("Payment"),
    Kind.CARD: gettext_lazy("Card"),
    Kind.BATCH: gettext_lazy("Batch"),
    Kind.ENTRY: gettext_lazy("Journal entry"),
}


@needs()
def find(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "")[:200]
    role = request.administrator.role  # type: ignore[attr-defined]
    found = search(text=text, kinds=_SEEN_BY[role], at=now())
    if len(found) == 1:
        return redirect(_place(found[0]))
    return page(
        request,
        "find",
        _("Search"),
        searched=text,
        found=[(_KINDS[one.kind], one, _place(one)) for one in found],
    )


def _place(found: Found) -> str:
    match found.kind:
        case Kind.PLAYER:
            return reverse("admin:members_player_change", args=[found.id])
        case Kind.PAYMENT:
            return reverse("backoffice:payment", args=[found.id])
        case Kind.CARD:
            return reverse("backoffice:card", args=[found.id])
        case Kind.BATCH:
            return reverse("backoffice:batch", args=[found.id])
        case Kind.ENTRY:
            return reverse("backoffice:entry", args=[found.id])
