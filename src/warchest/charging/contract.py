"""Charging, on one page: wallets, funding lots, and the order in which spending uses them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import Hold

WALLET_BOOK = "wallet_units"
"""The ledger's book of players' units: an account with a floor for each player."""

TRANSFER_MESSAGE_LENGTH_MAX = 200
TRANSFER_PURPOSE = "transfer"
"""The purpose of the holds of transfers to other clusters."""


class UnableToSpend(UnableTo):
    """Nothing was taken from the wallet."""

    reasons = frozenset({"insufficient_funds", "wallet_frozen", "wallet_unknown", "amount_not_positive"})


class UnableToReturn(UnableTo):
    """Nothing was given back."""

    reasons = frozenset(
        {
            "spend_unknown",  # the player has spent nothing under this reference
            "return_exceeds_spend",  # more than was spent, or than is left of it after what was given back before
            "return_key_reused",  # the key was used to give back another amount
            "amount_not_positive",
        }
    )


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


class Source(StrEnum):
    CARD_PAYMENT = "card_payment"
    SCRATCH_CARD = "scratch_card"
    BANK = "bank"
    GIFT = "gift"
    PROMOTION = "promotion"
    COMMISSION = "commission"
    PRIZE = "prize"


class WalletState(StrEnum):
    OPEN = "open"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class LotTerms:
    """What may be done with the units of a lot; follows them into any other wallet."""

    refundable: bool = True
    transferable: bool = False
    payable_out: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """``units`` and ``consideration`` are what is left; ``issued`` is how many units it began with. ``reference`` is the key
    of the journal entry that brought them.

    ``reserved`` is how many of the units are set aside by holds. ``opened_at`` is when the units came into the house, and
    ``origin`` the lot that they came in by: both stay as they are when units are moved or given back, which opens a lot.
    """

    id: UUID
    player: UUID
    source: Source
    reference: str
    issued: Money
    units: Money
    reserved: Money
    consideration: Money
    terms: LotTerms
    opened_at: datetime
    origin: UUID


@dataclass(frozen=True, slots=True)
class WalletDraft:
    """The wallet of a player who comes from an older system."""

    player: UUID
    state: WalletState
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class LotDraft:
    """A lot to be opened, as ``fund`` does. ``opened_at`` is when its units came into the older system."""

    id: UUID
    player: UUID
    units: Money
    consideration: Money
    source: Source
    reference: str
    terms: LotTerms
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class LotCount:
    """How many lots there are, and what they began with: units, and what was paid in each currency, where anything was."""

    lots: int
    units: Money
    consideration: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """What one spend took of one lot: units, and their part of what had been paid for the lot."""

    lot_id: UUID
    source: Source
    units: Money
    consideration: Money


@dataclass(frozen=True, slots=True)
class Spend:
    """What one spend asks for: ``units`` (more than zero) of a player's wallet. ``reference`` names it: the key of its
    journal entry."""

    player: UUID
    units: Money
    reference: str


@dataclass(frozen=True, slots=True)
class CapturedHold:
    """``slices`` are what was taken of the lots that the hold had reserved."""

    hold: Hold
    slices: tuple[Slice, ...]


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


@dataclass(frozen=True, slots=True)
class ExpiredLot:
    """``units`` and ``consideration`` left the wallet with the lot's term; ``left`` is what holds still keep of it.

    ``reference`` is the key under which to book it. A lot expires in as many steps as holds let go of it after its term:
    each leaves less, and has a key of its own.
    """

    id: UUID
    player: UUID
    reference: str
    units: Money
    consideration: Money
    left: Money


@dataclass(frozen=True, slots=True)
class Wallet:
    """``available`` can be spent now: what is ``posted``, less what is ``held``, less what is ``expired``.

    ``expired`` are units whose term is over, that no hold keeps, and that are still to be taken out of the wallet.
    ``lots`` are those with units left, in the order in which spending would use them.
    """

    player: UUID
    state: WalletState
    posted: Money
    held: Money
    expired: Money
    lots: tuple[Lot, ...]

    @property
    def available(self) -> Money:
        return self.posted - self.held - self.expired


# A ``reference`` is everywhere the key of the journal entry that is posted in the same transaction: by it a difference
# between lots and the books is traced to its first entry.


class Charging(Protocol):
    def open_wallet(self, *, player: UUID, at: datetime) -> None:
        """Give a player a wallet. A second call changes nothing."""
        ...

    def wallet(self, *, player: UUID, at: datetime | None = None) -> Wallet:
        """The wallet as it stands at ``at`` (None: now, by the database's clock). Raises UnableToSpend (``wallet_unknown``)."""
        ...

    @at_most_once
    def fund(
        self,
        *,
        lot_id: UUID,
        player: UUID,
        units: Money,
        consideration: Money,
        source: Source,
        reference: str,
        terms: LotTerms,
        at: datetime,
    ) -> Lot:
        """Open a lot. The journey posts the entry that brings the same units in the same transaction."""
        ...

    # What spends from a wallet locks it until the transaction ends; many wallets in the order of their ids, so that no
    # two transactions wait for each other. Units that are reserved by holds or whose term is over can't be taken.

    @at_most_once
    def consume(self, *, player: UUID, units: Money, reference: str, at: datetime) -> tuple[Slice, ...]:
        """Take units from the wallet's lots: promotions first, then the earliest expiry, then the oldest.

        A slice's consideration is its exact share (half to even) of what is left in the lot, and all of it with the last
        unit, so that no part of what was paid is ever lost. Raises UnableToSpend.
        """
        ...

    @at_most_once
    def consume_set(
        self, *, spends: Sequence[Spend], at: datetime
    ) -> tuple[tuple[Slice, ...] | UnableToSpend, ...]:
        """Many spends, one after the other, in as many round trips as one; a wallet may occur more than once.

        Each is accepted or refused by itself: the answers, in the order of the spends, are its slices, or the refusal that
        ``consume`` would have raised.
        """
        ...

    def return_units(
        self, *, player: UUID, reference: str, units: Money | None, key: str, at: datetime
    ) -> tuple[Lot, ...]:
        """Give back ``units`` (None: all that is left) of the spend named ``reference``, the last ones used first.

        Each part comes back as a lot of its own, at the rate at which it was spent and on the terms of the lot that it was
        taken from; where its term is over by now, it gets a new one (``rules.term_after_return``). What is given back of a
        spend never exceeds it. ``key`` names the return: a second call with it answers the same lots and gives nothing.
        The journey posts the entry that brings the units. Raises UnableToReturn.
        """
        ...

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

    # Holds: the ledger sets an amount of the wallet aside, and the wallet's lots say which units these are.

    def hold(
        self,
        *,
        hold_id: UUID,
        player: UUID,
        units: Money,
        purpose: str,
        at: datetime,
        expires_at: datetime,
    ) -> Hold:
        """Set units aside and reserve the lots that a spend would use now, in the order of use. Raises UnableToSpend.

        What is reserved of a lot stays good until the hold closes, even when the lot's term ends before: the player agreed
        to the price while the units were good, and how long a match takes is not in his hands. Let go after the lot's term,
        it expires then.
        """
        ...

    @at_most_once
    def capture(
        self, *, hold_id: UUID, player: UUID, units: Money | None, reference: str, at: datetime
    ) -> CapturedHold:
        """Take ``units`` (None: all) from the lots that a hold reserved, in the order of use; the rest goes free.

        Raises UnableToHold, UnableToSpend.
        """
        ...

    def void(self, *, hold_id: UUID, player: UUID) -> Hold:
        """Let a hold go, and what it had reserved. Raises UnableToHold, UnableToSpend (``wallet_unknown``)."""
        ...

    @at_most_once
    def lapse(self, *, hold_ids: Sequence[UUID], at: datetime) -> tuple[UUID, ...]:
        """Let go those of the holds that are open and expired, and what they had reserved; answers which they were."""
        ...

    # The end of a lot's term.

    def expired_lots(self, *, at: datetime, limit: int) -> tuple[UUID, ...]:
        """Lots whose term is over and that have units which no hold keeps, first those that ended first.

        Nothing leaves a frozen wallet: its lots are left out until it opens again.
        """
        ...

    @at_most_once
    def expire(self, *, lot_ids: Sequence[UUID], at: datetime) -> tuple[ExpiredLot, ...]:
        """Take out of their wallets what no hold keeps of the lots whose term is over. The journey posts the entries."""
        ...

    # Moving in from an older system.

    def open_wallets(self, *, wallets: Sequence[WalletDraft]) -> None:
        """As ``open_wallet``, for many."""
        ...

    def fund_set(self, *, lots: Sequence[LotDraft]) -> None:
        """Open lots. The journey posts the entries that bring the same units. Raises UnableToSpend (``wallet_unknown``)."""
        ...

    def count_lots(self, *, lot_ids: Sequence[UUID]) -> LotCount:
        """Of these lots only, as they began."""
        ...
