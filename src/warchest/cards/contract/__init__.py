"""Cards, on one page: batches, codes, hand-over, activation, and every way in which they are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.stores import StoreInstalled as StoreInstalled
from warchest.cards.contract.stores import Stores as Stores
from warchest.cards.contract.stores import StoreTerms as StoreTerms
from warchest.cards.contract.stores import UnableToUseStore as UnableToUseStore
from warchest.cards.contract.virtual import CodeGiven as CodeGiven
from warchest.cards.contract.virtual import IssuedCard as IssuedCard
from warchest.cards.contract.virtual import OrderLine as OrderLine
from warchest.cards.contract.virtual import UnableToIssueCards as UnableToIssueCards
from warchest.cards.contract.virtual import UnableToTakeBackCards as UnableToTakeBackCards
from warchest.cards.contract.virtual import VirtualCards as VirtualCards
from warchest.cards.contract.virtual import VirtualStock as VirtualStock
from warchest.kernel.calls import at_most_once, runs_here
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

LIABILITY_BOOK = "cards_sold"
"""The ledger's book of cards that were sold and not activated; its owners are batches."""

QUANTITY_MAX = 5_000_000
ENTROPY_BITS_MIN = 60
CODE_LENGTH_MAX = 32


class UnableToOrderBatch(UnableTo):
    """Nothing was ordered."""

    reasons = frozenset(
        {
            "quantity_out_of_range",  # 1 to QUANTITY_MAX
            "card_worth_malformed",  # exactly one item now: money above zero, or one period of a plan or more
            "card_face_malformed",  # a real currency, zero or more
            "code_too_guessable",  # fewer than ENTROPY_BITS_MIN random bits
            "code_too_long",  # more than CODE_LENGTH_MAX characters
            "serial_prefix_malformed",  # up to six of A-Z and 0-9, a letter first
            "serial_series_taken",
            "serial_series_malformed",  # 1 to 9999
            "card_expiry_in_past",
            "region_unknown",  # no ISO 3166-1 alpha-2 code
            "margin_out_of_range",  # 0 to 10000, and 0 without a reseller
            "virtual_batch_malformed",  # cards that are issued one by one need a reseller, a product and a price
        }
    )


class UnableToDecideBatch(UnableTo):
    """The order stays as it was."""

    reasons = frozenset(
        {"batch_unknown", "own_request", "digest_changed", "batch_already_decided", "reason_missing"}
    )


class UnableToGenerateBatch(UnableTo):
    """No card of the batch was made."""

    reasons = frozenset(
        {
            "batch_unknown",
            "batch_not_approved",
            "batch_already_generated",
            "digest_changed",
            "batch_is_virtual",  # its cards are issued one by one
        }
    )


class UnableToHandOverBatch(UnableTo):
    """The codes stay sealed."""

    reasons = frozenset(
        {
            "batch_unknown",
            "batch_not_generated",
            "already_handed_over",
            "recipient_missing",
            "one_time_key_malformed",
        }
    )


class UnableToFetchPrintFile(UnableTo):
    """No file waits under this key: fetched before, too late, another key, or none of this batch."""

    reasons = frozenset({"print_file_gone"})


class UnableToActivateCard(UnableTo):
    """The card was not activated. Only ``card_code_unknown`` is a guess."""

    reasons = frozenset(
        {
            "card_code_unknown",  # the one answer to anything that is no whole, right code
            "card_already_activated",
            "card_blocked",
            "card_expired",
            "card_not_sold",
            "card_not_for_country",
            "player_frozen",  # frozen or closed: told before the code is looked up
        }
    )


class UnableToBlockCards(UnableTo):
    """Nothing was blocked or unblocked."""

    reasons = frozenset({"batch_unknown", "card_unknown", "serial_range_malformed", "reason_missing"})


class UnableToFindCard(UnableTo):
    reasons = frozenset({"card_unknown", "batch_unknown"})


class WorthKind(StrEnum):
    MONEY = "money"
    PERIOD = "period"


@dataclass(frozen=True, slots=True)
class Worth:
    """One thing that a card gives: money (real, or units of the inner currency), or some periods of a plan."""

    kind: WorthKind
    money: Money | None = None
    plan: UUID | None = None
    periods: int = 0

    @classmethod
    def of_money(cls, money: Money) -> Worth:
        return cls(WorthKind.MONEY, money=money)

    @classmethod
    def of_period(cls, *, plan: UUID, periods: int) -> Worth:
        return cls(WorthKind.PERIOD, plan=plan, periods=periods)


