"""Money that goes back: a refund with what it would take, our word in a dispute, and what players owe."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _

from warchest.charging.contract import Charging
from warchest.journeys.dispute_payment import answer_dispute
from warchest.journeys.refund_payment import refund_payment
from warchest.journeys.refusals import explain
from warchest.journeys.write_off_debt import write_off_debt
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Members
from warchest.payments.contract import Payment, Payments, UnableToFindPayment, UnableToRefund
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.views.refund_page import would_take
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.portal.amounts import read_amount

REFUND_STATES = {
    "held": (pgettext_lazy("state of a refund", "units set apart, provider not heard yet"), "warning"),
    "instructed": (pgettext_lazy("state of a refund", "the provider works on it"), "info"),
    "confirmed": (pgettext_lazy("state of a refund", "gone back"), "success"),
    "refused": (pgettext_lazy("state of a refund", "refused by the provider"), "danger"),
}
DISPUTE_STATES = {
    "open": (pgettext_lazy("state of a dispute", "open"), "danger"),
    "under_review": (pgettext_lazy("state of a dispute", "the bank decides"), "warning"),
    "won": (pgettext_lazy("state of a dispute", "won"), "success"),
    "lost": (pgettext_lazy("state of a dispute", "lost"), "plain"),
}


class RefundForm(forms.Form):
    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        max_length=30,
        required=False,
        help_text=gettext_lazy("Leave it empty to give back all that is left."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, payment: Payment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._payment = payment

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        left = self._payment.refundable
        said["money"] = left
        if said.get("amount"):
            try:
                code = self._payment.amount.currency.code
                said["money"] = read_amount(said["amount"], code, language=get_language() or "en")
                if said["money"] > left:
                    raise UnableToRefund("refund_exceeds_payment", most=left.major)
                if said["money"].minor <= 0:
                    raise UnableToRefund("amount_not_positive")
            except UnableTo as refusal:
                self.add_error("amount", explain(refusal).text)
        return said


class WriteOffForm(forms.Form):
    player = forms.UUIDField(widget=forms.HiddenInput)
    currency = forms.CharField(widget=forms.HiddenInput, max_length=3)
    amount = forms.CharField(label=gettext_lazy("Amount"), max_length=30)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300)


@needs("payment.refund")
def refund(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """First what it would take, then it is done."""
    payment = _payment(payment_id)
    sent = request.method == "POST"
    form = RefundForm(request.POST if sent else None, payment=payment)
    shown = payment.refundable
    if sent and form.is_valid():
        shown = form.cleaned_data["money"]
        if "confirmed" in request.POST:
            done = attempt(
                request,
                lambda: (
                    refund_payment(
                        command(request),
                        payment_id=payment_id,
                        amount=shown,
                        reason=form.cleaned_data["reason"],
                    ).answer
                ),
            )
            if done:
                messages.success(
                    request,
                    _("The refund is written down. It stands so: %(state)s.")
                    % {"state": REFUND_STATES[done.state][0]},
                )
                return redirect("backoffice:payment", payment_id)
    return page(
        request,
        "refund",
        _("Give a payment back"),
        payment=payment,
        form=form,
        is_asked=sent and form.is_valid(),
        would=would_take(payment=payment, amount=shown, at=now()) if shown else None,
    )


@only_sent("backoffice:payment", "payment_id")
@needs("payment.dispute")
def answer(request: HttpRequest, payment_id: UUID, dispute_id: UUID) -> HttpResponse:
    text = request.POST.get("text", "")[:5000]
    done = attempt(request, lambda: answer_dispute(command(request), dispute_id=dispute_id, text=text).answer)
    if done and done.evidence_at:
        messages.success(request, _("The provider has our evidence."))
    elif done:
        messages.warning(request, _("The provider did not take it yet. See what it said, and send it again."))
    return redirect("backoffice:payment", payment_id)


@needs("payment.ask")
def debts(request: HttpRequest) -> HttpResponse:
    """What players owe, the oldest first, and writing it off."""
    if request.method == "POST":
        form = WriteOffForm(request.POST)
        if form.is_valid():
            said = form.cleaned_data
            done = attempt(request, lambda: _written_off(request, said))
            if done:
                messages.success(request, _("Written off and booked."))
        else:
            messages.error(request, _("Give an amount and a reason."))
        return redirect("backoffice:debts")
    owed = services.get(Charging).debts()
    known = services.get(Members).players(player_ids=[debt.player for debt in owed])
    sums: dict[str, Money] = {}
    for debt in owed:
        code = debt.amount.currency.code
        sums[code] = sums[code] + debt.amount if code in sums else debt.amount
    return page(
        request,
        "debts",
        _("What players owe"),
        debts=[
            {"debt": debt, "player": known.get(debt.player), "days": (now() - debt.since).days}
            for debt in owed
        ],
        sums=list(sums.values()),
    )


def _written_off(request: HttpRequest, said: dict[str, Any]) -> object:
    amount = read_amount(said["amount"], said["currency"], language=get_language() or "en")
    return write_off_debt(
        command(request), player=said["player"], amount=amount, reason=said["reason"]
    ).answer


def _payment(payment_id: UUID) -> Payment:
    try:
        return services.get(Payments).payment(payment_id=payment_id)
    except UnableToFindPayment:
        raise Http404(_("There is no such payment.")) from None
