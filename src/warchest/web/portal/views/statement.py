"""CHG-11, PAY-15 and CRD-25: what came in and went out, own payments, and own cards, day by day."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from warchest.cards.contract import Cards
from warchest.ledger.contract import StatementFilter
from warchest.members.contract import Player
from warchest.payments.contract import Payments
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.views.statement import statement as wallet_statement
from warchest.views.wallet_page import background_of, times_of
from warchest.web.portal.forms import StatementForm
from warchest.web.portal.gifts import in_short
from warchest.web.portal.lines import by_day, card_line, payment_line, wallet_line
from warchest.web.portal.players import for_players

LINES = 30


@require_GET
@for_players
def statement(request: HttpRequest, player: Player) -> HttpResponse:
    show, cursor = request.GET.get("show", ""), request.GET.get("before", "")
    form: StatementForm | None = None
    chosen: dict[str, str] = {}
    match show:
        case "payments":
            lines, next_cursor = _payments(player, cursor)
        case "cards":
            lines, next_cursor = _cards(player), ""
        case _:
            show = ""
            form = StatementForm(request.GET)
            only = form.filter() if form.is_valid() else None
            lines, next_cursor = _wallet(player, cursor, only) if only else ([], "")
            chosen = {name: request.GET[name] for name in form.fields if request.GET.get(name)}
    here = reverse("portal:statement")
    following = {"show": show, **chosen, "before": next_cursor}
    query = urlencode({name: value for name, value in following.items() if value})
    context: dict[str, Any] = {
        "days": by_day(lines),
        "next_url": f"{here}?{query}" if next_cursor else None,
        "form": form,
        "is_chosen": bool(chosen),
        "all_url": here,
        "filters": [
            {"label": label, "url": here + (f"?show={name}" if name else ""), "is_current": name == show}
            for name, label in (("", _("Credits")), ("payments", _("Payments")), ("cards", _("Cards")))
        ],
    }
    is_part = bool(request.htmx) and not request.htmx.boosted  # type: ignore[attr-defined]
    template = "portal/parts/statement_days.html" if is_part else "portal/statement.html"
    return render(request, template, context)


def _wallet(player: Player, cursor: str, only: StatementFilter) -> tuple[list[dict[str, Any]], str]:
    before = int(cursor) if cursor.isdecimal() and len(cursor) <= 18 else None
    found = wallet_statement(player=player.id, before=before, limit=LINES + 1, only=only)
    page = found[:LINES]
    times = times_of(player=player, language=get_language() or "en", at=now())
    background = background_of(player=player.id, times=times, lines=page)
    lines = [wallet_line(line, background) for line in page]
    return lines, str(page[-1].sequence) if len(found) > LINES else ""


def _payments(player: Player, cursor: str) -> tuple[list[dict[str, Any]], str]:
    payments = services.get(Payments)
    found = payments.payments_of(player=player.id, before=_id(cursor), limit=LINES + 1)
    page = found[:LINES]
    labels = {provider.name: provider.label for provider in payments.providers()}
    lines = [payment_line(payment, labels.get(payment.provider, payment.provider)) for payment in page]
    return lines, str(page[-1].id) if len(found) > LINES else ""


def _cards(player: Player) -> list[dict[str, Any]]:
    activated = services.get(Cards).activated_by(player=player.id)
    return [card_line(card, in_short(card.gives, card.units)) for card in activated]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
