"""CRD-04, CRD-30, CRD-31: a reseller sees its stock, books what arrives, passes cards on, and sees what it sold and owes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from warchest.cards.contract import (
    Cards,
    Reseller,
    SalesOfDay,
    Shipment,
    ShipmentDraft,
    ShipmentState,
    UnableToShipCards,
)
from warchest.journeys.note_reseller_payment import note_reseller_payment
from warchest.journeys.ship_cards import cancel_shipment, receive_shipment, ship_cards
from warchest.journeys.steps.reseller_references import reference_of
from warchest.journeys.steps.reseller_standing import standing_of
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.members.contract import Player
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.views.reseller_settlement import month_after, month_before, settlement_csv, settlement_of
from warchest.web.portal.amounts import read_amount
from warchest.web.portal.commands import a_key, key_after, player_command
from warchest.web.portal.reselling import for_resellers
from warchest.web.portal.telling import tell
from warchest.web.reseller_texts import LINES, RangeForm, month_of, told

_DAYS = 30
_SHOWN = 30


class PaymentForm(forms.Form):
    amount = forms.CharField(label=gettext_lazy("Amount"), max_length=24)
    reference = forms.CharField(
        label=gettext_lazy("Reference"),
        max_length=60,
        help_text=gettext_lazy("Such as the number of the receipt. Each is noted once."),
    )


@require_GET
@for_resellers
def reseller(request: HttpRequest, player: Player, own: Reseller) -> HttpResponse:
    cards = services.get(Cards)
    at = now()
    midnight = datetime.combine(at.astimezone(UTC).date(), time(), UTC) + timedelta(days=1)
    since = midnight - timedelta(days=_DAYS)
    sales = cards.sales_by_day(reseller_id=own.id, since=since, until=midnight)
    shipments = [
        told(one)
        for one in cards.shipments(reseller_id=own.id, limit=_SHOWN)
        # What others have only drafted may never come.
        if one.state is not ShipmentState.DRAFT or one.sender == own.id
    ]
    stock = cards.stock_of_reseller(reseller_id=own.id)
    zero = Money.zero(own.terms.credit_limit.currency)
    context = {
        "reseller": own,
        "standing": standing_of(cards, services.get(Ledger), own, at=at),
        "stock": stock,
        "in_stock": sum(row.in_stock for row in stock),
        "coming": [row for row in shipments if _is_coming(row["one"], own)],
        "others": [row for row in shipments if not _is_coming(row["one"], own)],
        "sold": sum(day.cards for day in sales),
        "taken": sum((day.face for day in sales), zero),
        "kept": sum((day.margin for day in sales), zero),
        "days": _columns(sales, since=since),
        "sales": sales[::-1],
        "days_count": _DAYS,
        "children": [
            (one, cards.owed_to_parent(reseller_id=one.id, at=at)) for one in cards.resellers(parent=own.id)
        ],
        "key": a_key(),
    }
    return render(request, "portal/reseller.html", context)


def _is_coming(shipment: Shipment, own: Reseller) -> bool:
    return shipment.receiver == own.id and shipment.state is ShipmentState.SENT


def _columns(sales: tuple[SalesOfDay, ...], *, since: datetime) -> list[dict[str, Any]]:
    """A column a day, also of those without a sale; heights in thousandths of the highest."""
    by_day = {day.day: day.cards for day in sales}
    highest = max(by_day.values(), default=0)
    found = []
    for place in range(_DAYS):
        day = since + timedelta(days=place)
        count = by_day.get(day, 0)
        height = count * 1000 // highest if highest else 0
        found.append({"place": place, "day": day, "count": count, "height": height, "top": 1000 - height})
    return found


@require_http_methods(["GET", "POST"])
@for_resellers
def shipment(request: HttpRequest, player: Player, own: Reseller, shipment_id: UUID) -> HttpResponse:
    """What arrives is booked whole, with one button, or by a range of serials."""
    found = _own_shipment(own, shipment_id)
    error, status, key = "", 200, ""
    if request.method == "POST":
        command = player_command(request, player, key=request.POST.get("key", ""))
        try:
            if request.POST.get("what") == "cancel":
                cancel_shipment(command, shipment=shipment_id, reason="")
                messages.success(request, _("The cards are yours again."))
                return redirect("portal:reseller")
            received = receive_shipment(
                command,
                shipment=shipment_id,
                first_serial=request.POST.get("first_serial", "")[:40],
                last_serial=request.POST.get("last_serial", "")[:40],
            ).answer
        except (UnableTo, TryAgain) as refusal:
            refused = tell(refusal)
            error, status, key = refused.text, refused.status, key_after(request, refusal)
        else:
            text = ngettext(
                "%(count)d card is in stock now.", "%(count)d cards are in stock now.", received.cards
            )
            messages.success(request, text % {"count": received.cards})
            return redirect("portal:reseller")
    names = {one.id: one.terms.title for one in services.get(Cards).resellers()}
    context = {
        "row": told(found),
        "from_whom": names.get(found.sender, "") if found.sender else "",
        "to_whom": names.get(found.receiver, "") if found.receiver else "",
        "may_receive": found.receiver == own.id and found.state in (ShipmentState.SENT, ShipmentState.LOST),
        "may_cancel": found.sender == own.id and found.state is ShipmentState.SENT,
        "error": error,
        "key": key or a_key(),
    }
    return render(request, "portal/reseller_shipment.html", context, status=status)


def _own_shipment(own: Reseller, shipment_id: UUID) -> Shipment:
    try:
        found = services.get(Cards).shipment(shipment_id=shipment_id)
    except UnableToShipCards:
        raise Http404(_("There is no such page.")) from None
    if own.id not in (found.sender, found.receiver):
        raise Http404(_("There is no such page."))
    return found


@require_http_methods(["GET", "POST"])
@for_resellers
def ship(request: HttpRequest, player: Player, own: Reseller) -> HttpResponse:
    """On to a reseller of one's own, or back to where the cards came from."""
    places = _places(own)
    if request.method == "GET":
        first = {
            "first_serial": request.GET.get("first", "")[:40],
            "last_serial": request.GET.get("last", "")[:40],
        }
        return _ship_form(request, RangeForm(initial=first, receivers=places))
    form = RangeForm(request.POST, receivers=places)
    if not form.is_valid():
        return _ship_form(request, form, status=422)
    said = form.cleaned_data
    goes_back = said["receiver"] == "back"
    draft = ShipmentDraft(
        sender=own.id,
        receiver=own.parent if goes_back else UUID(said["receiver"]),
        first_serial=said["first_serial"],
        last_serial=said["last_serial"],
        consignment=said["consignment"] and not goes_back,
        reference=said["reference"],
    )
    try:
        command = player_command(request, player, key=request.POST.get("key", ""))
        sent = ship_cards(command, draft=draft).answer
    except (UnableTo, TryAgain) as refusal:
        refused = tell(refusal)
        return _ship_form(
            request, form, error=refused.text, status=refused.status, key=key_after(request, refusal)
        )
    text = ngettext("%(count)d card is on its way.", "%(count)d cards are on their way.", sent.cards)
    messages.success(request, text % {"count": sent.cards})
    return redirect("portal:reseller-shipment", sent.id)


