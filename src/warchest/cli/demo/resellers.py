"""Who sells the league's cards: a chain of two, with cards paid ahead and on consignment, a month of sales at tills, one
delivery that is on its way, and a series that nobody has taken yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from random import Random
from uuid import UUID

from warchest.cards.contract import Reseller, ResellerTerms, ShipmentDraft
from warchest.cli.demo.cards import PrintedCard
from warchest.cli.demo.house import Staff
from warchest.journeys.sell_at_till import reverse_at_till, sell_at_till
from warchest.journeys.ship_cards import receive_shipment, ship_cards, take_back_cards
from warchest.journeys.take_on_reseller import link_person, take_on_reseller
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.members.contract import Members, Role
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

QUANTITY = 240
_DAYS = 26


def make_resellers(staff: Sequence[Staff], cards: Sequence[PrintedCard], *, at: datetime, seed: int) -> None:
    """``cards`` are of a batch in our own stock. Two listed players act for the chain: Sable for its top, Kestrel below."""
    clerk = next(one for one in staff if one.role is Role.ADMINISTRATOR)
    begun = at - timedelta(days=_DAYS + 4)
    steps = count(1)
    serials = [card.serial for card in cards]

    def house(when: datetime) -> Command:
        return clerk.command(f"demo:resellers:{next(steps)}", when)

    top = take_on_reseller(
        house(begun), name="harbour-games", parent=None, terms=_terms("Harbour Games", 1200, "4000.00")
    ).answer
    below = take_on_reseller(
        house(begun), name="corner-kiosk", parent=top.id, terms=_terms("Corner Kiosk", 700, "600.00")
    ).answer
    people = {
        one.id: _linked(house(begun), one, nickname) for one, nickname in ((top, "Sable"), (below, "Kestrel"))
    }

    def arrive(draft: ShipmentDraft, command: Command, when: datetime) -> None:
        shipment = ship_cards(command, draft=draft).answer
        assert shipment.receiver is not None
        receive_shipment(_player(people[shipment.receiver], when), shipment=shipment.id)

    after = begun + timedelta(days=2)
    arrive(_draft(None, top, serials[0:80]), house(begun), after)
    arrive(_draft(None, top, serials[80:160], consignment=True), house(begun), after)
    arrive(_draft(top, below, serials[40:70]), _player(people[top.id], after), after + timedelta(hours=4))
    _sell(top, serials[80:125], since=after + timedelta(days=1), random=Random(seed))
    _sell(below, serials[40:52], since=after + timedelta(days=1), random=Random(seed + 1))
    take_back_cards(house(at - timedelta(days=3)), draft=_draft(top, None, serials[70:75]))
    ship_cards(house(at - timedelta(hours=20)), draft=_draft(None, top, serials[160:200]))


def _terms(title: str, margin_bps: int, credit: str) -> ResellerTerms:
    return ResellerTerms(
        title=title,
        margin_bps=margin_bps,
        credit_limit=Money.parse(credit, "EUR"),
        payment_days=45,
        contract="2026/07",
    )


def _linked(command: Command, reseller: Reseller, nickname: str) -> UUID:
    link_person(command, reseller=reseller.id, nickname=nickname)
    player = services.get(Members).player_named(nickname=nickname)
    assert player is not None
    return player.id


def _player(player: UUID, at: datetime) -> Command:
    return Command(
        actor=Actor(ActorKind.PLAYER, str(player)), key=str(new_id()), at=at, channel=Channel.PORTAL
    )


def _draft(
    sender: Reseller | None, receiver: Reseller | None, serials: Sequence[str], *, consignment: bool = False
) -> ShipmentDraft:
    return ShipmentDraft(
        sender=sender.id if sender else None,
        receiver=receiver.id if receiver else None,
        first_serial=serials[0],
        last_serial=serials[-1],
        consignment=consignment,
    )


def _sell(reseller: Reseller, serials: Sequence[str], *, since: datetime, random: Random) -> None:
    """At a till, one by one over the days; every tenth sale is a mistake, reversed at once, and made again."""
    till = new_id()
    moments = sorted(since + timedelta(days=random.random() * (_DAYS - 4)) for _ in serials)

    def command(at: datetime) -> Command:
        actor = Actor(ActorKind.API_CLIENT, str(till))
        return Command(actor=actor, key=str(new_id()), at=at, channel=Channel.API)

    for number, (serial, at) in enumerate(zip(serials, moments, strict=True), 1):
        said = {"client": till, "serial": serial, "reseller": reseller.name}
        sell_at_till(command(at), request_id=f"{number:05}", sold_at=at, **said)  # type: ignore[arg-type]
        if number % 10 == 0:
            reverse_at_till(
                command(at + timedelta(minutes=2)),
                request_id=f"{number:05}-r",
                original_request_id=f"{number:05}",
                **said,  # type: ignore[arg-type]
            )
            again = at + timedelta(minutes=5)
            sell_at_till(command(again), request_id=f"{number:05}-2", sold_at=again, **said)  # type: ignore[arg-type]