class BatchState(StrEnum):
    ORDERED = "ordered"
    APPROVED = "approved"
    REFUSED = "refused"
    GENERATED = "generated"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class CardState(StrEnum):
    """What the world sees of a card at a moment; blocking, expiry and the batch's own state are counted in."""

    GENERATED = "generated"
    HANDED_OVER = "handed_over"
    SHIPPED = "shipped"
    SOLD = "sold"
    RETURNED = "returned"
    ACTIVATED = "activated"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class BatchTerms:
    """What is ordered. ``face`` is what a buyer pays for one card, tax included, and ``margin_bps`` what the reseller
    keeps of it in hundredths of a per cent.

    Nobody pays for a batch without a reseller: its cards are given away, and what they give is promotional.
    ``series`` 0 takes the prefix's next; ``regions`` are countries, none named means everywhere. A card of a batch that
    ``needs_sale`` can be activated only after its sale at a till.

    ``virtual``: the cards are not made together, but issued one by one, each as the ``reseller``'s shop sells a ``product`` (the
    shop's own name for it); ``quantity`` is how many may be.
    """

    quantity: int
    gives: tuple[Worth, ...]
    face: Money
    code_length: int = 16
    serial_prefix: str = "WC"
    series: int = 0
    expires_at: datetime | None = None
    regions: tuple[str, ...] = ()
    reseller: str = ""
    margin_bps: int = 0
    needs_sale: bool = False
    virtual: bool = False
    product: str = ""

    @property
    def face_total(self) -> Money:
        return self.face * self.quantity

    @property
    def margin_total(self) -> Money:
        """The reseller's part of the whole batch."""
        return self.face_total.portion(self.margin_bps, 10_000)

    @property
    def entropy_bits(self) -> int:
        """Random bits of a code: five for each character, of which the last only checks the others."""
        return 5 * (self.code_length - 1)


