"""PAY-05 and CRD-11: a player buys virtual cards, for themselves or as gifts, and sees what became of them.

A code is shown only where its buyer asks for it, by a form: it stands in no address, and in nothing that a browser keeps.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from warchest.accounting.contract import Accounting, UnableToQuote
from warchest.cards.contract import (
    BoughtCard,
    CardOffer,
    Cards,
    CodeGiven,
    UnableToBuyCard,
    UnableToHandleBoughtCard,
)
from warchest.charging.contract import Charging
from warchest.journeys.buy_card import buy_card
from warchest.journeys.cancel_bought_card import cancel_bought_card
from warchest.journeys.give_card import correct_gift
from warchest.journeys.show_bought_code import show_bought_code
from warchest.kernel.currency import INNER, currency
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.runtime.command import now
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services
from warchest.web.portal.amounts import units_shown, usual_amounts
from warchest.web.portal.card_forms import GiftForm
from warchest.web.portal.commands import a_key, key_after, player_command
from warchest.web.portal.gifts import gifts
from warchest.web.portal.offers import currency_taken
from warchest.web.portal.players import for_players
from warchest.web.portal.telling import Told, tell
from warchest.web.portal.templatetags.portal import money
from warchest.web.portal.views.invite import qr_picture

_SHOWN_MAX = 100


@require_GET
@for_players
def cards(request: HttpRequest, player: Player) -> HttpResponse:
    """What can be bought, and what was."""
    at = now()
    bought = services.get(Cards).bought_cards(buyer=player.id, at=at, limit=_SHOWN_MAX)
    offers = services.get(Cards).card_offers(country=player.country, at=at)
    context = {
        "offers": [one for offer in offers if (one := offer_shown(offer, player))],
        "cards": [_card(card, player) for card in bought],
    }
    return render(request, "portal/cards.html", context)


@sensitive_post_parameters("recipient", "name", "message")
@require_http_methods(["GET", "POST"])
@for_players
def buy(request: HttpRequest, player: Player, batch_id: UUID) -> HttpResponse:
    is_gift = (request.POST if request.method == "POST" else request.GET).get("gift") == "yes"
    if request.method == "GET":
        return _buy_page(request, player, batch_id, is_gift=is_gift)
    form = GiftForm(request.POST) if is_gift else None
    if form is not None and not form.is_valid():
        return _buy_page(request, player, batch_id, is_gift=True, form=form, status=422)
    command = player_command(request, player, key=request.POST.get("key", ""))
    try:
        done = buy_card(
            command,
            player=player.id,
            batch=batch_id,
            price_shown=units_shown(request.POST.get("price_minor", "")) or Money.units(0),
            gift=form.wish(at=command.at) if form is not None else None,
        )
    except (UnableTo, TryAgain) as refusal:
        told, key = tell(refusal), key_after(request, refusal)
        return _buy_page(request, player, batch_id, is_gift=is_gift, form=form, told=told, key=key)
    if not done.replayed:
        messages.success(
            request, _("The card is yours. You paid %(price)s.") % {"price": money(done.answer.units)}
        )
    return redirect("portal:card", done.answer.id)


def _buy_page(
    request: HttpRequest,
    player: Player,
    batch_id: UUID,
    *,
    is_gift: bool,
    form: GiftForm | None = None,
    told: Told | None = None,
    key: str = "",
    status: int = 200,
) -> HttpResponse:
    at = now()
    try:
        offer = services.get(Cards).card_offer(batch=batch_id, at=at)
        shown = offer_shown(offer, player)
    except UnableToBuyCard:
        shown = None
    if shown is None:
        messages.info(request, _("This card is not for sale any more. Look at the others."))
        return redirect("portal:cards")
    charging = services.get(Charging)
    usable, price = charging.paid_units(player=player.id, at=at), shown["price"]
    missing = price - usable if price > usable else None
    context = {
        "offer": shown,
        "is_gift": is_gift,
        "form": form or (GiftForm(initial={"language": get_language()}) if is_gift else None),
        "key": key or a_key(),
        "available": charging.wallet(player=player.id, at=at).available,
        "usable": usable,
        "missing": missing,
        "top_up_url": _top_up_url(player, missing, batch_id, is_gift=is_gift) if missing else None,
        "cancel_days": configuration().cards.cancel_days,
        "error": told.text if told and not missing else "",
    }
    return render(request, "portal/buy_card.html", context, status=told.status if told else status)


def _top_up_url(player: Player, missing: Money, batch_id: UUID, *, is_gift: bool) -> str:
    """Topping up with the smallest usual amount that is enough, and back here afterwards."""
    rates = {rate.currency: rate for rate in services.get(Accounting).rates(at=now())}
    code = currency_taken(player.display_currency, tuple(rates))
    back = reverse("portal:buy-card", args=[batch_id]) + ("?gift=yes" if is_gift else "")
    fields = {"next": back}
    if code:
        unit = currency(code)
        needed = Fraction(missing.minor, INNER.minor_per_major) / Fraction(rates[code].units_per_major)
        least = Money(math.ceil(needed * unit.minor_per_major), unit)
        enough = next((usual for usual in usual_amounts(unit) if usual >= least), None)
        fields["currency"] = code
        fields |= {"amount": str(enough.minor)} if enough else {"own_amount": least.major}
    return f"{reverse('portal:top-up')}?{urlencode(fields)}"


@never_cache
@require_GET
@for_players
def card(request: HttpRequest, player: Player, card_id: UUID) -> HttpResponse:
    return _card_page(request, player, _own(player, card_id))


@never_cache
@require_POST
@for_players
def show_code(request: HttpRequest, player: Player, card_id: UUID) -> HttpResponse:
    """The code stands in the answer to the form, and nowhere else."""
    _own(player, card_id)
    command = player_command(request, player, key=request.POST.get("key", ""))
    try:
        _done, given = show_bought_code(command, player=player.id, card=card_id)
    except (UnableTo, TryAgain) as refusal:
        return _card_page(request, player, _own(player, card_id), told=tell(refusal))
    return _card_page(request, player, _own(player, card_id), given=given)


@require_POST
@for_players
def give_back(request: HttpRequest, player: Player, card_id: UUID) -> HttpResponse:
    _own(player, card_id)
    command = player_command(request, player, key=request.POST.get("key", ""))
    try:
        back = cancel_bought_card(command, player=player.id, card=card_id).answer
    except (UnableTo, TryAgain) as refusal:
        key = key_after(request, refusal)
        return _card_page(request, player, _own(player, card_id), told=tell(refusal), key=key)
    messages.success(
        request, _("The card is given back. You have got %(units)s back.") % {"units": money(back.units)}
    )
    return redirect("portal:card", card_id)


@sensitive_post_parameters("recipient")
@require_POST
@for_players
def correct(request: HttpRequest, player: Player, card_id: UUID) -> HttpResponse:
    _own(player, card_id)
    command = player_command(request, player, key=request.POST.get("key", ""))
    try:
        correct_gift(
            command, player=player.id, card=card_id, recipient=request.POST.get("recipient", "")[:300]
        )
    except (UnableTo, TryAgain) as refusal:
        key = key_after(request, refusal)
        return _card_page(request, player, _own(player, card_id), told=tell(refusal), key=key)
    messages.success(request, _("The address is changed."))
    return redirect("portal:card", card_id)


def _card_page(
    request: HttpRequest,
    player: Player,
    found: BoughtCard,
    *,
    given: CodeGiven | None = None,
    told: Told | None = None,
    key: str = "",
) -> HttpResponse:
    at = now()
    words = services.get(Cards).gift_words(bought_id=found.id, buyer=player.id) if found.gift else None
    link = f"{configuration().public_url}/activate#{given.code}" if given else ""
    gift = found.gift
    context = {
        "card": _card(found, player),
        "bought": found,
        "words": words,
        "code": given.code if given else "",
        "link": link,
        "qr_svg": qr_picture(link) if link else "",
        "key": key or a_key(),
        "can_show": gift is None and found.code_kept and given is None,
        "can_correct": gift is not None
        and words is not None
        and found.code_kept
        and gift.state in ("waiting", "bounced", "unknown"),
        "can_give_back": found.state == "sold"
        and at <= found.cancel_until
        and (gift is None or gift.state == "bounced" or gift.began_at is None),
        "error": told.text if told else "",
    }
    return render(request, "portal/card.html", context, status=told.status if told else 200)


def _own(player: Player, card_id: UUID) -> BoughtCard:
    try:
        return services.get(Cards).bought_card(bought_id=card_id, buyer=player.id, at=now())
    except UnableToHandleBoughtCard:
        raise Http404 from None


def offer_shown(offer: CardOffer, player: Player) -> dict[str, Any] | None:
    """None where its currency has no price in units now."""
    at = now()
    if offer.regions and player.country not in offer.regions:
        return None
    try:
        price = services.get(Accounting).quote(paid=offer.face, at=at).units
    except UnableToQuote:
        return None
    return {
        "batch": offer.batch,
        "gives": gifts(offer.gives, player=player, at=at),
        "price": price,
        "face": offer.face,
        "left": offer.left,
        "expires_at": offer.expires_at,
    }


def _card(found: BoughtCard, player: Player) -> dict[str, Any]:
    return {
        "id": found.id,
        "gives": gifts(found.gives, player=player, at=found.bought_at),
        "state": _state(found),
        "is_gift": found.gift is not None,
        "bought_at": found.bought_at,
        "serial": found.serial,
    }


def _state(found: BoughtCard) -> dict[str, str]:
    """How a card stands in a player's words, and the badge that says so."""
    match found.state:
        case "activated":
            return {"text": _("used"), "badge": "success"}
        case "void":
            return {"text": _("given back"), "badge": ""}
        case "expired":
            return {"text": _("run out"), "badge": ""}
        case "blocked":
            return {"text": _("blocked"), "badge": "danger"}
    if found.gift is None:
        return {"text": _("not used yet"), "badge": ""}
    match found.gift.state:
        case "waiting" if found.gift.deliver_at > now():
            return {"text": _("waits for its day"), "badge": ""}
        case "waiting" | "sending":
            return {"text": _("on its way"), "badge": ""}
        case "delivered":
            return {"text": _("delivered"), "badge": "success"}
        case "bounced":
            return {"text": _("came back"), "badge": "danger"}
        case _:
            return {"text": _("perhaps delivered"), "badge": "warning"}
