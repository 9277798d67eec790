"""Units that somebody paid for, and that may leave the wallet for a voucher that anybody can use."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.charging.contract.wallets import Slice
from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


class UnableToUsePaidUnits(UnableTo):
    """Nothing was taken, though the wallet has as many units."""

    reasons = frozenset(
        {
            "units_not_for_cards",  # too many of them were given, or may not be moved
            "units_of_several_currencies",  # enough were paid for, but in no single currency
        }
    )


class PaidUnits(Protocol):
    @at_most_once
    def consume_paid(self, *, player: UUID, units: Money, reference: str, at: datetime) -> tuple[Slice, ...]:
        """As ``consume``, but only of lots that real money was paid for and that may be moved, all of one currency.

        Units that were given never become something that can be handed on. Of several currencies that have enough, the one
        whose units would be used first is taken. A lot's own term does not follow what is bought with it.

        Raises UnableToSpend, UnableToUsePaidUnits.
        """
        ...

    def paid_units(self, *, player: UUID, at: datetime) -> Money:
        """The most that ``consume_paid`` would take now, in one currency; nothing of a frozen wallet."""
        ...
