"""CRD-34: a few virtual cards sold at the desk, with serial and code on the screen once."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.cards.contract import DESK_CARDS_MAX, CardOffer, Cards
from warchest.journeys.sell_at_desk import sell_at_desk, show_desk_codes, take_back_at_desk
from warchest.members.contract import Members
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.portal.templatetags.portal import money

_SHOWN_MAX = 30


class DeskForm(forms.Form):
    batch = forms.ChoiceField(label=gettext_lazy("Card"))
    quantity = forms.IntegerField(
        label=gettext_lazy("How many"), min_value=1, max_value=DESK_CARDS_MAX, initial=1
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("What you will want to know of this sale; no names."),
    )

    def __init__(self, *args: object, offers: tuple[CardOffer, ...], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["batch"].choices = [  # type: ignore[attr-defined]
            (str(offer.batch), f"{offer.product} · {money(offer.face)} · {offer.left}") for offer in offers
        ]


@needs("card.issue")
def desk(request: HttpRequest) -> HttpResponse:
    offers = services.get(Cards).card_offers(at=now())
    form = DeskForm(request.POST or None, offers=offers)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        sold = attempt(
            request,
            lambda: (
                sell_at_desk(
                    command(request), batch=UUID(said["batch"]), quantity=said["quantity"], note=said["note"]
                ).answer
            ),
        )
        if sold is None:
            return redirect("backoffice:desk")
        messages.success(
            request,
            _("Sold. Take %(amount)s, and show the codes when you are alone with the buyer.")
            % {"amount": money(sold.taken)},
        )
        return redirect("backoffice:desk-issue", sold.issue)
    return _desk_page(request, form, offers)


def _desk_page(request: HttpRequest, form: DeskForm, offers: tuple[CardOffer, ...]) -> HttpResponse:
    issues = services.get(Cards).desk_issues(limit=_SHOWN_MAX)
    names = {one.id: one.username for one in services.get(Members).administrators()}
    return page(
        request,
        "desk",
        _("Sell at the desk"),
        form=form,
        offers=offers,
        issues=[(one, names.get(one.clerk, "–"), one.face * one.quantity) for one in issues],
    )


@needs("card.issue")
def desk_issue(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    """One sale. What is sent asks for its codes, which are in the answer, and nowhere afterwards."""
    codes = None
    if request.method == "POST":
        codes = attempt(request, lambda: show_desk_codes(command(request), issue=issue_id))
        if codes is None:
            return redirect("backoffice:desk-issue", issue_id)
    found = attempt(request, lambda: services.get(Cards).desk_issue(issue_id=issue_id))
    if found is None:
        return redirect("backoffice:desk")
    administrator = request.administrator  # type: ignore[attr-defined]
    return page(
        request,
        "desk_issue",
        _("Cards sold at the desk"),
        issue=found,
        total=found.face * found.quantity,
        codes=codes,
        is_own=found.clerk == administrator.id,
    )


@only_sent("backoffice:desk-issue", "issue_id")
@needs("card.issue")
def take_back(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    back = attempt(request, lambda: take_back_at_desk(command(request), issue=issue_id).answer)
    if back is not None:
        messages.success(
            request,
            _("Taken back: the cards are void. Give %(amount)s back.")
            % {"amount": money(back.face * back.quantity)},
        )
    return redirect("backoffice:desk-issue", issue_id)
