"""Transfers: units from one player to another, also to one who lives in another cluster."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, ConfigDict, Field

from warchest.api.authentication import needs
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.players import player_identity
from warchest.api.shapes import Amount, Asked, AskedUnits, Id, Moment, Text, identity
from warchest.charging.contract import (
    TRANSFER_MESSAGE_LENGTH_MAX,
    Charging,
    Transfer,
    TransferState,
    UnableToFindTransfer,
)
from warchest.journeys.find_home import home_of
from warchest.journeys.pass_on_transfer import cancel_transfer
from warchest.journeys.transfer_units import UnableToSend, transfer_units
from warchest.members.contract import Scope
from warchest.runtime.services import services

router = Router(tags=["transfers"])


class NewTransfer(Asked):
    """``to_cluster`` is the recipient's home, where it is another cluster than this; without it, it is asked for."""

    sender: Id = Field(alias="from")
    to: Id
    amount: AskedUnits
    message: Text = Field(default="", max_length=TRANSFER_MESSAGE_LENGTH_MAX)
    to_cluster: Text | None = Field(default=None, max_length=40)


class TransferShape(BaseModel):
    """``done`` within the cluster. To another one it is ``held`` until that one has answered, then ``captured`` (it has
    arrived) or ``voided`` (it is back, ``reason`` says why). One that came from another cluster is ``credited``.

    While it is held, ``waits_for`` is the cluster and ``problem`` why it could not be asked (``line_cut``).
    """

    model_config = ConfigDict(populate_by_name=True)

    id: str
    sender: str = Field(serialization_alias="from")
    to: str
    cluster: str | None = Field(description="The other player's, where it is not this one")
    amount: Amount
    message: str
    state: TransferState
    reason: str | None
    waits_for: str | None
    problem: str | None
    cancel_asked_at: Moment | None
    journal_entry: str | None
    created_at: Moment
    finished_at: Moment | None

    @classmethod
    def of(cls, transfer: Transfer) -> TransferShape:
        return cls(
            id=str(transfer.id),
            sender=str(transfer.sender),
            to=str(transfer.recipient),
            cluster=transfer.cluster or None,
            amount=Amount.of(transfer.units),
            message=transfer.message,
            state=transfer.state,
            reason=transfer.reason or None,
            waits_for=transfer.cluster if transfer.is_open else None,
            problem=transfer.problem or None,
            cancel_asked_at=transfer.cancel_asked_at,
            journal_entry=str(transfer.entry_id) if transfer.entry_id else None,
            created_at=transfer.occurred_at,
            finished_at=transfer.finished_at,
        )


@router.post(
    "/transfers",
    auth=needs(Scope.WALLET_WRITE),
    response={201: TransferShape},
    openapi_extra=KEYED,
    by_alias=True,
)
def send_units(request: HttpRequest, body: NewTransfer) -> TransferShape:
    """Send units. They keep what was paid for them, and may be used for nothing that they could not be used for before.

    To a player of another cluster they are held first, and move when that cluster has said yes: ask again by the id.
    """
    command = command_of(request)
    recipient = identity(body.to, unknown=UnableToSend("recipient_unknown"))
    home = body.to_cluster or home_of(command, kind="player", id=recipient)
    done = transfer_units(
        command,
        sender=player_identity(body.sender),
        recipient=recipient,
        amount=body.amount.money(),
        message=body.message,
        cluster="" if home == services.cluster else home,
    )
    return TransferShape.of(answer_of(request, done))


@router.get("/transfers/{transfer_id}", auth=needs(Scope.WALLET_READ), response=TransferShape, by_alias=True)
def show_transfer(request: HttpRequest, transfer_id: Id) -> TransferShape:
    return TransferShape.of(services.get(Charging).find_transfer(transfer_id=_identity(transfer_id)))


@router.post(
    "/transfers/{transfer_id}/cancel",
    auth=needs(Scope.WALLET_WRITE),
    response=TransferShape,
    openapi_extra=KEYED,
    by_alias=True,
)
def cancel(request: HttpRequest, transfer_id: Id) -> TransferShape:
    """Ask a held transfer back. Its units are free again when the other cluster has said that it will never credit it."""
    transfer = services.get(Charging).find_transfer(transfer_id=_identity(transfer_id))
    done = cancel_transfer(command_of(request), transfer_id=transfer.id, player=transfer.sender)
    return TransferShape.of(answer_of(request, done))


def _identity(text: str) -> UUID:
    return identity(text, unknown=UnableToFindTransfer("transfer_unknown"))
