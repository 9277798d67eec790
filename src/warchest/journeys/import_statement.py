"""A statement of the bank is kept whole, and each of its entries finds its payment or waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from warchest.journeys.match_entry import match_entry
from warchest.journeys.match_payout import is_payout
from warchest.members.contract import Members, require
from warchest.payments.contract import EntryState, Import, Payments
from warchest.runtime.command import ActorKind, Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.bank import BankStatement

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought: of ``new`` entries so many ``matched`` their payments, or payouts, and so many wait
    for a person."""

    statements: tuple[UUID, ...]
    new: int
    repeated: int
    matched: int
    waiting: int


def import_statement(command: Command, *, provider: str, data: bytes) -> Done[Imported]:
    """Import a file as the bank gave it, once: what was imported before is passed over.

    The file is kept in one transaction, whole or not at all; then each entry is looked at in one of its own. Who is killed
    between leaves new entries, which the worker looks at. Raises UnableToAdminister, UnableToUseProvider,
    UnableToImportStatement, sdk.payments.UnableToRead.
    """
    statements = services.get(Payments).read_statement(provider=provider, data=data)
    kept = _keep(command, provider=provider, statements=statements)
    matched = sum(is_matched(command, entry_id=entry_id) for entry_id in kept.answer.new)
    payments = services.get(Payments)
    matched += sum(
        is_payout(command, entry=payments.bank_entry(entry_id=entry_id)) for entry_id in kept.answer.new
    )
    return Done(
        Imported(
            statements=kept.answer.statements,
            new=len(kept.answer.new),
            repeated=kept.answer.repeated,
            matched=matched,
            waiting=len(kept.answer.new) - matched,
        ),
        kept.replayed,
    )


def is_matched(command: Command, *, entry_id: UUID) -> bool:
    """Look at one entry. One that fails is left as new, and does not stand in the way of the others."""
    try:
        # Under a key of this look: a refusal is kept under its key, and the next look shall be one.
        key = f"bank:{entry_id}:{command.at.timestamp():.0f}"
        state = match_entry(command.under(key), entry_id=entry_id).answer.state
    except Exception:
        log.exception("bank_entry_failed", entry=str(entry_id))
        return False
    return state is EntryState.MATCHED


@journey("bank.import")
def _keep(tx: Transaction, *, provider: str, statements: Sequence[BankStatement]) -> Import:
    actor = tx.command.actor
    if actor.kind is ActorKind.ADMINISTRATOR:
        require(tx.get(Members).administrator(administrator_id=UUID(actor.id)), "bank.import")
    kept = tx.get(Payments).keep_statements(
        provider=provider, statements=statements, actor=str(actor), at=tx.command.at
    )
    tx.about(
        "bank_statement",
        ",".join(map(str, kept.statements))[:80],
        provider=provider,
        statements=len(statements),
        new=len(kept.new),
        repeated=kept.repeated,
    )
    return kept
