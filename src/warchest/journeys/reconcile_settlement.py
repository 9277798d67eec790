"""PAY-03: what a provider settled is laid beside our payments: fees and the payout are booked, each difference by a person."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.journeys.match_payout import match_payouts
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Members, require
from warchest.payments.contract import Payments, Settlement, SettlementLineRow, UnableToSettle
from warchest.runtime.command import ActorKind, Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import SettlementReport


def fetch_settlements(command: Command, *, provider: str, day: date) -> tuple[Settlement, ...]:
    """Ask the provider what it settled on a day (UTC), and take it in; what was taken in before stays.

    Raises UnableToAdminister, UnableToSettle, UnableToTellSettlement, UnableToUseProvider.
    """
    _permit(command, services.get(Members))  # nobody else makes us ask
    told = services.get(Payments).fetch_settlements(provider=provider, day=day)
    return _taken(command, provider=provider, told=told)


def import_settlements(command: Command, *, provider: str, data: bytes) -> tuple[Settlement, ...]:
    """Take in what a provider's file says. Raises UnableToAdminister, UnableToSettle, UnableToRead, UnableToUseProvider."""
    _permit(command, services.get(Members))
    told = services.get(Payments).read_settlement_file(provider=provider, data=data)
    return _taken(command, provider=provider, told=told)


def _taken(command: Command, *, provider: str, told: tuple[SettlementReport, ...]) -> tuple[Settlement, ...]:
    taken = []
    for report in told:
        frame = command.under(f"{command.key[:30]}:{report.id[-20:]}:{report.currency}")
        taken.append(take_settlement(frame, provider=provider, report=report).answer)
    # The bank may have told of the payouts before.
    match_payouts(command)
    return tuple(taken)


@journey("payments.take_settlement")
def take_settlement(tx: Transaction, *, provider: str, report: SettlementReport) -> Settlement:
    """Keep it, and book what it says of fees, of the reserve and of the payout in one entry. Raises UnableToSettle."""
    _permit(tx.command, tx.get(Members))
    entry_id, settlement_id = new_id(), new_id()
    settlement, is_new = tx.get(Payments).take_settlement(
        settlement_id=settlement_id,
        provider=provider,
        report=report,
        journal_entry=entry_id,
        at=tx.command.at,
    )
    tx.about(
        "settlement",
        settlement.id,
        provider=provider,
        number=settlement.number,
        lines=settlement.lines,
        open_lines=settlement.open_lines,
    )
    if is_new and settlement.journal_entry is not None:
        lines = tx.get(Payments).settlement_lines(settlement_id=settlement.id, limit=1_000_000)
        fees = sum((line.fee for line in lines), Money.zero(settlement.paid_out.currency))
        tx.get(Ledger).post(
            entry=EntryDraft(
                id=entry_id,
                key=f"settlement:{settlement.id}",
                kind="settlement",
                occurred_at=tx.command.at,
                legs=tx.get(Accounting).settlement_legs(
                    provider=provider,
                    fees=fees,
                    reserved=settlement.reserved,
                    paid_out=settlement.paid_out,
                ),
                reference=settlement.number[:80],
                details={"provider": provider},
            )
        )
    return settlement


def resolve_difference(command: Command, *, line_id: UUID, book: str, reason: str) -> Done[SettlementLineRow]:
    """Say by an entry what a difference was. Raises UnableToAdminister, UnableToSettle."""
    return _resolve(command, line_id=line_id, book=book, reason=reason)


@journey("payments.resolve_difference")
def _resolve(tx: Transaction, *, line_id: UUID, book: str, reason: str) -> SettlementLineRow:
    _permit(tx.command, tx.get(Members))
    if not reason.strip():
        raise UnableToSettle("reason_missing")
    payments = tx.get(Payments)
    line = payments.settlement_line(line_id=line_id)
    entry_id = new_id()
    resolved = payments.resolve_line(line_id=line_id, journal_entry=entry_id, at=tx.command.at)
    tx.about(
        "settlement_line", line_id, book=book, difference_minor=line.difference.minor, reason=reason[:300]
    )
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=entry_id,
            key=f"settlement-line:{line_id}",
            kind="settlement_difference",
            occurred_at=tx.command.at,
            legs=tx.get(Accounting).settlement_difference_legs(
                provider=line.provider, book=book, difference=line.difference
            ),
            reference=line.line[:80],
            details={"provider": line.provider, "reason": reason[:300]},
        )
    )
    return resolved


def _permit(command: Command, members: Members) -> None:
    if command.actor.kind is ActorKind.ADMINISTRATOR:
        require(members.administrator(administrator_id=UUID(command.actor.id)), "settlement.take")
