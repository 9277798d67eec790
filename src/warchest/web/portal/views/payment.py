"""PAY-01, the way back: how a payment stands, asked of the provider while nobody knows.

The browser's return is a reason to ask and no proof. So a payment whose notice was lost is credited when the player comes
back, or looks again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from warchest.accounting.contract import Accounting
from warchest.catalogue.contract import Catalogue, in_language
from warchest.charging.contract import Charging
from warchest.journeys.cancel_payment import cancel_payment
from warchest.journeys.prolong_subscription import Prolonged
from warchest.journeys.return_from_provider import return_from_provider
from warchest.journeys.steps import buying_card
from warchest.journeys.try_payment_again import try_payment_again
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.payments.contract import (
    Payment,
    Payments,
    PurposeState,
    Status,
    UnableToFindPayment,
    UnableToWithdraw,
    Wish,
)
from warchest.runtime import wire
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.views.withdrawals import Of, withdrawable
from warchest.web.portal.commands import a_key, player_command
from warchest.web.portal.lines import CREDITED
from warchest.web.portal.offers import label_of
from warchest.web.portal.players import for_players
from warchest.web.portal.telling import tell
from warchest.web.portal.templatetags.portal import day
from warchest.web.portal.views.top_up import GOES_ON_AT

_ASKED_EVERY_S = 5
_AGAIN_WITHIN = timedelta(hours=24)
_OPEN = frozenset({Status.CREATED, Status.PENDING, Status.UNKNOWN})


# Some providers send the browser back with a POST from their own page. It changes nothing: it only leads to the GET.
@csrf_exempt
@require_http_methods(["GET", "POST"])
def came_back(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    if request.method == "POST":
        response = redirect(request.get_full_path())
        response.status_code = 303
        return response
    return _ask_and_show(request, payment_id=payment_id)


@for_players
def _ask_and_show(request: HttpRequest, player: Player, payment_id: UUID) -> HttpResponse:
    payment = _own_payment(player, payment_id)
    _ask(request, player, payment, query={name: value[:500] for name, value in request.GET.items()})
    return redirect("portal:payment", payment_id)


@require_GET
@for_players
def payment(request: HttpRequest, player: Player, payment_id: UUID) -> HttpResponse:
    found = _own_payment(player, payment_id)
    # The page asks us every two seconds; the provider is asked less often, however many pages are open.
    if found.status in _OPEN and cache.add(f"payment-asked:{payment_id}", True, timeout=_ASKED_EVERY_S):
        found = _ask(request, player, found, query={})
    is_part = bool(request.htmx)  # type: ignore[attr-defined]
    template = "portal/parts/payment_state.html" if is_part else "portal/payment.html"
    return render(request, template, _context(request, player, found))


@require_POST
@for_players
def cancel(request: HttpRequest, player: Player, payment_id: UUID) -> HttpResponse:
    """The player gives it up. Where it is too late the page says how it stands."""
    _own_payment(player, payment_id)
    try:
        cancel_payment(
            player_command(request, player, key=request.POST.get("key", "")), payment_id=payment_id
        )
    except (UnableTo, TryAgain) as refusal:
        messages.error(request, tell(refusal).text)
    return redirect("portal:payment", payment_id)


@require_POST
@for_players
def again(request: HttpRequest, player: Player, payment_id: UUID) -> HttpResponse:
    """The same payment once more, by another way to pay."""
    _own_payment(player, payment_id)
    try:
        payment = try_payment_again(
            player_command(request, player, key=request.POST.get("key", "")),
            payment_id=payment_id,
            provider=request.POST.get("provider", "")[:40],
        ).answer
    except (UnableTo, TryAgain) as refusal:
        messages.error(request, tell(refusal).text)
        return redirect("portal:payment", payment_id)
    return redirect(payment.redirect_url) if payment.redirect_url else redirect("portal:payment", payment_id)


def _ways(found: Payment) -> list[dict[str, str]]:
    """By whom the player may try again."""
    if found.status not in (Status.FAILED, Status.CANCELLED) or now() - found.opened_at > _AGAIN_WITHIN:
        return []
    wish = Wish(amount=found.amount, country=found.country)
    return [
        {"code": choice.provider, "name": label_of(choice.provider)}
        for choice in services.get(Payments).routes(wish=wish, at=now())
        if choice.takes_it
    ]


def _ask(request: HttpRequest, player: Player, found: Payment, *, query: dict[str, str]) -> Payment:
    try:
        return return_from_provider(
            player_command(request, player, key=a_key()), payment_id=found.id, query=query
        ).answer
    except TryAgain:
        return found


def _own_payment(player: Player, payment_id: UUID) -> Payment:
    try:
        found = services.get(Payments).payment(payment_id=payment_id)
    except UnableToFindPayment:
        raise Http404 from None
    if found.player != player.id:
        raise Http404
    return found


def _context(request: HttpRequest, player: Player, found: Payment) -> dict[str, Any]:
    state = _state(found.status)
    promised = services.get(Payments).promised_bonus(payment_id=found.id)
    going_on = request.session.pop(GOES_ON_AT, None) if state == "succeeded" else None
    purchase = _purchase(found) if state == "succeeded" else None
    return {
        "payment": {
            "id": found.id,
            "number": str(found.id),
            "state": state,
            "pay": found.amount,
            "get": found.units + (promised[0] if promised else Money.units(0)),
            "at": found.opened_at,
            "provider_name": label_of(found.provider),
            "paid_with": _paid_with(found),
            "why": _why(found.reason) if state == "refused" else None,
            "receipt_url": _receipt_url(found) if state == "succeeded" else None,
            # Of what was bought with it, and not of the money, where that is what it was for.
            "withdraw_until": _withdraw_until(player, found)
            if state == "succeeded" and not (purchase and purchase["is_done"])
            else None,
            "transfer": _transfer(found) if state == "pending" else None,
        },
        "key": a_key(),
        "ways": _ways(found),
        "wallet": services.get(Charging).wallet(player=player.id, at=now()) if state == "succeeded" else None,
        "purchase": purchase,
        "next_url": going_on,
        "next_label": _("Go on where you were") if going_on else None,
    }


def _paid_with(found: Payment) -> str:
    """The saved card that was charged, or who took the money."""
    used = services.get(Payments).method_used(payment_id=found.id)
    return used.label if used and used.label else label_of(found.provider)


def _purchase(found: Payment) -> dict[str, Any] | None:
    """What became of what the payment was for; None where it was for the wallet."""
    purpose = services.get(Payments).purpose(payment_id=found.id)
    if purpose is None:
        return None
    if purpose.state is not PurposeState.DONE:
        why = tell(UnableTo(purpose.reason, **purpose.details)).text if purpose.reason else ""
        return {"is_done": False, "why": why}
    text = ""
    if purpose.wanted.kind == "subscription":
        bought = wire.decode(purpose.result, Prolonged)
        service = services.get(Catalogue).online_service(online_service_id=bought.online_service)
        text = _("%(service)s is yours until %(day)s.") % {
            "service": in_language(service.names, get_language() or "en"),
            "day": day(bought.ends_at),
        }
    elif purpose.wanted.kind == buying_card.KIND:
        got = wire.decode(purpose.result, buying_card.CardGot)
        text = _("The card is yours. You find it under “Cards and gifts”, and its code in your mail.")
        return {"is_done": True, "text": text, "url": reverse("portal:card", args=[got.card])}
    return {"is_done": True, "text": text}


def _receipt_url(found: Payment) -> str | None:
    """The receipt comes a moment after the money."""
    issued = services.get(Accounting).documents_of_payment(payment=found.id)
    return reverse("portal:document", args=[issued[0].id]) if issued else None


def _withdraw_until(player: Player, found: Payment) -> datetime | None:
    """Until when the player may withdraw from it; nothing where that is over, or nothing is left."""
    try:
        row = withdrawable(player=player, of=Of.TOP_UP, identity=found.id, at=now())
    except UnableToWithdraw:
        return None
    return None if row.obstacle else row.until


def _transfer(found: Payment) -> dict[str, str] | None:
    """Where to transfer the money and what to write, where this is paid so; the reference in fours, as people copy it."""
    told = dict(services.get(Payments).instructions(payment_id=found.id))
    if "iban" not in told:
        return None
    fours = {name: in_fours(told.get(name, "")) for name in ("iban", "payment_reference")}
    return told | fours


def in_fours(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _state(status: Status) -> str:
    match status:
        case Status.FAILED:
            return "refused"
        case Status.CANCELLED:
            return "cancelled"
        case Status.REVIEW:
            return "review"
        case _ if status in CREDITED:
            return "succeeded"
        case _:
            # What we have never heard of is not final.
            return "pending"


def _why(reason: str) -> str | None:
    """The provider's code in the player's words; nothing where it would say nothing to a player."""
    if "insufficient" in reason:
        return _("Your bank says that there is not enough on the card.")
    if "expired" in reason:
        return _("The card has expired.")
    if "declined" in reason or "refused" in reason:
        return _("Your bank said no.")
    return None
