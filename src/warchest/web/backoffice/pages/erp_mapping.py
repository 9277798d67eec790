"""What our accounts are called in an accounting system, how entries are told there, and who the customers are."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.accounting.contract import (
    ANY,
    HOUSE,
    PERSON,
    Accounting,
    AccountKey,
    MappedAccount,
    Treatment,
)
from warchest.accounting.models import ErpCustomer
from warchest.journeys.map_erp_account import keep_erp_customer, map_erp_account, set_treatment
from warchest.kernel.ids import new_id
from warchest.ledger.contract import BookKind, Ledger
from warchest.members.contract import Members
from warchest.runtime.services import services
from warchest.sdk.erp import Ability, Method
from warchest.web.backoffice import books
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.pages.currency_rates import currency_choices
from warchest.web.backoffice.pages.erp import TREATMENTS, exporter_named
from warchest.web.backoffice.reading import rows_of

_OWNERS = {
    ANY: gettext_lazy("everybody without one of their own"),
    HOUSE: gettext_lazy("the house"),
    PERSON: gettext_lazy("single people and batches"),
}
METHODS = {
    Method.CARD: gettext_lazy("card"),
    Method.BANK: gettext_lazy("bank transfer"),
    Method.CASH: gettext_lazy("cash"),
}
_CUSTOMERS_SHOWN = 50


class MappingForm(forms.Form):
    book = forms.ChoiceField(label=gettext_lazy("Book"))
    owner_class = forms.CharField(
        label=gettext_lazy("Whose"),
        max_length=64,
        initial=ANY,
        help_text=gettext_lazy(
            "* for all, “house”, “person”, or a name as it stands in the books: a country, a provider."
        ),
    )
    currency = forms.ChoiceField(label=gettext_lazy("Currency"))
    account = forms.CharField(
        label=gettext_lazy("Account over there"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Left empty, the mapping is taken away."),
    )
    customer = forms.CharField(
        label=gettext_lazy("Customer over there"),
        required=False,
        max_length=40,
        help_text=gettext_lazy("For cash receipts: from whom money comes in here."),
    )
    method = forms.ChoiceField(
        label=gettext_lazy("Comes by"), required=False, choices=[("", "–"), *METHODS.items()]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["book"].choices = _books()
        self.fields["currency"].choices = [(ANY, _("all")), *currency_choices()]


class TreatmentForm(forms.Form):
    book = forms.ChoiceField(label=gettext_lazy("Entries that touch"), required=False)
    treatment = forms.ChoiceField(label=gettext_lazy("Are told"))

    def __init__(self, *args: Any, has_receipts: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["book"].choices = [("", _("all books without a rule of their own")), *_books()]
        offered = [Treatment.SUMMARY, Treatment.DETAIL, *([Treatment.RECEIPT] if has_receipts else [])]
        self.fields["treatment"].choices = [(each.value, TREATMENTS[each]) for each in offered]


class CustomerForm(forms.Form):
    number = forms.CharField(label=gettext_lazy("Number over there"), max_length=40)
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=64,
        help_text=gettext_lazy("A provider or a reseller. Players are never told to an accounting system."),
    )


def _books() -> list[tuple[str, Any]]:
    """All but units, which are no money."""
    return [
        (book.code, books.book_name(book.code))
        for book in services.get(Ledger).books()
        if book.kind is not BookKind.MEMORANDUM
    ]


@needs("books.read")
def mapping(request: HttpRequest, exporter: str) -> HttpResponse:
    accounting, found = services.get(Accounting), exporter_named(exporter)
    has_receipts = Ability.CASH_RECEIPTS in found.abilities
    people = {str(one.id): one.username for one in services.get(Members).administrators()}
    asked_for = {
        name: request.GET[name] for name in ("book", "owner_class", "currency") if name in request.GET
    }
    return page(
        request,
        "erp_mapping",
        _("Accounts of %(system)s") % {"system": found.label},
        exporter=found,
        missing=[
            {
                "key": each.key,
                "book": books.book_name(each.key.book),
                "owner": _OWNERS.get(each.key.owner_class, each.key.owner_class),
                "entries": each.entries,
            }
            for each in accounting.missing_accounts(exporter=exporter)
        ],
        mapped=[_shown(each, people) for each in accounting.mapped_accounts(exporter=exporter)],
        history=[_shown(each, people) for each in accounting.mapping_history(exporter=exporter, limit=50)],
        treatments=[
            {
                "book": books.book_name(rule.book)
                if rule.book
                else _("all books without a rule of their own"),
                "treatment": TREATMENTS[rule.treatment],
                "by": people.get(rule.set_by, rule.set_by),
            }
            for rule in accounting.treatments(exporter=exporter)
        ],
        customers=rows_of(ErpCustomer).filter(exporter=exporter).order_by("-id")[:_CUSTOMERS_SHOWN],
        form=MappingForm(initial=asked_for),
        treatment_form=TreatmentForm(has_receipts=has_receipts, auto_id="id_treatment_%s"),
        customer_form=CustomerForm(auto_id="id_customer_%s") if has_receipts else None,
        treatment_key=str(new_id()),
        customer_key=str(new_id()),
    )


def _shown(mapped: MappedAccount, people: dict[str, str]) -> dict[str, Any]:
    key = mapped.key
    return {
        "row": mapped,
        "book": books.book_name(key.book),
        "owner": _OWNERS.get(key.owner_class, key.owner_class),
        "currency": "" if key.currency == ANY else key.currency,
        "method": METHODS[mapped.method] if mapped.method else "",
        "by": people.get(mapped.set_by, mapped.set_by),
    }


@only_sent("backoffice:erp-mapping", "exporter")
@needs("erp.map")
def map_account(request: HttpRequest, exporter: str) -> HttpResponse:
    form = MappingForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This can't be read. Begin again."))
        return redirect("backoffice:erp-mapping", exporter)
    said = form.cleaned_data
    kept = attempt(
        request,
        lambda: (
            map_erp_account(
                command(request),
                exporter=exporter,
                key=AccountKey(said["book"], said["owner_class"], said["currency"]),
                account=said["account"],
                customer=said["customer"],
                method=Method(said["method"]) if said["method"] else None,
            ).answer
        ),
    )
    if kept and kept.account:
        messages.success(request, _("Mapped. What was held for it goes with the next batch."))
    elif kept:
        messages.success(request, _("The mapping is taken away."))
    return redirect("backoffice:erp-mapping", exporter)


@only_sent("backoffice:erp-mapping", "exporter")
@needs("erp.map")
def treat(request: HttpRequest, exporter: str) -> HttpResponse:
    has_receipts = Ability.CASH_RECEIPTS in exporter_named(exporter).abilities
    form = TreatmentForm(request.POST, has_receipts=has_receipts)
    if not form.is_valid():
        messages.error(request, _("This can't be read. Begin again."))
        return redirect("backoffice:erp-mapping", exporter)
    said = form.cleaned_data
    kept = attempt(
        request,
        lambda: (
            set_treatment(
                command(request),
                exporter=exporter,
                book=said["book"],
                treatment=Treatment(said["treatment"]),
            ).answer
        ),
    )
    if kept:
        messages.success(request, _("Entries are told so that are taken from now on."))
    return redirect("backoffice:erp-mapping", exporter)


@only_sent("backoffice:erp-mapping", "exporter")
@needs("erp.map")
def keep_customer(request: HttpRequest, exporter: str) -> HttpResponse:
    form = CustomerForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This can't be read. Begin again."))
        return redirect("backoffice:erp-mapping", exporter)
    done = attempt(
        request,
        lambda: keep_erp_customer(command(request), exporter=exporter, **form.cleaned_data),
    )
    if done:
        messages.success(request, _("The next batch tells the accounting system of this customer."))
    return redirect("backoffice:erp-mapping", exporter)
