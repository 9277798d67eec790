"""The journal as a file: what to expect of it, and the file itself, written while it is sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from warchest.cards.contract import Cards
from warchest.delivery.contract import Delivery
from warchest.journeys.export_journal import Export, export_journal, settle
from warchest.journeys.export_register import export_register
from warchest.kernel.ids import new_id
from warchest.ledger.contract import Ledger
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.views import card_register
from warchest.views.journal_csv import COLUMNS
from warchest.views.journal_export import By, Extent, Format, expected, export
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.pages.asking import day_field, end_of, start_of

_FORMATS = {
    Format.CSV: gettext_lazy("CSV, a row for each leg"),
    Format.BEANCOUNT: gettext_lazy("Text for beancount"),
}
_MEDIA = {Format.CSV: ("text/csv", "csv"), Format.BEANCOUNT: ("text/plain", "beancount")}


class ExportForm(forms.Form):
    """Days are UTC, the last one included."""

    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=[(format.value, title) for format, title in _FORMATS.items()],
        widget=forms.RadioSelect,
        initial=Format.CSV.value,
    )
    by = forms.ChoiceField(
        label=gettext_lazy("Days on which entries"),
        choices=[
            (By.OCCURRED.value, gettext_lazy("occurred")),
            (By.RECORDED.value, gettext_lazy("came into the books")),
        ],
        widget=forms.RadioSelect,
        initial=By.OCCURRED.value,
    )
    from_day = day_field(gettext_lazy("From"))
    to_day = day_field(gettext_lazy("To"))
    after = forms.IntegerField(
        label=gettext_lazy("Only behind position"),
        min_value=0,
        max_value=2**63 - 1,
        required=False,
        help_text=gettext_lazy("Where the last file ended. Empty: from the beginning."),
    )
    with_balances = forms.BooleanField(
        label=gettext_lazy("End with balances that beancount checks"), required=False
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        first, last = said.get("from_day"), said.get("to_day")
        if first and last and last < first:
            self.add_error("to_day", _("The last day must follow the first."))
        return said


@needs("journal.export")
def journal(request: HttpRequest) -> HttpResponse:
    form = ExportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        file = attempt(request, lambda: _file(request, form.cleaned_data))
        if file:
            return file
    folding = services.get(Ledger).folding()
    whole = Extent(upto=folding.position + folding.behind)
    return page(
        request,
        "export_journal",
        _("Export the journal"),
        form=form,
        sizes=[(title, expected(extent=whole, format=format)) for format, title in _FORMATS.items()],
        columns=COLUMNS,
    )


def _file(request: HttpRequest, said: dict[str, Any]) -> StreamingHttpResponse:
    format, by = Format(said["format"]), By(said["by"])
    since, until = start_of(said["from_day"]), end_of(said["to_day"])
    # The page stays open when the file comes, and each file that is asked for from it is one of its own.
    asked: Export = export_journal(
        command(request).under(str(new_id())),
        format=format.value,
        after=said["after"] or 0,
        by=by.value,
        since=since,
        until=until,
    ).answer
    settle(upto=asked.upto)
    extent = Extent(upto=asked.upto, after=asked.after, by=by, since=since, until=until)
    media, ending = _MEDIA[format]
    return StreamingHttpResponse(
        export(extent=extent, format=format, with_balances=said["with_balances"]),
        content_type=f"{media}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="journal-{asked.after + 1}-{asked.upto}.{ending}"',
            "Cache-Control": "no-store",
        },
    )


@needs("batch.export")
@only_sent("backoffice:batch", "batch_id")
def register(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """The register of a batch, written while it is sent."""
    found = attempt(
        request, lambda: export_register(command(request).under(str(new_id())), batch=batch_id).answer
    )
    if found is None:
        return redirect("backoffice:batch", batch_id)
    cards = services.get(Cards)
    holders = {reseller.id: reseller.name for reseller in cards.resellers()}
    lines = cards.register(batch_id=batch_id, at=now())
    name = f"{found.first_serial}-{found.last_serial}"
    return StreamingHttpResponse(
        card_register.pieces(lines, holders=holders),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="cards-{name}.csv"',
            "Cache-Control": "no-store",
        },
    )


@needs("batch.order")
@only_sent("backoffice:batch", "batch_id")
def card_sheet(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """A test sheet and the artwork of a batch's cards, in the language of whoever asks."""
    sheet = attempt(
        request,
        lambda: services.get(Delivery).render_card_sheet(
            batch_id=batch_id, language=get_language() or "en", at=now()
        ),
    )
    if sheet is None:
        return redirect("backoffice:batch", batch_id)
    return HttpResponse(
        sheet.content,
        content_type="application/pdf",
        headers={
            "Content-Disposition": f'attachment; filename="{sheet.filename}"',
            "Cache-Control": "no-store",
        },
    )
