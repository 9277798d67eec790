"""Cards at the counter: a French shop and a kiosk below it, what was shipped to them and lost on the way, and what their tills
sold. Their cards were activated in the last days; those of ``resellers`` were not.

Resellers are taken on and their tills sell before the community's year is filled in, since what is sold is activated in it;
whoever acts for the shop is linked afterwards, when they have signed up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from warchest.cards.contract import Reseller, ResellerTerms, ShipmentDraft
from warchest.cli.demo.history import KIOSK_FROM, counter_sales
from warchest.cli.demo.house import Staff
from warchest.cli.demo.people import PAST_DAYS, Past
from warchest.journeys.administer import add_api_client
from warchest.journeys.note_reseller_payment import note_reseller_payment
from warchest.journeys.sell_at_till import reverse_at_till, sell_at_till
from warchest.journeys.ship_cards import (
    draft_shipment,
    lose_shipment,
    receive_shipment,
    ship_cards,
    take_back_cards,
)
from warchest.journeys.take_on_reseller import bind_till, link_person, take_on_reseller
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.members.contract import Members, Role, Scope
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

SHOP, KIOSK = "comptoir", "vieux-port"
SHOPKEEPER = "Juniper"
"""Acts for the shop, and stands in ``demo.json``, so that a person can look at a reseller's pages. The kiosk has nobody here."""

_CALLS_OF_TILL = 20


@dataclass(frozen=True, slots=True)
class _Till:
    reseller: Reseller
    client: UUID

    def command(self, key: str, at_day: float, past: Past) -> Command:
        return Command(
            actor=Actor(ActorKind.API_CLIENT, str(self.client)),
            key=key,
            at=past.moment(at_day),
            channel=Channel.API,
        )


