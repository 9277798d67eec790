"""PAY-05: a virtual card is paid for in one step, by a saved card or on the provider's page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Cards
from warchest.journeys.buy_card_directly import buy_card_directly, direct_card_offer
from warchest.kernel.currency import currency
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.payments.contract import SAVING_WORDING
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.sdk.payments import Ability
from warchest.web.portal.amounts import units_shown
from warchest.web.portal.commands import a_key, key_after, player_command
from warchest.web.portal.countries import currency_names
from warchest.web.portal.offers import SAVED, currency_taken, providers_for, saved_for, ways_to_pay
from warchest.web.portal.players import for_players
from warchest.web.portal.telling import Told, tell
from warchest.web.portal.views.cards import offer_shown


@require_http_methods(["GET", "POST"])
@for_players
def pay(request: HttpRequest, player: Player, batch_id: UUID) -> HttpResponse:
    """Paid for in one step, without the wallet: the payment's credit buys the card."""
    fields = request.POST if request.method == "POST" else request.GET
    try:
        way = WayToPay(player, batch_id, fields)
    except UnableTo as refusal:
        messages.info(request, tell(refusal).text)
        return redirect("portal:cards")
    if request.method == "GET":
        return _pay_page(request, player, batch_id, way)
    shown = units_shown(request.POST.get("amount_minor", ""))
    if way.provider is None or shown is None or request.POST.get("currency") != way.currency:
        told = Told(_("Look at the price now, then pay."), 422)
        return _pay_page(request, player, batch_id, way, told=told)
    try:
        payment = buy_card_directly(
            player_command(request, player, key=request.POST.get("key", "")),
            player=player.id,
            batch=batch_id,
            amount=Money(shown.minor, currency(way.currency)),
            charge=units_shown(request.POST.get("price_minor", "")) or Money.units(0),
            provider=way.provider.name,
            saved_method=way.saved.id if way.saved else None,
            consent=way.consent,
        ).answer
    except (UnableTo, TryAgain) as refusal:
        return _pay_page(request, player, batch_id, way, told=tell(refusal), key=key_after(request, refusal))
    if payment.redirect_url:
        return HttpResponseRedirect(payment.redirect_url)
    return redirect("portal:payment", payment.id)


def _pay_page(
    request: HttpRequest,
    player: Player,
    batch_id: UUID,
    way: WayToPay,
    *,
    told: Told | None = None,
    key: str = "",
) -> HttpResponse:
    names = currency_names(get_language() or "en")
    context = {
        "offer": offer_shown(services.get(Cards).card_offer(batch=batch_id, at=way.at), player),
        "amount": way.offer.amount,
        "charge": way.offer.charge,
        "left": way.offer.left,
        "currency": way.currency,
        "currencies": [{"code": code, "name": names.get(code, code)} for code in way.codes],
        "ways": ways_to_pay(way.providers, way.saved_ones, chosen=way.name),
        "saves": way.saves,
        "key": key or a_key(),
        "error": told.text if told else "",
    }
    return render(request, "portal/pay_card.html", context, status=told.status if told else 200)


class WayToPay:
    """With what the form pays, and what a card is then."""

    def __init__(self, player: Player, batch: UUID, fields: Any) -> None:
        self.at = now()
        self.codes = tuple(rate.currency for rate in services.get(Accounting).rates(at=self.at))
        self.currency = currency_taken(fields.get("currency") or player.display_currency, self.codes)
        self.providers = providers_for(self.currency) if self.currency else ()
        self.saved_ones = saved_for(player.id, self.currency, at=self.at) if self.currency else ()
        wanted = str(fields.get("provider", ""))
        self.saved = next((one for one in self.saved_ones if wanted in ("", f"{SAVED}{one.id}")), None)
        name = self.saved.provider if self.saved else wanted
        self.provider = next(
            (one for one in self.providers if one.name == name), self.providers[0] if self.providers else None
        )
        self.saves = fields.get("save") == "yes"
        self.offer = direct_card_offer(
            batch=batch,
            code=self.currency,
            provider=self.provider.name if self.provider else "",
            at=self.at,
        )

    @property
    def name(self) -> str:
        if self.saved:
            return f"{SAVED}{self.saved.id}"
        return self.provider.name if self.provider else ""

    @property
    def consent(self) -> str:
        can = self.provider is not None and Ability.SAVED_METHODS in self.provider.abilities
        return SAVING_WORDING if self.saves and can and not self.saved else ""
