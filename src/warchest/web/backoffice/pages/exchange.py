"""Exchanges of currencies as a statement shows them: typed, looked at as an entry, booked; and what they brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from warchest.accounting.contract import Accounting, ExchangeDifferences, MonetaryItem, UnableToConvert
from warchest.journeys.exchange_money import exchange_money
from warchest.journeys.refusals import explain
from warchest.kernel.currency import currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger, Leg
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice import books
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.pages.asking import day_field, end_of, start_of
from warchest.web.backoffice.pages.currency_rates import currency_choices
from warchest.web.portal.amounts import read_amount

_PLACES_MAX = 200
_BANK = "bank|"
_REFERENCE_LENGTH_MAX = 80


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a form says, as it would be booked."""

    source: AccountRef
    sold: Money
    target: AccountRef
    bought: Money
    day: date
    reference: str

    def legs(self) -> tuple[Leg, ...]:
        return services.get(Accounting).exchange_legs(
            source=self.source, sold=self.sold, target=self.target, bought=self.bought
        )


class ExchangeForm(forms.Form):
    day = day_field(gettext_lazy("Day"))
    source = forms.ChoiceField(label=gettext_lazy("From account"), initial=_BANK)
    sold_amount = forms.CharField(label=gettext_lazy("Amount that went"), max_length=30)
    sold_currency = forms.ChoiceField(label=gettext_lazy("Currency"))
    target = forms.ChoiceField(label=gettext_lazy("To account"), initial=_BANK)
    bought_amount = forms.CharField(label=gettext_lazy("Amount that came"), max_length=30, required=False)
    bought_currency = forms.ChoiceField(label=gettext_lazy("Currency"))
    rate = forms.DecimalField(
        label=gettext_lazy("Or the rate"),
        max_digits=24,
        decimal_places=10,
        min_value=0,
        required=False,
        help_text=gettext_lazy(
            "What one unit of what went brought. Leave it empty where the amount that came is known."
        ),
    )
    reference = forms.CharField(
        label=gettext_lazy("Reference"),
        max_length=_REFERENCE_LENGTH_MAX,
        required=False,
        help_text=gettext_lazy("Of the bank's statement."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"].choices = self.fields["target"].choices = _places()
        self.fields["sold_currency"].choices = self.fields["bought_currency"].choices = currency_choices()
        functional = services.get(Accounting).functional_currency()
        self.fields["bought_currency"].initial = functional
        self.fields["sold_currency"].initial = "USD" if functional != "USD" else "EUR"
        self.fields["day"].required = True
        self.fields["day"].initial = now().date()

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if not said.get("bought_amount") and not said.get("rate"):
            self.add_error("bought_amount", _("Say which amount came, or the rate."))
        elif said.get("bought_amount") and said.get("rate"):
            self.add_error("rate", _("Say either the amount or the rate: the other follows."))
        for name in ("sold", "bought"):
            typed = said.get(f"{name}_amount")
            if typed and said.get(f"{name}_currency"):
                try:
                    said[name] = read_amount(typed, said[f"{name}_currency"], language=get_language() or "en")
                except UnableTo as refusal:
                    self.add_error(f"{name}_amount", explain(refusal).text)
        return said

    def exchange(self) -> Exchange:
        said = self.cleaned_data
        sold: Money = said["sold"]
        bought: Money | None = said.get("bought")
        if bought is None:
            bought = sold.converted(Fraction(said["rate"]), currency(said["bought_currency"]))
        return Exchange(
            source=_account(said["source"], sold),
            sold=sold,
            target=_account(said["target"], bought),
            bought=bought,
            day=said["day"],
            reference=said["reference"].strip(),
        )


class ConfirmedForm(forms.Form):
    """What was looked at, in the form of programs, so that nothing is read twice in two ways."""

    day = forms.DateField(input_formats=["%Y-%m-%d"])
    source = forms.ChoiceField()
    sold = forms.CharField(max_length=40)
    target = forms.ChoiceField()
    bought = forms.CharField(max_length=40)
    reference = forms.CharField(max_length=_REFERENCE_LENGTH_MAX, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"].choices = self.fields["target"].choices = _places()

    def exchange(self) -> Exchange:
        """Raises UnableToReadAmount, UnableToFindCurrency."""
        said = self.cleaned_data
        sold, bought = (Money.parse(*said[name].partition(" ")[::2]) for name in ("sold", "bought"))
        return Exchange(
            source=_account(said["source"], sold),
            sold=sold,
            target=_account(said["target"], bought),
            bought=bought,
            day=said["day"],
            reference=said["reference"],
        )


def _places() -> list[tuple[str, str]]:
    """Where money lies that can be exchanged: the bank, and every account of ours there that the books know."""
    known = {one.account.owner for one in services.get(Ledger).accounts(book="bank", limit=_PLACES_MAX)}
    return [
        (f"bank|{owner}", ": ".join(filter(None, [str(books.book_name("bank")), owner])))
        for owner in sorted(known | {""})
    ]


def _account(place: str, amount: Money) -> AccountRef:
    book, _separator, owner = place.partition("|")
    return AccountRef(book, amount.currency.code, owner)


@needs("money.exchange")
def exchange(request: HttpRequest) -> HttpResponse:
    form = ExchangeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        shown = attempt(request, lambda: _preview(request, form.exchange()))
        if shown:
            return shown
    return page(request, "exchange", _("Record an exchange"), form=form)


def _preview(request: HttpRequest, meant: Exchange) -> HttpResponse:
    """The entry as it would be booked, beside the rate that is kept for its day."""
    accounting = services.get(Accounting)
    legs = meant.legs()
    rate = Fraction(accounting.rate_text(sold=meant.sold, bought=meant.bought))
    kept = _kept_rate(meant)
    return page(
        request,
        "confirm_exchange",
        _("Record an exchange"),
        exchange=meant,
        source=f"{meant.source.book}|{meant.source.owner}",
        target=f"{meant.target.book}|{meant.target.owner}",
        legs=books.leg_rows(legs, links_accounts=False),
        totals=books.totals(legs),
        rate=_shown(rate),
        kept_rate=_shown(kept) if kept else None,
        deviation_bps=round((rate / kept - 1) * 10_000) if kept else None,
    )


def _kept_rate(meant: Exchange) -> Fraction | None:
    at = end_of(meant.day)
    assert at
    try:
        return services.get(Accounting).exchange_rate(
            base=meant.sold.currency.code,
            quote=meant.bought.currency.code,
            at=at - timedelta(microseconds=1),
        )
    except UnableToConvert:
        return None


def _shown(rate: Fraction) -> str:
    """To eight decimals, as rates are read; the entry keeps it exactly."""
    scaled = round(rate * 10**8)
    return f"{scaled // 10**8}.{scaled % 10**8:08}"


@only_sent("backoffice:exchange")
@needs("money.exchange")
def confirm(request: HttpRequest) -> HttpResponse:
    form = ConfirmedForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This can't be read. Begin again."))
        return redirect("backoffice:exchange")

    def book() -> Any:
        meant = form.exchange()
        return exchange_money(
            command(request),
            source=meant.source,
            sold=meant.sold,
            target=meant.target,
            bought=meant.bought,
            day=meant.day,
            reference=meant.reference,
        ).answer

    done = attempt(request, book)
    if done is None:
        return redirect("backoffice:exchange")
    messages.success(request, _("The exchange is booked."))
    return redirect("backoffice:entry", done.entry_id)


class PeriodForm(forms.Form):
    from_day = day_field(gettext_lazy("From"))
    to_day = day_field(gettext_lazy("To"))


@needs("books.read")
def differences(request: HttpRequest) -> HttpResponse:
    """Gains and losses of a period; this month's until today where none is asked for."""
    today = now().date()
    form = PeriodForm(
        {"from_day": today.replace(day=1), "to_day": today}
        | {name: value for name, value in request.GET.items() if value}
    )
    found: ExchangeDifferences | None = None
    obstacle = ""
    if form.is_valid():
        since, until = start_of(form.cleaned_data["from_day"]), end_of(form.cleaned_data["to_day"])
        assert since and until
        try:
            found = services.get(Accounting).exchange_differences(since=since, until=until)
        except UnableToConvert as refusal:
            obstacle = explain(refusal).text
    return page(
        request,
        "exchange_differences",
        _("Gains and losses on currencies"),
        form=form,
        found=found,
        obstacle=obstacle,
        functional=services.get(Accounting).functional_currency(),
        items=[(_accounts_of(item, found.until), item) for item in found.items] if found else [],
        total=found.realised + found.unrealised if found else None,
    )


def _accounts_of(item: MonetaryItem, at: datetime) -> books.Place:
    """A book in one currency, leading to its accounts as they stood at the end of the period."""
    asked = {"book": item.book, "currency": item.closing.currency.code, **books.moment(at)}
    return books.Place(books.book_name(item.book), f"{reverse('backoffice:accounts')}?{urlencode(asked)}")
