"""Moving in from an older system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.charging.contract.wallets import LotTerms, Source, WalletState
from warchest.kernel.money import Money


@dataclass(frozen=True, slots=True)
class WalletDraft:
    """The wallet of a player who comes from an older system."""

    player: UUID
    state: WalletState
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class LotDraft:
    """A lot to be opened, as ``fund`` does. ``opened_at`` is when its units came into the older system."""

    id: UUID
    player: UUID
    units: Money
    consideration: Money
    source: Source
    reference: str
    terms: LotTerms
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class LotCount:
    """How many lots there are, and what they began with: units, and what was paid in each currency, where anything was."""

    lots: int
    units: Money
    consideration: tuple[Money, ...]


class MovingIn(Protocol):
    def open_wallets(self, *, wallets: Sequence[WalletDraft]) -> None:
        """As ``open_wallet``, for many."""
        ...

    def fund_set(self, *, lots: Sequence[LotDraft]) -> None:
        """Open lots. The journey posts the entries that bring the same units. Raises UnableToSpend (``wallet_unknown``)."""
        ...

    def count_lots(self, *, lot_ids: Sequence[UUID]) -> LotCount:
        """Of these lots only, as they began."""
        ...
