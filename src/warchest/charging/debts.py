"""What players owe: payments that were taken back after their units had been spent. The wallet's floor stays zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import Sum

from warchest.charging import locked
from warchest.charging.contract import Debt, DebtKind, DebtMovement, UnableToSettleDebt
from warchest.charging.models import DebtMovement as MovementRow
from warchest.kernel.currency import currency as currency_of
from warchest.kernel.money import Money


def note_debt(*, player: UUID, kind: DebtKind, amount: Money, reference: str, at: datetime) -> None:
    if amount.minor <= 0:
        raise UnableToSettleDebt("amount_not_positive")
    # Two settlements at once take turns at the wallet, so that together they never exceed the debt.
    locked.lock_only([player])
    sign = 1 if kind is DebtKind.INCURRED else -1
    if sign < 0 and amount > owed(player=player, currency=amount.currency.code):
        raise UnableToSettleDebt("debt_smaller")
    MovementRow.objects.create(
        player_id=player,
        kind=kind,
        minor=sign * amount.minor,
        currency=amount.currency.code,
        reference=reference,
        occurred_at=at,
    )


def owed(*, player: UUID, currency: str) -> Money:
    locked.lock_only([player])
    rows = MovementRow.objects.filter(player_id=player, currency=currency)
    return Money(rows.aggregate(minor=Sum("minor"))["minor"] or 0, currency_of(currency))


def debts(*, player: UUID | None = None) -> tuple[Debt, ...]:
    rows = MovementRow.objects.order_by("id")
    if player is not None:
        rows = rows.filter(player_id=player)
    by_account: dict[tuple[UUID, str], list[MovementRow]] = defaultdict(list)
    for row in rows.iterator():
        by_account[row.player_id, row.currency].append(row)
    return tuple(sorted(_open(by_account), key=lambda debt: (debt.since, debt.player)))


def _open(by_account: dict[tuple[UUID, str], list[MovementRow]]) -> Iterator[Debt]:
    for (player, code), rows in by_account.items():
        if (minor := sum(row.minor for row in rows)) > 0:
            yield Debt(player, Money(minor, currency_of(code)), _since(rows))


def _since(rows: Iterable[MovementRow]) -> datetime:
    """When the oldest part that is open came about: what was settled, settled the oldest parts first."""
    rows = list(rows)
    settled = -sum(row.minor for row in rows if row.minor < 0)
    for row in rows:
        if row.minor > 0:
            if settled < row.minor:
                return row.occurred_at
            settled -= row.minor
    raise AssertionError("nothing is owed")


def debt_movements(*, player: UUID) -> tuple[DebtMovement, ...]:
    return tuple(
        DebtMovement(
            player=row.player_id,
            kind=DebtKind(row.kind),
            amount=Money(row.minor, currency_of(row.currency)),
            reference=row.reference,
            at=row.occurred_at,
        )
        for row in MovementRow.objects.filter(player_id=player).order_by("-id")
    )
