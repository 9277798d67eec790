"""The journal: entries by what they say, one entry with all that belongs to it, and its reversal."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from warchest.accounting.contract import Accounting
from warchest.audit.contract import Audit, Operation, OperationFilter
from warchest.journeys.refusals import explain
from warchest.journeys.reverse_entry import REASON_LENGTH_MAX, obstacle, reverse_entry
from warchest.kernel.currency import currency_codes
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import Entry, EntryFilter, Ledger
from warchest.members.contract import Members
from warchest.runtime.services import services
from warchest.web.backoffice import books
from warchest.web.backoffice.frame import attempt, command, may, needs, page
from warchest.web.backoffice.pages.asking import PAGE_ROWS, Whose, asked, day_field, end_of, start_of, whose
from warchest.web.backoffice.pages.erp import SERIES
from warchest.web.portal.amounts import read_amount


class JournalForm(forms.Form):
    """What an entry is looked up by. Days are those on which it occurred, the last one included."""

    reference = forms.CharField(label=gettext_lazy("Reference"), max_length=80, required=False)
    amount = forms.CharField(label=gettext_lazy("Amount of a leg"), max_length=30, required=False)
    currency = forms.ChoiceField(label=gettext_lazy("Currency"), required=False)
    from_day = day_field(gettext_lazy("From"))
    to_day = day_field(gettext_lazy("To"))
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), required=False)
    book = forms.ChoiceField(label=gettext_lazy("Book"), required=False)
    owner = forms.CharField(
        label=gettext_lazy("Whose"),
        max_length=100,
        required=False,
        help_text=gettext_lazy(
            "A nickname, an e-mail address, an id, a provider, a reseller, a country's code"
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = [(code, code) for code in currency_codes()]
        kinds = {**books.KINDS}
        if (other := self.data.get("kind", "")).isidentifier():
            kinds.setdefault(other, books.kind_name(other))
        self.fields["kind"].choices = [("", _("all")), *kinds.items()]
        chart = [(book.code, books.book_name(book.code)) for book in services.get(Ledger).books()]
        self.fields["book"].choices = [("", _("all")), *chart]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("amount"):
            code, language = said.get("currency", ""), get_language() or "en"
            try:
                said["money"] = read_amount(said["amount"], code, language=language)
            except UnableTo as refusal:
                self.add_error("amount", explain(refusal).text)
        return said

    def filter(self, owner: str | None) -> EntryFilter:
        said = self.cleaned_data
        money: Money | None = said.get("money")
        return EntryFilter(
            reference=said["reference"],
            kind=said["kind"],
            amount=money,
            book=said["book"],
            owner=owner,
            occurred_from=start_of(said["from_day"]),
            occurred_until=end_of(said["to_day"]),
        )


@needs()
def journal(request: HttpRequest) -> HttpResponse:
    usual = {"currency": services.get(Accounting).functional_currency()}
    form = JournalForm({**usual, **request.GET.dict()} if request.GET else None, initial=usual)
    found: tuple[Entry, ...] = ()
    meant = Whose()
    if not form.is_bound:
        found = services.get(Ledger).find_entries(only=EntryFilter(), limit=PAGE_ROWS + 1)
    elif form.is_valid():
        meant = whose(form.cleaned_data["owner"])
        before = _id(request.GET.get("before", ""))
        found = services.get(Ledger).find_entries(
            only=form.filter(meant.owner), before=before, limit=PAGE_ROWS + 1
        )
    shown = found[:PAGE_ROWS]
    names = books.owners(leg.account for entry in shown for leg in entry.legs if leg.owner)
    return page(
        request,
        "journal",
        _("Journal"),
        form=form,
        is_filtered=form.is_bound,
        entries=[
            {
                "entry": entry,
                "link": books.entry_link(entry.id),
                "kind": books.kind_name(entry.kind),
                "document": books.document(entry.kind, entry.reference, entry.details, key=entry.key),
                "owners": list(dict.fromkeys(names[leg.account] for leg in entry.legs if leg.owner))[:3],
                "totals": books.totals(entry.legs),
            }
            for entry in shown
        ],
        alike=[(player, asked(request, owner=str(player.id), before="")) for player in meant.alike],
        newest_link=asked(request, before="") if request.GET.get("before") else "",
        older_link=asked(request, before=str(shown[-1].id)) if len(found) > PAGE_ROWS else "",
    )


@needs()
def entry(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    ledger = services.get(Ledger)
    found = _found(entry_id)
    reversals = ledger.reversals(entry_id=entry_id)
    may_reverse = may(request.administrator, "entry.reverse")  # type: ignore[attr-defined]
    refusal = obstacle(found, is_reversed=bool(reversals)) if may_reverse else None
    return page(
        request,
        "entry",
        _("Entry %(number)s") % {"number": found.position},
        entry=found,
        kind=books.kind_name(found.kind),
        document=books.document(found.kind, found.reference, found.details, key=found.key),
        details=[
            (books.DETAILS.get(name, name), books.kind_name(str(value)) if name == "of" else value)
            for name, value in found.details.items()
        ],
        legs=books.leg_rows(found.legs, links_accounts=may(request.administrator, "books.read")),  # type: ignore[attr-defined]
        totals=books.totals(found.legs),
        reverses=books.entry_link(found.reverses) if found.reverses else "",
        reversals=[(books.entry_link(one), one) for one in reversals],
        said=_said(found.reverses or entry_id) if reversals or found.reverses else [],
        handed_over=_handed_over(entry_id),
        is_sealed=found.position <= ledger.sealing().position,
        can_reverse=may_reverse and refusal is None,
        obstacle=explain(refusal).text if refusal and not reversals else "",
    )


class ReversalForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=REASON_LENGTH_MAX,
        help_text=gettext_lazy("It stands in the record of operations."),
    )


@needs("entry.reverse")
def reverse_page(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    """What would be booked, and the reason for it; sent, it is booked."""
    form = ReversalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        done = attempt(
            request,
            lambda: (
                reverse_entry(
                    command(request), entry_id=entry_id, reason=form.cleaned_data["reason"].strip()
                ).answer
            ),
        )
        if done:
            messages.success(request, _("The entry is reversed. This is its mirror image."))
            return redirect("backoffice:entry", done.entry_id)
        return redirect("backoffice:entry", entry_id)
    found = _found(entry_id)
    refusal = obstacle(found, is_reversed=bool(services.get(Ledger).reversals(entry_id=entry_id)))
    if refusal:
        messages.error(request, explain(refusal).text)
        return redirect("backoffice:entry", entry_id)
    mirror = tuple(books.mirrored(found))
    return page(
        request,
        "reverse_entry",
        _("Reverse entry %(number)s") % {"number": found.position},
        form=form,
        entry=found,
        kind=books.kind_name(found.kind),
        document=books.document(found.kind, found.reference, found.details, key=found.key),
        legs=books.leg_rows(mirror, links_accounts=False),
        totals=books.totals(mirror),
        back=reverse("backoffice:entry", args=[entry_id]),
    )


def _found(entry_id: UUID) -> Entry:
    found = services.get(Ledger).entry(entry_id=entry_id)
    if found is None:
        raise Http404(_("There is no such journal entry."))
    return found


def _handed_over(entry_id: UUID) -> list[tuple[str, str]]:
    """Documents for accounting systems in which the entry is: what each is called, and its page."""
    accounting = services.get(Accounting)
    return [
        (f"{document.exporter}, {SERIES[document.series]} {document.number}", link)
        for _entry, document_id in accounting.erp_documents_of_entries(entry_ids=[entry_id])
        for document in [accounting.erp_document(document_id=document_id)]
        for link in [reverse("backoffice:erp-document", args=[document_id])]
    ]


def _said(entry_id: UUID) -> list[tuple[Operation, str]]:
    """Who reversed an entry and why, with the name of who did it."""
    where = OperationFilter(
        name="ledger.reverse_entry", subject_kind="entry", subject_id=str(entry_id), outcome="done"
    )
    lines = services.get(Audit).operations(where=where, limit=5).items
    if not lines:
        return []
    people = {str(one.id): one.username for one in services.get(Members).administrators()}
    return [(line, people.get(line.actor_id, line.actor_id)) for line in lines]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
