"""The unit of work that all contenders do: the multi-level purchase.

A wallet pays 10.00, and seven pairs of debit and credit are booked together: wallet → revenue, wallet → tax payable, and
commission cost → the wallets of the five people above the payer. No wallet falls below zero. Payers are drawn at random
from a tree in which everybody invited five others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from uuid import uuid4

PLAYERS = 100_000
PLAYERS_MIN = 1_000
"""Fewer have nobody with five people above."""
FAN_OUT = 5
REVENUE_MINOR = 840
TAX_MINOR = 160
PRICE_MINOR = REVENUE_MINOR + TAX_MINOR
COMMISSIONS_MINOR = (42, 34, 25, 17, 8)
"""From the nearest sponsor upwards."""
LEVELS = len(COMMISSIONS_MINOR)
POSTINGS = 2 * (2 + LEVELS)
"""Of one purchase: seven debits and seven credits."""
OPENING_MINOR = 100_000_000
"""In every wallet at the beginning: nobody runs dry, but the floor is checked each time."""
CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Purchase:
    """Players are numbered from 0, which is the root of the tree; ``key`` is unique for ever."""

    key: str
    payer: int
    sponsors: tuple[int, ...]


def first_payer() -> int:
    """The lowest number with five sponsors above."""
    return sum(FAN_OUT**level for level in range(LEVELS))


def sponsors(player: int) -> tuple[int, ...]:
    above = []
    for _ in range(LEVELS):
        player = (player - 1) // FAN_OUT
        above.append(player)
    return tuple(above)


def purchases(*, players: int) -> Iterator[Purchase]:
    """Endless, and other than those of every other call."""
    series = uuid4().hex[:16]
    dice = Random(series)
    lowest, number = first_payer(), 0
    while True:
        payer = dice.randrange(lowest, players)
        yield Purchase(f"{series}-{number}", payer, sponsors(payer))
        number += 1
