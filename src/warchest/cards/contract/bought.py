"""Virtual cards that players buy, for themselves or as a gift: shown, mailed, given back, and their codes forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.cards import CardState
from warchest.cards.contract.virtual import CodeGiven
from warchest.cards.contract.worth import Worth
from warchest.kernel.calls import at_most_once, runs_here
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

GIFT_MESSAGE_LENGTH_MAX = 300
GIFT_NAME_LENGTH_MAX = 60
GIFT_AHEAD_DAYS_MAX = 366
GIFT_SENDS_MAX = 5
"""So many addresses may be tried for a gift."""


class UnableToBuyCard(UnableTo):
    """Nothing was bought."""

    reasons = frozenset(
        {
            "card_not_on_offer",  # no such batch in our stock, or it is not for sale now
            "stock_empty",
            "card_not_for_country",
            "price_changed",
            "player_frozen",
            "gift_address_malformed",
            "gift_message_too_long",
            "gift_name_malformed",
            "gift_date_out_of_range",  # in the past, too far ahead, or after the card's own end
            "gift_language_unknown",
        }
    )
    passing = frozenset({"stock_empty"})


class UnableToHandleBoughtCard(UnableTo):
    """The card and its gift stay as they are."""

    reasons = frozenset(
        {
            "bought_card_unknown",
            "bought_card_cancelled",
            "card_already_activated",
            "card_blocked",
            "card_expired",
            "cancel_time_over",
            "gift_on_its_way",  # its mail was begun: nobody knows yet who has the code
            "gift_delivered",
            "code_forgotten",
            "code_is_gift",  # whom it was given to gets it, and nobody else
            "no_gift",
            "gift_not_correctable",  # its mail is not known to have failed
            "gift_sends_used_up",
            "gift_address_malformed",
        }
    )


class GiftState(StrEnum):
    WAITING = "waiting"  # for its date
    SENDING = "sending"  # its mail is queued, or on its way
    DELIVERED = "delivered"  # the recipient's mail server took it
    BOUNCED = "bounced"  # the mail certainly did not arrive
    UNKNOWN = "unknown"  # it may have arrived: nobody sends it again by themselves
    STOPPED = "stopped"  # the card was given back


@dataclass(frozen=True, slots=True)
class GiftWish:
    """Whom a card is for, as its buyer says. ``language`` is the recipient's; without ``deliver_at`` it goes at once."""

    recipient: str = field(repr=False)
    name: str = field(default="", repr=False)
    message: str = field(default="", repr=False)
    deliver_at: datetime | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Gift:
    """A gift without what is personal. ``sends`` counts its mails; the mail's key is ``gift:<card>:<sends>``.

    ``began_at`` is when a mail with the code was written, and may have left.
    """

    state: GiftState
    language: str
    deliver_at: datetime
    sends: int
    began_at: datetime | None
    delivered_at: datetime | None
    problem: str


@dataclass(frozen=True, slots=True)
class GiftWords:
    """What a gift says, for its sender and for the mail; sealed at rest, and gone some time after its delivery."""

    recipient: str = field(repr=False)
    name: str = field(repr=False)
    message: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BoughtCard:
    """A card that a player bought. ``units`` left the wallet; ``paid`` had been paid for them, ``tax`` of it is owed already.

    ``shown`` counts how often its buyer looked at the code; ``code_kept``: it can still be shown or sent.
    """

    id: UUID
    serial: str
    batch: UUID
    product: str
    buyer: UUID
    gives: tuple[Worth, ...]
    face: Money
    units: Money
    paid: Money
    tax: Money
    state: CardState
    bought_at: datetime
    cancel_until: datetime
    expires_at: datetime | None
    shown: int
    code_kept: bool
    mailed_at: datetime | None
    cancelled_at: datetime | None
    activated_at: datetime | None
    entry_id: UUID
    gift: Gift | None


@dataclass(frozen=True, slots=True)
class CardOffer:
    """A virtual card in our stock: what it gives, what it costs, and how many are left of its batch."""

    batch: UUID
    product: str
    gives: tuple[Worth, ...]
    face: Money
    left: int
    expires_at: datetime | None
    regions: tuple[str, ...]
    tax_country: str


@dataclass(frozen=True, slots=True)
class CardTaken:
    """A card out of our stock, made for a buyer in this transaction, never with its code."""

    serial: str
    batch: UUID
    fingerprint: str


@dataclass(frozen=True, slots=True)
class CardPaper:
    """All that stands on a virtual card's mail and PDF, the code among it. ``gift`` and ``sends`` only where it is one."""

    id: UUID
    serial: str
    code: str = field(repr=False)
    buyer: UUID
    gives: tuple[Worth, ...]
    face: Money
    expires_at: datetime | None
    bought_at: datetime
    words: GiftWords | None = field(default=None, repr=False)
    language: str = ""


