"""What is to be transferred is put into a file for the bank."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from warchest.kernel.ids import new_id
from warchest.members.contract import Members, require
from warchest.payments.contract import Payments, PayoutFileKept
from warchest.runtime.command import ActorKind
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("bank.order_payouts")
def order_payouts(tx: Transaction, *, provider: str, execute_on: date) -> PayoutFileKept:
    """Everything that waits goes into one file, each payout into one file ever. ``Payments.payout_file`` writes it, the
    same each time. Nothing is booked: a statement will tell what left. Raises UnableToAdminister, UnableToOrderPayouts,
    UnableToUseProvider."""
    actor = tx.command.actor
    if actor.kind is ActorKind.ADMINISTRATOR:
        require(tx.get(Members).administrator(administrator_id=UUID(actor.id)), "bank.order")
    made = tx.get(Payments).order_payouts(
        file_id=new_id(), provider=provider, actor=str(actor), execute_on=execute_on, at=tx.command.at
    )
    tx.about("payout_file", made.id, provider=provider, count=made.count, total=str(made.total))
    return made
