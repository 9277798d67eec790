"""Transfers of units, within the cluster and across clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.charging.contract.wallets import Lot, LotTerms, Source
from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

TRANSFER_MESSAGE_LENGTH_MAX = 200
TRANSFER_PURPOSE = "transfer"
"""The purpose of the holds of transfers to other clusters."""


class UnableToTransfer(UnableTo):
    """Nothing was moved."""

    reasons = frozenset(
        {
            "insufficient_funds",
            "not_transferable",  # there is enough, but not of lots that may be moved
            "recipient_is_sender",
            "wallet_frozen",  # one of the two
            "wallet_unknown",
            "amount_not_positive",
        }
    )


class UnableToFindTransfer(UnableTo):
    reasons = frozenset({"transfer_unknown"})


class UnableToFinishTransfer(UnableTo):
    """The transfer is as it was."""

    reasons = frozenset(
        {
            "transfer_finished",  # it arrived, or it was undone
            "transfer_id_reused",  # another transfer came under this id
        }
    )


class Direction(StrEnum):
    """Where a transfer goes, as this cluster sees it."""

    WITHIN = "within"
    OUT = "out"
    IN = "in"


class TransferState(StrEnum):
    """One within the cluster is ``done`` at once. One that goes out is ``held`` until the other cluster has said what
    became of it: then it is ``captured`` or ``voided``. One that comes in is ``credited`` or ``refused``, for ever."""

    DONE = "done"
    HELD = "held"
    CAPTURED = "captured"
    VOIDED = "voided"
    CREDITED = "credited"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class TransferPart:
    """What a transfer across clusters takes of one lot: it becomes a lot of the same kind in the other cluster. ``lot`` and
    ``origin`` are ids in the sender's cluster."""

    lot: UUID
    origin: UUID
    source: Source
    units: Money
    consideration: Money
    terms: LotTerms
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Crossing:
    """A transfer as its sender's cluster tells it to the recipient's. ``sender_name`` is the sender's nickname then."""

    id: UUID
    sender: UUID
    sender_name: str
    recipient: UUID
    units: Money
    message: str
    parts: tuple[TransferPart, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Transfer:
    """``cluster`` and ``other_name`` are of the other player, where that one lives in another cluster.

    ``reason`` says why it was voided or refused. While it is held, ``problem`` says why the last try to pass it on failed
    (empty: none did), ``tries`` how many there were, and ``cancel_asked_at`` that the sender wants it back. ``message`` is
    from one player to another, and no business of the books. ``entry_id`` is the journal entry that moved the units.
    """

    id: UUID
    direction: Direction
    cluster: str
    sender: UUID
    recipient: UUID
    other_name: str
    units: Money
    message: str
    parts: tuple[TransferPart, ...]
    state: TransferState
    reason: str
    occurred_at: datetime
    finished_at: datetime | None
    entry_id: UUID | None
    tries: int = 0
    problem: str = ""
    cancel_asked_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state is TransferState.HELD


@dataclass(frozen=True, slots=True)
class Moved:
    """What went to another cluster and came from it: units, and what had been paid for them in each real currency."""

    sent: tuple[Money, ...]
    received: tuple[Money, ...]


class Transfers(Protocol):
    @at_most_once
    def transfer(
        self, *, sender: UUID, recipient: UUID, units: Money, reference: str, at: datetime
    ) -> tuple[Lot, ...]:
        """Move units of transferable lots, in the order of use, into another wallet: answers the lots that this opened.

        They keep source, terms, origin and their share of what was paid, so that what could not be paid out before still
        can't. The journey posts the entry that moves the units. Raises UnableToTransfer.
        """
        ...

    @at_most_once
    def note_transfer(
        self,
        *,
        transfer_id: UUID,
        sender: UUID,
        recipient: UUID,
        units: Money,
        message: str,
        entry_id: UUID,
        at: datetime,
    ) -> Transfer:
        """Remember a transfer within the cluster, which ``transfer`` has just moved, for those who ask about it."""
        ...

    def find_transfer(self, *, transfer_id: UUID) -> Transfer:
        """Raises UnableToFindTransfer."""
        ...

    def transfers(self, *, transfer_ids: Sequence[UUID]) -> dict[UUID, Transfer]:
        """Those of the transfers that exist, in one query."""
        ...

    # Transfers across clusters: set apart here, credited there, then taken out here. No transaction ever spans the two.

    @at_most_once
    def set_apart(
        self,
        *,
        transfer_id: UUID,
        cluster: str,
        sender: UUID,
        recipient: UUID,
        other_name: str,
        units: Money,
        message: str,
        at: datetime,
    ) -> Transfer:
        """Cut units out of transferable lots, in the order of use, into lots of their own, and hold these without end.

        What was paid for them is settled by the cut: whatever is spent of the wallet meanwhile, the parts stay as they are
        told to the other cluster. The hold has the transfer's id; only ``take_out`` and ``put_back`` close it. Raises
        UnableToTransfer.
        """
        ...

    def take_out(self, *, transfer_id: UUID, entry_id: UUID, at: datetime) -> Transfer:
        """The other cluster has credited it: the parts leave the wallet, also one that was frozen since.

        The journey posts the entry. A transfer that was taken out already is answered as it is. Raises
        UnableToFindTransfer, UnableToFinishTransfer (it was put back).
        """
        ...

    def put_back(self, *, transfer_id: UUID, reason: str, at: datetime) -> Transfer:
        """The other cluster has refused it, for ever: the parts are free again. Repeated it changes nothing.

        Raises UnableToFindTransfer, UnableToFinishTransfer (it was taken out).
        """
        ...

    def take_in(
        self, *, crossing: Crossing, cluster: str, refused_because: str, entry_id: UUID, at: datetime
    ) -> tuple[Transfer, bool]:
        """Credit what comes from another cluster, or refuse it for ever; answers also whether this call decided it.

        ``refused_because`` is why the journey refuses it; where it has no reason, a frozen wallet still is one. The parts
        become lots with the same source, terms, age and consideration. Decided once under the transfer's id: whoever asks
        again, in whatever order, hears the same. The journey posts the entry where this call credited. Raises
        UnableToFinishTransfer (``transfer_id_reused``).
        """
        ...

    def ask_back(self, *, transfer_id: UUID, player: UUID, at: datetime) -> Transfer:
        """The sender wants a held transfer back: the other cluster is asked to refuse it before anything is undone.

        Raises UnableToFindTransfer, UnableToFinishTransfer.
        """
        ...

    def due_transfers(self, *, at: datetime, limit: int) -> tuple[Transfer, ...]:
        """Held transfers that are to be passed on now, those first that are due longest."""
        ...

    @at_most_once
    def note_try(self, *, transfer_id: UUID, problem: str, at: datetime) -> None:
        """It could not be passed on. It stays held, and is tried again after a pause that grows with each try."""
        ...

    def open_transfers(self, *, cluster: str) -> tuple[Transfer, ...]:
        """Transfers to a cluster that are held."""
        ...

    def credited_among(self, *, transfer_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Which of these transfers of other clusters were credited here."""
        ...

    def moved(self, *, cluster: str, until: datetime | None = None) -> Moved:
        """What was taken out for a cluster and taken in from it: ever, or of transfers made before ``until``."""
        ...