class BoughtCards(Protocol):
    def card_offers(self, *, country: str = "", at: datetime) -> tuple[CardOffer, ...]:
        """What can be bought out of our stock now (in a country, where one is named), by price; one batch a product."""
        ...

    def card_offer(self, *, batch: UUID, at: datetime) -> CardOffer:
        """Raises UnableToBuyCard (``card_not_on_offer``, ``stock_empty``)."""
        ...

    def check_gift(self, *, wish: GiftWish, expires_at: datetime | None, at: datetime) -> GiftWish:
        """The wish as it is kept. Raises UnableToBuyCard."""
        ...

    # Within a journey's transaction.

    def lock_stock(self, *, batch: UUID) -> None:
        """Let nobody else buy of this batch until the transaction ends; what is no batch is left alone."""
        ...

    @at_most_once
    def take_from_stock(self, *, bought_id: UUID, batch: UUID, actor: str, at: datetime) -> CardTaken:
        """Make the next card of a batch in our stock, which is locked; its code is kept sealed. Raises UnableToBuyCard, and
        TryAgain should a code exist already."""
        ...

    @at_most_once
    def note_bought(
        self,
        *,
        bought_id: UUID,
        serial: str,
        buyer: UUID,
        units: Money,
        paid: Money,
        owed: Money,
        entry_id: UUID,
        cancel_until: datetime,
        gift: GiftWish | None,
        at: datetime,
    ) -> BoughtCard:
        """Whose the taken card is and what was paid for it: from now on the books owe ``owed`` for it."""
        ...

    def cancel_bought(self, *, bought_id: UUID, buyer: UUID, actor: str, at: datetime) -> BoughtCard:
        """Make an unused card void and forget its code, within its time; what was given is no longer the buyer's.

        Locks the card as an activation does. Raises UnableToHandleBoughtCard.
        """
        ...

    def note_shown(self, *, bought_id: UUID, buyer: UUID, actor: str, at: datetime) -> BoughtCard:
        """Count that the buyer looks at the code. Raises UnableToHandleBoughtCard."""
        ...

    def correct_gift(
        self, *, bought_id: UUID, buyer: UUID, recipient: str, actor: str, at: datetime
    ) -> BoughtCard:
        """Another address, before a gift's mail began or after it certainly failed; in the second case it is sent at once.

        Where nobody knows whether the mail left, the sender may say that it did not arrive. Raises UnableToHandleBoughtCard.
        """
        ...

    def end_gift(self, *, bought_id: UUID, sends: int, state: GiftState, problem: str, at: datetime) -> bool:
        """What became of the mail with this number: delivered, bounced or unknown. False where that was known."""
        ...

    # In a technical transaction.

    def begin_gift(self, *, bought_id: UUID, sends: int, at: datetime) -> bool:
        """The mail with this number is queued; False where the gift is no longer waiting for it."""
        ...

    @runs_here
    def write_card_paper(self, *, bought_id: UUID, sends: int, at: datetime) -> CardPaper | None:
        """What a mail says, at the moment of its sending: ``sends`` is 0 for the buyer's own. From now on nobody knows who has
        the code. None where there is nothing to send any more: given back, corrected meanwhile, forgotten."""
        ...

    def note_mailed(self, *, bought_id: UUID, at: datetime) -> None:
        """The mail to the buyer has left."""
        ...

    def forget_codes(self, *, delivered_before: datetime, at: datetime) -> int:
        """Forget codes that were shown or delivered before then, and those that can't be used any more, and what gifts said;
        at most some thousand at once. How many codes were forgotten."""
        ...

    # Reads.

    def bought_cards(self, *, buyer: UUID, at: datetime, limit: int = 50) -> tuple[BoughtCard, ...]:
        """Newest first."""
        ...

    def bought_card(self, *, bought_id: UUID, buyer: UUID, at: datetime) -> BoughtCard:
        """Raises UnableToHandleBoughtCard (``bought_card_unknown``)."""
        ...

    @runs_here
    def bought_code(self, *, bought_id: UUID, buyer: UUID) -> CodeGiven:
        """The code, for the door that has just noted that it is shown. Raises UnableToHandleBoughtCard."""
        ...

    @runs_here
    def gift_words(self, *, bought_id: UUID, buyer: UUID) -> GiftWords | None:
        """What a gift says, for its sender; None once that is forgotten. Raises UnableToHandleBoughtCard."""
        ...

    def unmailed(self, *, bought_before: datetime, after: UUID | None, limit: int) -> tuple[UUID, ...]:
        """Cards bought before then whose code is kept, by their ids above ``after``: nobody has noted yet that it was mailed
        to their buyer, or looked at."""
        ...

    def gifts_due(self, *, at: datetime, limit: int) -> tuple[BoughtCard, ...]:
        """Gifts whose date has come, the oldest first."""
        ...

    def gifts_under_way(self, *, limit: int) -> tuple[BoughtCard, ...]:
        """Gifts whose mail's end is not known yet, the oldest first."""
        ...
