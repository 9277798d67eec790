"""SUB-14: a player's subscriptions, when each ends, and those that ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from warchest.catalogue.contract import Catalogue, in_language
from warchest.charging.contract import Charging
from warchest.members.contract import Player
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions
from warchest.views.wallet_page import times_of
from warchest.web.portal.players import for_players
from warchest.web.portal.views.home import subscription_card


@require_GET
@for_players
def subscriptions(request: HttpRequest, player: Player) -> HttpResponse:
    at = now()
    times = times_of(player=player, language=get_language() or "en", at=at)
    available = services.get(Charging).wallet(player=player.id, at=at).available
    context = {
        "subscriptions": [subscription_card(time, available) for time in times if time.is_running],
        "ended": [subscription_card(time, available) for time in times if not time.is_running],
        "passes": _passes(player, at=at),
    }
    return render(request, "portal/subscriptions.html", context)


def _passes(player: Player, *, at: datetime) -> list[dict[str, Any]]:
    """The player's passes for tournaments that are not over, the next first."""
    catalogue, language = services.get(Catalogue), get_language() or "en"
    held = [one for one in services.get(Subscriptions).passes(player=player.id) if one.ends_at > at]
    return [
        {
            "name": in_language(catalogue.tournament(tournament_id=one.tournament, at=at).names, language),
            "begins_at": one.starts_at,
            "ends_at": one.ends_at,
        }
        for one in sorted(held, key=lambda one: one.starts_at)
    ]
