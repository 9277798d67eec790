"""CHG-02: a player sends units to another: says whom, looks, says yes, and gets a receipt that tells how it stands."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from warchest.charging.contract import Charging, Transfer, TransferState, UnableToFindTransfer
from warchest.journeys.find_recipient import find_recipient
from warchest.journeys.pass_on_transfer import cancel_transfer
from warchest.journeys.refusals import explain
from warchest.journeys.transfer_units import UnableToSend, left_after, transfer_units
from warchest.kernel.currency import INNER
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.runtime import cluster_line
from warchest.runtime.services import services
from warchest.views.wallet_page import names_in
from warchest.web.portal.amounts import read_amount, units_shown
from warchest.web.portal.commands import a_key, key_after, player_command
from warchest.web.portal.forms import SendForm
from warchest.web.portal.lines import other_name
from warchest.web.portal.players import for_players
from warchest.web.portal.telling import Told, tell


@require_http_methods(["GET", "POST"])
@for_players
def send(request: HttpRequest, player: Player) -> HttpResponse:
    if request.method == "GET":
        return _form(request, player, _send_form(initial={"to": request.GET.get("to", "")[:70]}))
    form = _send_form(request.POST)
    if not form.is_valid():
        return _form(request, player, form, status=422)
    try:
        if request.POST.get("step") == "confirm":
            return _send(request, player, form)
        return _look(request, player, form)
    except (UnableTo, TryAgain) as refusal:
        key = key_after(request, refusal) if isinstance(refusal, TryAgain) else ""
        return _form(request, player, form, told=tell(refusal), key=key)


def _send_form(*args: Any, **kwargs: Any) -> SendForm:
    return SendForm(*args, clusters=cluster_line.line().clusters(), **kwargs)


def _look(request: HttpRequest, player: Player, form: SendForm) -> HttpResponse:
    said = form.cleaned_data
    amount = read_amount(said["amount"], INNER.code, language=get_language() or "en")
    key = request.POST.get("key") or a_key()
    recipient = find_recipient(player_command(request, player, key=key), name=said["to"])
    if recipient.id == player.id:
        raise UnableToSend("recipient_is_sender")
    context = {
        "key": key,
        "recipient": recipient,
        "amount": amount,
        "message": said["message"],
        "left": left_after(sender=player.id, amount=amount),
    }
    return render(request, "portal/send_confirm.html", context)


def _send(request: HttpRequest, player: Player, form: SendForm) -> HttpResponse:
    """What was looked at, in the form of programs: nothing is read twice in two ways."""
    recipient = _id(request.POST.get("recipient", ""))
    sent = transfer_units(
        player_command(request, player, key=request.POST.get("key", "")),
        sender=player.id,
        recipient=recipient,
        amount=units_shown(request.POST.get("amount_minor", "")) or Money.units(0),
        message=form.cleaned_data["message"],
        cluster=request.POST.get("cluster", "")[:40],
        recipient_name=form.cleaned_data["to"],
    ).answer
    return redirect("portal:transfer", sent.id)


def _form(
    request: HttpRequest,
    player: Player,
    form: SendForm,
    *,
    told: Told | None = None,
    status: int = 200,
    key: str = "",
) -> HttpResponse:
    context = {
        "form": form,
        "key": key,
        "available": services.get(Charging).wallet(player=player.id).available,
        "error": told.text if told else "",
        "error_next": told.next if told else None,
    }
    return render(request, "portal/send.html", context, status=told.status if told else status)


@require_GET
@for_players
def transfer(request: HttpRequest, player: Player, transfer_id: UUID) -> HttpResponse:
    found = _own(player, transfer_id)
    is_sender = found.sender == player.id
    context = {
        "transfer": found,
        "is_sender": is_sender,
        "state": _state(found, is_sender=is_sender),
        "name": other_name(found, names_in([found]), is_sender=is_sender),
        "why": explain(UnableTo(found.reason)).text if found.reason else "",
        "line_is_cut": found.problem == "line_cut",
        "is_stuck": bool(found.problem),
        "available": services.get(Charging).wallet(player=player.id).available,
        "key": a_key(),
    }
    return render(request, "portal/transfer.html", context)


@require_POST
@for_players
def ask_back(request: HttpRequest, player: Player, transfer_id: UUID) -> HttpResponse:
    _own(player, transfer_id)
    try:
        cancel_transfer(
            player_command(request, player, key=request.POST.get("key", "")),
            transfer_id=transfer_id,
            player=player.id,
        )
    except UnableTo as refusal:
        # It has arrived or come back meanwhile: the page says which.
        if refusal.reason != "transfer_finished":
            raise
    return redirect("portal:transfer", transfer_id)


def _state(transfer: Transfer, *, is_sender: bool) -> str:
    """As transfer.html tells it: received, arrived, waiting, asked_back or returned."""
    match transfer.state:
        case TransferState.HELD:
            return "asked_back" if transfer.cancel_asked_at else "waiting"
        case TransferState.VOIDED:
            return "returned"
        case _:
            return "arrived" if is_sender else "received"


def _own(player: Player, transfer_id: UUID) -> Transfer:
    try:
        found = services.get(Charging).find_transfer(transfer_id=transfer_id)
    except UnableToFindTransfer:
        raise Http404 from None
    # What was refused here never was anything to its recipient.
    if player.id not in (found.sender, found.recipient) or found.state is TransferState.REFUSED:
        raise Http404
    return found


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UnableToSend("recipient_unknown") from None
