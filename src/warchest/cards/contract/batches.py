"""Batches: what is ordered, and what an owner decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.cards import CardState
from warchest.cards.contract.worth import Worth
from warchest.kernel.calls import at_most_once
from warchest.kernel.codes import ALPHABET, ALPHABETS
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
            "card_worth_malformed",  # one to eight things: money above zero, one period of a plan or more, a pass
            "card_worth_twice",  # each currency, each plan and each tournament stands there once
            "worth_is_over",  # a tournament that nobody gets passes for any more
            "single_purpose_gives_money",  # cards with a country of tax give time and passes, never units
            "worth_of_other_service",  # cards for one online service give nothing of another
            "card_face_malformed",  # a real currency, zero or more
            "code_too_guessable",  # fewer than ENTROPY_BITS_MIN random bits
            "code_too_long",  # more than CODE_LENGTH_MAX characters
            "serial_prefix_malformed",  # up to six of A-Z and 0-9, a letter first
            "serial_series_taken",
            "serial_series_malformed",  # 1 to 9999
            "card_expiry_in_past",
            "region_unknown",  # no ISO 3166-1 alpha-2 code
            "margin_out_of_range",  # 0 to 10000, and 0 without a reseller
            "virtual_batch_malformed",  # cards that are issued one by one need a product, a price, and a reseller or our stock
            "stock_batch_malformed",  # our own stock needs a price, and knows no reseller yet
            "spares_out_of_range",  # none to as many as cards
            "code_format_malformed",  # no such alphabet, or no groups of 2 to 8
            "import_malformed",  # a file and a scheme; one by one, spares, print house and taxed delivery are for cards of ours
            "import_scheme_unknown",  # not in the configuration
            "serial_format_malformed",  # 4 to 9 digits that have room for all cards
        }
    )


class UnableToDecideBatch(UnableTo):
    """The order stays as it was."""

    reasons = frozenset(
        {"batch_unknown", "own_request", "digest_changed", "batch_already_decided", "reason_missing"}
    )


class UnableToAmendBatch(UnableTo):
    """The order stays as it was, and so does its approval."""

    reasons = frozenset(
        {
            "batch_unknown",
            "batch_not_open",  # only what is ordered or approved can be changed
            "batch_cards_issued",  # single cards of it were sold as it was approved
            "digest_changed",  # somebody changed it since
            "nothing_changed",
        }
    )


class UnableToEndBatch(UnableTo):
    """The batch was neither cancelled nor closed."""

    reasons = frozenset(
        {
            "batch_unknown",
            "batch_already_over",  # refused, cancelled or closed
            "batch_out_of_the_house",  # what was handed over, or issued singly, is closed instead
            "batch_in_the_house",  # what was not handed over is cancelled instead
            "reason_missing",
        }
    )


class BatchState(StrEnum):
    ORDERED = "ordered"
    APPROVED = "approved"
    REFUSED = "refused"
    GENERATED = "generated"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class BatchTerms:
    """What is ordered. ``face`` is what a buyer pays for one card, tax included, and ``margin_bps`` what the reseller
    keeps of it in hundredths of a per cent.

    Nobody pays for a batch without a reseller: its cards are given away, and what they give is promotional.
    ``series`` 0 takes the prefix's next; ``regions`` are countries, none named means everywhere. A card of a batch that
    ``needs_sale`` can be activated only after its sale at a till.

    ``virtual``: the cards are not made together, but issued one by one, each as the ``reseller``'s shop sells a ``product`` (the
    shop's own name for it); ``quantity`` is how many may be.

    ``stock``: the cards are for sale, but not to one reseller in one delivery: they lie in the house's own stock, from which they
    are shipped to resellers, or, where they are virtual, sold online and at the desk.

    ``spares`` are made and printed beside the ``quantity``, in place of those that the press spoils. ``alphabet``,
    ``code_length`` and ``group_size`` say how a code is written; ``serial_digits`` how long the running number is, which begins
    at ``first_number``. ``printer`` is the print house by name, and ``printer_key`` the fingerprint of its public key.

    ``tax_country`` makes the cards single-purpose vouchers: what they give and where it is taxed is known, so that each transfer
    is taxed by this country's rate (VAT Directive 2006/112/EC, articles 30a and 30b). Cards of a ``campaign`` are once for each
    player, and with ``new_players_days`` only for players who registered so many days ago or less. ``online_service`` restricts
    their activation to that service.

    ``import_digest`` is the SHA-256, in hexadecimal, of the file of an older system that made the cards, and ``import_scheme``
    says how that system hashed their codes. Where it sold them to a ``reseller`` before, ``owed_from`` is the account of the
    books on which it stands what is owed for them: ``opening_balance_equity`` or ``other_liabilities``. The format of codes and
    serials is then that of cards which are issued in the place of theirs.
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
    stock: bool = False
    spares: int = 0
    alphabet: str = "crockford"
    group_size: int = 4
    serial_digits: int = 7
    first_number: int = 1
    printer: str = ""
    printer_key: str = ""
    tax_country: str = ""
    campaign: str = ""
    new_players_days: int = 0
    online_service: UUID | None = None
    import_digest: str = ""
    import_scheme: str = ""
    owed_from: str = ""

    @property
    def is_for_sale(self) -> bool:
        """Whether somebody pays for the cards; what others give is promotional."""
        return bool((self.reseller or self.stock) and self.face)

    @property
    def face_total(self) -> Money:
        return self.face * self.quantity

    @property
    def margin_total(self) -> Money:
        """The reseller's part of the whole batch."""
        return self.face_total.portion(self.margin_bps, 10_000)

    @property
    def entropy_bits(self) -> int:
        """Whole random bits of a code: those of all its symbols but the last, which only checks the others."""
        symbols = len(ALPHABETS.get(self.alphabet, ALPHABET))
        return int(symbols ** (self.code_length - 1)).bit_length() - 1


