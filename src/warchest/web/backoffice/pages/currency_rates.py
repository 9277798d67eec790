"""What other currencies were worth, day by day."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.accounting.contract import Accounting
from warchest.accounting.models import CurrencyRate
from warchest.journeys.set_currency_rate import set_currency_rate
from warchest.kernel.currency import INNER, currency_codes
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, page
from warchest.web.backoffice.pages.asking import day_field
from warchest.web.backoffice.reading import rows_of
from warchest.web.backoffice.templatetags.backoffice import plain_number

_LATEST = 30


def currency_choices() -> list[tuple[str, str]]:
    """All but units, which are no money."""
    return [(code, code) for code in currency_codes() if code != INNER.code]


class CurrencyRateForm(forms.Form):
    base = forms.ChoiceField(label=gettext_lazy("One unit of"))
    quote_per_base = forms.DecimalField(
        label=gettext_lazy("Was worth"), max_digits=24, decimal_places=10, min_value=0
    )
    quote = forms.ChoiceField(label=gettext_lazy("In currency"))
    rate_date = day_field(gettext_lazy("Day"))
    source = forms.CharField(
        label=gettext_lazy("Who says so"),
        max_length=40,
        help_text=gettext_lazy("A central bank, a bank's statement."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        functional = services.get(Accounting).functional_currency()
        self.fields["base"].choices = self.fields["quote"].choices = currency_choices()
        self.fields["base"].initial = functional
        self.fields["quote"].initial = "USD" if functional != "USD" else "EUR"
        self.fields["rate_date"].required = True
        self.fields["rate_date"].initial = now().date()
        self.fields["source"].initial = _last_source()


def _last_source() -> str:
    return rows_of(CurrencyRate).order_by("-id").values_list("source", flat=True).first() or "ECB"


@needs("rate.set")
def currency_rates(request: HttpRequest) -> HttpResponse:
    form = CurrencyRateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        kept = attempt(request, lambda: set_currency_rate(command(request), **form.cleaned_data).answer)
        if kept:
            messages.success(
                request,
                _("One %(base)s was %(rate)s %(quote)s on %(day)s.")
                % {
                    "base": kept.base,
                    "rate": plain_number(kept.quote_per_base),
                    "quote": kept.quote,
                    "day": kept.rate_date.isoformat(),
                },
            )
            return redirect("backoffice:currency-rates")
    return page(
        request,
        "currency_rates",
        _("Currency rates"),
        form=form,
        rates=services.get(Accounting).currency_rates(at=now()),
        latest=rows_of(CurrencyRate).order_by("-id")[:_LATEST],
        functional=services.get(Accounting).functional_currency(),
    )
