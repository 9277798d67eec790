"""An administrator plans a tournament, and says what a pass for it costs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from warchest.catalogue.contract import Catalogue, PassPrice, Tournament
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("catalogue.plan_tournament")
def plan_tournament(
    tx: Transaction,
    *,
    online_service: UUID,
    code: str,
    names: Mapping[str, str],
    begins_at: datetime,
    ends_at: datetime,
    capacity: int = 0,
    prices: tuple[Money, ...] = (),
) -> Tournament:
    """``capacity`` 0 is room for all. ``prices`` of a pass, tax included, one for each currency, are in force at once.

    Raises UnableToAdminister and UnableToEditCatalogue.
    """
    _check_right(tx)
    catalogue, at = tx.get(Catalogue), tx.command.at
    planned = catalogue.add_tournament(
        tournament_id=new_id(),
        online_service_id=online_service,
        code=code,
        names=names,
        begins_at=begins_at,
        ends_at=ends_at,
        capacity=capacity,
        at=at,
    )
    for price in prices:
        catalogue.add_pass_price(tournament_id=planned.id, amount=price, valid_from=at, at=at)
    tx.about("tournament", planned.id, code=code, prices=[str(price) for price in prices])
    tx.announce("tournaments.planned", key=str(planned.id), tournament=planned.id, ends_at=ends_at)
    return catalogue.tournament(tournament_id=planned.id, at=at)


@journey("catalogue.price_pass")
def price_pass(tx: Transaction, *, tournament: UUID, price: Money) -> PassPrice:
    """A price from now on; cards that were paid before keep their shares. Raises UnableToAdminister and
    UnableToEditCatalogue."""
    _check_right(tx)
    tx.about("tournament", tournament, price=str(price))
    return tx.get(Catalogue).add_pass_price(
        tournament_id=tournament, amount=price, valid_from=tx.command.at, at=tx.command.at
    )


def _check_right(tx: Transaction) -> None:
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "tournament.plan")
