"""A notice that was received is acted on again: by who wants to see that it says nothing new, or that it now does."""

from __future__ import annotations

from uuid import UUID

from warchest.journeys.receive_notice import settle_notice
from warchest.kernel.ids import new_id
from warchest.members.contract import Members, require
from warchest.payments.contract import KeptNotice, Payments
from warchest.runtime.command import Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


def replay_notice(command: Command, *, notice_id: UUID) -> str:
    """How what the notice is about stands afterwards. It was checked when it came, and is what it was then.

    Raises UnableToAdminister, UnableToReplay, and what acting on it raises.
    """
    noted = _note_replay(command, notice_id=notice_id)
    notice = services.get(Payments).notice(notice_id=notice_id)
    outcome = settle_notice(notice, key=f"replay:{notice_id.hex[-12:]}:{noted.answer.hex}"[:64])
    services.get(Payments).close_notice(notice_id=notice_id, outcome=outcome, at=command.at)
    return outcome


@journey("payments.replay_notice")
def _note_replay(tx: Transaction, *, notice_id: UUID) -> UUID:
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "notice.replay")
    notice: KeptNotice = tx.get(Payments).notice(notice_id=notice_id)
    tx.about("notice", notice_id, provider=notice.provider, payment=str(notice.payment or ""))
    return new_id()
