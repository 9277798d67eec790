"""Cards: batches, codes, hand-over, activation, and every way in which they are refused."""

from __future__ import annotations

from typing import Protocol

from warchest.cards.contract.activation import (
    ActivatedCard,
    Activation,
    CardPreview,
    ClaimedCard,
    GuessLock,
    UnableToActivateCard,
)
from warchest.cards.contract.batches import (
    CODE_LENGTH_MAX,
    ENTROPY_BITS_MIN,
    LIABILITY_BOOK,
    QUANTITY_MAX,
    ActivationsOfDay,
    Batch,
    Batches,
    BatchState,
    BatchTerms,
    UnableToDecideBatch,
    UnableToOrderBatch,
)
from warchest.cards.contract.cards import (
    BlockedCards,
    Card,
    CardMoment,
    CardSelection,
    CardState,
    Care,
    UnableToBlockCards,
    UnableToFindCard,
)
from warchest.cards.contract.making import (
    Making,
    UnableToFetchPrintFile,
    UnableToGenerateBatch,
    UnableToHandOverBatch,
)
from warchest.cards.contract.stores import (
    CALL_BYTES_MAX,
    StoreInstalled,
    Stores,
    StoreTerms,
    UnableToUseStore,
)
from warchest.cards.contract.virtual import (
    LINES_MAX,
    CodeGiven,
    IssuedCard,
    OrderLine,
    UnableToIssueCards,
    UnableToTakeBackCards,
    VirtualCards,
    VirtualStock,
)
from warchest.cards.contract.worth import (
    Worth,
    WorthKind,
)

__all__ = [
    "CALL_BYTES_MAX",
    "CODE_LENGTH_MAX",
    "ENTROPY_BITS_MIN",
    "LIABILITY_BOOK",
    "LINES_MAX",
    "QUANTITY_MAX",
    "ActivatedCard",
    "Activation",
    "ActivationsOfDay",
    "Batch",
    "BatchState",
    "BatchTerms",
    "Batches",
    "BlockedCards",
    "Card",
    "CardMoment",
    "CardPreview",
    "CardSelection",
    "CardState",
    "Cards",
    "Care",
    "ClaimedCard",
    "CodeGiven",
    "GuessLock",
    "IssuedCard",
    "Making",
    "OrderLine",
    "StoreInstalled",
    "StoreTerms",
    "Stores",
    "UnableToActivateCard",
    "UnableToBlockCards",
    "UnableToDecideBatch",
    "UnableToFetchPrintFile",
    "UnableToFindCard",
    "UnableToGenerateBatch",
    "UnableToHandOverBatch",
    "UnableToIssueCards",
    "UnableToOrderBatch",
    "UnableToTakeBackCards",
    "UnableToUseStore",
    "VirtualCards",
    "VirtualStock",
    "Worth",
    "WorthKind",
]


class Cards(Batches, Making, Care, Activation, VirtualCards, Stores, Protocol):
    """Everything that cards are asked."""
