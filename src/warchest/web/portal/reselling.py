"""Pages for players who act for a reseller: which one it is, and the link that leads there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from warchest.cards.contract import Cards, Reseller
from warchest.members.contract import Members, Player
from warchest.runtime.services import services
from warchest.web.portal.players import for_players

P = ParamSpec("P")
_LINKED = "acts_for_reseller"


@receiver(user_logged_in, dispatch_uid="warchest.portal.reselling")
def _note_reseller(request: HttpRequest, user: Any, **_more: object) -> None:
    """Asked once a session, so that no other page needs to ask whether to show the link."""
    if (player := services.get(Members).player_of_user(user_id=user.pk)) is not None:
        request.session[_LINKED] = services.get(Cards).reseller_of_person(player=player.id) is not None


def for_resellers(
    view: Callable[Concatenate[HttpRequest, Player, Reseller, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Give the view its player and the reseller that the player acts for; for all others there is no such page."""

    @for_players
    @functools.wraps(view)
    def answer(request: HttpRequest, player: Player, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        reseller = services.get(Cards).reseller_of_person(player=player.id)
        request.session[_LINKED] = reseller is not None
        if reseller is None:
            raise Http404(_("There is no such page."))
        return view(request, player, reseller, *args, **kwargs)

    return answer
