"""Today: what waits for whom, the figures against yesterday's, what is owed, and two charts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from warchest.cards.contract import BatchState, Cards
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger, Side
from warchest.members.contract import Administrator, Role
from warchest.payments.contract import Payments, Status
from warchest.payments.models import Payment
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.statistics.contract import Figure, Measure, Statistics
from warchest.web.backoffice import charts
from warchest.web.backoffice.books import book_name
from warchest.web.backoffice.frame import may, page
from warchest.web.backoffice.reading import rows_of
from warchest.web.backoffice.templatetags.backoffice import plain_number
from warchest.web.portal.templatetags.portal import money as written

DAYS = 28
OWED_SECONDS = 60

_BUSINESS = frozenset({Role.OWNER, Role.ADMINISTRATOR, Role.ACCOUNTANT, Role.SUPPORT})
_OWED = (
    "wallet_units",
    "wallet_funding",
    "cards_sold",
    "deferred_revenue",
    "tax_payable",
    "commission_on_hold",
)
_OWED_TO = {
    Role.OWNER: _OWED,
    Role.ADMINISTRATOR: ("wallet_units", "cards_sold", "deferred_revenue", "commission_on_hold"),
    Role.ACCOUNTANT: _OWED,
    Role.SUPPORT: ("wallet_units",),
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of today beside the same of yesterday."""

    title: str | Promise
    today: Figure
    yesterday: Figure
    link: str

    @property
    def change(self) -> str:
        """In whole per cent of yesterday's; empty where there was nothing to compare with."""
        if not self.yesterday.count:
            return ""
        return f"{(self.today.count - self.yesterday.count) * 100 // self.yesterday.count:+d} %"


@dataclass(frozen=True, slots=True)
class Task:
    """Something that waits for who is signed in."""

    text: str
    link: str
    since: datetime | None = None


def _overdue() -> Iterator[Task]:
    """Payments that nobody knows the end of for longer than the house's rule for reviews allows."""
    waiting = [
        payment for payment in services.get(Payments).overdue(at=now()) if payment.status is not Status.REVIEW
    ]
    if waiting:
        yield Task(
            ngettext(
                "%(count)d payment has been without an answer of its provider for too long.",
                "%(count)d payments have been without an answer of their providers for too long.",
                len(waiting),
            )
            % {"count": len(waiting)},
            reverse("backoffice:payment", args=[waiting[0].id]),
            waiting[0].changed_at,
        )


@dataclass(frozen=True, slots=True)
class Owed:
    title: str | Promise
    amounts: tuple[Money, ...]
    link: str


def dashboard(request: HttpRequest) -> TemplateResponse:
    me: Administrator = request.administrator  # type: ignore[attr-defined]
    business = me.role in _BUSINESS
    today = now().astimezone(UTC).date()
    return page(
        request,
        "dashboard",
        _("Today"),
        tasks=list(_tasks(me)),
        tiles=_tiles(today) if business else [],
        owed=_owed(me),
        owed_seconds=OWED_SECONDS,
        charts=_charts(today) if business else [],
        today=today,
        behind=services.get(Statistics).behind(),
        instances=services.all() if me.role is Role.OPERATOR else (),
    )


def _tasks(me: Administrator) -> Iterator[Task]:
    cards = services.get(Cards)
    if may(me, "batch.approve"):
        for batch in cards.batches_awaiting_approval():
            if batch.ordered_by != me.id:
                yield Task(
                    _("A batch of %(quantity)s cards for %(total)s waits for your approval.")
                    % {
                        "quantity": plain_number(batch.terms.quantity),
                        "total": written(batch.terms.face_total),
                    },
                    reverse("backoffice:batch", args=[batch.id]),
                    batch.ordered_at,
                )
    if may(me, "batch.hand_over"):
        for asked, of in cards.hand_overs_awaiting():
            if asked.asked_by != me.id:
                yield Task(
                    _("The hand-over of %(quantity)s cards waits for a second person.")
                    % {"quantity": plain_number(of.terms.quantity)},
                    reverse("backoffice:batch", args=[of.id]),
                    asked.asked_at,
                )
    texts = {
        BatchState.APPROVED: ("batch.generate", _("%(quantity)s cards are approved and can be made.")),
        BatchState.GENERATED: ("batch.hand_over", _("%(quantity)s cards are made and can be handed over.")),
    }
    for batch in cards.batches(limit=50):
        right, text = texts.get(batch.state, ("", ""))
        if right and may(me, right):
            yield Task(
                text % {"quantity": plain_number(batch.terms.quantity)},
                reverse("backoffice:batch", args=[batch.id]),
                batch.approved_at if batch.state is BatchState.APPROVED else batch.generated_at,
            )
    if may(me, "payment.ask"):
        doubtful = rows_of(Payment).filter(status=Status.REVIEW).count()
        if doubtful:
            yield Task(
                _("Payments under review: %(count)d. What the provider says does not fit.")
                % {"count": doubtful},
                reverse("admin:payments_payment_changelist") + "?status=review",
            )
        yield from _overdue()


