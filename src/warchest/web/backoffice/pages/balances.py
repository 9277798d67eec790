"""The books at any moment: the trial balance, and what is owed to players for what is in their wallets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.charging.contract import WALLET_BOOK
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import BookKind, Ledger, TrialLine
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice import books, charts
from warchest.web.backoffice.frame import needs, page
from warchest.web.backoffice.pages.asking import MomentForm, usual_moments
from warchest.web.portal.templatetags.portal import money as written
from warchest.web.portal.templatetags.portal import unit

WEEKS = 12
_FUNDING_BOOK = "wallet_funding"
_OWED = {WALLET_BOOK, _FUNDING_BOOK}
_GROUPS = {
    BookKind.ASSET: gettext_lazy("Assets"),
    BookKind.LIABILITY: gettext_lazy("Liabilities"),
    BookKind.EQUITY: gettext_lazy("Equity"),
    BookKind.INCOME: gettext_lazy("Income"),
    BookKind.EXPENSE: gettext_lazy("Expenses"),
    BookKind.MEMORANDUM: gettext_lazy("Units, beside the money"),
}


@dataclass(frozen=True, slots=True)
class Row:
    book: books.Place
    debit: Money
    credit: Money
    balance: Money


@needs("books.read")
def trial_balance(request: HttpRequest) -> HttpResponse:
    form = MomentForm(request.GET or None)
    at = form.moment()
    found = services.get(Ledger).trial_balance(until=at)
    return page(
        request,
        "trial_balance",
        _("Trial balance"),
        form=form,
        at=at or now(),
        is_now=at is None,
        usual=usual_moments(now()),
        groups=[
            (title, [_row(line, at) for line in found if line.kind is kind])
            for kind, title in _GROUPS.items()
            if any(line.kind is kind for line in found)
        ],
        totals=_totals(found),
    )


def _row(line: TrialLine, at: datetime | None) -> Row:
    kept_in = currency(line.currency)
    asked = {"book": line.book, "currency": line.currency, **books.moment(at)}
    return Row(
        books.Place(books.book_name(line.book), f"{reverse('backoffice:accounts')}?{urlencode(asked)}"),
        Money(line.debit_minor, kept_in),
        Money(line.credit_minor, kept_in),
        Money(line.balance_minor, kept_in),
    )


def _totals(lines: Iterable[TrialLine]) -> list[tuple[Money, Money]]:
    """In each currency, all debits and all credits."""
    debits: Counter[str] = Counter()
    credits: Counter[str] = Counter()
    for line in lines:
        debits[line.currency] += line.debit_minor
        credits[line.currency] += line.credit_minor
    return [
        (Money(debits[code], currency(code)), Money(credits[code], currency(code))) for code in sorted(debits)
    ]


@needs("books.read")
def liability(request: HttpRequest) -> HttpResponse:
    """ACC-19. A trial balance is read for each week of the line, so their number never grows."""
    form = MomentForm(request.GET or None)
    asked_at = form.moment()
    at = asked_at or now()
    moments = [*_midnights_before(at), at]
    owed = [_owed_at(moment) for moment in moments]
    # In units first, then in each currency that anything was ever paid in during these weeks.
    places = sorted(
        {place for one in owed for place in one}, key=lambda place: (place[0] != WALLET_BOOK, place)
    )
    series = {place: [Money(one[place], currency(place[1])) for one in owed] for place in places}
    return page(
        request,
        "liability",
        _("Owed for wallets"),
        form=form,
        at=at,
        usual=usual_moments(now()),
        figures=[
            (books.book_name(book), amounts[-1], _accounts_link(book, code, asked_at))
            for (book, code), amounts in series.items()
        ],
        lines=[
            charts.line(title=_sentence(book, amounts), moments=moments, amounts=amounts)
            for (book, _code), amounts in series.items()
        ],
        columns=[unit(amounts[-1]) for amounts in series.values()],
        weeks=[
            (
                moment,
                _trial_balance_link(asked_at if moment is at else moment),
                [amounts[number] for amounts in series.values()],
            )
            for number, moment in reversed(list(enumerate(moments)))
        ],
    )


def _midnights_before(at: datetime) -> list[datetime]:
    midnight = datetime.combine(at.astimezone(UTC).date(), time(), UTC)
    return [midnight - timedelta(weeks=number) for number in range(WEEKS, 0, -1)]


def _owed_at(moment: datetime) -> Counter[tuple[str, str]]:
    lines = services.get(Ledger).trial_balance(until=moment)
    return Counter({(line.book, line.currency): line.balance_minor for line in lines if line.book in _OWED})


def _trial_balance_link(at: datetime | None) -> str:
    return f"{reverse('backoffice:trial-balance')}?{urlencode(books.moment(at))}"


def _accounts_link(book: str, code: str, at: datetime | None) -> str:
    asked = {"book": book, "currency": code, **books.moment(at)}
    return f"{reverse('backoffice:accounts')}?{urlencode(asked)}"


def _sentence(book: str, amounts: list[Money]) -> str:
    return _("%(book)s: %(first)s became %(last)s in %(weeks)d weeks.") % {
        "book": books.book_name(book),
        "first": written(amounts[0]),
        "last": written(amounts[-1]),
        "weeks": WEEKS,
    }