@dataclass(frozen=True, slots=True)
class Batch:
    """``digest`` is the SHA-256, in hexadecimal, of exactly what was ordered, by whom, under which id.

    ``file_until`` is the moment until which the handed-over codes wait for their one download; None when none wait.
    ``last_serial`` is that of the last card but the spares, which go on to ``last_spare_serial``.
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
    version: int = 1
    closed_at: datetime | None = None
    closed_by: UUID | None = None
    cancelled_at: datetime | None = None
    cancelled_by: UUID | None = None
    cancellation: str = ""
    last_spare_serial: str = ""


@dataclass(frozen=True, slots=True)
class BatchVersion:
    """An order as it was until somebody changed it, with the approval that the change made void."""

    version: int
    terms: BatchTerms
    digest: str
    ordered_by: UUID
    ordered_at: datetime
    approved_by: UUID | None
    approved_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClosedBatch:
    """``void`` is how many cards became so, and ``taken_back`` how many of them a reseller owed for: no code of theirs ever left
    the house. ``card_tax`` is what tax the delivery of each had brought."""

    batch: Batch
    void: int
    taken_back: int
    card_tax: Money


@dataclass(frozen=True, slots=True)
class ActivationsOfDay:
    """How many cards of a batch players of one country activated in a day (UTC)."""

    day: date
    country: str
    count: int


class Batches(Protocol):
    """Orders of cards, their approval, and what is known of a batch."""

    @at_most_once
    def order(self, *, batch_id: UUID, terms: BatchTerms, ordered_by: UUID, at: datetime) -> Batch:
        """Write an order down. Raises UnableToOrderBatch."""
        ...

    @at_most_once
    def amend(
        self, *, batch_id: UUID, digest: str, terms: BatchTerms, ordered_by: UUID, at: datetime
    ) -> Batch:
        """Order something else in place of the order of this ``digest``, which is kept as a version of its own.

        An approval is void then, and whoever ordered any version does not approve it. ``series`` 0 keeps the series, where the
        prefix stays. Raises UnableToAmendBatch, UnableToOrderBatch.
        """
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
    def cancel(self, *, batch_id: UUID, cancelled_by: UUID, reason: str, at: datetime) -> Batch:
        """Give up a batch whose codes are all in the house: what was made of it is void, and its codes are deleted.

        Raises UnableToEndBatch.
        """
        ...

    @at_most_once
    def close(self, *, batch_id: UUID, closed_by: UUID, at: datetime) -> ClosedBatch:
        """End a batch that was handed over, or whose cards are issued singly: spares and what lies in our own stock become void,
        and no further card is issued. What is with resellers, players and buyers stays good.

        Where nobody fetched the codes, all cards become void. Raises UnableToEndBatch.
        """
        ...

    def versions(self, *, batch_id: UUID) -> tuple[BatchVersion, ...]:
        """What was ordered before it was changed, oldest first; none where nobody changed anything."""
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
