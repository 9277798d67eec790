"""PAY-27: a player steps back from a top-up, or from time bought: sees until when and what comes back, and says yes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from warchest.journeys.refusals import explain
from warchest.journeys.withdraw_purchase import withdraw_purchase
from warchest.journeys.withdraw_top_up import withdraw_top_up
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.members.contract import Player
from warchest.payments.contract import RefundState, UnableToWithdraw
from warchest.runtime.command import now
from warchest.subscriptions.contract import ConsentKind
from warchest.views.wallet_page import times_of
from warchest.views.withdrawals import Of, Withdrawable, withdrawable, withdrawables
from warchest.web.portal.commands import a_key, key_after, player_command
from warchest.web.portal.players import for_players
from warchest.web.portal.telling import Told, tell
from warchest.web.portal.templatetags.portal import money


@require_GET
@for_players
def withdrawals(request: HttpRequest, player: Player) -> HttpResponse:
    names = _names(player)
    context = {"rows": [_line(row, names) for row in withdrawables(player=player, at=now())]}
    return render(request, "portal/withdrawals.html", context)


@require_http_methods(["GET", "POST"])
@for_players
def withdraw(request: HttpRequest, player: Player, of: str, identity: UUID) -> HttpResponse:
    if of not in set(Of):
        raise Http404
    if request.method == "GET":
        return _page(request, player, Of(of), identity)
    command = player_command(request, player, key=request.POST.get("key", ""))
    try:
        if of == Of.TOP_UP:
            refund = withdraw_top_up(command, player=player.id, payment=identity).answer
            if refund.state is RefundState.REFUSED:
                messages.error(
                    request, _("The payment provider did not take it back. Our support can help you.")
                )
            else:
                messages.success(
                    request,
                    _("You have withdrawn. %(paid)s go back to you.") % {"paid": money(refund.amount)},
                )
            return redirect("portal:payment", identity)
        done = withdraw_purchase(command, player=player.id, grant=identity).answer
    except (UnableTo, TryAgain) as refusal:
        if refusal.reason == "withdrawal_unknown":
            raise Http404 from None
        told, key = tell(refusal), key_after(request, refusal)
        return _page(request, player, Of(of), identity, told=told, key=key)
    messages.success(
        request, _("You have withdrawn. %(units)s are yours again.") % {"units": money(done.returned)}
    )
    return redirect("portal:withdrawals")


def _page(
    request: HttpRequest, player: Player, of: Of, identity: UUID, *, told: Told | None = None, key: str = ""
) -> HttpResponse:
    try:
        row = withdrawable(player=player, of=of, identity=identity, at=now())
    except UnableToWithdraw:
        raise Http404 from None
    context = {"row": _line(row, _names(player)), "key": key or a_key(), "error": told.text if told else None}
    return render(request, "portal/withdraw.html", context, status=told.status if told else 200)


def _line(row: Withdrawable, names: dict[UUID, str]) -> dict[str, Any]:
    is_top_up = row.of is Of.TOP_UP
    return {
        "of": row.of.value,
        "id": row.id,
        "is_top_up": is_top_up,
        "title": _("Top-up") if is_top_up else names.get(row.subscription, _("Subscription")),  # type: ignore[arg-type]
        "at": row.at,
        "until": row.until,
        "paid": row.paid,
        "returns": row.returns,
        "units": row.units,
        "is_possible": not row.obstacle,
        "why": explain(UnableTo(row.obstacle)).text if row.obstacle else "",
        "pays_for_served": row.consent is not None and row.consent.kind is ConsentKind.PAYS,
        "url": reverse("portal:withdraw", args=[row.of.value, row.id]),
    }


def _names(player: Player) -> dict[UUID, str]:
    times = times_of(player=player, language=get_language() or "en", at=now())
    return {time.id: time.service_name for time in times}
