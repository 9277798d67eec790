"""Cards: batches, codes, hand-over, activation, and every way in which they are refused."""

from __future__ import annotations

from typing import Protocol

from warchest.cards.contract.activation import (
    ActivatedCard,
    Activation,
    CardPreview,
    ClaimedCard,
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
    BatchVersion,
    ClosedBatch,
    UnableToAmendBatch,
    UnableToDecideBatch,
    UnableToEndBatch,
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
from warchest.cards.contract.guesses import (
    GuessAlarm,
    Guesses,
    GuessesOfHour,
    Guessing,
    GuessLock,
    GuessSource,
    UnableToLiftLock,
)
from warchest.cards.contract.handing_over import (
    SPOILED_AT_ONCE_MAX,
    HandingOver,
    HandOver,
    Printer,
    Replaced,
    UnableToFetchPrintFile,
    UnableToHandOverBatch,
    UnableToKeepPrinter,
    UnableToReplaceSpoiled,
)
from warchest.cards.contract.making import (
    BatchProgress,
    Making,
    UnableToGenerateBatch,
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
    "SPOILED_AT_ONCE_MAX",
    "ActivatedCard",
    "Activation",
    "ActivationsOfDay",
    "Batch",
    "BatchProgress",
    "BatchState",
    "BatchTerms",
    "BatchVersion",
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
    "ClosedBatch",
    "CodeGiven",
    "GuessAlarm",
    "GuessLock",
    "GuessSource",
    "Guesses",
    "GuessesOfHour",
    "Guessing",
    "HandOver",
    "HandingOver",
    "IssuedCard",
    "Making",
    "OrderLine",
    "Printer",
    "Replaced",
    "StoreInstalled",
    "StoreTerms",
    "Stores",
    "UnableToActivateCard",
    "UnableToAmendBatch",
    "UnableToBlockCards",
    "UnableToDecideBatch",
    "UnableToEndBatch",
    "UnableToFetchPrintFile",
    "UnableToFindCard",
    "UnableToGenerateBatch",
    "UnableToHandOverBatch",
    "UnableToIssueCards",
    "UnableToKeepPrinter",
    "UnableToLiftLock",
    "UnableToOrderBatch",
    "UnableToReplaceSpoiled",
    "UnableToTakeBackCards",
    "UnableToUseStore",
    "VirtualCards",
    "VirtualStock",
    "Worth",
    "WorthKind",
]


class Cards(Batches, Making, HandingOver, Care, Activation, Guesses, VirtualCards, Stores, Protocol):
    """Everything that cards are asked."""
