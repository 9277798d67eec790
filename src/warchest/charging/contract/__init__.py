"""Charging, on one page: wallets, funding lots, and the order in which spending uses them.

Each part has a file of its own; who uses charging imports from here. A ``reference`` is everywhere the key of the journal entry
that is posted in the same transaction: by it a difference between lots and the books is traced to its first entry.
"""

from __future__ import annotations

from typing import Protocol

from warchest.charging.contract.holds import (
    CapturedHold,
    Holds,
)
from warchest.charging.contract.moving_in import (
    LotCount,
    LotDraft,
    MovingIn,
    WalletDraft,
)
from warchest.charging.contract.paid_units import (
    PaidUnits,
    UnableToUsePaidUnits,
)
from warchest.charging.contract.refunds import (
    DEBT_BOOK,
    REFUND_PURPOSE,
    Bonus,
    Debt,
    DebtKind,
    DebtMovement,
    LotTrace,
    Refunding,
    SetApart,
    SpentPart,
    UnableToSettleDebt,
    UnableToTakeBack,
)
from warchest.charging.contract.transfers import (
    TRANSFER_MESSAGE_LENGTH_MAX,
    TRANSFER_PURPOSE,
    Crossing,
    Direction,
    Moved,
    Transfer,
    TransferPart,
    Transfers,
    TransferState,
    UnableToFindTransfer,
    UnableToFinishTransfer,
    UnableToTransfer,
)
from warchest.charging.contract.wallets import (
    WALLET_BOOK,
    ExpiredLot,
    Lot,
    LotTerms,
    Slice,
    Source,
    Spend,
    UnableToReturn,
    UnableToSpend,
    Wallet,
    Wallets,
    WalletState,
)

__all__ = [
    "DEBT_BOOK",
    "REFUND_PURPOSE",
    "TRANSFER_MESSAGE_LENGTH_MAX",
    "TRANSFER_PURPOSE",
    "WALLET_BOOK",
    "Bonus",
    "CapturedHold",
    "Charging",
    "Crossing",
    "Debt",
    "DebtKind",
    "DebtMovement",
    "Direction",
    "ExpiredLot",
    "Holds",
    "Lot",
    "LotCount",
    "LotDraft",
    "LotTerms",
    "LotTrace",
    "Moved",
    "MovingIn",
    "PaidUnits",
    "Refunding",
    "SetApart",
    "Slice",
    "Source",
    "Spend",
    "SpentPart",
    "Transfer",
    "TransferPart",
    "TransferState",
    "Transfers",
    "UnableToFindTransfer",
    "UnableToFinishTransfer",
    "UnableToReturn",
    "UnableToSettleDebt",
    "UnableToSpend",
    "UnableToTakeBack",
    "UnableToTransfer",
    "UnableToUsePaidUnits",
    "Wallet",
    "WalletDraft",
    "WalletState",
    "Wallets",
]


class Charging(Wallets, PaidUnits, Transfers, Holds, Refunding, MovingIn, Protocol):
    """Everything that charging is asked."""
