"""What a card gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from warchest.kernel.money import Money


class WorthKind(StrEnum):
    MONEY = "money"
    PERIOD = "period"
    PASS = "pass"


@dataclass(frozen=True, slots=True)
class Worth:
    """One thing that a card gives: money (real, or units of the inner currency), some periods of a plan, or a pass for a
    tournament."""

    kind: WorthKind
    money: Money | None = None
    plan: UUID | None = None
    periods: int = 0
    tournament: UUID | None = None

    @classmethod
    def of_money(cls, money: Money) -> Worth:
        return cls(WorthKind.MONEY, money=money)

    @classmethod
    def of_period(cls, *, plan: UUID, periods: int) -> Worth:
        return cls(WorthKind.PERIOD, plan=plan, periods=periods)

    @classmethod
    def of_pass(cls, *, tournament: UUID) -> Worth:
        return cls(WorthKind.PASS, tournament=tournament)
