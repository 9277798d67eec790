"""The one box."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.journeys.find_home import Namesake, Namesakes, named_elsewhere
from warchest.members.contract import Role
from warchest.runtime import clusters
from warchest.runtime.command import now
from warchest.views.search import Found, Kind, search
from warchest.web.backoffice.frame import command, needs, page

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
    Kind.DOCUMENT: gettext_lazy("Receipt or invoice"),
}


@needs()
def find(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "")[:200]
    role = request.administrator.role  # type: ignore[attr-defined]
    found = search(text=text, kinds=_SEEN_BY[role], at=now())
    elsewhere = (
        named_elsewhere(command(request), nickname=text.strip()[:24])
        if Kind.PLAYER in _SEEN_BY[role]
        else Namesakes((), ())
    )
    if len(found) == 1 and not elsewhere.found:
        return redirect(_place(found[0]))
    return page(
        request,
        "find",
        _("Search"),
        searched=text,
        found=[(_KINDS[one.kind], one, _place(one)) for one in found],
        elsewhere=[(one, _place_elsewhere(one)) for one in elsewhere.found],
        unheard=elsewhere.unheard,
    )


def _place_elsewhere(found: Namesake) -> str:
    """The page of the player in the back office of their home: whoever follows it signs in there."""
    home = clusters.find_lately(found.cluster)
    path = reverse("admin:members_player_change", args=[found.id])
    return f"{home.letter.backoffice}{path}" if home and home.letter.backoffice else ""


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
        case Kind.DOCUMENT:
            return reverse("backoffice:document", args=[found.id])
