"""Pages for players who are signed in: the player, and all times by the player's own clock."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import timezone

from warchest.members.contract import Members, Player, PlayerState
from warchest.runtime import at_work
from warchest.runtime.command import ActorKind
from warchest.runtime.services import services

P = ParamSpec("P")


def for_players(
    view: Callable[Concatenate[HttpRequest, Player, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Give the view its player; whoever is not signed in signs in first and comes back."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        player = signed_in_player(request)
        if player is None:
            back = request.get_full_path() if request.method == "GET" else resolve_url("portal:home")
            return redirect_to_login(back, resolve_url("portal:sign-in"))
        with timezone.override(zone_of(player)):
            return view(request, player, *args, **kwargs)

    return answer


def signed_in_player(request: HttpRequest) -> Player | None:
    """The player of this session. An account that was closed since is signed out."""
    if not request.user.is_authenticated:
        return None
    player = services.get(Members).player_of_user(user_id=request.user.id)
    if player is None or player.state is PlayerState.CLOSED:
        logout(request)
        return None
    at_work.acting(f"{ActorKind.PLAYER}:{player.id}")
    request.user.nickname = player.nickname  # type: ignore[union-attr]
    return player


def zone_of(player: Player) -> ZoneInfo:
    try:
        return ZoneInfo(player.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