class Counters:
    """The house's part in it is one administrator's, who also says for resellers what has arrived there."""

    def __init__(self, staff: Sequence[Staff], past: Past) -> None:
        self._clerk = next(one for one in staff if one.role is Role.ADMINISTRATOR)
        self._owner = next(one for one in staff if one.role is Role.OWNER)
        self._past = past
        self._resellers: dict[str, Reseller] = {}

    def sell(self, serials: Sequence[str]) -> None:
        """Of the counters' batch, in the order of its cards: taken on, shipped, sold, and one sale taken back."""
        shop = self._take_on(SHOP, "Comptoir des Joueurs", margin_bps=1200, credit="4000.00")
        kiosk = self._take_on(KIOSK, "Kiosque du Vieux-Port", margin_bps=800, credit="900.00", above=shop)
        self._ship(serials[:150], to=shop, on_day=338, arrives_on=340, reference="DN-1041")
        self._ship(serials[KIOSK_FROM:150], by=shop, to=kiosk, on_day=345, arrives_on=346, reference="CJ-7")
        self._ship(
            serials[150:220], to=shop, on_day=348, arrives_on=349, reference="DN-1049", consignment=True
        )
        self._sell_at_tills(serials, shop, kiosk)
        take_back_cards(self._by("back", 361), draft=self._draft(serials[210:220], sender=shop))
        lost = self._ship(serials[300:310], to=shop, on_day=352, reference="DN-1052")
        lose_shipment(
            self._by("lost", 359), shipment=lost, reason="The carrier has no trace of the parcel since Lyon."
        )
        self._ship(serials[220:280], to=shop, on_day=PAST_DAYS - 0.7, reference="DN-1061")
        draft_shipment(
            self._by("draft", PAST_DAYS - 0.3),
            draft=self._draft(serials[280:300], receiver=shop, reference="DN-1062"),
        )

    def link_shopkeeper(self) -> None:
        """Who acts for the shop; and the kiosk has paid a part, as the shopkeeper noted."""
        link_person(
            self._by("shopkeeper", PAST_DAYS - 2), reseller=self._resellers[SHOP].id, nickname=SHOPKEEPER
        )
        owner = services.get(Members).player_named(nickname=SHOPKEEPER)
        assert owner is not None
        note_reseller_payment(
            Command(
                actor=Actor(ActorKind.PLAYER, str(owner.id)),
                key="demo:kiosk-paid",
                at=self._past.moment(PAST_DAYS - 1.5),
                channel=Channel.PORTAL,
            ),
            reseller=self._resellers[KIOSK].id,
            amount=Money.parse("184.00", "EUR"),
            reference="Cash, receipt 12",
        )

    def _take_on(
        self, name: str, title: str, *, margin_bps: int, credit: str, above: Reseller | None = None
    ) -> Reseller:
        terms = ResellerTerms(
            title=title,
            margin_bps=margin_bps,
            credit_limit=Money.parse(credit, "EUR"),
            payment_days=30,
            contract=f"R-2026-{len(self._resellers) + 17}",
        )
        self._resellers[name] = take_on_reseller(
            self._by(f"take-on:{name}", 336), name=name, parent=above.id if above else None, terms=terms
        ).answer
        return self._resellers[name]

    def _ship(
        self,
        serials: Sequence[str],
        *,
        to: Reseller,
        on_day: float,
        reference: str,
        by: Reseller | None = None,
        arrives_on: float | None = None,
        consignment: bool = False,
    ) -> UUID:
        draft = self._draft(serials, sender=by, receiver=to, reference=reference, consignment=consignment)
        sent = ship_cards(self._by(reference, on_day), draft=draft).answer
        if arrives_on is not None:
            receive_shipment(self._by(f"{reference}:arrived", arrives_on), shipment=sent.id)
        return sent.id

    def _sell_at_tills(self, serials: Sequence[str], shop: Reseller, kiosk: Reseller) -> None:
        tills = [self._till(shop, "Counter 1"), self._till(kiosk, "Kiosk")]
        for number, (place, day) in enumerate(counter_sales()):
            till = tills[1 if KIOSK_FROM <= place < 150 else 0]
            command, name = till.command(f"demo:sale:{number}", day, self._past), till.reseller.name
            sell_at_till(
                command,
                client=till.client,
                serial=serials[place],
                reseller=name,
                request_id=f"T1-{5200 + number}",
                sold_at=command.at - timedelta(seconds=2),
            )
        # Somebody changed their mind at the counter.
        mistaken = tills[0].command("demo:mistake", PAST_DAYS - 3.2, self._past)
        sell_at_till(
            mistaken,
            client=tills[0].client,
            serial=serials[60],
            reseller=shop.name,
            request_id="T1-5190",
            sold_at=mistaken.at,
        )
        reverse_at_till(
            tills[0].command("demo:mistake:back", PAST_DAYS - 3.198, self._past),
            client=tills[0].client,
            serial=serials[60],
            request_id="T1-5191",
            original_request_id="T1-5190",
        )

    def _till(self, reseller: Reseller, title: str) -> _Till:
        """Its key is nobody's: whoever tries out a till makes one of their own in the back office."""
        client, drawn = new_id(), services.get(Members).draw_api_key()
        command = self._owner.command(f"demo:till:{reseller.name}", self._past.moment(337))
        bind_till(command, reseller=reseller.id, client=client, title=title)
        add_api_client(
            command,
            client_id=client,
            name=f"{reseller.name} {title}",
            scopes=[Scope.CARDS_SELL.value],
            calls_per_second=_CALLS_OF_TILL,
            key_hash=drawn.hash,
            key_start=drawn.start,
        )
        return _Till(reseller, client)

    def _draft(
        self,
        serials: Sequence[str],
        *,
        sender: Reseller | None = None,
        receiver: Reseller | None = None,
        reference: str = "",
        consignment: bool = False,
    ) -> ShipmentDraft:
        return ShipmentDraft(
            sender=sender.id if sender else None,
            receiver=receiver.id if receiver else None,
            first_serial=serials[0],
            last_serial=serials[-1],
            consignment=consignment,
            reference=reference,
        )

    def _by(self, key: str, day: float) -> Command:
        return self._clerk.command(f"demo:counters:{key}", self._past.moment(day))
