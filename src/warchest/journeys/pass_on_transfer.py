"""A transfer to another cluster is passed on, and finished here by what that cluster answers.

Set apart here, credited there, taken out here: three transactions, none of which spans the line. Unknown is not failed: while
no answer is heard nothing is undone, and the same question is asked again. The other cluster decides once, so each transfer
arrives or comes back, and never both.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from warchest.accounting.contract import Accounting
from warchest.charging.contract import Charging, Crossing, Transfer
from warchest.journeys.receive_transfer import Decision, Scale, receive_transfer, refuse_transfer
from warchest.journeys.transfer_units import announce_sent
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Members
from warchest.runtime import cluster_line, wire
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

log = structlog.get_logger(__name__)

_ACTOR = Actor(ActorKind.JOB, "pass_on_transfers")


def pass_on(transfer: Transfer, *, at: datetime) -> Transfer:
    """Ask the other cluster, under the transfer's id, and do what it says. Where it can't be heard, the transfer stays held
    and is asked about again later.

    May be called by many at once, be killed anywhere, and be called again.
    """
    command = Command(actor=_ACTOR, key=f"transfer:{transfer.id}", at=at, channel=Channel.JOB)
    asked = refuse_transfer if transfer.cancel_asked_at else receive_transfer
    told = {"crossing": _crossing(transfer), "scale": _scale(at)}
    # What makes it one transfer there is its id. A nickname or a rate may have changed since it was told last, and a key
    # stands for one request.
    key = f"{command.key}:{wire.fingerprint(told).hex()[:16]}"
    try:
        decision: Decision = cluster_line.line().call(
            transfer.cluster, asked.name, command.under(key), **told
        )
    except TryAgain as passing:
        return _again_later(transfer, passing.reason, at=at)
    except UnableTo as refusal:
        # It refuses to decide: nothing is known, and somebody has to look at it.
        log.error(
            "transfer_not_decided", transfer=str(transfer.id), cluster=transfer.cluster, why=refusal.reason
        )
        return _again_later(transfer, refusal.reason, at=at)
    if decision.credited:
        return capture_transfer(command, transfer_id=transfer.id).answer
    return void_transfer(command, transfer_id=transfer.id, reason=decision.reason).answer


@journey("transfers.capture")
def capture_transfer(tx: Transaction, *, transfer_id: UUID) -> Transfer:
    """It has arrived: the units leave, and what was paid for them is owed to the other cluster's entity."""
    charging, entry_id = tx.get(Charging), new_id()
    transfer = charging.take_out(transfer_id=transfer_id, entry_id=entry_id, at=tx.command.at)
    tx.about("transfer", transfer.id, cluster=transfer.cluster, units_minor=transfer.units.minor)
    if transfer.entry_id != entry_id:
        return transfer
    legs = tx.get(Accounting).went_across_legs(
        player=transfer.sender,
        cluster=transfer.cluster,
        units=transfer.units,
        paid=tuple(part.consideration for part in transfer.parts),
    )
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=entry_id,
            key=f"transfer:{transfer.id}",
            kind="transfer",
            occurred_at=tx.command.at,
            legs=legs,
            reference=str(transfer.id),
            details={"cluster": transfer.cluster},
        )
    )
    announce_sent(tx, transfer)
    return transfer


@journey("transfers.void")
def void_transfer(tx: Transaction, *, transfer_id: UUID, reason: str) -> Transfer:
    """It will never arrive: what was set apart is the sender's again."""
    transfer = tx.get(Charging).put_back(transfer_id=transfer_id, reason=reason, at=tx.command.at)
    tx.about("transfer", transfer.id, cluster=transfer.cluster, reason=transfer.reason)
    tx.announce(
        "transfers.voided",
        key=str(transfer.sender),
        transfer=transfer.id,
        player=transfer.sender,
        cluster=transfer.cluster,
        units=transfer.units,
        reason=transfer.reason,
    )
    return transfer


@journey("transfers.cancel")
def cancel_transfer(tx: Transaction, *, transfer_id: UUID, player: UUID) -> Transfer:
    """The sender asks a held transfer back. Nothing is undone yet: the other cluster may have credited it, and is asked
    first. Raises UnableToFindTransfer, UnableToFinishTransfer."""
    tx.about("transfer", transfer_id, player=str(player))
    return tx.get(Charging).ask_back(transfer_id=transfer_id, player=player, at=tx.command.at)


def pass_on_due(*, at: datetime, limit: int = 100) -> int:
    """Pass on the transfers that are due; answers how many were finished. One that fails keeps none of the others.

    A cluster whose line is found cut is not asked about its other transfers in this round: each question would wait in vain,
    and those to other clusters behind it.
    """
    finished, cut = 0, set[str]()
    for transfer in services.get(Charging).due_transfers(at=at, limit=limit):
        try:
            if transfer.cluster in cut:
                _again_later(transfer, cluster_line.LINE_CUT, at=at)
                continue
            after = pass_on(transfer, at=at)
            finished += not after.is_open
            if after.problem == cluster_line.LINE_CUT:
                cut.add(transfer.cluster)
        except Exception:
            log.exception("transfer_failed", transfer=str(transfer.id), cluster=transfer.cluster)
            _again_later(transfer, "failed", at=at)
    return finished


def _again_later(transfer: Transfer, problem: str, *, at: datetime) -> Transfer:
    charging = services.get(Charging)
    charging.note_try(transfer_id=transfer.id, problem=problem, at=at)
    return charging.find_transfer(transfer_id=transfer.id)


def _crossing(transfer: Transfer) -> Crossing:
    return Crossing(
        id=transfer.id,
        sender=transfer.sender,
        sender_name=services.get(Members).player(player_id=transfer.sender).nickname,
        recipient=transfer.recipient,
        units=transfer.units,
        message=transfer.message,
        parts=transfer.parts,
        occurred_at=transfer.occurred_at,
    )


def _scale(at: datetime) -> Scale:
    accounting = services.get(Accounting)
    priced_in = accounting.functional_currency()
    rates = {rate.currency: rate.units_per_major for rate in accounting.rates(at=at)}
    return Scale(priced_in=priced_in, units_per_major=rates.get(priced_in))
