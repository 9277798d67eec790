"""Sale at a till, and its reversal, each by the till's own request id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

REQUEST_ID_LENGTH_MAX = 40


class UnableToSellCard(UnableTo):
    """The card, and what is owed for it, stays as it was."""

    reasons = frozenset(
        {
            "card_unknown",
            "reseller_unknown",
            "reseller_suspended",
            "till_of_another_reseller",
            "request_id_malformed",  # 1 to REQUEST_ID_LENGTH_MAX printable characters of ASCII
            "request_id_reused",  # it came before with another card, or for something else
            "request_unknown",
            "sold_at_out_of_range",
            "card_not_in_stock",  # the reseller does not have it
            "card_already_sold",
            "card_already_activated",
            "card_blocked",
            "card_expired",
            "sale_unknown",  # no sale of this card under the original request id
            "sale_already_reversed",
            "reversal_too_late",
        }
    )


@dataclass(frozen=True, slots=True)
class TillRequest:
    """What a till asked, and what came of it, for ever the same: a ``sale``, or its ``reversal`` with the request id of the
    original. ``booked`` is what the entry ``entry_id`` moved; nothing where the reseller had paid for the card before."""

    kind: str
    request_id: str
    original_request_id: str
    serial: str
    reseller: UUID
    sold_at: datetime
    at: datetime
    entry_id: UUID | None


@dataclass(frozen=True, slots=True)
class SoldCard:
    """A card sold, or its sale reversed, now. ``reseller`` is the one of the chain that we deal with, who owes for it.

    ``booked``: the house has to post an entry about it. All amounts are of this one card.
    """

    serial: str
    batch: UUID
    fingerprint: str
    face: Money
    margin: Money
    tax: Money
    tax_country: str
    reseller: str
    booked: bool
    entry_id: UUID | None


@dataclass(frozen=True, slots=True)
class ConsignedCard:
    """A card that lies on consignment with a reseller."""

    serial: str
    holder: UUID
    face: Money
    tax_country: str


class Tills(Protocol):
    """Within a journey's transaction."""

    def till_request(self, *, reseller_id: UUID, request_id: str) -> TillRequest | None:
        """What was done under this id before; whoever asks under the same waits until this transaction has ended. Raises
        UnableToSellCard (``request_id_malformed``)."""
        ...

    def find_till_request(self, *, reseller_id: UUID, request_id: str) -> TillRequest | None:
        """As ``till_request``, for who only reads."""
        ...

    def seller_of(self, *, serial: str, request_id: str) -> UUID | None:
        """The reseller that sold a card under this request id, for a till that is bound to none. Raises UnableToSellCard."""
        ...

    def card_to_sell(self, *, serial: str) -> ConsignedCard | None:
        """What the books need to know of a card before it is sold; ``holder`` is who has it. None where nobody does. Raises
        UnableToSellCard (``card_unknown``)."""
        ...

    @at_most_once
    def sell_card(
        self,
        *,
        serial: str,
        reseller_id: UUID,
        request_id: str,
        sold_at: datetime,
        card_tax: Money,
        entry_id: UUID,
        actor: str,
        at: datetime,
    ) -> SoldCard:
        """A reseller's card is sold; from now on it can be activated, and is paid. Raises UnableToSellCard."""
        ...

    @at_most_once
    def sell_by_activation(
        self, *, serial: str, card_tax: Money, entry_id: UUID, actor: str, at: datetime
    ) -> SoldCard | None:
        """A card on consignment, claimed by who activates it now, counts as sold by who has it. None where it is none: it was
        paid before, or is not for sale."""
        ...

    @at_most_once
    def reverse_sale(
        self,
        *,
        serial: str,
        reseller_id: UUID,
        request_id: str,
        original_request_id: str,
        entry_id: UUID,
        minutes_max: int,
        actor: str,
        at: datetime,
    ) -> SoldCard:
        """The sale under ``original_request_id`` was a mistake: the card is the reseller's again. Only while it is not
        activated, and so many minutes after the sale reached us. Raises UnableToSellCard."""
        ...
