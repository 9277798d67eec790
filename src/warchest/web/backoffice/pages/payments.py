"""How a payment stands, in plain words, and the question to its provider."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from warchest.journeys.ask_provider import ask_provider
from warchest.members.contract import Members, UnableToFindPlayer
from warchest.payments.contract import Message, Payments, Status, UnableToFindPayment
from warchest.runtime.services import services
from warchest.views.refund_page import money_back
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.lists.base import Text
from warchest.web.backoffice.lists.payments import DIRECTIONS, EXCHANGES, STANDINGS, STATUSES
from warchest.web.backoffice.pages.refunds import DISPUTE_STATES, REFUND_STATES
from warchest.web.portal.templatetags.portal import money as written


@needs("payment.ask")
def payment(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    payments = services.get(Payments)
    try:
        found = payments.payment(payment_id=payment_id)
    except UnableToFindPayment:
        raise Http404(_("There is no such payment.")) from None
    try:
        player = services.get(Members).player(player_id=found.player)
    except UnableToFindPlayer:
        player = None
    label, colour = STATUSES[found.status]
    back = money_back(payment=found)
    return page(
        request,
        "payment",
        _("Payment of %(amount)s") % {"amount": written(found.amount)},
        payment=found,
        player=player,
        status=label,
        colour=colour,
        said=[_in_words(message) for message in payments.messages(payment_id=payment_id)],
        refunds=[(one, *REFUND_STATES[one.state]) for one in back.refunds],
        disputes=[(one, *DISPUTE_STATES[one.state]) for one in back.disputes],
        debts=back.debts,
        is_open=found.status in (Status.CREATED, Status.PENDING, Status.UNKNOWN),
        in_review=found.status is Status.REVIEW,
        notices=payments.replayable(payment_id=payment_id),
    )


def _in_words(message: Message) -> tuple[Message, Text, Text, Text, str]:
    """A message with its direction, occasion and standing, and the standing's colour."""
    standing, colour = STANDINGS[message.standing] if message.standing else ("", "")
    return message, DIRECTIONS[message.direction], EXCHANGES[message.exchange], standing, colour


@only_sent("backoffice:payment", "payment_id")
@needs("payment.ask")
def ask(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    asked = attempt(request, lambda: ask_provider(command(request), payment_id=payment_id).answer)
    if asked:
        messages.success(
            request,
            _("The provider answered. The payment is now: %(status)s.")
            % {"status": STATUSES[asked.status][0]},
        )
    return redirect("backoffice:payment", payment_id)
