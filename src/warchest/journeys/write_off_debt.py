"""CHG-22: an accountant writes off what a player will not pay any more."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.charging.contract import Charging, DebtKind, DebtMovement, UnableToSettleDebt
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("charging.write_off_debt")
def write_off_debt(tx: Transaction, *, player: UUID, amount: Money, reason: str) -> DebtMovement:
    """Book ``amount`` of what the player owes as lost. Raises UnableToAdminister, UnableToSettleDebt."""
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "debt.write_off")
    if not reason.strip():
        raise UnableToSettleDebt("reason_missing")
    entry_id = new_id()
    key = f"write-off:{entry_id}"
    tx.about("player", player, amount_minor=amount.minor, currency=amount.currency.code, reason=reason[:300])
    tx.get(Charging).note_debt(
        player=player, kind=DebtKind.WRITTEN_OFF, amount=amount, reference=key, at=tx.command.at
    )
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=entry_id,
            key=key,
            kind="write_off",
            occurred_at=tx.command.at,
            legs=tx.get(Accounting).debt_written_off_legs(player=player, amount=amount),
            reference=str(player),
        )
    )
    return DebtMovement(
        player=player, kind=DebtKind.WRITTEN_OFF, amount=-amount, reference=key, at=tx.command.at
    )
