"""Virtual cards that players buy, for themselves or as gifts. A code is told to whoever may ask for codes, and each telling is
counted."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from warchest.accounting.contract import Accounting, UnableToQuote
from warchest.api.authentication import needs
from warchest.api.cards import WorthShape
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.players import found_player, player_identity
from warchest.api.shapes import Amount, Asked, Id, Moment, Text, identity, in_utc
from warchest.cards.contract import (
    GIFT_MESSAGE_LENGTH_MAX,
    GIFT_NAME_LENGTH_MAX,
    BoughtCard,
    Cards,
    CardState,
    GiftState,
    GiftWish,
    UnableToBuyCard,
    UnableToHandleBoughtCard,
)
from warchest.journeys.buy_card import buy_card
from warchest.journeys.cancel_bought_card import cancel_bought_card
from warchest.journeys.give_card import correct_gift
from warchest.journeys.show_bought_code import show_bought_code
from warchest.members.contract import Scope
from warchest.runtime.command import now
from warchest.runtime.services import services

router = Router(tags=["virtual cards"])

_ADDRESS = Field(
    max_length=254, description="An e-mail address; it is kept sealed, and forgotten after the delivery"
)


class CardOfferShape(BaseModel):
    """``offer`` is what to buy; ``price`` what it costs now."""

    offer: str
    gives: list[WorthShape]
    face: Amount
    price: Amount
    left: int
    expires_at: Moment | None


class NewGift(Asked):
    """``language`` is the mail's, ``deliver_at`` when it is sent; at once where it is left out."""

    recipient: str = _ADDRESS
    name: str = Field(default="", max_length=GIFT_NAME_LENGTH_MAX)
    message: Text = Field(default="", max_length=GIFT_MESSAGE_LENGTH_MAX)
    deliver_at: datetime | None = Field(default=None, strict=False)
    language: str = Field(default="en", max_length=10)

    def wish(self) -> GiftWish:
        return GiftWish(
            recipient=self.recipient,
            name=self.name,
            message=self.message,
            deliver_at=in_utc(self.deliver_at) if self.deliver_at else None,
            language=self.language,
        )


class NewVirtualCard(Asked):
    """With a ``gift`` somebody else gets the card's code by mail; without one the player does."""

    offer: Id
    gift: NewGift | None = None


class GiftShape(BaseModel):
    """``unknown``: the line was cut while the mail was sent, and it may have arrived. ``sends`` counts addresses tried."""

    state: GiftState
    language: str
    deliver_at: Moment
    delivered_at: Moment | None
    sends: int

    @classmethod
    def of(cls, card: BoughtCard) -> GiftShape | None:
        gift = card.gift
        if gift is None:
            return None
        return cls(
            state=gift.state,
            language=gift.language,
            deliver_at=gift.deliver_at,
            delivered_at=gift.delivered_at,
            sends=gift.sends,
        )


class VirtualCardShape(BaseModel):
    """``paid`` had been paid for the ``price``. ``code_shown`` counts how often the code was told."""

    id: str
    serial: str
    state: CardState
    gives: list[WorthShape]
    price: Amount
    paid: Amount
    bought_at: Moment
    cancel_until: Moment
    expires_at: Moment | None
    cancelled_at: Moment | None
    activated_at: Moment | None
    code_kept: bool
    code_shown: int
    gift: GiftShape | None
    journal_entry: str

    @classmethod
    def of(cls, card: BoughtCard) -> VirtualCardShape:
        return cls(
            id=str(card.id),
            serial=card.serial,
            state=card.state,
            gives=[WorthShape.of(worth) for worth in card.gives],
            price=Amount.of(card.units),
            paid=Amount.of(card.paid),
            bought_at=card.bought_at,
            cancel_until=card.cancel_until,
            expires_at=card.expires_at,
            cancelled_at=card.cancelled_at,
            activated_at=card.activated_at,
            code_kept=card.code_kept,
            code_shown=card.shown,
            gift=GiftShape.of(card),
            journal_entry=str(card.entry_id),
        )


class CodeShape(BaseModel):
    serial: str
    code: str


class NewRecipient(Asked):
    recipient: str = _ADDRESS


_UNKNOWN = "bought_card_unknown"


