"""CHG-02: a player sends units to another. They move with what was paid for them, and with what may be done with them.

Where the other lives in another cluster they are set apart here first: see ``pass_on_transfer``.
"""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.charging.contract import (
    TRANSFER_MESSAGE_LENGTH_MAX,
    Charging,
    Transfer,
    UnableToTransfer,
    WalletState,
)
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Members, Player, PlayerState, UnableToFindPlayer
from warchest.runtime import cluster_line
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


class UnableToSend(UnableTo):
    """Nothing was moved or set apart."""

    reasons = frozenset(
        {
            "player_frozen",
            "recipient_unknown",
            "recipient_frozen",
            "recipient_is_sender",
            "message_too_long",
            "cluster_unknown",
        }
    )


@journey("transfers.make")
def transfer_units(
    tx: Transaction,
    *,
    sender: UUID,
    recipient: UUID,
    amount: Money,
    message: str = "",
    cluster: str = "",
    recipient_name: str = "",
) -> Transfer:
    """Send ``amount`` units. ``cluster`` is the recipient's home, where it is another one; ``recipient_name`` what they were
    called there when the sender chose them.

    Raises UnableToFindPlayer (the sender), UnableToSend, UnableToTransfer.
    """
    tx.about("player", sender, recipient=str(recipient), cluster=cluster, units_minor=amount.minor)
    if tx.get(Members).player(player_id=sender).state is not PlayerState.ACTIVE:
        raise UnableToSend("player_frozen")
    if recipient == sender:
        raise UnableToSend("recipient_is_sender")
    if len(message) > TRANSFER_MESSAGE_LENGTH_MAX:
        raise UnableToSend("message_too_long", length_max=TRANSFER_MESSAGE_LENGTH_MAX)
    if cluster in ("", services.cluster):
        return _within(tx, sender=sender, recipient=recipient, amount=amount, message=message)
    if cluster not in cluster_line.line().clusters():
        raise UnableToSend("cluster_unknown", cluster=cluster)
    transfer = tx.get(Charging).set_apart(
        transfer_id=new_id(),
        cluster=cluster,
        sender=sender,
        recipient=recipient,
        other_name=recipient_name[:80],
        units=amount,
        message=message,
        at=tx.command.at,
    )
    tx.about("transfer", transfer.id, sender=str(sender))
    tx.announce(
        "transfers.held", key=str(sender), transfer=transfer.id, player=sender, cluster=cluster, units=amount
    )
    return transfer


def _within(tx: Transaction, *, sender: UUID, recipient: UUID, amount: Money, message: str) -> Transfer:
    refuse_recipient(found_recipient(tx.get(Members), recipient))
    charging, transfer_id, entry_id = tx.get(Charging), new_id(), new_id()
    key = f"transfer:{transfer_id}"
    try:
        charging.transfer(sender=sender, recipient=recipient, units=amount, reference=key, at=tx.command.at)
    except UnableToTransfer as refusal:
        # The sender is told whose wallet it is that nothing can go into.
        if refusal.reason == "wallet_frozen" and charging.wallet(player=sender).state is WalletState.OPEN:
            raise UnableToSend("recipient_frozen") from None
        raise
    transfer = charging.note_transfer(
        transfer_id=transfer_id,
        sender=sender,
        recipient=recipient,
        units=amount,
        message=message,
        entry_id=entry_id,
        at=tx.command.at,
    )
    legs = tx.get(Accounting).transfer_legs(sender=sender, recipient=recipient, units=amount)
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=entry_id,
            key=key,
            kind="transfer",
            occurred_at=tx.command.at,
            legs=legs,
            reference=str(transfer_id),
        )
    )
    tx.about("transfer", transfer_id, sender=str(sender))
    announce_sent(tx, transfer)
    announce_received(tx, transfer)
    return transfer


def left_after(*, sender: UUID, amount: Money) -> Money:
    """What the sender would keep of what is available. Raises UnableToTransfer where ``amount`` can't be sent now."""
    wallet = services.get(Charging).wallet(player=sender)
    movable = sum(lot.units.minor - lot.reserved.minor for lot in wallet.lots if lot.terms.transferable)
    if amount.minor <= 0:
        raise UnableToTransfer("amount_not_positive")
    if amount > wallet.available:
        raise UnableToTransfer("insufficient_funds", missing_minor=(amount - wallet.available).minor)
    if amount.minor > movable:
        raise UnableToTransfer("not_transferable", missing_minor=amount.minor - movable)
    return wallet.available - amount


def found_recipient(members: Members, recipient: UUID) -> Player:
    """Raises UnableToSend (``recipient_unknown``)."""
    try:
        return members.player(player_id=recipient)
    except UnableToFindPlayer:
        raise UnableToSend("recipient_unknown") from None


def refuse_recipient(recipient: Player) -> None:
    """Raises UnableToSend where this player can't be given anything."""
    if recipient.state is PlayerState.CLOSED:
        raise UnableToSend("recipient_unknown")
    if recipient.state is PlayerState.FROZEN:
        raise UnableToSend("recipient_frozen")


def announce_sent(tx: Transaction, transfer: Transfer) -> None:
    tx.announce(
        "transfers.sent",
        key=str(transfer.sender),
        transfer=transfer.id,
        player=transfer.sender,
        recipient=transfer.recipient,
        cluster=transfer.cluster,
        units=transfer.units,
        journal_entry=transfer.entry_id,
    )


def announce_received(tx: Transaction, transfer: Transfer) -> None:
    tx.announce(
        "transfers.received",
        key=str(transfer.recipient),
        transfer=transfer.id,
        player=transfer.recipient,
        sender=transfer.sender,
        cluster=transfer.cluster,
        units=transfer.units,
        journal_entry=transfer.entry_id,
    )
