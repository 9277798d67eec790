"""Single cards: why one was refused, and what was lost or stolen."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from warchest.cards.contract import Batch, Card, Cards, CardSelection, CardState, UnableToFindCard
from warchest.journeys.block_cards import block_cards, unblock_cards
from warchest.members.contract import Members
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice import charts
from warchest.web.backoffice.frame import attempt, command, may, needs, page
from warchest.web.backoffice.templatetags.backoffice import country, plain_number
from warchest.web.backoffice.worths import worths_words

_MOMENTS = {
    "generated": gettext_lazy("made"),
    "handed_over": gettext_lazy("handed over"),
    "imported": gettext_lazy("taken in from an older system"),
    "print_file_opened": gettext_lazy("encrypted codes begun to be fetched"),
    "spoiled": gettext_lazy("spoiled by the press, void"),
    "put_in_place": gettext_lazy("spare put in the place of a spoiled card"),
    "closed": gettext_lazy("batch closed"),
    "print_file_fetched": gettext_lazy("codes fetched for printing"),
    "shipped": gettext_lazy("shipped"),
    "received": gettext_lazy("arrived at a reseller"),
    "returned": gettext_lazy("returned"),
    "lost": gettext_lazy("lost on its way, blocked"),
    "shipment_cancelled": gettext_lazy("shipment cancelled"),
    "sold": gettext_lazy("sold"),
    "sale_reversed": gettext_lazy("sale reversed"),
    "blocked": gettext_lazy("blocked"),
    "unblocked": gettext_lazy("unblocked"),
    "activated": gettext_lazy("activated"),
    "verified": gettext_lazy("looked at: the code was right"),
    "verified_wrongly": gettext_lazy("looked at: the code was wrong"),
    "issued_at_desk": gettext_lazy("sold at the desk"),
    "code_shown": gettext_lazy("its code was shown"),
    "gift_corrected": gettext_lazy("the address of the gift was corrected"),
    "replaced": gettext_lazy("replaced, void"),
    "issued_in_place": gettext_lazy("issued in the place of another"),
    "extended": gettext_lazy("given a later end"),
    "expired": gettext_lazy("expired"),
}
_REPLACEABLE = frozenset({CardState.HANDED_OVER, CardState.SHIPPED, CardState.SOLD, CardState.BLOCKED})


@needs("card.look_up")
def look_up(request: HttpRequest) -> HttpResponse:
    typed = request.GET.get("serial", "").strip()[:40]
    if typed:
        try:
            found = services.get(Cards).card(serial=typed, at=now())
            return redirect("backoffice:card", found.serial)
        except UnableToFindCard:
            messages.error(request, _("There is no card with this serial."))
    return page(request, "look_up_card", _("Look up a card"), typed=typed)


@needs("card.look_up")
def card(request: HttpRequest, serial: str) -> HttpResponse:
    cards = services.get(Cards)
    try:
        found = cards.card(serial=serial, at=now())
    except UnableToFindCard:
        messages.error(request, _("There is no card with this serial."))
        return redirect("backoffice:look-up-card")
    batch = cards.batch(batch_id=found.batch)
    members = services.get(Members)
    me = request.administrator  # type: ignore[attr-defined]
    people = {f"administrator:{one.id}": one.username for one in members.administrators()}
    return page(
        request,
        "card",
        _("Card %(serial)s") % {"serial": found.serial},
        card=found,
        gives=worths_words(found.gives),
        state=charts.CARD_STATES[found.state],
        good=_is_good(found, batch),
        answer=_answer(found, batch),
        batch=batch,
        history=[
            (_MOMENTS.get(moment.what, moment.what), moment, people.get(moment.actor, ""))
            for moment in found.history
        ],
        player=members.player(player_id=found.player) if found.player else None,
        can_verify=may(me, "card.verify"),
        can_replace=may(me, "card.replace") and not batch.terms.virtual and found.state in _REPLACEABLE,
        can_block=may(me, "card.block") and found.state not in (CardState.ACTIVATED, CardState.VOID),
        can_unblock=may(me, "card.block") and found.state is CardState.BLOCKED,
    )


def _is_good(found: Card, batch: Batch) -> bool:
    """Whether it can be activated now."""
    if found.state is CardState.SHIPPED:
        return not batch.terms.needs_sale
    if found.state is CardState.HANDED_OVER:
        return not (batch.terms.needs_sale or batch.terms.stock)
    return found.state is CardState.SOLD


def _answer(found: Card, batch: Batch) -> str:
    """What to tell a player who says that the card does not work."""
    regions = ", ".join(map(country, batch.terms.regions))
    match found.state:
        case CardState.ACTIVATED:
            return _("It was activated already, and gives nothing a second time.")
        case CardState.BLOCKED:
            return _("It is blocked: lost or stolen, or its batch is. The history says why.")
        case CardState.EXPIRED:
            return _("It has expired.")
        case CardState.VOID:
            return _("It is void.")
        case CardState.GENERATED:
            return _("It was made but never handed over: nobody should have it.")
        case CardState.SPARE:
            return _("It is a spare, and gives nothing until it is put in the place of a spoiled card.")
        case CardState.RETURNED:
            return _("It was returned by the reseller.")
        case CardState.HANDED_OVER if batch.terms.stock and not batch.terms.virtual:
            return _("It lies in our own stock: nobody has paid for it, and it can't be activated.")
        case CardState.HANDED_OVER | CardState.SHIPPED if batch.terms.needs_sale:
            return _("It was not sold at a till yet, and can be activated only afterwards.")
        case _ if regions:
            return _("It can be activated, by players in %(regions)s.") % {"regions": regions}
        case _:
            return _("It can be activated. If a player's code is refused, it is mistyped.")


@needs("card.block")
def block(request: HttpRequest) -> HttpResponse:
    """A card, a range of serials, or a whole batch; and the way back."""
    if request.method == "POST":
        said = request.POST
        reason = said.get("reason", "").strip()[:300]
        selection = CardSelection(
            first_serial=said.get("first_serial", "").strip()[:40],
            last_serial=said.get("last_serial", "").strip()[:40],
            batch=_batch_of(said.get("batch", "")),
        )
        journey = unblock_cards if said.get("what") == "unblock" else block_cards
        done = attempt(request, lambda: journey(command(request), selection=selection, reason=reason).answer)
        if done:
            if journey is unblock_cards:
                text = ngettext("%(count)s card unblocked.", "%(count)s cards unblocked.", done.count)
            else:
                text = ngettext("%(count)s card blocked.", "%(count)s cards blocked.", done.count)
            messages.success(request, text % {"count": plain_number(done.count)})
            if selection.batch:
                return redirect("backoffice:batch", selection.batch)
            return redirect("backoffice:card", done.first_serial)
    return page(
        request,
        "block_cards",
        _("Block cards"),
        first_serial=request.POST.get("first_serial") or request.GET.get("first_serial", ""),
        last_serial=request.POST.get("last_serial", ""),
        reason=request.POST.get("reason", ""),
    )


def _batch_of(text: str):
    from uuid import UUID

    try:
        return UUID(text) if text else None
    except ValueError:
        return None
