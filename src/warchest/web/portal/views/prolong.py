"""SUB-01: a player buys time, with price and new end on the button."""

from __future__ import annotations

import math
from fractions import Fraction
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from warchest.accounting.contract import Accounting
from warchest.catalogue.contract import in_language
from warchest.charging.contract import Charging
from warchest.journeys.prolong_subscription import (
    Prolonged,
    ProlongPreview,
    prolong_preview,
)
from warchest.journeys.prolong_topping_up import prolong_topping_up
from warchest.kernel.currency import INNER, currency
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.payments.contract import Payments
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions
from warchest.web.portal.amounts import units_shown, usual_amounts
from warchest.web.portal.commands import a_key, key_after, player_command
from warchest.web.portal.offers import currency_taken
from warchest.web.portal.players import for_players
from warchest.web.portal.telling import Told, tell
from warchest.web.portal.templatetags.portal import day, money


@require_http_methods(["GET", "POST"])
@for_players
def prolong(request: HttpRequest, player: Player, plan_id: UUID) -> HttpResponse:
    if request.method == "GET":
        return _page(request, player, plan_id)
    try:
        prolonged = prolong_topping_up(
            player_command(request, player, key=request.POST.get("key", "")),
            player=player.id,
            plan=plan_id,
            periods=1,
            charge_shown=_price_shown(request),
            begin_at_once=request.POST.get("begin_at_once") == "yes",
            wording=consent_wording(player),
        ).answer
    except (UnableTo, TryAgain) as refusal:
        return _page(request, player, plan_id, told=tell(refusal), key=key_after(request, refusal))
    messages.success(request, _done(player, prolonged))
    return redirect("portal:home")


def consent_wording(player: Player) -> str:
    """What a player is asked to agree to who may withdraw; nothing where nobody can."""
    period = services.get(Payments).withdrawal_period(
        country=player.country, since=now(), zone=player.time_zone
    )
    if not period.is_offered:
        return ""
    if period.terms.may_waive:
        words = ngettext(
            "Begin at once. I know that I lose my right to withdraw within %(days)s day as soon as it has begun.",
            "Begin at once. I know that I lose my right to withdraw within %(days)s days as soon as it has begun.",
            period.terms.days,
        )
    else:
        words = ngettext(
            "Begin at once. I may withdraw within %(days)s day, and then pay for the time until then.",
            "Begin at once. I may withdraw within %(days)s days, and then pay for the time until then.",
            period.terms.days,
        )
    return words % {"days": period.terms.days}


def _price_shown(request: HttpRequest) -> Money:
    """The price on the button; nothing where the form says none, which is never a price."""
    return units_shown(request.POST.get("price_minor", "")) or Money.units(0)


def _done(player: Player, prolonged: Prolonged) -> str:
    preview = prolong_preview(player=player.id, plan=prolonged.plan, periods=1, at=now())
    return _("%(service)s is yours until %(day)s. You paid %(price)s.") % {
        "service": in_language(preview.offer.online_service.names, get_language() or "en"),
        "day": day(prolonged.ends_at),
        "price": money(prolonged.charged),
    }


def _page(
    request: HttpRequest, player: Player, plan_id: UUID, *, told: Told | None = None, key: str = ""
) -> HttpResponse:
    at = now()
    try:
        preview = prolong_preview(player=player.id, plan=plan_id, periods=1, at=at)
    except UnableTo as refusal:
        if refusal.reason == "plan_unknown":
            raise Http404 from None
        return not_on_offer(request, told or tell(refusal))
    language = get_language() or "en"
    service = preview.offer.online_service
    available = services.get(Charging).wallet(player=player.id, at=at).available
    missing = preview.charge - available if preview.charge > available else None
    held = next(
        (
            row
            for row in services.get(Subscriptions).subscriptions(player=player.id)
            if row.online_service == service.id and row.is_running(at)
        ),
        None,
    )
    context = {
        "key": key or a_key(),
        "plan": {
            "id": plan_id,
            "name": in_language(preview.offer.plan.names, language),
            "service_name": in_language(service.names, language),
            "price": preview.charge,
            "own_price": preview.offer.plan.price_in(player.display_currency),
            "tax_note": _tax_note(player, preview),
        },
        "subscription": held,
        "starts_at": preview.starts_at,
        "new_ends_at": preview.ends_at,
        "wallet": {"available": available},
        "left": available - preview.charge,
        "consent": consent_wording(player),
        "missing": missing,
        "tops_up": _tops_up(player, missing) if missing else None,
        "top_up_url": _top_up_url(player, missing, plan_id) if missing else None,
        # What is missing is said on the page itself, with the way to get it.
        "error": told.text if told and not missing else None,
    }
    return render(request, "portal/prolong.html", context, status=told.status if told else 200)


def _tops_up(player: Player, missing: Money) -> Money | None:
    """What the player's order for top-ups would be charged to prolong, where that brings enough."""
    order = services.get(Payments).auto_top_up(player=player.id)
    if order is None or not order.is_on():
        return None
    try:
        brings = services.get(Accounting).quote(paid=order.amount, at=now()).units
    except UnableTo:
        return None
    return order.amount if brings >= missing else None


def _tax_note(player: Player, preview: ProlongPreview) -> str:
    price = preview.offer.plan.price_in(player.display_currency)
    if price is None:
        return ""
    taxed = services.get(Accounting).tax_within(gross=price, country=player.country, at=now())
    return _("with %(tax)s tax") % {"tax": money(taxed.tax)} if taxed.tax else ""


def _top_up_url(player: Player, missing: Money, plan_id: UUID) -> str:
    """Topping up with the smallest usual amount that is enough, and back here afterwards."""
    rates = {rate.currency: rate for rate in services.get(Accounting).rates(at=now())}
    code = currency_taken(player.display_currency, tuple(rates))
    fields = {"next": reverse("portal:prolong", args=[plan_id])}
    if code:
        unit = currency(code)
        needed = Fraction(missing.minor, INNER.minor_per_major) / Fraction(rates[code].units_per_major)
        # Rounded up: a cent less would still be too little.
        least = Money(math.ceil(needed * unit.minor_per_major), unit)
        enough = next((usual for usual in usual_amounts(unit) if usual >= least), None)
        fields["currency"] = code
        if enough:
            fields["amount"] = str(enough.minor)
        else:
            fields["own_amount"] = least.major
    return f"{reverse('portal:top-up')}?{urlencode(fields)}"


def not_on_offer(request: HttpRequest, told: Told) -> HttpResponse:
    next_steps = (
        [told.next] if told.next else [{"label": _("See services"), "url": reverse("portal:services")}]
    )
    context = {
        "status": told.status,
        "title": _("This can't be bought now"),
        "text": told.text,
        "next": next_steps,
    }
    return render(request, "portal/error.html", context, status=told.status)
