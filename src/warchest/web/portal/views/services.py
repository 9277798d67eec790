"""SVC-07, SVC-08 and CHG-14: what can be bought, in the reader's language, in credits and in the player's own currency."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, pgettext
from django.views.decorators.http import require_GET

from warchest.catalogue.contract import Catalogue, ListedService
from warchest.members.contract import Player
from warchest.runtime.command import now
from warchest.runtime.services import services as service_manager
from warchest.subscriptions.contract import Subscriptions
from warchest.web.portal.players import for_players


@require_GET
@for_players
def services(request: HttpRequest, player: Player, code: str = "") -> HttpResponse:
    """All of them, or the one of this code."""
    at = now()
    listed = service_manager.get(Catalogue).catalogue(
        country=player.country, currency=player.display_currency, language=get_language() or "en", at=at
    )
    shown = [service for service in listed if code in ("", service.code)]
    if code and not shown:
        raise Http404
    until = {
        held.online_service: held.ends_at
        for held in service_manager.get(Subscriptions).subscriptions(player=player.id)
        if held.is_running(at)
    }
    context = {
        "services": [
            {
                "name": service.name,
                "text": service.text,
                "until": until.get(service.id),
                "plans": [
                    {"id": plan.id, "name": plan.name, "price": plan.price, "units": plan.price_units}
                    for plan in service.plans
                ],
            }
            for service in shown
        ],
        "games": _tabs(listed, code) if len(listed) > 1 else None,
    }
    return render(request, "portal/services.html", context)


def _tabs(listed: tuple[ListedService, ...], code: str) -> list[dict[str, Any]]:
    every = {
        "label": pgettext("all games", "All"),
        "url": reverse("portal:services"),
        "is_current": not code,
    }
    return [
        every,
        *(
            {
                "label": service.name,
                "url": reverse("portal:service", args=[service.code]),
                "is_current": service.code == code,
            }
            for service in listed
        ),
    ]
