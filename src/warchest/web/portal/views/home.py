"""CHG-10 and SUB-14: what a player has, what runs, and what happened lately, on one page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from warchest.charging.contract import TRANSFER_PURPOSE
from warchest.kernel.codes import ALPHABET
from warchest.kernel.money import Money
from warchest.ledger.contract import Hold
from warchest.members.contract import Player
from warchest.runtime.command import now
from warchest.views.times import SubscribedTime
from warchest.views.wallet_page import HOLDS_SHOWN_MAX, wallet_page
from warchest.web.portal.commands import a_key
from warchest.web.portal.lines import wallet_line
from warchest.web.portal.offers import amounts_for
from warchest.web.portal.players import for_players

# What a field for a code needs to know: I, L and O are read as the digits that they look like.
CARD_CODE = {"alphabet": ALPHABET + "ILO", "group": 4, "example": "7K3M-9XQ2-4TBN-8HWC"}
_ENDED_SHOWN_DAYS = 14


@require_GET
@for_players
def home(request: HttpRequest, player: Player) -> HttpResponse:
    at = now()
    page = wallet_page(player=player, language=get_language() or "en", at=at)
    available = page.wallet.available
    shown = [time for time in page.times if time.is_running or (at - time.ends_at).days < _ENDED_SHOWN_DAYS]
    context = {
        "wallet": page.wallet,
        "holds": [held_line(hold) for hold in page.holds[:HOLDS_SHOWN_MAX]],
        "has_more_holds": len(page.holds) > HOLDS_SHOWN_MAX,
        "card_code": CARD_CODE,
        "amounts": amounts_for(player.display_currency, at=at),
        "subscriptions": [subscription_card(time, available) for time in shown],
        "lately": [wallet_line(line, page.background) for line in page.lately],
    }
    return render(request, "portal/home.html", context)


def held_line(hold: Hold) -> dict[str, Any]:
    """As parts/wallet.html shows it. What waits for another cluster has no end, but a page of its own."""
    is_transfer = hold.reason == TRANSFER_PURPOSE and hold.expires_at.year == 9999
    return {
        "amount": hold.amount,
        "reason": _("On its way to another player") if is_transfer else hold.reason,
        "expires_at": hold.expires_at,
        "url": reverse("portal:transfer", args=[hold.id]) if is_transfer else None,
    }


def subscription_card(time: SubscribedTime, available: Money) -> dict[str, Any]:
    """As parts/subscription.html shows it, with a key of its own for the button."""
    price = time.price
    return {
        "id": time.id,
        "name": time.service_name,
        "plan_name": time.plan_name,
        "plan_id": time.plan,
        "state": "active" if time.is_running else "ended",
        "days_left": time.days_left,
        "days_total": time.days_total,
        "ends_at": time.ends_at,
        "renews_itself": False,
        "price": price,
        "new_ends_at": time.new_ends_at,
        "missing": price - available if price is not None and price > available else None,
        "key": a_key(),
        "can_prolong": price is not None,
    }
