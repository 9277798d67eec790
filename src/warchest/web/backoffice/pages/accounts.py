"""Accounts with their balances, and one account with its entries: the way from a figure down to what made it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.kernel.currency import currency_codes
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountBalance, AccountRef, Ledger, Side, StatementFilter, StatementLine
from warchest.runtime.services import services
from warchest.web.backoffice import books
from warchest.web.backoffice.frame import needs, page
from warchest.web.backoffice.pages.asking import (
    PAGE_ROWS,
    MomentForm,
    Whose,
    asked,
    day_field,
    end_of,
    start_of,
    whose,
)


class AccountsForm(MomentForm):
    book = forms.ChoiceField(label=gettext_lazy("Book"), required=False)
    owner = forms.CharField(
        label=gettext_lazy("Whose"),
        max_length=100,
        required=False,
        help_text=gettext_lazy(
            "A nickname, an e-mail address, an id, a provider, a reseller, a country's code"
        ),
    )
    currency = forms.ChoiceField(label=gettext_lazy("Currency"), required=False)
    field_order = ("book", "owner", "currency", "at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chart = [(book.code, books.book_name(book.code)) for book in services.get(Ledger).books()]
        self.fields["book"].choices = [("", _("all")), *chart]
        self.fields["currency"].choices = [("", _("all")), *((code, code) for code in currency_codes())]


@needs("books.read")
def accounts(request: HttpRequest) -> HttpResponse:
    form = AccountsForm(request.GET or None)
    found: tuple[AccountBalance, ...] = ()
    meant, at = Whose(), None
    if not form.is_bound:
        found = services.get(Ledger).accounts(limit=PAGE_ROWS + 1)
    elif form.is_valid():
        said, at = form.cleaned_data, form.moment()
        meant = whose(said["owner"])
        found = services.get(Ledger).accounts(
            book=said["book"],
            owner=meant.owner,
            currency=said["currency"],
            until=at,
            after=_after(request.GET.get("after", "")),
            limit=PAGE_ROWS + 1,
        )
    shown = found[:PAGE_ROWS]
    names = books.owners(one.account for one in shown)
    return page(
        request,
        "accounts",
        _("Accounts"),
        form=form,
        at=at,
        accounts=[
            {
                "balance": one,
                "book": books.book_name(one.account.book),
                "kind": books.BOOK_KINDS[one.kind],
                "owner": names[one.account],
                "link": books.account_link(one.account, at=at),
            }
            for one in shown
        ],
        alike=[(player, asked(request, owner=str(player.id), after="")) for player in meant.alike],
        first_link=asked(request, after="") if request.GET.get("after") else "",
        next_link=asked(request, after=_place(shown[-1].account)) if len(found) > PAGE_ROWS else "",
    )


class StatementForm(MomentForm):
    """The account itself is asked for by hidden fields, so that choosing lines keeps it."""

    book = forms.CharField(max_length=40, widget=forms.HiddenInput)
    owner = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    currency = forms.CharField(max_length=3, widget=forms.HiddenInput)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), required=False)
    side = forms.ChoiceField(label=gettext_lazy("Side"), required=False)
    from_day = day_field(gettext_lazy("From"))
    to_day = day_field(gettext_lazy("To"))
    field_order = ("book", "owner", "currency", "kind", "side", "from_day", "to_day", "at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = {**books.KINDS}
        if (other := self.data.get("kind", "")).isidentifier():
            kinds.setdefault(other, books.kind_name(other))
        self.fields["kind"].choices = [("", _("all")), *kinds.items()]
        self.fields["side"].choices = [("", _("both")), *books.SIDES.items()]

    def filter(self, *, grows_on: Side, at: datetime | None) -> StatementFilter:
        said = self.cleaned_data
        ends = [moment for moment in (end_of(said["to_day"]), at) if moment]
        return StatementFilter(
            kinds=(said["kind"],) if said["kind"] else (),
            occurred_from=start_of(said["from_day"]),
            occurred_until=min(ends, default=None),
            incoming=said["side"] == grows_on if said["side"] else None,
        )


@needs("books.read")
def account(request: HttpRequest) -> HttpResponse:
    form = StatementForm(request.GET)
    ledger = services.get(Ledger)
    at = form.moment()
    asks = AccountRef(*(form.cleaned_data.get(name, "") for name in ("book", "currency", "owner")))
    if not asks.book or not asks.currency:
        raise Http404(_("There is no such account."))
    now = _only(ledger.accounts(book=asks.book, owner=asks.owner, currency=asks.currency, limit=1))
    lines: tuple[StatementLine, ...] = ()
    if form.is_valid():
        before = request.GET.get("before", "")
        lines = ledger.statement(
            account=asks,
            before=int(before) if before.isdecimal() and len(before) <= 18 else None,
            limit=PAGE_ROWS + 1,
            only=form.filter(grows_on=now.side, at=at),
        )
    shown = lines[:PAGE_ROWS]
    owner = books.owners([asks])[asks]
    title = books.book_name(asks.book)
    return page(
        request,
        "account",
        f"{title}: {owner.title}" if owner.title else str(title),
        form=form,
        account=asks,
        book=title,
        kind=books.BOOK_KINDS[now.kind],
        grows_on=books.SIDES[now.side],
        owner=owner,
        balance=now,
        at=at,
        balance_at=ledger.balance_at(account=asks, at=at) if at else None,
        lines=[
            {
                "line": line,
                "kind": books.kind_name(line.kind),
                "document": books.document(line.kind, line.reference, line.details),
                **_sided(line.amount, now.side),
                "link": books.entry_link(line.entry_id),
            }
            for line in shown
        ],
        all_link=books.account_link(asks),
        newest_link=asked(request, before="") if request.GET.get("before") else "",
        older_link=asked(request, before=str(shown[-1].sequence)) if len(lines) > PAGE_ROWS else "",
        accounts_link=f"{reverse('backoffice:accounts')}?book={asks.book}",
    )


def _only(found: tuple[AccountBalance, ...]) -> AccountBalance:
    if not found:
        raise Http404(_("There is no such account."))
    return found[0]


def _sided(change: Money, grows_on: Side) -> dict[str, Money | None]:
    """A change as an amount on one of the two sides."""
    side = grows_on if change.minor > 0 else grows_on.other
    amount = change if change.minor > 0 else -change
    return {"debit": amount, "credit": None} if side is Side.DEBIT else {"debit": None, "credit": amount}


def _place(account: AccountRef) -> str:
    return "/".join((account.book, account.currency, account.owner))


def _after(text: str) -> AccountRef | None:
    book, *rest = text.split("/", 2)
    return AccountRef(book, *rest) if len(rest) == 2 and text.isprintable() else None
