"""PAY-01, PAY-25 and CHG-03: a player tops up; what it brings is shown, and fixed, before paying."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from warchest.accounting.contract import Accounting, UnableToQuote
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.currency import currency
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money, UnableToReadAmount
from warchest.members.contract import Player
from warchest.payments.contract import (
    SAVING_WORDING,
    AmountLimits,
    Payments,
    Provider,
    UnableToUseProvider,
)
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.sdk.payments import Ability
from warchest.web.portal.amounts import read_amount, units_shown, usual_amounts
from warchest.web.portal.commands import a_key, key_after, player_command
from warchest.web.portal.countries import currency_names
from warchest.web.portal.offers import (
    SAVED,
    currency_taken,
    providers_for,
    saved_for,
    usual_at,
    ways_to_pay,
)
from warchest.web.portal.players import for_players
from warchest.web.portal.telling import Told, tell
from warchest.web.portal.templatetags.portal import money, number

GOES_ON_AT = "after_top_up"
"""Where in the session it stands which page the player had left to top up."""

_USUAL_CHOICE = 1


class Wish:
    """What the form asks for, read as far as it can be read. ``problem`` says what is wrong with it."""

    def __init__(self, player: Player, fields: Any) -> None:
        self.at = now()
        self.rates = {rate.currency: rate for rate in services.get(Accounting).rates(at=self.at)}
        self.currency = currency_taken(fields.get("currency") or player.display_currency, tuple(self.rates))
        self.own_amount = str(fields.get("own_amount", "")).strip()[:30]
        self.providers = providers_for(self.currency) if self.currency else ()
        self.saved_ones = saved_for(player.id, self.currency, at=self.at) if self.currency else ()
        wanted = str(fields.get("provider", ""))
        # With something saved the page begins with that: one click is what it was saved for.
        self.saved = next((one for one in self.saved_ones if wanted in ("", f"{SAVED}{one.id}")), None)
        self.provider = self._provider(self.saved.provider if self.saved else wanted)
        self.saves = fields.get("save") == "yes"
        self.shown_units = str(fields.get("quote", ""))
        self.limits = self._limits()
        self.problem: UnableTo | None = None
        self.amount = self._amount(str(fields.get("amount", ""))) if self.currency else None

    def _provider(self, wanted: str) -> Provider | None:
        by_name = {provider.name: provider for provider in self.providers}
        return by_name.get(wanted) or (self.providers[0] if self.providers else None)

    def _amount(self, chosen_minor: str) -> Money | None:
        if self.own_amount:
            try:
                return read_amount(self.own_amount, self.currency, language=get_language() or "en")
            except UnableToReadAmount as refusal:
                self.problem = refusal
                return None
        usual = self.usual
        # An amount in another currency's minor units is none of these: the currency was changed after choosing.
        return next(
            (pay for pay in usual if str(pay.minor) == chosen_minor),
            usual[min(_USUAL_CHOICE, len(usual) - 1)],
        )

    def is_exactly(self, fields: Any) -> bool:
        """Whether nothing was put in the place of what the form said: only then it may cost money."""
        has_amount = self.own_amount or (self.amount and str(self.amount.minor) == fields.get("amount"))
        return bool(
            has_amount
            and self.currency == fields.get("currency")
            and self.provider
            and self.way == fields.get("provider")
            and self.units_shown is not None
        )

    @property
    def way(self) -> str:
        """The code of how it is paid: of a saved method, or of a provider."""
        if self.saved:
            return f"{SAVED}{self.saved.id}"
        return self.provider.name if self.provider else ""

    @property
    def consent(self) -> str:
        """By which wording the player wants saved what they pay with now; empty where they don't, or it can't be."""
        can = self.provider is not None and Ability.SAVED_METHODS in self.provider.abilities
        return SAVING_WORDING if self.saves and can and not self.saved else ""

    def _limits(self) -> AmountLimits | None:
        if self.provider is None:
            return None
        try:
            return services.get(Payments).limits(
                provider=self.provider.name, currency=self.currency, at=self.at
            )
        except UnableToUseProvider:
            return None

    @property
    def usual(self) -> tuple[Money, ...]:
        """The usual amounts that the provider takes; all of them where it takes none, so that the page says why."""
        every = usual_amounts(currency(self.currency))
        if self.limits is None:
            return every
        return tuple(pay for pay in every if self.limits.least <= pay <= self.limits.most) or every

    @property
    def units_shown(self) -> Money | None:
        return units_shown(self.shown_units)


@require_http_methods(["GET", "POST"])
@for_players
def top_up(request: HttpRequest, player: Player) -> HttpResponse:
    if request.method == "POST" and "look" not in request.POST:
        return _pay(request, player, Wish(player, request.POST))
    fields = request.POST if request.method == "POST" else request.GET
    _remember_where_to_go_on(request)
    wish = Wish(player, fields)
    if request.htmx and request.htmx.target == "quote":  # type: ignore[attr-defined]
        return render(request, "portal/parts/top_up_quote.html", _quote(wish))
    return _page(request, wish)


def _pay(request: HttpRequest, player: Player, wish: Wish) -> HttpResponse:
    if wish.amount is None or wish.provider is None:
        return _page(request, wish, status=422)
    if not wish.is_exactly(request.POST):
        return _page(request, wish, error=_("Look at what you get now, then pay."), status=422)
    try:
        payment = start_top_up(
            player_command(request, player, key=request.POST.get("key", "")),
            player=player.id,
            amount=wish.amount,
            provider=wish.provider.name,
            units_shown=wish.units_shown,
            saved_method=wish.saved.id if wish.saved else None,
            consent=wish.consent,
        ).answer
    except (UnableTo, TryAgain) as refusal:
        told = _told(refusal)
        key = key_after(request, refusal)
        return _page(request, wish, error=told.text, status=told.status, key=key)
    if payment.redirect_url:
        return HttpResponseRedirect(payment.redirect_url)
    # Nobody knows yet whether the provider has it: the payment's page asks.
    return redirect("portal:payment", payment.id)


def _page(
    request: HttpRequest, wish: Wish, *, error: str = "", status: int = 200, key: str = ""
) -> HttpResponse:
    names = currency_names(get_language() or "en")
    rate = wish.rates.get(wish.currency)
    context = {
        "key": key or a_key(),
        "currency": wish.currency,
        "currencies": [{"code": code, "name": names.get(code, code)} for code in wish.rates],
        "amounts": usual_at(rate, wish.usual, chosen=None if wish.own_amount else wish.amount)
        if rate
        else (),
        "own_amount": wish.own_amount,
        "own_amount_hint": _hint(wish.limits),
        "ways": ways_to_pay(wish.providers, wish.saved_ones, chosen=wish.way),
        "saves": wish.saves,
        "error": error or _why_closed(wish),
        **_quote(wish),
    }
    return render(request, "portal/top_up.html", context, status=status)


def _quote(wish: Wish) -> dict[str, Any]:
    """What the amount brings, or why it brings nothing, as parts/top_up_quote.html shows it."""
    if wish.problem:
        return {"quote_error": tell(wish.problem).text}
    if wish.amount is None or wish.provider is None:
        return {}
    try:
        quote = services.get(Accounting).quote(paid=wish.amount, at=wish.at)
    except UnableToQuote as refusal:
        return {"quote_error": tell(refusal).text}
    if (limits := wish.limits) and not limits.least <= wish.amount <= limits.most:
        return {"quote_error": _hint(limits)}
    bonus = services.get(Payments).bonus_for(paid=quote.paid, units=quote.units, at=wish.at)
    one = Money(currency(wish.currency).minor_per_major, currency(wish.currency))
    rate = services.get(Accounting).quote(paid=one, at=wish.at).units
    return {
        "quote": {
            # The units that the player sees; where the rate changes before paying, nothing is opened.
            "id": (quote.units + bonus).minor,
            "pay": quote.paid,
            "get": quote.units + bonus,
            "bonus": bonus or None,
            "rate": _("%(one)s is %(units)s") % {"one": money(one, "short"), "units": money(rate)},
        }
    }


def _hint(limits: AmountLimits | None) -> str:
    if limits is None:
        return ""
    return _("From %(least)s to %(most)s.") % {
        "least": number(limits.least, "short"),
        "most": money(limits.most, "short"),
    }


def _why_closed(wish: Wish) -> str:
    if wish.provider is None:
        return _("We take no payments in this currency right now. A card with a code works always.")
    return ""


def _told(refusal: UnableTo | TryAgain) -> Told:
    if refusal.reason == "quote_changed":
        return Told(_("The rate has just changed. Look at what you get now, then pay."), 409)
    return tell(refusal)


def _remember_where_to_go_on(request: HttpRequest) -> None:
    path = request.GET.get("next", "")
    if path and url_has_allowed_host_and_scheme(path, allowed_hosts=None):
        request.session[GOES_ON_AT] = path[:200]
