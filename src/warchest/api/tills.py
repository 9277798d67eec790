"""Tills: a card is sold to who will scratch it, the sale is taken back, and what became of either can be asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.idempotency import answer_of, command_of
from warchest.api.shapes import Asked, Id, Moment, in_utc
from warchest.cards.contract.tills import REQUEST_ID_LENGTH_MAX
from warchest.journeys.sell_at_till import AtTill, reverse_at_till, sell_at_till, status_at_till
from warchest.kernel.ids import new_id
from warchest.members.contract import ApiClient, Scope

router = Router(tags=["tills"])

_OWN_IDS: dict[str, Any] = {
    "description": (
        "Needs no Idempotency-Key: repeated with the same request_id it answers what the first call answered, whatever key comes"
        " with it. A request_id belongs to the reseller: all of its tills share them."
    )
}

# What is too long or not printable is refused by name, so that a till hears what is wrong.
RequestId = Annotated[
    str,
    Field(
        description=f"The till's own, of 1 to {REQUEST_ID_LENGTH_MAX} printable characters",
        json_schema_extra={"pattern": f"^[!-~]([ -~]{{0,{REQUEST_ID_LENGTH_MAX - 2}}}[!-~])?$"},
    ),
]


class SaleAsked(Asked):
    """``reseller``: its name or its id; a key that is bound to one sells for no other."""

    request_id: RequestId
    reseller: Id
    sold_at: Annotated[AwareDatetime, AfterValidator(in_utc), Field(strict=False)]


class ReversalAsked(Asked):
    """``reseller`` may be left out."""

    request_id: RequestId
    original_request_id: RequestId
    reseller: Id | None = None


class TillRequestShape(BaseModel):
    """What was done under a request id, for ever the same. ``journal_entry`` is missing where the card had been paid before."""

    kind: Literal["sale", "reversal"]
    request_id: str
    original_request_id: str
    serial: str
    reseller: str
    state: Literal["sold", "reversed"]
    sold_at: Moment
    recorded_at: Moment
    journal_entry: str | None

    @classmethod
    def of(cls, done: AtTill) -> TillRequestShape:
        request = done.request
        is_sale = request.kind == "sale"
        return cls(
            kind="sale" if is_sale else "reversal",
            request_id=request.request_id,
            original_request_id=request.original_request_id,
            serial=request.serial,
            reseller=done.reseller,
            state="sold" if is_sale else "reversed",
            sold_at=request.sold_at,
            recorded_at=request.at,
            journal_entry=str(request.entry_id) if request.entry_id else None,
        )


@router.post(
    "/cards/{serial}/sale",
    auth=needs(Scope.CARDS_SELL),
    response={201: TillRequestShape},
    openapi_extra=_OWN_IDS,
)
def sell_card(request: HttpRequest, serial: Id, body: SaleAsked) -> TillRequestShape:
    """A till sold a card of its reseller's stock: from now on it can be activated. What was on consignment is owed for now."""
    done = sell_at_till(
        command_of(request, key=str(new_id())),
        client=_client(request),
        serial=serial,
        reseller=body.reseller,
        request_id=body.request_id,
        sold_at=body.sold_at,
    )
    return TillRequestShape.of(answer_of(request, done))


@router.post(
    "/cards/{serial}/sale/reversal",
    auth=needs(Scope.CARDS_SELL),
    response=TillRequestShape,
    openapi_extra=_OWN_IDS,
)
def reverse_card_sale(request: HttpRequest, serial: Id, body: ReversalAsked) -> TillRequestShape:
    """The sale was a mistake. Only while nobody has activated the card, and within the minutes that the house has set."""
    done = reverse_at_till(
        command_of(request, key=str(new_id())),
        client=_client(request),
        serial=serial,
        request_id=body.request_id,
        original_request_id=body.original_request_id,
        reseller=body.reseller or "",
    )
    return TillRequestShape.of(answer_of(request, done))


@router.get("/till-requests/{request_id}", auth=needs(Scope.CARDS_SELL), response=TillRequestShape)
def show_till_request(
    request: HttpRequest, request_id: Id, reseller: Annotated[str, Query(max_length=80)] = ""
) -> TillRequestShape:
    """What became of a request whose answer was lost; 404 ``request_unknown`` where nothing was done under its id.

    ``reseller`` is needed by keys that are bound to none.
    """
    return TillRequestShape.of(
        status_at_till(client=_client(request), request_id=request_id, reseller=reseller)
    )


def _client(request: HttpRequest) -> UUID:
    client: ApiClient = request.auth  # type: ignore[attr-defined]
    return client.id
