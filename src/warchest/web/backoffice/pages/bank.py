"""The bank: statements brought, what found its payment and what did not, and files of orders taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.accounting.contract import Accounting
from warchest.journeys.import_statement import import_statement
from warchest.journeys.match_payout import settle_as_payout
from warchest.journeys.order_payouts import order_payouts
from warchest.journeys.resolve_entry import (
    Resolved,
    book_entry_as,
    credit_arrived,
    note_as_booked,
    pay_by_entry,
    send_back,
)
from warchest.kernel.money import Money
from warchest.members.contract import Members, UnableToFindPlayer
from warchest.payments.contract import (
    EntryKept,
    EntryState,
    Payments,
    Provider,
    Resolution,
    Settlement,
    UnableToFindBankEntry,
    WaitReason,
)
from warchest.runtime.services import services
from warchest.sdk.payments import Ability
from warchest.web.backoffice import books
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.lists.base import Text
from warchest.web.backoffice.pages.asking import day_field

_FILE_BYTES_MAX = 20 * 1024 * 1024
_WAITING_SHOWN = 100
_PAYOUTS_SHOWN = 20

STATES: dict[EntryState, tuple[Text, str]] = {
    EntryState.NEW: (gettext_lazy("new"), "info"),
    EntryState.WAITING: (gettext_lazy("waits for you"), "warning"),
    EntryState.MATCHED: (gettext_lazy("matched"), "success"),
    EntryState.RESOLVED: (gettext_lazy("settled by hand"), "success"),
}
REASONS: dict[WaitReason, Text] = {
    WaitReason.NO_REFERENCE: gettext_lazy("No reference of ours is in it."),
    WaitReason.REFERENCE_UNKNOWN: gettext_lazy("Its reference is well formed, and of no payment."),
    WaitReason.SEVERAL_REFERENCES: gettext_lazy("It names several payments."),
    WaitReason.PAYMENT_SETTLED: gettext_lazy("The payment that it names is settled already."),
    WaitReason.LESS: gettext_lazy("Less came than was asked."),
    WaitReason.MORE: gettext_lazy("More came than was asked."),
    WaitReason.UNDER_REVIEW: gettext_lazy("The payment that it paid is under review."),
    WaitReason.CURRENCY_DIFFERS: gettext_lazy("It came in another currency than was asked."),
    WaitReason.TOLD_BEFORE: gettext_lazy("Another statement told the same before: it may be the same money."),
    WaitReason.REVERSAL: gettext_lazy("The bank takes an earlier entry back."),
    WaitReason.OUTGOING: gettext_lazy("It left, and we ordered nothing like it."),
    WaitReason.PAYOUT_DIFFERS: gettext_lazy("It names a provider's payout, which is of another amount."),
}
RESOLUTIONS: dict[Resolution, Text] = {
    Resolution.PAYMENT: gettext_lazy("It paid a payment."),
    Resolution.PLAYER: gettext_lazy("What arrived was credited."),
    Resolution.SETTLEMENT: gettext_lazy("A provider paid out."),
    Resolution.BOOK: gettext_lazy("It was booked against another book."),
    Resolution.BOOKED_BEFORE: gettext_lazy("The journal had it already."),
    Resolution.SEND_BACK: gettext_lazy("It goes back to its sender."),
    Resolution.SENT_BACK: gettext_lazy("What was to go back went out."),
    Resolution.REFUND: gettext_lazy("A refund went out."),
}


class StatementForm(forms.Form):
    provider = forms.ChoiceField(label=gettext_lazy("Account"))
    file = forms.FileField(label=gettext_lazy("Statement of the bank (camt.053)"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="statement_%s", **kwargs)
        self.fields["provider"].choices = _able(Ability.BANK_STATEMENT)

    def clean_file(self) -> Any:
        if self.cleaned_data["file"].size > _FILE_BYTES_MAX:
            raise forms.ValidationError(_("The file is too large."))
        return self.cleaned_data["file"]


class OrdersForm(forms.Form):
    provider = forms.ChoiceField(label=gettext_lazy("Account"))
    day = day_field(gettext_lazy("Day of the transfers"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="orders_%s", **kwargs)
        self.fields["provider"].choices = _able(Ability.PAYOUT_FILE)
        self.fields["day"].required = True


def _able(ability: Ability) -> list[tuple[str, str]]:
    found: tuple[Provider, ...] = services.get(Payments).providers()
    return [(one.name, one.label) for one in found if ability in one.abilities]


@needs("bank.read")
def bank(request: HttpRequest) -> HttpResponse:
    return _bank(request)


def _bank(request: HttpRequest, **forms_sent: forms.Form) -> HttpResponse:
    payments = services.get(Payments)
    return page(
        request,
        "bank",
        _("Bank"),
        statements=payments.statements(),
        waiting=[_row(one) for one in _unsettled()],
        payouts=payments.payouts(waiting=True),
        files=payments.payout_files(),
        **({"statement_form": StatementForm(), "orders_form": OrdersForm()} | forms_sent),
    )


def _unsettled() -> tuple[EntryKept, ...]:
    payments = services.get(Payments)
    new = payments.bank_entries(state=EntryState.NEW, limit=_WAITING_SHOWN)
    return new + payments.bank_entries(state=EntryState.WAITING, limit=_WAITING_SHOWN)


def _row(entry: EntryKept) -> tuple[EntryKept, Text, str, Text]:
    """An entry with its state, the state's colour, and why it waits or what it was."""
    label, colour = STATES[entry.state]
    if entry.resolution is not None:
        return entry, label, colour, RESOLUTIONS[entry.resolution]
    return entry, label, colour, REASONS[entry.reason] if entry.reason else ""