def _tiles(today: date) -> list[Tile]:
    statistics = services.get(Statistics)
    one = timedelta(days=1)
    of_today = {figure.measure: figure for figure in statistics.figures(from_day=today, to_day=today + one)}
    of_yesterday = {
        figure.measure: figure for figure in statistics.figures(from_day=today - one, to_day=today)
    }
    shown = (
        (Measure.REGISTRATIONS, _("Registrations"), _rows("members_player", "registered_at", today)),
        (Measure.TOP_UPS, _("Top-ups"), _rows("payments_payment", "credited_at", today)),
        (Measure.CARDS_ACTIVATED, _("Cards activated"), _rows("cards_card", "activated_at", today)),
        (
            Measure.SUBSCRIPTIONS_SOLD,
            _("Subscriptions sold"),
            reverse("backoffice:journal") + f"?kind=subscription&from_day={today}&to_day={today}",
        ),
    )
    return [Tile(title, of_today[measure], of_yesterday[measure], link) for measure, title, link in shown]


def _rows(model: str, moment: str, day: date) -> str:
    return _list(model, moment).format(day=day, next=day + timedelta(days=1))


def _list(model: str, moment: str) -> str:
    return reverse(f"admin:{model}_changelist") + f"?{moment}__gte={{day}}&{moment}__lt={{next}}"


def _owed(me: Administrator) -> list[Owed]:
    books = _OWED_TO.get(me.role, ())
    if not books:
        return []
    sums, accounts = _sums(), reverse("backoffice:accounts") if may(me, "books.read") else ""
    return [
        Owed(book_name(book), tuple(sums.get(book, ())), accounts and f"{accounts}?book={book}")
        for book in books
    ]


def _sums() -> dict[str, list[Money]]:
    """What each book owes, by currency. A trial balance reads every posting, so it is drawn once a minute."""
    kept: dict[str, list[tuple[int, str]]] | None = cache.get("backoffice.owed")
    if kept is None:
        kept = {}
        for line in services.get(Ledger).trial_balance():
            owed = line.credit_minor - line.debit_minor
            if line.book in _OWED and owed:
                signed = owed if line.side is Side.CREDIT else -owed
                kept.setdefault(line.book, []).append((signed, line.currency))
        cache.set("backoffice.owed", kept, OWED_SECONDS)
    return {book: [Money(minor, currency(code)) for minor, code in sums] for book, sums in kept.items()}


def _charts(today: date) -> list[charts.Chart]:
    statistics = services.get(Statistics)
    from_day, to_day = today - timedelta(days=DAYS - 1), today + timedelta(days=1)

    def drawn(measure: Measure, sentence: str, **where: Any) -> charts.Chart:
        days = statistics.series(measure=measure, from_day=from_day, to_day=to_day)
        half = DAYS // 2
        before, lately = sum(row.count for row in days[:half]), sum(row.count for row in days[half:])
        title = sentence % {"lately": plain_number(lately), "before": plain_number(before), "days": half}
        return charts.chart(title=title, days=days, **where)

    return [
        drawn(
            Measure.TOP_UPS,
            _("Top-ups in %(days)d days: %(lately)s, in the %(days)d before: %(before)s."),
            link=_list("payments_payment", "credited_at"),
        ),
        drawn(
            Measure.REGISTRATIONS,
            _("New players in %(days)d days: %(lately)s, in the %(days)d before: %(before)s."),
            link=_list("members_player", "registered_at"),
        ),
        drawn(
            Measure.CARDS_ACTIVATED,
            _("Activated cards in %(days)d days: %(lately)s, in the %(days)d before: %(before)s."),
            link=_list("cards_card", "activated_at"),
        ),
    ]
