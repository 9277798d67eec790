"""CRD-03 and CRD-26: a player sees what a card gives, and activates it.

A code never stands in an address, where logs, histories and other sites would see it. It comes by POST; the QR code on a
card carries it behind ``#`` (``/activate#CODE``), which browsers keep to themselves, and a script puts it into the field.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from warchest.catalogue.contract import Catalogue, OnlineService, UnableToFindInCatalogue, in_language
from warchest.charging.contract import Charging
from warchest.journeys.activate_card import activate_card
from warchest.journeys.preview_card import preview_card
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.members.contract import Player
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.portal.commands import a_key, client_address, key_after, player_command
from warchest.web.portal.gifts import gifts
from warchest.web.portal.players import for_players
from warchest.web.portal.telling import tell
from warchest.web.portal.views.home import CARD_CODE


@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
@for_players
def activate(request: HttpRequest, player: Player) -> HttpResponse:
    if request.method == "GET":
        return _page(request, {"step": "code"})
    code = request.POST.get("code", "")[:100]
    try:
        if request.POST.get("step") == "confirm":
            return _activate(request, player, code)
        return _look(request, player, code)
    except (UnableTo, TryAgain) as refusal:
        return _refused(request, refusal, code)


def _look(request: HttpRequest, player: Player, code: str) -> HttpResponse:
    at = now()
    service = _service(request.POST.get("online_service") or "")
    preview = preview_card(
        player=player.id,
        code=code,
        at=at,
        client_address=client_address(request),
        online_service=service.id if service else None,
    )
    return _page(
        request,
        {
            "step": "confirm",
            "code": code,
            "online_service": service.id if service else "",
            "key": request.POST.get("key") or a_key(),
            "gives": gifts(preview.gives, player=player, at=at),
            "serial": preview.serial,
        },
    )


def _activate(request: HttpRequest, player: Player, code: str) -> HttpResponse:
    command = player_command(request, player, key=request.POST.get("key", ""))
    service = _service(request.POST.get("online_service") or "")
    activated = activate_card(
        command,
        player=player.id,
        code=code,
        client_address=client_address(request),
        online_service=service.id if service else None,
    ).answer
    context = {
        "step": "done",
        "gave": gifts(activated.gave, player=player, at=command.at, units=activated.units),
        "wallet": services.get(Charging).wallet(player=player.id, at=command.at),
        "serial": activated.serial,
    }
    return _page(request, context)


def _refused(request: HttpRequest, refusal: UnableTo | TryAgain, code: str) -> HttpResponse:
    told = tell(refusal)
    # A card for one game: the player is told which, and may use it for that one.
    service = _service(str(refusal.details.get("online_service", ""))) if _is_elsewhere(refusal) else None
    if service:
        words = _("This card is for %(service)s only. If that is what you want, go on.")
        told = replace(told, text=words % {"service": in_language(service.names, get_language() or "en")})
    response = _page(
        request,
        {
            "step": "code",
            "code": code,
            "online_service": service.id if service else request.POST.get("online_service", "")[:40],
            "key": key_after(request, refusal) if isinstance(refusal, TryAgain) else "",
            "error": told.text,
            "error_next": told.next,
        },
        status=told.status,
    )
    if told.retry_after_s:
        response["Retry-After"] = str(told.retry_after_s)
    return response


def _is_elsewhere(refusal: UnableTo | TryAgain) -> bool:
    return refusal.reason == "card_not_for_service"


def _service(said: str) -> OnlineService | None:
    """The online service that a form names, where there is one."""
    try:
        return services.get(Catalogue).online_service(online_service_id=UUID(said)) if said else None
    except (ValueError, UnableToFindInCatalogue):
        return None


def _page(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return render(request, "portal/activate.html", {"card_code": CARD_CODE, **context}, status=status)
