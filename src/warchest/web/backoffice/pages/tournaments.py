"""Tournaments: planned here, given as passes by cards."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from warchest.accounting.contract import Accounting
from warchest.catalogue.contract import Catalogue, in_language
from warchest.journeys.plan_tournament import plan_tournament
from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions
from warchest.web.backoffice.frame import attempt, command, may, needs, page


class TournamentForm(forms.Form):
    online_service = forms.ChoiceField(label=gettext_lazy("Online service"))
    code = forms.RegexField(
        r"^[a-z0-9][a-z0-9-]{0,39}$",
        label=gettext_lazy("Short name"),
        help_text=gettext_lazy("Small letters, digits and dashes; programs know it by this."),
    )
    name_en = forms.CharField(label=gettext_lazy("Name in English"), max_length=80)
    name_de = forms.CharField(label=gettext_lazy("Name in German"), max_length=80, required=False)
    begins_at = forms.DateTimeField(
        label=gettext_lazy("Begins (UTC)"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    ends_at = forms.DateTimeField(
        label=gettext_lazy("Ends (UTC)"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    capacity = forms.IntegerField(
        label=gettext_lazy("Places"),
        min_value=0,
        max_value=2**31 - 1,
        initial=0,
        help_text=gettext_lazy("0: room for all."),
    )
    price = forms.CharField(label=gettext_lazy("Price of a pass"), max_length=20, required=False)
    price_currency = forms.ChoiceField(label=gettext_lazy("Currency"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = get_language() or "en"
        offered = services.get(Catalogue).online_services()
        self.fields["online_service"].choices = [
            (str(one.id), in_language(one.names, language)) for one in offered
        ]
        self.fields["price_currency"].choices = [
            *((code, code) for code in services.get(Accounting).accepted_currencies(at=now())),
            (INNER.code, _("credits")),
        ]
        self.fields["price_currency"].initial = "EUR"


@needs()
def tournaments(request: HttpRequest) -> HttpResponse:
    is_planner = may(request.administrator, "tournament.plan")  # type: ignore[attr-defined]
    form = TournamentForm(request.POST or None) if is_planner else None
    if form is not None and request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        done = attempt(request, lambda: _plan(request, said))
        if done:
            messages.success(request, _("Planned. Cards can give passes for it."))
            return redirect("backoffice:tournaments")
    at, subscriptions, language = now(), services.get(Subscriptions), get_language() or "en"
    return page(
        request,
        "tournaments",
        _("Tournaments"),
        form=form,
        found=[
            (
                one,
                in_language(one.names, language),
                [price.amount for price in one.prices],
                subscriptions.passes_issued(tournament=one.id),
                one.ends_at <= at,
            )
            for one in services.get(Catalogue).tournaments(at=at)
        ],
    )


def _plan(request: HttpRequest, said: dict[str, Any]) -> object:
    """Raises UnableToReadAmount, and what ``plan_tournament`` does."""
    names = {"en": said["name_en"], "de": said["name_de"]}
    prices = (Money.parse(said["price"], said["price_currency"]),) if said["price"] else ()
    return plan_tournament(
        command(request),
        online_service=UUID(said["online_service"]),
        code=said["code"],
        names={language: name for language, name in names.items() if name},
        begins_at=said["begins_at"].replace(tzinfo=UTC),
        ends_at=said["ends_at"].replace(tzinfo=UTC),
        capacity=said["capacity"],
        prices=prices,
    ).answer
