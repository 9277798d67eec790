"""The review queue: payments that wait for a person, each with all that matters on one page."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from warchest.charging.contract import Charging, UnableToSpend
from warchest.journeys.cancel_payment import cancel_payment
from warchest.journeys.decide_review import approve_payment, refuse_payment
from warchest.journeys.replay_notice import replay_notice
from warchest.members.contract import Members, UnableToFindPlayer
from warchest.payments.contract import (
    Decision,
    Payments,
    Review,
    Status,
    UnableToDecideReview,
    UnableToFindPayment,
)
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.lists.payments import STATUSES
from warchest.web.backoffice.pages.payment_rules import VERDICTS
from warchest.web.backoffice.pages.providers import who
from warchest.web.portal.templatetags.portal import money as written

REASONS = {
    "amount_differs": gettext_lazy("The provider took another amount than was asked."),
    "currency_differs": gettext_lazy("The provider took another currency than was asked."),
    "amount_not_stated": gettext_lazy("The provider does not say how much it took."),
    "provider_reference_reused": gettext_lazy("The provider's number belongs to another payment already."),
    "fraud_review": gettext_lazy("Fraud rules want a person to look."),
    "fraud_block": gettext_lazy("Fraud rules say no, now that the card is known."),
}
DECISIONS = {
    Decision.APPROVE: pgettext_lazy("of a payment under review", "approved"),
    Decision.REFUSE: pgettext_lazy("of a payment under review", "refused"),
}


@needs("payment.ask")
def reviews(request: HttpRequest) -> HttpResponse:
    payments, at = services.get(Payments), now()
    waiting = payments.reviews(at=at)
    names = {}
    for review in waiting:
        try:
            names[review.payment.player] = (
                services.get(Members).player(player_id=review.payment.player).nickname
            )
        except UnableToFindPlayer:
            names[review.payment.player] = str(review.payment.player)
    return page(
        request,
        "reviews",
        _("Payments to decide about"),
        reviews=[
            (review, names[review.payment.player], REASONS.get(review.payment.reason, review.payment.reason))
            for review in waiting
        ],
        unknown=[
            (payment, *STATUSES[payment.status])
            for payment in payments.overdue(at=at)
            if payment.status is not Status.REVIEW
        ],
    )


@needs("payment.ask")
def review(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    payments, at = services.get(Payments), now()
    try:
        found = payments.review(payment_id=payment_id, at=at)
    except UnableToFindPayment:
        raise Http404(_("There is no such payment.")) from None
    except UnableToDecideReview:
        return redirect("backoffice:payment", payment_id)
    payment = found.payment
    player, wallet = None, None
    with suppress(UnableToFindPlayer, UnableToSpend):
        player = services.get(Members).player(player_id=payment.player)
        wallet = services.get(Charging).wallet(player=payment.player, at=at)
    return page(
        request,
        "review",
        _("Decide about %(amount)s") % {"amount": written(payment.amount)},
        review=found,
        payment=payment,
        player=player,
        wallet=wallet,
        reason=REASONS.get(payment.reason, payment.reason),
        approving=_approving(found),
        refusing=_refusing(found),
        assessments=[
            (each, *VERDICTS[each.verdict], [(one, *VERDICTS[one.verdict]) for one in each.findings])
            for each in payments.assessments(payment_id=payment_id)
        ],
        others=[
            (each, *STATUSES[each.status])
            for each in payments.payments_of(player=payment.player, limit=11)
            if each.id != payment.id
        ],
        attempts=payments.attempts(payment_id=payment_id),
        votes=[(vote, DECISIONS[vote.decision], who(vote.by)) for vote in found.votes],
    )


def _approving(review: Review) -> str:
    if review.authorised:
        return _("The provider takes %(amount)s, and the player gets %(units)s.") % {
            "amount": written(review.payment.amount),
            "units": written(review.payment.units),
        }
    if review.taken is None:
        return ""
    if review.taken == review.payment.amount:
        return _("The player gets %(units)s.") % {"units": written(review.payment.units)}
    return _("The player gets units for the %(amount)s that arrived, in exact proportion.") % {
        "amount": written(review.taken)
    }


def _refusing(review: Review) -> str:
    if review.authorised:
        return _("The provider lets go of what it had reserved. The player gets nothing.")
    if review.taken is None:
        return _("The payment is over. The player gets nothing.")
    return _("%(amount)s go back to the payer. The player gets nothing.") % {"amount": written(review.taken)}


@only_sent("backoffice:review", "payment_id")
@needs("payment.review")
def decide(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    note = request.POST.get("note", "").strip()[:400]
    act = approve_payment if request.POST.get("decision") == Decision.APPROVE else refuse_payment
    decided = attempt(request, lambda: act(command(request), payment_id=payment_id, note=note).answer)
    if decided is None:
        return redirect("backoffice:review", payment_id)
    if decided.status is Status.REVIEW:
        messages.info(
            request, _("Your decision is kept. It takes a second person, or the provider's answer.")
        )
        return redirect("backoffice:review", payment_id)
    messages.success(
        request, _("Decided. The payment is now: %(status)s.") % {"status": STATUSES[decided.status][0]}
    )
    return redirect("backoffice:payment", payment_id)


@only_sent("backoffice:payment", "payment_id")
@needs("payment.ask")
def cancel(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    cancelled = attempt(request, lambda: cancel_payment(command(request), payment_id=payment_id).answer)
    if cancelled:
        messages.success(
            request, _("The payment is now: %(status)s.") % {"status": STATUSES[cancelled.status][0]}
        )
    return redirect("backoffice:payment", payment_id)


@only_sent("backoffice:payment", "payment_id")
@needs("notice.replay")
def replay(request: HttpRequest, payment_id: UUID, notice_id: UUID) -> HttpResponse:
    outcome = attempt(request, lambda: replay_notice(command(request), notice_id=notice_id))
    if outcome:
        messages.success(request, _("The notice was acted on again: %(outcome)s.") % {"outcome": outcome})
    return redirect("backoffice:payment", payment_id)