@only_sent("backoffice:bank")
@needs("bank.import")
def bring(request: HttpRequest) -> HttpResponse:
    form = StatementForm(request.POST, request.FILES)
    if not form.is_valid():
        return _bank(request, statement_form=form)
    done = attempt(
        request,
        lambda: (
            import_statement(
                command(request),
                provider=form.cleaned_data["provider"],
                data=form.cleaned_data["file"].read(),
            ).answer
        ),
    )
    if done:
        messages.success(
            request,
            _(
                "%(new)s new entries (%(repeated)s were known): %(matched)s found their payments, %(waiting)s wait for you."
            )
            % {
                "new": done.new,
                "repeated": done.repeated,
                "matched": done.matched,
                "waiting": done.waiting,
            },
        )
    return redirect("backoffice:bank")


@needs("bank.read")
def statement(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    found = services.get(Payments).bank_entries(statement=statement_id, limit=500)
    return page(request, "bank_statement", _("Statement of the bank"), entries=[_row(one) for one in found])


@needs("bank.read")
def entry(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    payments = services.get(Payments)
    try:
        found = payments.bank_entry(entry_id=entry_id)
    except UnableToFindBankEntry:
        raise Http404(_("There is no such entry of the bank.")) from None
    _entry, label, colour, why = _row(found)
    named = payments.payment(payment_id=found.payment) if found.payment else None
    return page(
        request,
        "bank_entry",
        _("Entry of the bank"),
        entry=found,
        state=label,
        colour=colour,
        why=why,
        waits=found.state is EntryState.WAITING,
        named=named,
        named_player=_nickname(named.player) if named else "",
        suggestions=[(one, _nickname(one.payment.player)) for one in payments.suggestions(entry_id=entry_id)],
        counterparts=[(book, books.book_name(book)) for book in services.get(Accounting).bank_counterparts()],
        brought=payments.brought_by(entry_id=found.id),
        payouts=_payouts(found),
        difference_books=[
            (book, books.book_name(book)) for book in services.get(Accounting).difference_books()
        ],
    )


def _payouts(entry: EntryKept) -> list[tuple[Settlement, Money, bool]]:
    """Payouts that a waiting entry might have brought, what came beyond each, and whether it names it; the likeliest first."""
    if entry.state is not EntryState.WAITING or entry.payment is not None:
        return []
    payments = services.get(Payments)
    came = entry.amount if entry.incoming else -entry.amount
    meant = payments.payout_of(entry=entry)
    named = {one.id for one in meant.settlements} if meant else set()
    under_way = payments.payouts_under_way(currency=entry.amount.currency.code)
    alike = [
        (one, came - one.paid_out, one.id in named)
        for one in under_way
        if (one.paid_out.minor > 0) is entry.incoming
    ]
    return sorted(alike, key=lambda row: (not row[2], abs(row[1].minor)))[:_PAYOUTS_SHOWN]


def _nickname(player: UUID) -> str:
    try:
        return services.get(Members).player(player_id=player).nickname
    except UnableToFindPlayer:
        return "–"


def _settled(request: HttpRequest, entry_id: UUID, act: Callable[[str], Resolved]) -> HttpResponse:
    done = attempt(request, lambda: act(request.POST.get("note", "")))
    if done is None:
        return redirect("backoffice:bank-entry", entry_id)
    messages.success(request, _("It is settled and booked."))
    return redirect("backoffice:bank")


@only_sent("backoffice:bank-entry", "entry_id")
@needs("bank.resolve")
def pay(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    payment = _id(request, "payment")
    return _settled(
        request,
        entry_id,
        lambda note: pay_by_entry(command(request), entry_id=entry_id, payment_id=payment, note=note).answer,
    )


@only_sent("backoffice:bank-entry", "entry_id")
@needs("bank.resolve")
def credit(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    """To the player whose payment it names, or to the one whose nickname was typed."""
    nickname = request.POST.get("nickname", "").strip()

    def act(note: str) -> Resolved:
        found = services.get(Members).player_named(nickname=nickname) if nickname else None
        if nickname and found is None:
            raise UnableToFindPlayer("player_unknown")
        player = found.id if found else None
        return credit_arrived(command(request), entry_id=entry_id, player=player, note=note).answer

    return _settled(request, entry_id, act)


@only_sent("backoffice:bank-entry", "entry_id")
@needs("bank.resolve")
def back(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    return _settled(
        request, entry_id, lambda note: send_back(command(request), entry_id=entry_id, note=note).answer
    )


@only_sent("backoffice:bank-entry", "entry_id")
@needs("bank.resolve")
def book(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    return _settled(
        request,
        entry_id,
        lambda note: (
            book_entry_as(
                command(request),
                entry_id=entry_id,
                book=request.POST.get("book", ""),
                owner=request.POST.get("owner", ""),
                note=note,
            ).answer
        ),
    )


@only_sent("backoffice:bank-entry", "entry_id")
@needs("bank.resolve")
def booked(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    journal_entry = _id(request, "journal_entry")
    return _settled(
        request,
        entry_id,
        lambda note: (
            note_as_booked(command(request), entry_id=entry_id, journal_entry=journal_entry, note=note).answer
        ),
    )


@only_sent("backoffice:bank-entry", "entry_id")
@needs("bank.resolve")
def payout(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    """It brought these payouts of a provider."""
    chosen = tuple(UUID(text) for text in request.POST.getlist("settlement") if _is_id(text))
    done = attempt(
        request,
        lambda: (
            settle_as_payout(
                command(request),
                entry_id=entry_id,
                settlements=chosen,
                book=request.POST.get("book", "")[:40],
                note=request.POST.get("note", "")[:300],
            ).answer
        ),
    )
    if done is not None:
        messages.success(request, _("It is settled and booked."))
    return redirect("backoffice:bank-entry", entry_id)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _id(request: HttpRequest, name: str) -> UUID:
    """The id that was typed; one that nobody has, where it can be none."""
    try:
        return UUID(request.POST.get(name, "").strip())
    except ValueError:
        return UUID(int=0)


@only_sent("backoffice:bank")
@needs("bank.order")
def order(request: HttpRequest) -> HttpResponse:
    form = OrdersForm(request.POST)
    if not form.is_valid():
        return _bank(request, orders_form=form)
    made = attempt(
        request,
        lambda: (
            order_payouts(
                command(request),
                provider=form.cleaned_data["provider"],
                execute_on=form.cleaned_data["day"],
            ).answer
        ),
    )
    if made:
        messages.success(
            request, _("A file with %(count)s orders is made. Fetch it below.") % {"count": made.count}
        )
    return redirect("backoffice:bank")


@needs("bank.order")
def orders(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """The file, the same each time."""
    data = attempt(request, lambda: services.get(Payments).payout_file(file_id=file_id))
    if data is None:
        return redirect("backoffice:bank")
    answer = HttpResponse(data, content_type="application/xml")
    answer["Content-Disposition"] = f'attachment; filename="orders-{file_id}.xml"'
    return answer
