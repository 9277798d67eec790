"""PAY-06: a subscription is paid for in one step, by a saved card or on the provider's page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from warchest.accounting.contract import Accounting
from warchest.catalogue.contract import in_language
from warchest.journeys.buy_directly import DirectOffer, buy_directly, direct_offer
from warchest.kernel.currency import currency
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.payments.contract import SAVING_WORDING
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.sdk.payments import Ability
from warchest.subscriptions.contract import Subscriptions
from warchest.web.portal.amounts import units_shown
from warchest.web.portal.commands import a_key, key_after, player_command
from warchest.web.portal.countries import currency_names
from warchest.web.portal.offers import SAVED, currency_taken, providers_for, saved_for, ways_to_pay
from warchest.web.portal.players import for_players
from warchest.web.portal.telling import Told, tell
from warchest.web.portal.templatetags.portal import money
from warchest.web.portal.views.prolong import consent_wording, not_on_offer


class _Wish:
    """What the form asks for, and what is offered in its currency now."""

    def __init__(self, player: Player, plan_id: UUID, fields: Any) -> None:
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
        self.offer: DirectOffer = direct_offer(
            player=player.id,
            plan=plan_id,
            periods=1,
            code=self.currency,
            provider=self.provider.name if self.provider else "",
            at=self.at,
        )

    @property
    def way(self) -> str:
        if self.saved:
            return f"{SAVED}{self.saved.id}"
        return self.provider.name if self.provider else ""

    @property
    def consent(self) -> str:
        can = self.provider is not None and Ability.SAVED_METHODS in self.provider.abilities
        return SAVING_WORDING if self.saves and can and not self.saved else ""


@require_http_methods(["GET", "POST"])
@for_players
def buy(request: HttpRequest, player: Player, plan_id: UUID) -> HttpResponse:
    try:
        wish = _Wish(player, plan_id, request.POST if request.method == "POST" else request.GET)
    except UnableTo as refusal:
        if refusal.reason == "plan_unknown":
            raise Http404 from None
        return not_on_offer(request, tell(refusal))
    if request.method == "GET":
        return _page(request, player, wish)
    return _pay(request, player, plan_id, wish)


def _pay(request: HttpRequest, player: Player, plan_id: UUID, wish: _Wish) -> HttpResponse:
    amount = _amount_shown(request, wish)
    if wish.provider is None or amount is None or wish.way != request.POST.get("provider"):
        return _page(request, player, wish, told=Told(_("Look at the price now, then pay."), 422))
    try:
        payment = buy_directly(
            player_command(request, player, key=request.POST.get("key", "")),
            player=player.id,
            plan=plan_id,
            periods=1,
            amount=amount,
            charge=units_shown(request.POST.get("price_minor", "")) or Money.units(0),
            provider=wish.provider.name,
            saved_method=wish.saved.id if wish.saved else None,
            consent=wish.consent,
            begin_at_once=request.POST.get("begin_at_once") == "yes",
            wording=consent_wording(player),
        ).answer
    except (UnableTo, TryAgain) as refusal:
        return _page(request, player, wish, told=tell(refusal), key=key_after(request, refusal))
    if payment.redirect_url:
        return HttpResponseRedirect(payment.redirect_url)
    return redirect("portal:payment", payment.id)


def _amount_shown(request: HttpRequest, wish: _Wish) -> Money | None:
    """What stood on the button, in the currency that stood there."""
    minor = units_shown(request.POST.get("amount_minor", ""))
    if minor is None or request.POST.get("currency") != wish.currency:
        return None
    return Money(minor.minor, currency(wish.currency))


def _page(
    request: HttpRequest, player: Player, wish: _Wish, *, told: Told | None = None, key: str = ""
) -> HttpResponse:
    language = get_language() or "en"
    preview, names = wish.offer.preview, currency_names(language)
    service = preview.offer.online_service
    held = next(
        (
            row
            for row in services.get(Subscriptions).subscriptions(player=player.id)
            if row.online_service == service.id and row.is_running(wish.at)
        ),
        None,
    )
    context = {
        "key": key or a_key(),
        "error": told.text if told else "",
        "plan": {
            "id": preview.offer.plan.id,
            "name": in_language(preview.offer.plan.names, language),
            "service_name": in_language(service.names, language),
            "price": preview.charge,
            "tax_note": _tax_note(player, wish.offer.amount),
        },
        "amount": wish.offer.amount,
        "left": wish.offer.left,
        "subscription": held,
        "starts_at": preview.starts_at,
        "new_ends_at": preview.ends_at,
        "currency": wish.currency,
        "currencies": [{"code": code, "name": names.get(code, code)} for code in wish.codes],
        "ways": ways_to_pay(wish.providers, wish.saved_ones, chosen=wish.way),
        "saves": wish.saves,
        "consent": consent_wording(player),
    }
    return render(request, "portal/buy.html", context, status=told.status if told else 200)


def _tax_note(player: Player, amount: Money) -> str:
    taxed = services.get(Accounting).tax_within(gross=amount, country=player.country, at=now())
    return _("with %(tax)s tax") % {"tax": money(taxed.tax)} if taxed.tax else ""