def _places(own: Reseller) -> list[tuple[str, Any]]:
    below = [(str(one.id), one.terms.title) for one in services.get(Cards).resellers(parent=own.id)]
    return [*below, ("back", _("back, unsold, to where they came from"))]


def _ship_form(
    request: HttpRequest, form: RangeForm, *, error: str = "", status: int = 200, key: str = ""
) -> HttpResponse:
    context = {"form": form, "error": error, "key": key or a_key()}
    return render(request, "portal/reseller_ship.html", context, status=status)


@require_GET
@for_resellers
def settlement(request: HttpRequest, player: Player, own: Reseller) -> HttpResponse:
    """One's own with the house or the reseller above; with ``of`` that of one below."""
    of = _one_below(own, request.GET.get("of", "")) if request.GET.get("of") else own
    today = now().date()
    month = month_of(request.GET.get("month", ""), today=today)
    made = settlement_of(of, month=month)
    if request.GET.get("as") == "csv":
        response = HttpResponse(settlement_csv(made), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{of.name}-{month:%Y-%m}.csv"'
        return response
    context = {
        "reseller": of,
        "is_below": of.id != own.id,
        "transfer_reference": reference_of(of) if of.is_top else "",
        "settlement": made,
        "sums": [(LINES[one.kind], one) for one in made.sums],
        "month": month,
        "before": f"{month_before(month):%Y-%m}",
        "after": f"{month_after(month):%Y-%m}" if month < today.replace(day=1) else "",
        "this": f"{month:%Y-%m}",
        "form": PaymentForm() if of.id != own.id else None,
        "key": a_key(),
    }
    return render(request, "portal/reseller_settlement.html", context)


@require_POST
@for_resellers
def note_payment(request: HttpRequest, player: Player, own: Reseller, reseller_id: UUID) -> HttpResponse:
    """What one below has paid."""
    below = _one_below(own, str(reseller_id))
    form = PaymentForm(request.POST)
    code = below.terms.credit_limit.currency.code
    try:
        if form.is_valid():
            said = form.cleaned_data
            note_reseller_payment(
                player_command(request, player, key=request.POST.get("key", "")),
                reseller=below.id,
                amount=read_amount(said["amount"], code, language=get_language() or "en"),
                reference=said["reference"],
            )
            messages.success(request, _("The payment is noted."))
        else:
            messages.error(request, _("Say how much was paid, and under which reference."))
    except (UnableTo, TryAgain) as refusal:
        messages.error(request, tell(refusal).text)
    address = redirect("portal:reseller-settlement")
    address["Location"] += f"?of={below.id}"
    return address


def _one_below(own: Reseller, text: str) -> Reseller:
    for one in services.get(Cards).resellers(parent=own.id):
        if str(one.id) == text:
            return one
    raise Http404(_("There is no such page."))