@router.get("/virtual-cards", auth=needs(Scope.CARDS_READ), response=list[CardOfferShape])
def list_card_offers(request: HttpRequest, country: str = "") -> list[CardOfferShape]:
    """What can be bought now, in a country where one is named, by price."""
    accounting, at = services.get(Accounting), now()
    shapes = []
    for offer in services.get(Cards).card_offers(country=country[:2], at=at):
        try:
            price = accounting.quote(paid=offer.face, at=at).units
        except UnableToQuote:
            continue
        shapes.append(
            CardOfferShape(
                offer=str(offer.batch),
                gives=[WorthShape.of(worth) for worth in offer.gives],
                face=Amount.of(offer.face),
                price=Amount.of(price),
                left=offer.left,
                expires_at=offer.expires_at,
            )
        )
    return shapes


@router.post(
    "/players/{player_id}/virtual-cards",
    auth=needs(Scope.CARDS_BUY),
    response={201: VirtualCardShape},
    openapi_extra=KEYED,
)
def buy_virtual_card(request: HttpRequest, player_id: Id, body: NewVirtualCard) -> VirtualCardShape:
    """Buy a card from the player's wallet, with units that somebody paid for. Its code is not in the answer."""
    batch = identity(body.offer, unknown=UnableToBuyCard("card_not_on_offer"))
    gift = body.gift.wish() if body.gift else None
    done = buy_card(command_of(request), player=player_identity(player_id), batch=batch, gift=gift)
    return VirtualCardShape.of(answer_of(request, done))


@router.get(
    "/players/{player_id}/virtual-cards", auth=needs(Scope.CARDS_READ), response=list[VirtualCardShape]
)
def list_virtual_cards(request: HttpRequest, player_id: Id) -> list[VirtualCardShape]:
    """The player's last hundred, newest first."""
    found = services.get(Cards).bought_cards(buyer=found_player(player_id).id, at=now(), limit=100)
    return [VirtualCardShape.of(card) for card in found]


@router.get(
    "/players/{player_id}/virtual-cards/{card_id}", auth=needs(Scope.CARDS_READ), response=VirtualCardShape
)
def show_virtual_card(request: HttpRequest, player_id: Id, card_id: Id) -> VirtualCardShape:
    card = services.get(Cards).bought_card(
        bought_id=identity(card_id, unknown=UnableToHandleBoughtCard(_UNKNOWN)),
        buyer=player_identity(player_id),
        at=now(),
    )
    return VirtualCardShape.of(card)


@router.post(
    "/players/{player_id}/virtual-cards/{card_id}/code",
    auth=needs(Scope.CARDS_CODES),
    response={201: CodeShape},
    openapi_extra=KEYED,
)
def tell_code(request: HttpRequest, player_id: Id, card_id: Id) -> CodeShape:
    """Tell the code, for the player's own eyes. It is counted and recorded; a gift's code is told to nobody."""
    done, given = show_bought_code(
        command_of(request),
        player=player_identity(player_id),
        card=identity(card_id, unknown=UnableToHandleBoughtCard(_UNKNOWN)),
    )
    answer_of(request, done)
    return CodeShape(serial=given.serial, code=given.code)


@router.post(
    "/players/{player_id}/virtual-cards/{card_id}/cancellation",
    auth=needs(Scope.CARDS_BUY),
    response={201: VirtualCardShape},
    openapi_extra=KEYED,
)
def cancel_virtual_card(request: HttpRequest, player_id: Id, card_id: Id) -> VirtualCardShape:
    """Give an unused card back: it is void, and its units return to where they were taken."""
    done = cancel_bought_card(
        command_of(request),
        player=player_identity(player_id),
        card=identity(card_id, unknown=UnableToHandleBoughtCard(_UNKNOWN)),
    )
    return VirtualCardShape.of(answer_of(request, done))


@router.post(
    "/players/{player_id}/virtual-cards/{card_id}/recipient",
    auth=needs(Scope.CARDS_BUY),
    response={201: VirtualCardShape},
    openapi_extra=KEYED,
)
def correct_recipient(
    request: HttpRequest, player_id: Id, card_id: Id, body: NewRecipient
) -> VirtualCardShape:
    """Another address for a gift that waits for its day, or whose mail came back: then it is sent again."""
    done = correct_gift(
        command_of(request),
        player=player_identity(player_id),
        card=identity(card_id, unknown=UnableToHandleBoughtCard(_UNKNOWN)),
        recipient=body.recipient,
    )
    return VirtualCardShape.of(answer_of(request, done))
