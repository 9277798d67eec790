"""Settlements: what providers say that they took and paid out, beside our books; what is open, missing and left there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from warchest.accounting.contract import Accounting
from warchest.journeys.reconcile_settlement import (
    fetch_settlements,
    import_settlements,
    resolve_difference,
)
from warchest.payments.contract import LineState, Payments, Settlement, SettlementLineRow, UnableToSettle
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.sdk.payments import Ability, LineKind
from warchest.web.backoffice import books
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.lists.base import Text
from warchest.web.backoffice.pages.asking import PAGE_ROWS, asked, day_field

_FILE_BYTES_MAX = 5 * 1024 * 1024
# Providers settle within days; what they have not named after a week is worth a question.
_MISSING_AFTER = timedelta(days=7)
# A payout is at the bank within days; what is not there after a week is worth another question.
_LATE_AFTER = timedelta(days=7)
_MISSING_SHOWN = 50
_OPEN_SHOWN = 100
_LINES_SHOWN = 500
_OPEN = (LineState.DIFFERS, LineState.EXTRA)

STATES: dict[LineState, tuple[Text, str]] = {
    LineState.MATCHED: (pgettext_lazy("state of a settlement's line", "agrees"), "success"),
    LineState.DIFFERS: (pgettext_lazy("state of a settlement's line", "another amount"), "danger"),
    LineState.EXTRA: (pgettext_lazy("state of a settlement's line", "not in our books"), "danger"),
    LineState.RESOLVED: (pgettext_lazy("state of a settlement's line", "resolved by an entry"), "plain"),
}
KINDS: dict[LineKind, Text] = {
    LineKind.PAYMENT: pgettext_lazy("kind of a settlement's line", "payment"),
    LineKind.REFUND: pgettext_lazy("kind of a settlement's line", "refund"),
    LineKind.DISPUTE: pgettext_lazy("kind of a settlement's line", "dispute"),
    LineKind.DISPUTE_WON: pgettext_lazy("kind of a settlement's line", "dispute won"),
    LineKind.FEE: pgettext_lazy("kind of a settlement's line", "fee"),
    LineKind.RESERVE: pgettext_lazy("kind of a settlement's line", "kept back, or let go"),
    LineKind.ADJUSTMENT: pgettext_lazy("kind of a settlement's line", "adjustment"),
    LineKind.PAYOUT: pgettext_lazy("kind of a settlement's line", "payout"),
}


class FetchForm(forms.Form):
    provider = forms.ChoiceField(label=gettext_lazy("Provider"))
    day = day_field(gettext_lazy("Day (UTC)"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="fetch_%s", **kwargs)
        self.fields["provider"].choices = _able(Ability.SETTLEMENT_REPORT)
        self.fields["day"].required = True
        self.fields["day"].initial = (now() - timedelta(days=1)).date()


class FileForm(forms.Form):
    provider = forms.ChoiceField(label=gettext_lazy("Provider"))
    file = forms.FileField(label=gettext_lazy("The provider's file"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="file_%s", **kwargs)
        self.fields["provider"].choices = _able(Ability.SETTLEMENT_FILE)

    def clean_file(self) -> Any:
        if self.cleaned_data["file"].size > _FILE_BYTES_MAX:
            raise forms.ValidationError(_("The file is too large."))
        return self.cleaned_data["file"]


def _able(ability: Ability) -> list[tuple[str, str]]:
    return [(one.name, one.label) for one in services.get(Payments).providers() if ability in one.abilities]


@needs("books.read")
def settlements(request: HttpRequest) -> HttpResponse:
    return _settlements(request)


def _settlements(request: HttpRequest, **forms_sent: forms.Form) -> HttpResponse:
    payments = services.get(Payments)
    before = _id(request.GET.get("before", ""))
    listed = payments.settlements(before=before, limit=PAGE_ROWS + 1)
    shown = listed[:PAGE_ROWS]
    arrived = payments.arrivals(settlements=[one.id for one in shown])
    late = payments.payouts_under_way(before=(now() - _LATE_AFTER).date(), limit=_MISSING_SHOWN)
    missing = payments.unsettled(before=now() - _MISSING_AFTER, limit=_MISSING_SHOWN + 1)
    return page(
        request,
        "settlements",
        _("Settlements"),
        balances=payments.provider_balances(),
        settlements=[(one, arrived.get(one.id)) for one in shown],
        late=late,
        newest_link=asked(request, before="") if before else "",
        older_link=asked(request, before=str(shown[-1].id)) if len(listed) > PAGE_ROWS else "",
        missing=[payments.payment(payment_id=payment_id) for payment_id in missing[:_MISSING_SHOWN]],
        is_more_missing=len(missing) > _MISSING_SHOWN,
        **({"fetch_form": FetchForm(), "file_form": FileForm()} | forms_sent),
    )


@only_sent("backoffice:settlements")
@needs("settlement.take")
def fetch(request: HttpRequest) -> HttpResponse:
    form = FetchForm(request.POST)
    if not form.is_valid():
        return _settlements(request, fetch_form=form)
    said = form.cleaned_data
    taken = attempt(
        request, lambda: fetch_settlements(command(request), provider=said["provider"], day=said["day"])
    )
    return _told(request, taken)


@only_sent("backoffice:settlements")
@needs("settlement.take")
def bring(request: HttpRequest) -> HttpResponse:
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _settlements(request, file_form=form)
    said = form.cleaned_data
    taken = attempt(
        request,
        lambda: import_settlements(command(request), provider=said["provider"], data=said["file"].read()),
    )
    return _told(request, taken)


def _told(request: HttpRequest, taken: tuple[Settlement, ...] | None) -> HttpResponse:
    if taken == ():
        messages.info(request, _("The provider settled nothing there."))
    for settled in taken or ():
        if not settled.open_lines:
            messages.success(request, _("Settlement %(number)s agrees with our books.") % _number(settled))
            continue
        messages.warning(
            request,
            ngettext(
                "Settlement %(number)s: %(count)s line is open. Say what it is.",
                "Settlement %(number)s: %(count)s lines are open. Say what they are.",
                settled.open_lines,
            )
            % {**_number(settled), "count": settled.open_lines},
        )
    return redirect("backoffice:settlements")


def _number(settled: Settlement) -> dict[str, object]:
    return {"number": settled.number}


@needs("books.read")
def settlement(request: HttpRequest, settlement_id: UUID) -> HttpResponse:
    payments = services.get(Payments)
    try:
        found = payments.settlement(settlement_id=settlement_id)
    except UnableToSettle:
        raise Http404(_("There is no such settlement.")) from None
    still_open = payments.settlement_lines(settlement_id=settlement_id, states=_OPEN, limit=_OPEN_SHOWN)
    lines = payments.settlement_lines(settlement_id=settlement_id, limit=_LINES_SHOWN)
    return page(
        request,
        "settlement",
        _("Settlement"),
        settlement=found,
        arrival=payments.arrivals(settlements=[found.id]).get(found.id),
        open_lines=[_row(line) for line in still_open],
        is_more_open=found.open_lines > len(still_open),
        lines=[_row(line) for line in lines],
        is_more=found.lines > len(lines),
        counterparts=[(book, books.book_name(book)) for book in services.get(Accounting).difference_books()],
    )


@needs("books.read")
def line(request: HttpRequest, line_id: UUID) -> HttpResponse:
    """To the settlement that a line stands in."""
    try:
        found = services.get(Payments).settlement_line(line_id=line_id)
    except UnableToSettle:
        raise Http404(_("There is no such settlement.")) from None
    return redirect("backoffice:settlement", found.settlement)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _row(line: SettlementLineRow) -> dict[str, Any]:
    label, colour = STATES[line.state]
    return {"line": line, "kind": KINDS[line.kind], "state": label, "colour": colour}


@only_sent("backoffice:settlement", "settlement_id")
@needs("settlement.take")
def resolve(request: HttpRequest, settlement_id: UUID, line_id: UUID) -> HttpResponse:
    done = attempt(
        request,
        lambda: (
            resolve_difference(
                command(request),
                line_id=line_id,
                book=request.POST.get("book", "")[:40],
                reason=request.POST.get("reason", "")[:300],
            ).answer
        ),
    )
    if done:
        messages.success(request, _("It is booked, and the line resolved."))
    return redirect("backoffice:settlement", settlement_id)
