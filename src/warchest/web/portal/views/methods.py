"""PAY-07 and PAY-08: the cards that a player saved, and the top-ups that they order in advance."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from warchest.accounting.contract import Accounting
from warchest.journeys.forget_method import forget_method
from warchest.journeys.order_auto_top_up import end_auto_top_up, month_of, order_auto_top_up
from warchest.kernel.currency import INNER, currency
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.payments.contract import (
    AUTO_WORDING,
    DECLINES_MAX,
    AutoRun,
    AutoTopUp,
    MethodState,
    Occasion,
    Payments,
    SavedMethod,
    UnableToUseMethod,
)
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.portal.amounts import read_amount, usual_amounts
from warchest.web.portal.commands import a_key, key_after, player_command
from warchest.web.portal.lines import CREDITED, state_words
from warchest.web.portal.offers import currency_taken, label_of
from warchest.web.portal.players import for_players
from warchest.web.portal.telling import tell
from warchest.web.portal.templatetags.portal import money, number


def method_row(method: SavedMethod) -> dict[str, Any]:
    """A saved method as templates show it."""
    return {
        "id": method.id,
        "label": method.label or method.method,
        "provider_name": label_of(method.provider),
        "expires": f"{method.expires[5:]}/{method.expires[:4]}" if method.expires else "",
        "is_over": method.is_over(now().date()),
    }


@require_GET
@for_players
def payment_methods(request: HttpRequest, player: Player) -> HttpResponse:
    order = services.get(Payments).auto_top_up(player=player.id)
    rows = [
        method_row(method)
        | {"key": a_key(), "tops_up": order is not None and order.is_on() and order.method == method.id}
        for method in services.get(Payments).saved_methods(player=player.id)
    ]
    context = {"methods": rows, "auto": order is not None and order.is_on()}
    return render(request, "portal/payment_methods.html", context)


@require_POST
@for_players
def forget(request: HttpRequest, player: Player, method_id: UUID) -> HttpResponse:
    """From this moment it is not charged any more, whatever its provider says."""
    try:
        gone = forget_method(
            player_command(request, player, key=request.POST.get("key", "")),
            player=player.id,
            method_id=method_id,
        ).answer
    except (UnableTo, TryAgain) as refusal:
        messages.error(request, tell(refusal).text)
    else:
        words = (
            _("%(card)s is removed.")
            if gone.state is MethodState.FORGOTTEN
            else _("%(card)s is removed here and never charged again. We are still telling %(provider)s.")
        )
        messages.success(request, words % {"card": gone.label, "provider": label_of(gone.provider)})
    return redirect("portal:payment-methods")


@require_http_methods(["GET", "POST"])
@for_players
def auto_top_up(request: HttpRequest, player: Player) -> HttpResponse:
    if request.method == "GET":
        return _page(request, player)
    command = player_command(request, player, key=request.POST.get("key", ""))
    try:
        if "off" in request.POST:
            end_auto_top_up(command, player=player.id)
            messages.success(request, _("Your wallet is not topped up by itself any more."))
            return redirect("portal:auto-top-up")
        if request.POST.get("agreed") != "yes":
            return _page(request, player, error=_("Tick that you agree, then switch it on."), status=422)
        wish = _wish(player, request)
        order = order_auto_top_up(command, player=player.id, wording=AUTO_WORDING, **wish).answer
    except (UnableTo, TryAgain) as refusal:
        told = tell(refusal)
        return _page(request, player, error=told.text, status=told.status, key=key_after(request, refusal))
    messages.success(
        request,
        _("From now on, %(amount)s are added when you have less than %(below)s.")
        % {"amount": money(order.amount), "below": money(order.below)},
    )
    return redirect("portal:auto-top-up")


def _wish(player: Player, request: HttpRequest) -> dict[str, Any]:
    """What the form asks for. Raises UnableToReadAmount, UnableToFindCurrency, UnableToUseMethod."""
    fields, language = request.POST, get_language() or "en"
    code = _currency(player, fields.get("currency", ""))
    try:
        method_id = UUID(fields.get("method", ""))
    except ValueError:
        raise UnableToUseMethod("method_unknown") from None
    return {
        "below": read_amount(fields.get("below", "")[:30], INNER.code, language=language),
        "amount": read_amount(fields.get("amount", "")[:30], code, language=language),
        "cap": read_amount(fields.get("cap", "")[:30], code, language=language),
        "method_id": method_id,
    }


def _currency(player: Player, wanted: str) -> str:
    rates = {rate.currency for rate in services.get(Accounting).rates(at=now())}
    return currency_taken(wanted or player.display_currency, tuple(sorted(rates)))


def _page(
    request: HttpRequest, player: Player, *, error: str = "", status: int = 200, key: str = ""
) -> HttpResponse:
    payments, at = services.get(Payments), now()
    order = payments.auto_top_up(player=player.id)
    methods = [
        method_row(method)
        for method in payments.saved_methods(player=player.id)
        if not method.is_over(at.date())
    ]
    code = _currency(
        player, request.POST.get("currency", "") or (order.amount.currency.code if order else "")
    )
    context = {
        "key": key or a_key(),
        "error": error,
        "methods": methods,
        "order": _shown(order, player) if order else None,
        "currency": code,
        "fields": _fields(request, order, code, methods),
        "runs": [_run(run) for run in payments.auto_runs(player=player.id)],
        "declines_max": DECLINES_MAX,
    }
    return render(request, "portal/auto_top_up.html", context, status=status)


def _shown(order: AutoTopUp, player: Player) -> dict[str, Any]:
    used = services.get(Payments).month_used(
        player=player.id, month=month_of(player, at=now()), currency=order.amount.currency.code
    )
    return {
        "is_on": order.is_on(),
        "enabled": order.enabled,
        "below": order.below,
        "amount": order.amount,
        "cap": order.cap,
        "used": used,
        "paused": _why_paused(order) if order.enabled and order.paused_at else "",
        "waits": bool(order.is_on() and order.not_before and order.not_before > now()),
        "reached": order.problem == "cap_reached",
    }


def _why_paused(order: AutoTopUp) -> str:
    match order.pause_reason:
        case "method_forgotten":
            return _("It is paused, since you removed its card. Choose another one to go on.")
        case "method_expired":
            return _("It is paused, since its card has expired. Choose another one to go on.")
        case _:
            return _("It is paused, since the card was declined several times. Nothing more is charged.")


def _fields(
    request: HttpRequest, order: AutoTopUp | None, code: str, methods: list[dict[str, Any]]
) -> dict[str, Any]:
    """What stands in the form: what was typed, else what was ordered, else something usual."""
    usual = usual_amounts(currency(code))
    most = usual[-1] if usual else Money(0, currency(code))
    ordered = {
        "below": order.below if order else Money.parse("200", INNER.code),
        "amount": order.amount if order else usual[min(1, len(usual) - 1)],
        "cap": order.cap if order else most,
    }
    chosen = request.POST.get("method", "") or (str(order.method) if order else "")
    if chosen not in {str(method["id"]) for method in methods} and methods:
        chosen = str(methods[0]["id"])
    return {name: request.POST.get(name) or number(value, "short") for name, value in ordered.items()} | {
        "method": chosen
    }


def _run(run: AutoRun) -> dict[str, Any]:
    occasion = (
        pgettext("why a top-up began", "to prolong a subscription")
        if run.occasion is Occasion.PROLONGING
        else pgettext("why a top-up began", "your wallet was low")
    )
    kind = "in" if run.status in CREDITED else "out" if run.closed_at else "held"
    return {
        "kind": kind,
        "title": state_words(run.status),
        "occasion": occasion,
        "at": run.begun_at,
        "amount": run.amount,
        "url": reverse("portal:payment", args=[run.payment]),
    }