@dataclass(frozen=True, slots=True)
class Batch:
    """``digest`` is the SHA-256, in hexadecimal, of exactly what was ordered, by whom, under which id.

    ``file_until`` is the moment until which the handed-over codes wait for their one download; None when none wait.
    """

    id: UUID
    state: BatchState
    terms: BatchTerms
    digest: str
    ordered_by: UUID
    ordered_at: datetime
    first_serial: str
    last_serial: str
    approved_by: UUID | None = None
    approved_at: datetime | None = None
    refused_by: UUID | None = None
    refused_at: datetime | None = None
    refusal: str = ""
    generated_at: datetime | None = None
    handed_over_at: datetime | None = None
    handed_over_by: UUID | None = None
    recipient: str = ""
    file_until: datetime | None = None
    blocked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CardMoment:
    """One thing that happened to a card. ``actor`` is a kind and an id, where one is known.

    ``what`` is ``generated``, ``handed_over``, ``print_file_fetched``, ``sold``, ``sale_reversed``, ``blocked``, ``unblocked``
    or ``activated``.
    """

    what: str
    at: datetime
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A card as those see it who help: never its code. ``last_four`` are the last characters of the code.

    ``fingerprint`` is the reference to the code in billing and in the books; nobody finds the code from it.
    """

    serial: str
    batch: UUID
    state: CardState
    gives: tuple[Worth, ...]
    face: Money
    last_four: str
    fingerprint: str
    expires_at: datetime | None
    history: tuple[CardMoment, ...]
    player: UUID | None = None
    activated_at: datetime | None = None
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CardPreview:
    """What a card will give. The code was right, and the card can be activated now."""

    serial: str
    gives: tuple[Worth, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedCard:
    """A right card, locked until the transaction ends.

    ``paid``: someone paid its ``face``, which now funds what it gives.
    """

    serial: str
    batch: UUID
    gives: tuple[Worth, ...]
    face: Money
    paid: bool
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ActivatedCard:
    """``units`` is what the wallet got, zero where the card gave something else."""

    serial: str
    batch: UUID
    player: UUID
    gives: tuple[Worth, ...]
    units: Money
    activated_at: datetime
    entry_id: UUID | None


@dataclass(frozen=True, slots=True)
class ActivationsOfDay:
    """How many cards of a batch players of one country activated in a day (UTC)."""

    day: date
    country: str
    count: int


@dataclass(frozen=True, slots=True)
class CardSelection:
    """Cards to block: a whole ``batch``, or the serials from ``first_serial`` to ``last_serial``, both included.

    An empty ``last_serial`` means the one card.
    """

    batch: UUID | None = None
    first_serial: str = ""
    last_serial: str = ""


@dataclass(frozen=True, slots=True)
class BlockedCards:
    """``count`` is how many cards changed; those activated before stay as they are."""

    batch: UUID
    first_serial: str
    last_serial: str
    count: int


@dataclass(frozen=True, slots=True)
class GuessLock:
    """A player or an address that may not try codes before ``until``. ``who`` is ``player`` or ``address``."""

    who: str
    identity: str
    guesses: int
    until: datetime


class Cards(VirtualCards, Stores, Protocol):
    # Batches

    @at_most_once
    def order(self, *, batch_id: UUID, terms: BatchTerms, ordered_by: UUID, at: datetime) -> Batch:
        """Write an order down. It can't be changed afterwards, only refused. Raises UnableToOrderBatch."""
        ...

    @at_most_once
    def approve(self, *, batch_id: UUID, digest: str, approved_by: UUID, at: datetime) -> Batch:
        """Approve exactly the order of this digest. Raises UnableToDecideBatch: nobody approves what they ordered."""
        ...

    @at_most_once
    def refuse(self, *, batch_id: UUID, refused_by: UUID, reason: str, at: datetime) -> Batch:
        """Raises UnableToDecideBatch."""
        ...

    @at_most_once
    def generate(self, *, batch_id: UUID, at: datetime) -> Batch:
        """Make all cards of an approved batch; their codes wait sealed for the hand-over. About 10 s for a million.

        Raises UnableToGenerateBatch, and TryAgain should a code exist already.
        """
        ...

    @at_most_once
    def hand_over(
        self, *, batch_id: UUID, recipient: str, one_time_key: bytes, handed_over_by: UUID, at: datetime
    ) -> Batch:
        """Give the codes away, once: seal them anew under ``one_time_key`` (32 random bytes that the door made).

        They wait for one ``fetch_print_file`` with that key until ``Batch.file_until``; the key is stored nowhere.
        Raises UnableToHandOverBatch.
        """
        ...

    @runs_here
    def fetch_print_file(self, *, batch_id: UUID, one_time_key: bytes, actor: str, at: datetime) -> bytes:
        """The lines ``Batch,Serial,Pin``, in the printer's habit, and delete what was kept; in a technical transaction.

        For the door that handed the batch over, straight after. Raises UnableToFetchPrintFile.
        """
        ...

    def forget_print_files(self, *, at: datetime) -> int:
        """Delete files that nobody fetched in time, in a technical transaction; answers of how many batches."""
        ...

    def batch(self, *, batch_id: UUID) -> Batch:
        """Raises UnableToFindCard (``batch_unknown``)."""
        ...

    def batches(self, *, limit: int = 50, before: UUID | None = None) -> tuple[Batch, ...]:
        """Newest first, below the batch ``before``."""
        ...

    def batches_awaiting_approval(self) -> tuple[Batch, ...]:
        """Oldest first."""
        ...

    def counts(self, *, batch_id: UUID, at: datetime) -> Mapping[CardState, int]:
        """How many cards of a batch are in each state; states without a card are left out."""
        ...

    def activations_by_day(self, *, batch_id: UUID) -> tuple[ActivationsOfDay, ...]:
        """Oldest first."""
        ...

    # Cards

    def code_hash(self, *, typed: str) -> str:
        """What a typed code is looked up by, whatever was typed; takes the same time for any."""
        ...

    def claim(self, *, code_hash: str, country: str, at: datetime) -> ClaimedCard:
        """Find the card of a code and lock it, if a player of this country may activate it.

        Raises UnableToActivateCard.
        """
        ...

    def activate(
        self, *, serial: str, player: UUID, country: str, units: Money, entry_id: UUID | None, at: datetime
    ) -> ActivatedCard:
        """Mark a claimed card as activated and forget the player's guesses. In the transaction of its ``claim``."""
        ...

    def preview(self, *, code_hash: str, country: str, at: datetime) -> CardPreview:
        """As ``claim``, changing and locking nothing. Raises UnableToActivateCard."""
        ...

    def card(self, *, serial: str, at: datetime) -> Card:
        """A card by its serial, as typed. Raises UnableToFindCard (``card_unknown``)."""
        ...

    def activated_by(self, *, player: UUID, limit: int = 50) -> tuple[ActivatedCard, ...]:
        """A player's cards, newest first."""
        ...

    def block(self, *, selection: CardSelection, reason: str, actor: str, at: datetime) -> BlockedCards:
        """Raises UnableToBlockCards."""
        ...

    def unblock(self, *, selection: CardSelection, reason: str, actor: str, at: datetime) -> BlockedCards:
        """A card that was blocked by itself stays so when its batch is unblocked. Raises UnableToBlockCards."""
        ...

    # Guesses

    def check_not_locked(self, *, player: UUID, client_address: str, at: datetime) -> None:
        """Raises TryAgain (``too_many_attempts``) while the player or the address is locked out."""
        ...

    @at_most_once
    def count_guess(self, *, player: UUID, client_address: str, at: datetime) -> None:
        """Count a wrong code, in a technical transaction.

        Locks by the ladder: 5 within a day for 15 minutes, 10 for half an hour, 15 for an hour, 20 for a day.
        """
        ...

    def locks(self, *, at: datetime) -> tuple[GuessLock, ...]:
        """Who is locked out at this moment, those with the most guesses first."""
        ...
