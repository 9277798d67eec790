"""What the entities of other clusters owe and are owed: by our books, by theirs as they tell over the line, and its settling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.accounting.contract import Accounting, NettingState, NettingStatement
from warchest.journeys.conserve import Here, Standing, There, in_transit
from warchest.journeys.settle_intercluster import ask_to_agree, draw_up_statement, settle_intercluster
from warchest.kernel.currency import INNER, currency
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.members.contract import Administrator, Members
from warchest.runtime import cluster_line
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.pages.asking import day_field, end_of

_STATES = {
    NettingState.DRAWN_UP: (gettext_lazy("waits for the other cluster"), "warning"),
    NettingState.AGREED: (gettext_lazy("agreed, not booked here"), "info"),
    NettingState.DISPUTED: (gettext_lazy("not agreed"), "danger"),
    NettingState.BOOKED: (gettext_lazy("booked"), "success"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One side of what is owed in one currency. ``half_way`` is credited in the one cluster and still held in the other;
    ``not_booked`` is settled in one set of books only, so far. ``theirs`` is None while the line is cut."""

    label: str
    ours: Money
    half_way: Money
    not_booked: Money
    theirs: Money | None

    @property
    def difference(self) -> Money | None:
        return None if self.theirs is None else self.ours + self.half_way + self.not_booked - self.theirs


@dataclass(frozen=True, slots=True)
class Other:
    code: str
    lines: tuple[Line, ...]
    is_cut: bool
    waiting: int
    form: SettleForm
    key: str


class SettleForm(forms.Form):
    """``until``: the end of a day; left empty, this moment."""

    currency = forms.ChoiceField(label=gettext_lazy("Currency"))
    until = day_field(gettext_lazy("Until the end of"))

    def __init__(self, *args: object, codes: Sequence[str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["currency"].choices = [(code, code) for code in codes]  # type: ignore[attr-defined]


@needs("books.read")
def intercluster(request: HttpRequest) -> HttpResponse:
    statements = services.get(Accounting).statements()
    codes = sorted({*cluster_line.line().clusters(), *(each.cluster for each in statements)})
    administrators = {str(each.id): each for each in services.get(Members).administrators()}
    return page(
        request,
        "intercluster",
        _("Owed between clusters"),
        others=[_other(request, code) for code in codes],
        statements=[_shown(each, administrators, request) for each in statements],
    )


def _other(request: HttpRequest, code: str) -> Other:
    ours, theirs = Here().standing(towards=code), None
    sent: Counter[str] = Counter()
    came: Counter[str] = Counter()
    there = There(code, command(request))
    try:
        theirs = there.standing(towards=services.cluster)
        sent, came = in_transit(Here(), there, ours), in_transit(there, Here(), theirs)
    except (TryAgain, UnableTo):
        theirs = None
    lines = _lines(ours, theirs, sent, came)
    codes = sorted({line.ours.currency.code for line in lines} - {INNER.code}) or ["EUR"]
    return Other(
        code=code,
        lines=lines,
        is_cut=theirs is None,
        waiting=len(ours.on_its_way),
        form=SettleForm(codes=codes),
        key=str(new_id()),
    )


def _lines(
    ours: Standing, theirs: Standing | None, sent: Counter[str], came: Counter[str]
) -> tuple[Line, ...]:
    said = theirs or Standing((), (), (), (), Money.units(0), (), ())
    codes = {amount.currency.code for of in (ours, said) for amount in (*of.payable, *of.receivable)}
    lines = []
    for code in sorted(codes):
        unit = currency(code)
        for label, own, other, half_way in (
            (_("We owe"), "payable", "receivable", sent[code]),
            (_("They owe"), "receivable", "payable", -came[code]),
        ):
            booked = _booked(ours, own, code) - _booked(said, other, code)
            line = Line(
                label=label,
                ours=_of(getattr(ours, own), code),
                half_way=Money(half_way, unit),
                not_booked=Money(booked if theirs else 0, unit),
                theirs=_of(getattr(said, other), code) if theirs else None,
            )
            if line.ours or line.half_way or line.theirs:
                lines.append(line)
    units = Line(
        label=_("Units of ours there, less units of theirs here"),
        ours=ours.units,
        half_way=Money.units(sent[INNER.code] - came[INNER.code]),
        not_booked=Money.units(0),
        theirs=-said.units if theirs else None,
    )
    return (*lines, units)


def _of(amounts: tuple[Money, ...], code: str) -> Money:
    return next((each for each in amounts if each.currency.code == code), Money.zero(currency(code)))


def _booked(standing: Standing, side: str, code: str) -> int:
    return sum(
        getattr(each, side).minor
        for each in standing.statements
        if each.state is NettingState.BOOKED and each.payable.currency.code == code
    )


def _shown(
    statement: NettingStatement, administrators: dict[str, Administrator], request: HttpRequest
) -> dict[str, object]:
    by = administrators.get(statement.drawn_up_by)
    label, tone = _STATES[statement.state]
    return {
        "row": statement,
        "label": label,
        "tone": tone,
        "drawn_up_by": by.username if by else statement.cluster,
        "booked_by": getattr(administrators.get(statement.booked_by), "username", ""),
        "is_own": statement.drawn_up_by == str(request.administrator.id),  # type: ignore[attr-defined]
        "we_pay": statement.net.minor > 0,
        "amount": statement.net if statement.net.minor > 0 else -statement.net,
        "key": str(new_id()),
    }


@only_sent("backoffice:intercluster")
@needs("intercluster.settle")
def draw_up(request: HttpRequest) -> HttpResponse:
    code = request.POST.get("currency", "")
    form = SettleForm(request.POST, codes=[code])
    if not form.is_valid():
        messages.error(request, _("This can't be read. Begin again."))
        return redirect("backoffice:intercluster")
    until = end_of(form.cleaned_data["until"]) or now()
    asked = command(request)
    drawn = attempt(
        request,
        lambda: (
            draw_up_statement(
                asked, cluster=request.POST.get("cluster", "")[:40], currency=currency(code).code, until=until
            ).answer
        ),
    )
    if drawn:
        _ask(request, drawn.id)
    return redirect("backoffice:intercluster")


@only_sent("backoffice:intercluster")
@needs("intercluster.settle")
def ask(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    _ask(request, statement_id)
    return redirect("backoffice:intercluster")


def _ask(request: HttpRequest, statement_id: UUID) -> None:
    answered = attempt(
        request, lambda: ask_to_agree(command(request).under(str(new_id())), statement_id=statement_id)
    )
    if answered and answered.state is NettingState.AGREED:
        messages.success(
            request,
            _("The other cluster agrees, to the cent. Another person books it when the bank shows it."),
        )
    elif answered:
        messages.error(
            request, _("The other cluster's books say something else. Nothing is settled by this statement.")
        )


@only_sent("backoffice:intercluster")
@needs("intercluster.settle")
def settle(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    done = attempt(
        request,
        lambda: (
            settle_intercluster(
                command(request),
                statement_id=statement_id,
                reference=request.POST.get("reference", "").strip(),
            ).answer
        ),
    )
    if done and done.entry_id:
        messages.success(request, _("The settlement is booked."))
        return redirect("backoffice:entry", done.entry_id)
    return redirect("backoffice:intercluster")
