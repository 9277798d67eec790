"""Wallets: what is there, where it came from, and how it changed."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.pages import LIMIT, Cursor, Limit, Page, cut, place
from warchest.api.players import found_player, player_identity
from warchest.api.shapes import Amount, Id, Moment, in_utc
from warchest.charging.contract import Charging, Lot, Source, UnableToSpend, Wallet, WalletState
from warchest.ledger.contract import StatementFilter
from warchest.members.contract import Scope, UnableToFindPlayer
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.views.statement import statement

router = Router(tags=["wallets"])

Kinds = Annotated[
    list[Annotated[str, Field(pattern="^[a-z_]{1,40}$")]],
    Query(
        max_length=20,
        description="Only lines of this kind; may be given more than once",
        examples=[["top_up"]],
    ),
]
Direction = Annotated[
    Literal["in", "out"] | None, Query(description="Only what came in, or only what went out")
]
_Asked = Annotated[AwareDatetime, AfterValidator(in_utc)]
From = Annotated[_Asked | None, Query(description="Only what occurred at this moment or later")]
Until = Annotated[_Asked | None, Query(description="Only what occurred before this moment")]


class LotShape(BaseModel):
    """Units that came in together: ``units`` and ``consideration`` (what was paid for them) are what is left.

    ``reserved`` of the units are set aside by holds; they stay good beyond ``expires_at`` until their hold closes.
    """

    id: str
    source: Source
    units: Amount
    reserved: Amount
    issued: Amount
    consideration: Amount
    opened_at: Moment
    expires_at: Moment | None
    refundable: bool
    transferable: bool
    payable_out: bool

    @classmethod
    def of(cls, lot: Lot) -> LotShape:
        return cls(
            id=str(lot.id),
            source=lot.source,
            units=Amount.of(lot.units),
            reserved=Amount.of(lot.reserved),
            issued=Amount.of(lot.issued),
            consideration=Amount.of(lot.consideration),
            opened_at=lot.opened_at,
            expires_at=lot.terms.expires_at,
            refundable=lot.terms.refundable,
            transferable=lot.terms.transferable,
            payable_out=lot.terms.payable_out,
        )


class WalletShape(BaseModel):
    """``available`` can be spent now: ``posted`` less ``held`` less ``expired``, which is about to be taken out.

    ``lots`` stand in the order in which spending uses them.
    """

    posted: Amount
    held: Amount
    expired: Amount
    available: Amount
    state: WalletState
    lots: list[LotShape]

    @classmethod
    def of(cls, wallet: Wallet) -> WalletShape:
        return cls(
            posted=Amount.of(wallet.posted),
            held=Amount.of(wallet.held),
            expired=Amount.of(wallet.expired),
            available=Amount.of(wallet.available),
            state=wallet.state,
            lots=[LotShape.of(lot) for lot in wallet.lots],
        )


class StatementLine(BaseModel):
    """``amount`` is negative where it took away."""

    at: Moment
    kind: str
    amount: Amount
    balance_after: Amount | None
    reference: str
    description: str
    journal_entry: str


@router.get("/players/{player_id}/wallet", auth=needs(Scope.WALLET_READ), response=WalletShape)
def show_wallet(request: HttpRequest, player_id: Id) -> WalletShape:
    try:
        return WalletShape.of(services.get(Charging).wallet(player=player_identity(player_id), at=now()))
    except UnableToSpend:
        # Every player has a wallet, so that what is missing is the player.
        raise UnableToFindPlayer("player_unknown") from None


@router.get("/players/{player_id}/statement", auth=needs(Scope.WALLET_READ), response=Page[StatementLine])
def show_statement(
    request: HttpRequest,
    player_id: Id,
    kind: Kinds = [],  # noqa: B006
    direction: Direction = None,
    occurred_from: From = None,
    occurred_until: Until = None,
    cursor: Cursor = "",
    limit: Limit = LIMIT,
) -> Page[StatementLine]:
    """Every change of the wallet, or those that are asked for; each with the balance of the whole wallet after it.

    Descriptions are in the language asked for by Accept-Language.
    """
    player = found_player(player_id)
    only = StatementFilter(
        kinds=tuple(kind),
        occurred_from=occurred_from,
        occurred_until=occurred_until,
        incoming=None if direction is None else direction == "in",
    )
    lines = statement(player=player.id, before=place(cursor), limit=limit + 1, only=only)
    page, next_cursor = cut(lines, limit=limit, cursor_of=lambda line: line.sequence)
    return Page(
        items=[
            StatementLine(
                at=line.at,
                kind=line.kind,
                amount=Amount.of(line.amount),
                balance_after=None if line.balance_after is None else Amount.of(line.balance_after),
                reference=line.reference,
                description=line.description,
                journal_entry=str(line.entry_id),
            )
            for line in page
        ],
        next_cursor=next_cursor,
    )
