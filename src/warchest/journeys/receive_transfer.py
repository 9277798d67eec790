"""What comes from another cluster is credited in one transaction, or refused for ever.

Decided once under the transfer's id, whatever is asked first and however often: who lost the answer asks again and hears the
same; who asks for a refusal after the credit hears that it was credited, and who brings the transfer after the refusal hears
that it was refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.charging.contract import Charging, Crossing, Transfer, TransferPart, TransferState
from warchest.journeys.transfer_units import (
    UnableToSend,
    announce_received,
    found_recipient,
    refuse_recipient,
)
from warchest.kernel.currency import INNER, UnableToFindCurrency, currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger, Leg
from warchest.members.contract import Members
from warchest.runtime.cluster_line import open_to_clusters
from warchest.runtime.command import ActorKind
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


class UnableToReceive(UnableTo):
    """It was not decided, since it is no transfer."""

    reasons = frozenset({"transfer_malformed"})


@dataclass(frozen=True, slots=True)
class Scale:
    """What a unit is in the sender's cluster: one major unit of ``priced_in`` buys ``units_per_major`` of them (None: it is
    not for sale there)."""

    priced_in: str
    units_per_major: Decimal | None


@dataclass(frozen=True, slots=True)
class Decision:
    """For ever: credited, or refused for this reason."""

    transfer: UUID
    credited: bool
    reason: str


@open_to_clusters
@journey("transfers.receive")
def receive_transfer(tx: Transaction, *, crossing: Crossing, scale: Scale) -> Decision:
    """Credit it, unless it was decided before. Raises UnableToReceive, UnableToFinishTransfer (``transfer_id_reused``)."""
    _check(crossing)
    return _decide(tx, crossing, refused_because=_obstacle(tx, crossing, scale))


@open_to_clusters
@journey("transfers.refuse")
def refuse_transfer(tx: Transaction, *, crossing: Crossing, scale: Scale) -> Decision:
    """Never credit it, unless it was credited before: what the sender's cluster asks before it undoes anything.

    Raises UnableToFinishTransfer (``transfer_id_reused``).
    """
    return _decide(tx, crossing, refused_because="cancelled")


def _decide(tx: Transaction, crossing: Crossing, *, refused_because: str) -> Decision:
    cluster, entry_id = tx.command.actor.id, new_id()
    assert tx.command.actor.kind is ActorKind.CLUSTER, "only another cluster brings what comes from one"
    transfer, is_new = tx.get(Charging).take_in(
        crossing=crossing,
        cluster=cluster,
        refused_because=refused_because,
        entry_id=entry_id,
        at=tx.command.at,
    )
    credited = transfer.state is TransferState.CREDITED
    tx.about(
        "transfer", transfer.id, recipient=str(transfer.recipient), cluster=cluster, state=transfer.state
    )
    if is_new and credited:
        tx.get(Ledger).post(
            entry=EntryDraft(
                id=entry_id,
                key=f"transfer:{transfer.id}",
                kind="transfer",
                occurred_at=tx.command.at,
                legs=_legs(tx, transfer),
                reference=str(transfer.id),
                details={"cluster": cluster},
            )
        )
        announce_received(tx, transfer)
    return Decision(transfer=transfer.id, credited=credited, reason=transfer.reason)


def _legs(tx: Transaction, transfer: Transfer) -> tuple[Leg, ...]:
    return tx.get(Accounting).came_across_legs(
        player=transfer.recipient,
        cluster=transfer.cluster,
        units=transfer.units,
        paid=tuple(part.consideration for part in transfer.parts),
    )


def _obstacle(tx: Transaction, crossing: Crossing, scale: Scale) -> str:
    """Why it can't be credited; empty where it can, as far as is known before the wallet is locked."""
    own = {rate.currency: rate.units_per_major for rate in tx.get(Accounting).rates(at=tx.command.at)}
    here = own.get(scale.priced_in)
    if crossing.units.currency != INNER or (
        None not in (here, scale.units_per_major) and here != scale.units_per_major
    ):
        return "unit_differs"
    try:
        refuse_recipient(found_recipient(tx.get(Members), crossing.recipient))
        return next((reason for part in crossing.parts if (reason := _unknown(part))), "")
    except UnableToSend as refusal:
        return refusal.reason


def _unknown(part: TransferPart) -> str:
    try:
        known = currency(part.consideration.currency.code) == part.consideration.currency
    except UnableToFindCurrency:
        known = False
    return "" if known else "currency_unknown"


def _check(crossing: Crossing) -> None:
    parts = crossing.parts
    if (
        not parts
        or any(part.units.minor <= 0 or part.consideration.minor < 0 for part in parts)
        or any(part.units.currency != crossing.units.currency for part in parts)
        or sum(part.units.minor for part in parts) != crossing.units.minor
    ):
        raise UnableToReceive("transfer_malformed")
