"""What a sponsor sees: what was earned this month and why, and how many came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.catalogue.contract import Catalogue, in_language
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Members
from warchest.referrals.contract import ON_HOLD_BOOK, Commission, Referrals
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions, UnableToFindSubscription

LINES = 20
_PAGE = 500
_PAGES_MAX = 20


@dataclass(frozen=True, slots=True)
class EarnedLine:
    """``what`` is the online service that was bought, empty where it is not known any more."""

    commission: Commission
    nickname: str
    what: str


@dataclass(frozen=True, slots=True)
class EarningsPage:
    """``earned`` since the month began and ``on_hold`` altogether: one amount for each currency, in the same order."""

    earned: tuple[Money, ...]
    on_hold: tuple[Money, ...]
    people_count: int
    lines: tuple[EarnedLine, ...]
    next_cursor: str


def earnings_page(
    *, player: UUID, since: datetime, at: datetime, language: str, shown_in: str, cursor: str = ""
) -> EarningsPage:
    """``since`` is the beginning of the month on the player's clock. Raises UnableToListReferrals."""
    referrals = services.get(Referrals)
    page = referrals.commissions(player=player, cursor=cursor, limit=LINES)
    earned = _earned_since(player, since)
    units = sorted({*earned, *(line.amount.currency.code for line in page.items)}) or [shown_in]
    by_level = referrals.tree_stats(player=player, depth=1).by_level
    return EarningsPage(
        earned=tuple(earned.get(code, Money.zero(currency(code))) for code in units),
        on_hold=tuple(
            services.get(Ledger).balance(account=AccountRef(ON_HOLD_BOOK, code, str(player))).posted
            for code in units
        ),
        people_count=by_level[0] if by_level else 0,
        lines=_lines(page.items, language=language, at=at),
        next_cursor=page.next_cursor,
    )


def _earned_since(player: UUID, since: datetime) -> Mapping[str, Money]:
    sums: dict[str, Money] = {}
    cursor = ""
    for _ in range(_PAGES_MAX):
        page = services.get(Referrals).commissions(player=player, cursor=cursor, limit=_PAGE)
        for item in page.items:
            if item.earned_at < since:
                return sums
            code = item.amount.currency.code
            kept = item.amount - item.taken_back
            sums[code] = sums[code] + kept if code in sums else kept
        cursor = page.next_cursor
        if not cursor:
            break
    return sums


def _lines(items: tuple[Commission, ...], *, language: str, at: datetime) -> tuple[EarnedLine, ...]:
    buyers = services.get(Members).players(player_ids=[item.buyer for item in items])
    bought = _names_of_sales({item.sale for item in items}, language=language)
    return tuple(
        EarnedLine(
            commission=item,
            nickname=buyers[item.buyer].nickname if item.buyer in buyers else "",
            what=bought.get(item.sale, ""),
        )
        for item in items
    )


def _names_of_sales(sales: set[UUID], *, language: str) -> dict[UUID, str]:
    if not sales:
        return {}
    sold = {service.id: service for service in services.get(Catalogue).online_services()}
    names: dict[UUID, str] = {}
    for sale in sales:
        try:
            service = services.get(Subscriptions).subscription(subscription_id=sale).online_service
        except UnableToFindSubscription:
            continue
        if service in sold:
            names[sale] = in_language(sold[service].names, language)
    return names
