"""A game server sets units aside, then takes all or part of them, or lets them go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.charging.contract import WALLET_BOOK, Charging
from warchest.journeys.steps.tax import taxed_by_currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Hold, Ledger, UnableToHold
from warchest.members.contract import Members, PlayerState
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


class UnableToReserve(UnableTo):
    """Nothing was set aside."""

    reasons = frozenset({"player_frozen"})


@dataclass(frozen=True, slots=True)
class Captured:
    """``entry_id`` is the journal entry of what was taken."""

    hold: Hold
    entry_id: UUID


@journey("holds.reserve")
def reserve_units(tx: Transaction, *, player: UUID, amount: Money, purpose: str, expires_in_s: int) -> Hold:
    """Raises UnableToFindPlayer, UnableToReserve, UnableToSpend."""
    tx.about("player", player, units_minor=amount.minor, purpose=purpose)
    if tx.get(Members).player(player_id=player).state is not PlayerState.ACTIVE:
        raise UnableToReserve("player_frozen")
    return tx.get(Charging).hold(
        hold_id=new_id(),
        player=player,
        units=amount,
        purpose=purpose,
        at=tx.command.at,
        expires_at=tx.command.at + timedelta(seconds=expires_in_s),
    )


@journey("holds.capture")
def capture_hold(tx: Transaction, *, hold_id: UUID, amount: Money | None) -> Captured:
    """Take ``amount`` (None: all) of what is held; the rest goes free.

    What is charged in a game is delivered at once, so it is revenue at once (IFRS 15.31). A player who was frozen since
    still pays for what the game has delivered. Raises UnableToHold, UnableToSpend.
    """
    accounting = tx.get(Accounting)
    player = tx.get(Members).player(player_id=_holder(tx, hold_id))
    captured = tx.get(Charging).capture(
        hold_id=hold_id, player=player.id, units=amount, reference=f"hold:{hold_id}", at=tx.command.at
    )
    hold, slices = captured.hold, captured.slices
    taxed = taxed_by_currency(accounting, slices, country=player.country, at=tx.command.at)
    posted = tx.get(Ledger).post(
        entry=EntryDraft(
            id=new_id(),
            key=f"hold:{hold_id}",
            kind="charge",
            occurred_at=tx.command.at,
            legs=accounting.immediate_spend_legs(player=player.id, units=hold.captured, taxed=taxed),
            reference=str(hold_id),
            details={"purpose": hold.reason},
        )
    )
    tx.about("hold", hold_id, player=str(player.id), captured_minor=hold.captured.minor)
    tx.announce(
        "holds.captured", key=str(player.id), player=player.id, hold=hold_id, units_minor=hold.captured.minor
    )
    return Captured(hold=hold, entry_id=posted.entry_id)


@journey("holds.void")
def void_hold(tx: Transaction, *, hold_id: UUID) -> Hold:
    """Let a hold go. Raises UnableToHold."""
    tx.about("hold", hold_id)
    return tx.get(Charging).void(hold_id=hold_id, player=_holder(tx, hold_id))


@journey("holds.lapse")
def lapse_holds(tx: Transaction, *, holds: tuple[UUID, ...]) -> tuple[UUID, ...]:
    """Let go those of the holds that are still open and expired, and the lots that they had reserved; answers which."""
    lapsed = tx.get(Charging).lapse(hold_ids=holds, at=tx.command.at)
    tx.about("holds", holds[0], asked=len(holds), lapsed=len(lapsed))
    return lapsed


def _holder(tx: Transaction, hold_id: UUID) -> UUID:
    """The player in whose wallet the hold is."""
    hold = tx.get(Ledger).find_hold(hold_id=hold_id)
    if hold.account.book != WALLET_BOOK:
        raise UnableToHold("hold_unknown")
    return UUID(hold.account.owner)
