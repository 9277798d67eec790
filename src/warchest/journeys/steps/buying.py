"""A subscription as what a payment is for: bought with the units that it brings, in the transaction that credits it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.catalogue.contract import Catalogue
from warchest.journeys.prolong_subscriptions import UnableToProlong, checked, prolong_within, purchase
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Members, Player
from warchest.payments.contract import Payment, Wanted
from warchest.runtime import wire
from warchest.runtime.transactions import Transaction
from warchest.subscriptions.contract import Place, Subscriptions

KIND = "subscription"


@dataclass(frozen=True, slots=True)
class SubscriptionWanted:
    """``periods`` terms of a plan for ``charge`` units, the price that the player was shown.

    ``begin_at_once`` and ``wording`` are the consent that is kept where the player may withdraw.
    """

    plan: UUID
    periods: int
    charge: Money
    begin_at_once: bool = False
    wording: str = ""

    def as_purpose(self) -> Wanted:
        return Wanted(KIND, wire.encode(self).decode())


class BuysSubscription:
    """Implements ``purposes.Sees``."""

    def check(self, tx: Transaction, *, player: Player, asked: str, units: Money) -> None:
        wanted = wire.decode(asked, SubscriptionWanted)
        place = _checked(tx, player=player, wanted=wanted)
        tx.get(Subscriptions).preview(
            player=player.id,
            online_service=place.online_service,
            term=tx.get(Catalogue).plan(plan_id=wanted.plan, at=tx.command.at).term * wanted.periods,
            zone=player.time_zone,
            at=tx.command.at,
        )
        if units < wanted.charge:
            raise UnableToProlong("price_changed", charge=wanted.charge.major)

    def prepare(self, tx: Transaction, *, payment: Payment, asked: str) -> None:
        wanted = wire.decode(asked, SubscriptionWanted)
        player = tx.get(Members).player(player_id=payment.player)
        try:
            place = _checked(tx, player=player, wanted=wanted)
        except UnableTo:
            # It is refused again, and then noted, when the money is there.
            return
        tx.get(Subscriptions).lock_set(places=[place])

    def fulfil(self, tx: Transaction, *, payment: Payment, asked: str) -> str:
        wanted = wire.decode(asked, SubscriptionWanted)
        player = tx.get(Members).player(player_id=payment.player)
        place = _checked(tx, player=player, wanted=wanted)
        # What could still refuse it once units are taken is asked before; the subscription was locked before the wallet.
        tx.get(Subscriptions).preview(
            player=player.id,
            online_service=place.online_service,
            term=tx.get(Catalogue).plan(plan_id=wanted.plan, at=tx.command.at).term * wanted.periods,
            zone=player.time_zone,
            at=tx.command.at,
        )
        bought = purchase(
            player=player.id,
            plan=wanted.plan,
            periods=wanted.periods,
            charge_shown=wanted.charge,
            begin_at_once=wanted.begin_at_once,
            wording=wanted.wording,
        )
        return wire.encode(prolong_within(tx, bought)).decode()


def _checked(tx: Transaction, *, player: Player, wanted: SubscriptionWanted) -> Place:
    """Whether it is offered to this player at this price. Raises UnableToProlong, UnableToOffer."""
    _, offer = checked(player, tx.get(Catalogue), plan=wanted.plan, periods=wanted.periods, at=tx.command.at)
    if offer.price_units * wanted.periods != wanted.charge:
        raise UnableToProlong("price_changed", charge=(offer.price_units * wanted.periods).major)
    return Place(player.id, offer.online_service.id)
