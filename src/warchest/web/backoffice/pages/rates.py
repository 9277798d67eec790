"""What a unit costs: the rates in force, and a new one."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.accounting.contract import Accounting
from warchest.accounting.models import UnitRate
from warchest.journeys.set_rate import set_rate
from warchest.kernel.currency import INNER, currency_codes
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, page
from warchest.web.backoffice.reading import rows_of
from warchest.web.backoffice.templatetags.backoffice import plain_number, stamp


class RateForm(forms.Form):
    currency = forms.ChoiceField(label=gettext_lazy("Currency"))
    units_per_major = forms.DecimalField(
        label=gettext_lazy("Units for one"), max_digits=20, decimal_places=8, min_value=0
    )
    valid_from = forms.DateField(
        label=gettext_lazy("From the beginning of"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Empty: at once. Days are UTC."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = [(code, code) for code in currency_codes() if code != INNER.code]
        self.fields["currency"].initial = "EUR"

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        day, code = said.get("valid_from"), said.get("currency")
        if day and code and rows_of(UnitRate).filter(currency=code, valid_from=_start(day)).exists():
            self.add_error("valid_from", _("A rate for this currency begins at that moment already."))
        return said


def _start(day: Any) -> datetime:
    return datetime.combine(day, time.min, UTC)


@needs("rate.set")
def rates(request: HttpRequest) -> HttpResponse:
    form = RateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        done = attempt(
            request,
            lambda: (
                set_rate(
                    command(request),
                    currency=said["currency"],
                    units_per_major=said["units_per_major"],
                    valid_from=_start(said["valid_from"]) if said["valid_from"] else None,
                ).answer
            ),
        )
        if done:
            messages.success(
                request,
                _("One %(currency)s is %(units)s units from %(moment)s on.")
                % {
                    "currency": done.currency,
                    "units": plain_number(done.units_per_major),
                    "moment": stamp(done.valid_from),
                },
            )
            return redirect("backoffice:rates")
    at = now()
    later = rows_of(UnitRate).filter(valid_from__gt=at).order_by("valid_from")[:20]
    return page(
        request,
        "rates",
        _("Exchange rates"),
        form=form,
        rates=services.get(Accounting).rates(at=at),
        later=later,
    )
