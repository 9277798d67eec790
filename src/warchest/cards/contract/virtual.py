"""Virtual cards: issued one by one, when they are sold, under what an owner has approved."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import runs_here
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

LINES_MAX = 100
"""So many lines of one order may have cards."""


class UnableToIssueCards(UnableTo):
    """No card was issued."""

    reasons = frozenset(
        {
            "stock_empty",  # no approved batch of virtual cards for this reseller and product has enough left
            "order_line_differs",  # cards were issued for this line, but of another product or number
            "order_closed",  # its codes were given, and are no longer kept
            "order_cancelled",
            "order_too_long",
        }
    )
    passing = frozenset({"stock_empty"})


class UnableToTakeBackCards(UnableTo):
    """All cards of the order stay as they are."""

    reasons = frozenset(
        {
            "order_unknown",
            "card_already_activated",  # one of them was used; which one it is, is in the details
            "order_closed",
        }
    )


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of an order in the shop of this name. An empty ``line`` means all of the order's."""

    seller: str
    order: str
    line: str = ""


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """A card that was sold when it was issued, never with its code. ``margin`` is what the seller keeps of ``face``.

    ``new``: by this very call.
    """

    serial: str
    batch: UUID
    reseller: str
    face: Money
    margin: Money
    fingerprint: str
    new: bool


@dataclass(frozen=True, slots=True)
class VirtualStock:
    """What may still be issued of an approved batch of virtual cards."""

    batch: UUID
    reseller: str
    product: str
    left: int
    face: Money
    margin: Money


@dataclass(frozen=True, slots=True)
class CodeGiven:
    """A code as its buyer gets it, in groups."""

    serial: str
    code: str = field(repr=False)


class VirtualCards(Protocol):
    # Within a journey's transaction.

    def issue(
        self, *, line: OrderLine, reseller: str, product: str, quantity: int, actor: str, at: datetime
    ) -> tuple[IssuedCard, ...]:
        """Make as many cards as a line has sold, from the oldest approved batch of this reseller and product that has so many
        left; the codes are kept, encrypted, until the order is closed. The same line again is the same cards.

        Raises UnableToIssueCards, and TryAgain should a code exist already.
        """
        ...

    def take_back(self, *, line: OrderLine, actor: str, at: datetime) -> tuple[IssuedCard, ...]:
        """Make the unused cards of an order or line void, and forget their codes; answers those that became so now.

        One that was activated refuses all. Raises UnableToTakeBackCards.
        """
        ...

    # In a technical transaction.

    def close_order(self, *, line: OrderLine, at: datetime) -> int:
        """Forget the codes of an order; the cards stay good. How many codes were forgotten."""
        ...

    def close_orders(self, *, seller: str, issued_before: datetime, at: datetime) -> int:
        """The same for all orders of a seller of before then; at most some thousand at once."""
        ...

    # Reads.

    @runs_here
    def codes_of(self, *, line: OrderLine) -> tuple[CodeGiven, ...]:
        """The codes of an open line, in the order in which they were issued; none where there are none any more.

        For the door that the seller called: nobody else is told.
        """
        ...

    def virtual_stock(self, *, at: datetime) -> tuple[VirtualStock, ...]:
        """What may still be issued, by reseller and product."""
        ...
