"""Cards: activated by players, looked up by serial, their codes never shown."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.players import player_identity
from warchest.api.shapes import Address, Amount, Asked, Id, Moment, identity_or_none
from warchest.cards.contract import Cards, CardState, Worth, WorthKind
from warchest.journeys.activate_card import activate_card
from warchest.members.contract import Scope
from warchest.runtime.command import now
from warchest.runtime.services import services

router = Router(tags=["cards"])


class Activation(Asked):
    """``client_address`` is the player's own address, where the caller knows it: wrong codes are counted by it too.
    ``online_service`` is the one that the player is in: cards that are for one service are activated in that one only."""

    player: Id
    # Whatever is no whole, right code is a guess, so there is nothing that it must look like.
    code: str
    client_address: Address | None = None
    online_service: Id | None = None


class WorthShape(BaseModel):
    """``money``: ``amount``; ``period``: so many ``periods`` of a ``plan``; ``pass``: for a ``tournament``."""

    kind: WorthKind
    amount: Amount | None
    plan: str | None
    periods: int | None
    tournament: str | None

    @classmethod
    def of(cls, worth: Worth) -> WorthShape:
        return cls(
            kind=worth.kind,
            amount=Amount.of(worth.money) if worth.money else None,
            plan=str(worth.plan) if worth.plan else None,
            periods=worth.periods or None,
            tournament=str(worth.tournament) if worth.tournament else None,
        )


class BalanceShape(BaseModel):
    posted: Amount
    held: Amount
    available: Amount


class ActivatedShape(BaseModel):
    serial: str
    gave: list[WorthShape]
    wallet: BalanceShape
    journal_entry: str | None


class CardMomentShape(BaseModel):
    what: str
    at: Moment
    reason: str | None


class CardShape(BaseModel):
    serial: str
    state: CardState
    batch: str
    gives: list[WorthShape]
    history: list[CardMomentShape] = Field(description="Oldest first")
    expires_at: Moment | None
    activated_at: Moment | None
    player: str | None


@router.post(
    "/cards/activations",
    auth=needs(Scope.CARDS_ACTIVATE),
    response={201: ActivatedShape},
    openapi_extra=KEYED,
)
def activate(request: HttpRequest, body: Activation) -> ActivatedShape:
    """Activate a card for a player. Wrong codes are counted by player and client_address, never by your own address."""
    player = player_identity(body.player)
    done = activate_card(
        command_of(request),
        player=player,
        code=body.code,
        client_address=body.client_address or "",
        online_service=identity_or_none(body.online_service or ""),
    )
    activated = answer_of(request, done)
    return ActivatedShape(
        serial=activated.serial,
        gave=[WorthShape.of(worth) for worth in activated.gave],
        wallet=BalanceShape(
            posted=Amount.of(activated.wallet.posted),
            held=Amount.of(activated.wallet.held),
            available=Amount.of(activated.wallet.available),
        ),
        journal_entry=str(activated.entry_id) if activated.entry_id else None,
    )


@router.get("/cards/{serial}", auth=needs(Scope.CARDS_READ), response=CardShape)
def show_card(request: HttpRequest, serial: Id) -> CardShape:
    card = services.get(Cards).card(serial=serial, at=now())
    return CardShape(
        serial=card.serial,
        state=card.state,
        batch=str(card.batch),
        gives=[WorthShape.of(worth) for worth in card.gives],
        history=[
            CardMomentShape(what=moment.what, at=moment.at, reason=moment.reason or None)
            for moment in card.history
        ],
        expires_at=card.expires_at,
        activated_at=card.activated_at,
        player=str(card.player) if card.player else None,
    )
