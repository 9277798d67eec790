"""What is handed to accounting systems: how far it is, the queue of documents, one document, one batch."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from warchest.accounting.contract import (
    Accounting,
    ErpBatch,
    ErpDocument,
    ErpState,
    Exporter,
    Series,
    Treatment,
    UnableToExport,
)
from warchest.journeys.begin_export import begin_export
from warchest.journeys.exchange_with_erp import exchange_with_erp
from warchest.journeys.make_erp_batch import make_erp_batch, take_entries
from warchest.journeys.refusals import explain
from warchest.journeys.send_to_erp_again import confirm_erp_document, send_to_erp_again
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.members.contract import Members
from warchest.runtime.services import services
from warchest.sdk.erp import Outcome, UnableToWrite
from warchest.web.backoffice import books
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.pages.asking import PAGE_ROWS, asked

STATES = {
    ErpState.WAITING: (pgettext_lazy("document for an ERP", "to be sent"), "plain"),
    ErpState.SENT: (pgettext_lazy("document for an ERP", "sent, not answered"), "info"),
    ErpState.ACKNOWLEDGED: (pgettext_lazy("document for an ERP", "acknowledged"), "success"),
    ErpState.REFUSED: (pgettext_lazy("document for an ERP", "refused"), "danger"),
}
SERIES = {
    Series.JOURNAL: gettext_lazy("Journal"),
    Series.RECEIPT: gettext_lazy("Cash receipt"),
    Series.CUSTOMER: gettext_lazy("Customer"),
}
TREATMENTS = {
    Treatment.DETAIL: gettext_lazy("one by one"),
    Treatment.SUMMARY: gettext_lazy("in a summary of the day"),
    Treatment.RECEIPT: gettext_lazy("as cash receipts"),
    Treatment.UNITS: gettext_lazy("units, not handed over"),
}
OUTCOMES = {
    Outcome.ACCEPTED: (pgettext_lazy("answer of an ERP", "booked"), "success"),
    Outcome.REFUSED: (pgettext_lazy("answer of an ERP", "refused"), "danger"),
    Outcome.UNREADABLE: (pgettext_lazy("answer of an ERP", "not readable, not believed"), "warning"),
}
_ENTRIES_SHOWN = 100
_STEPS_MAX = 20


class BeginForm(forms.Form):
    begins_after = forms.IntegerField(
        label=gettext_lazy("Only entries behind number"),
        min_value=0,
        max_value=2**62,
        initial=0,
        help_text=gettext_lazy("Those before it are in the accounting system already."),
    )
    first_journal_number = forms.IntegerField(
        label=gettext_lazy("First number of a journal"),
        min_value=1,
        max_value=2_000_000_000,
        initial=1,
        help_text=gettext_lazy("The beginning of a range over there that nobody else uses."),
    )


class ConfirmForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("What you saw over there"),
        max_length=200,
        help_text=gettext_lazy("It stands with the document and in the record of operations."),
    )


@needs("books.read")
def exports(request: HttpRequest) -> HttpResponse:
    """All exporters, and how far each is."""
    accounting = services.get(Accounting)
    shown = []
    for exporter in accounting.exporters():
        begun = exporter.begun_at is not None
        shown.append(
            {
                "exporter": exporter,
                "standing": accounting.export_standing(exporter=exporter.name) if begun else None,
                "form": BeginForm(auto_id=f"id_{exporter.name}_%s"),
                "key": str(new_id()),
            }
        )
    return page(request, "erp_exports", _("Accounting systems"), exports=shown)


@only_sent("backoffice:erp")
@needs("erp.map")
def begin(request: HttpRequest, exporter: str) -> HttpResponse:
    form = BeginForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This can't be read. Begin again."))
    elif attempt(
        request, lambda: begin_export(command(request), exporter=exporter, **form.cleaned_data).answer
    ):
        messages.success(request, _("Begun. Map the accounts, and entries go over as their days end."))
        return redirect("backoffice:erp-mapping", exporter)
    return redirect("backoffice:erp")


@needs("books.read")
def queue(request: HttpRequest, exporter: str) -> HttpResponse:
    """The documents, the newest first; of one state, where it is asked for."""
    accounting, found = services.get(Accounting), exporter_named(exporter)
    try:
        standing = accounting.export_standing(exporter=exporter)
    except UnableToExport:
        return redirect("backoffice:erp")
    wanted = request.GET.get("state", "")
    state = ErpState(wanted) if wanted in list(ErpState) else None
    before = _id(request.GET.get("before", ""))
    documents = accounting.erp_documents(exporter=exporter, state=state, before=before, limit=PAGE_ROWS + 1)
    shown = documents[:PAGE_ROWS]
    return page(
        request,
        "erp_queue",
        found.label,
        exporter=found,
        standing=standing,
        health=accounting.exporter_health(exporter=exporter) if not found.problem else None,
        states=[
            {
                "label": label,
                "link": asked(request, state=each.value, before=""),
                "count": standing.documents.get(each.value, 0),
                "is_chosen": each is state,
            }
            for each, (label, _colour) in STATES.items()
        ],
        all_link=asked(request, state="", before=""),
        is_filtered=state is not None,
        documents=[_shown(each) for each in shown],
        batches=accounting.erp_batches(exporter=exporter, limit=10),
        newest_link=asked(request, before="") if before else "",
        older_link=asked(request, before=str(shown[-1].id)) if len(documents) > PAGE_ROWS else "",
    )


def _shown(document: ErpDocument) -> dict[str, Any]:
    label, colour = STATES[document.state]
    return {
        "row": document,
        "series": SERIES[document.series],
        "state": label,
        "colour": colour,
        "treatment": TREATMENTS[document.treatment] if document.treatment else "",
        "amount": None
        if document.amount_minor is None
        else Money(document.amount_minor, currency(document.currency)),
        "error": _in_words(document.error),
        "said": _in_words(document.error) or document.problem,
    }


def _in_words(error: str) -> str:
    """What the ERP said as it said it; why a document can't be written, as a sentence in the reader's language."""
    told = re.fullmatch(r"(?P<reason>\w+)(?: \((?P<details>.*)\))?", error)
    if not told or told["reason"] not in UnableToWrite.reasons:
        return error
    details = dict(re.findall(r"(\w+)=(.*?)(?=, \w+=|$)", told["details"] or ""))
    return explain(UnableToWrite(told["reason"], **details)).text


@only_sent("backoffice:erp-queue", "exporter")
@needs("erp.send")
def run(request: HttpRequest, exporter: str) -> HttpResponse:
    """What the worker does by itself, now."""

    def once() -> tuple[ErpBatch | None, Any]:
        take_entries(exporter=exporter, steps_max=_STEPS_MAX)
        batch = make_erp_batch(command(request), exporter=exporter).answer
        return batch, exchange_with_erp(command(request), exporter=exporter)

    done = attempt(request, once)
    if done:
        batch, said = done
        if batch:
            messages.success(
                request,
                ngettext(
                    "Batch %(number)s has %(count)s document.",
                    "Batch %(number)s has %(count)s documents.",
                    batch.documents,
                )
                % {"number": batch.number, "count": batch.documents},
            )
        else:
            messages.info(request, _("Nothing waits for a batch."))
        messages.info(
            request,
            _("Handed over: %(handed)s. Answers taken: %(answered)s.")
            % {"handed": said.handed_over, "answered": said.answered},
        )
        if said.failed:
            messages.error(request, _("The way is closed just now. What waits is handed over later."))
    return redirect("backoffice:erp-queue", exporter)


@needs("books.read")
def document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    accounting = services.get(Accounting)
    found = _document(document_id)
    entry_ids = accounting.entries_of_document(document_id=document_id, limit=_ENTRIES_SHOWN + 1)
    entries = services.get(Ledger).entries(entry_ids=list(entry_ids[:_ENTRIES_SHOWN]))
    people = {str(one.id): one.username for one in services.get(Members).administrators()}
    return page(
        request,
        "erp_document",
        f"{SERIES[found.series]} {found.number}",
        shown=_shown(found),
        document=found,
        exporter=exporter_named(found.exporter),
        attempts=list(reversed(accounting.erp_attempts(document_id=document_id))),
        answers=[
            {
                "row": answer,
                "outcome": OUTCOMES[answer.outcome][0],
                "colour": OUTCOMES[answer.outcome][1],
                "by": people.get(answer.said_by, answer.said_by),
            }
            for answer in accounting.erp_answers(document_id=document_id)
        ],
        entries=[
            {
                "entry": entry,
                "link": books.entry_link(entry.id),
                "kind": books.kind_name(entry.kind),
                "totals": books.totals(entry.legs),
            }
            for entry_id in entry_ids[:_ENTRIES_SHOWN]
            if (entry := entries.get(entry_id))
        ],
        has_more=len(entry_ids) > _ENTRIES_SHOWN,
        can_send=found.state is ErpState.REFUSED or (found.state is ErpState.SENT and found.is_handed_over),
        can_confirm=found.state in (ErpState.REFUSED, ErpState.SENT) and found.sent_at is not None,
        form=ConfirmForm(),
        confirm_key=str(new_id()),
    )


@only_sent("backoffice:erp-document", "document_id")
@needs("erp.send")
def send_again(request: HttpRequest, document_id: UUID) -> HttpResponse:
    sent = attempt(request, lambda: send_to_erp_again(command(request), document_id=document_id).answer)
    if sent and sent.state is ErpState.REFUSED:
        messages.error(request, _("It still can't be written."))
    elif sent:
        messages.success(request, _("It is sent again, under its number."))
    return redirect("backoffice:erp-document", document_id)


@only_sent("backoffice:erp-document", "document_id")
@needs("erp.send")
def confirm(request: HttpRequest, document_id: UUID) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()[:200]
    done = attempt(
        request,
        lambda: confirm_erp_document(command(request), document_id=document_id, reason=reason).answer,
    )
    if done:
        messages.success(request, _("It counts as acknowledged, on your word."))
    return redirect("backoffice:erp-document", document_id)


@needs("books.read")
def batch(request: HttpRequest, exporter: str, number: int) -> HttpResponse:
    """A batch's control totals beside its documents."""
    accounting = services.get(Accounting)
    found = next(
        (each for each in accounting.erp_batches(exporter=exporter, before=number + 1, limit=1)), None
    )
    if found is None or found.number != number:
        raise Http404(pgettext("for an ERP", "There is no such batch."))
    totals = accounting.control_totals(batch_id=found.id)
    sums: dict[str, list[int]] = {}
    for total in totals:
        sides = sums.setdefault(total.currency, [0, 0])
        sides[0] += total.debit_minor
        sides[1] += total.credit_minor
    return page(
        request,
        "erp_batch",
        pgettext("for an ERP", "Batch %(number)s") % {"number": number},
        exporter=exporter_named(exporter),
        batch=found,
        totals=[
            {
                "treatment": TREATMENTS[total.treatment],
                "book": books.book_name(total.book),
                "debit": Money(total.debit_minor, currency(total.currency)),
                "credit": Money(total.credit_minor, currency(total.currency)),
            }
            for total in totals
        ],
        sums=[
            {"debit": Money(debits, currency(code)), "credit": Money(credits, currency(code))}
            for code, (debits, credits) in sorted(sums.items())
        ],
        documents=[
            _shown(each)
            for each in reversed(accounting.erp_documents(exporter=exporter, batch=found.id, limit=500))
        ],
    )


def exporter_named(name: str) -> Exporter:
    found = next((each for each in services.get(Accounting).exporters() if each.name == name), None)
    if found is None:
        raise Http404(_("There is no such accounting system."))
    return found


def _document(document_id: UUID) -> ErpDocument:
    try:
        return services.get(Accounting).erp_document(document_id=document_id)
    except UnableToExport:
        raise Http404(_("There is no such document.")) from None


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
