"""What a card gives, in words."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from warchest.accounting.contract import Accounting, UnableToQuote
from warchest.cards.contract import Worth
from warchest.catalogue.contract import Catalogue, UnableToFindInCatalogue, in_language
from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions
from warchest.web.portal.templatetags.portal import day, money

Gift = dict[str, str]


def gifts(gives: Sequence[Worth], *, player: Player, at: datetime, units: Money | None = None) -> list[Gift]:
    """As parts/gifts.html shows them. ``units`` is what the wallet got in all, where the card was activated."""
    # Of several amounts nobody was told each by itself.
    got = units if sum(worth.money is not None for worth in gives) == 1 else None
    return [
        _period(worth, player=player, at=at, is_given=units is not None)
        if worth.plan
        else _pass(worth, at=at)
        if worth.tournament
        else _money(worth, at=at, units=got)
        for worth in gives
    ]


def _money(worth: Worth, *, at: datetime, units: Money | None) -> Gift:
    assert worth.money is not None
    got = units or worth.money
    if not units and worth.money.currency != INNER:
        # Without a rate the card still says what it is worth.
        with suppress(UnableToQuote):
            got = services.get(Accounting).quote(paid=worth.money, at=at).units
    note = "" if worth.money.currency == INNER else _("A card of %(value)s.") % {"value": money(worth.money)}
    return {"kind": "top-up", "text": money(got), "note": note}


def _pass(worth: Worth, *, at: datetime) -> Gift:
    assert worth.tournament is not None
    try:
        found = services.get(Catalogue).tournament(tournament_id=worth.tournament, at=at)
    except UnableToFindInCatalogue:
        return {"kind": "card", "text": _("A pass for a tournament"), "note": ""}
    name = in_language(found.names, get_language() or "en")
    return {
        "kind": "card",
        "text": _("A pass for %(tournament)s") % {"tournament": name},
        "note": _("Begins on %(day)s.") % {"day": day(found.begins_at)},
    }


def _period(worth: Worth, *, player: Player, at: datetime, is_given: bool) -> Gift:
    assert worth.plan is not None
    language = get_language() or "en"
    catalogue = services.get(Catalogue)
    try:
        plan = catalogue.plan(plan_id=worth.plan, at=at)
        service = catalogue.online_service(online_service_id=plan.online_service)
    except UnableToFindInCatalogue:
        return {"kind": "services", "text": _("Time in a game"), "note": ""}
    text = ngettext("%(service)s: %(plan)s", "%(service)s: %(count)s × %(plan)s", worth.periods) % {
        "service": in_language(service.names, language),
        "plan": in_language(plan.names, language),
        "count": worth.periods,
    }
    if is_given:
        right = services.get(Subscriptions).entitlement(player=player.id, online_service=service.id, at=at)
        until = right.until
    else:
        until = (
            services.get(Subscriptions)
            .preview(
                player=player.id,
                online_service=service.id,
                term=plan.term * worth.periods,
                zone=player.time_zone,
                at=at,
            )
            .ends_at
        )
    note = _("Runs until %(day)s.") % {"day": day(until)} if until else ""
    return {"kind": "services", "text": text, "note": note}


def in_short(gives: Sequence[Worth], units: Money) -> str:
    """One line for a list: the units, or that it was time."""
    if units:
        return _("Card: %(units)s") % {"units": money(units)}
    if all(worth.tournament for worth in gives):
        return _("Card: a pass for a tournament")
    return _("Card: time in a game")
