"""Cards in a chain of two resellers and a plain model of them, told the same: who has each card, and who owes what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.builders.books import assert_books_prove
from tests.builders.people import NOW, a_command, a_player
from tests.builders.resellers import a_draft, a_reseller, a_stock_batch, by_house, by_person, linked
from tests.properties.machines import run_machine
from tests.sweep import Sweep
from warchest.cards.contract import (
    LIABILITY_BOOK,
    RECEIVABLE_BOOK,
    Cards,
    UnableToActivateCard,
    UnableToSellCard,
    UnableToShipCards,
)
from warchest.cards.models import Card
from warchest.journeys import ship_cards as shipping
from warchest.journeys.activate_card import activate_card
from warchest.journeys.sell_at_till import reverse_at_till, sell_at_till
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.runtime.services import services

CARDS = 8
FACE, TOP_PAYS, BELOW_PAYS = 1000, 850, 900
UP = {"below": "top", "top": "house"}

numbers = st.integers(1, CARDS)
ranges = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))
routes = st.sampled_from([("house", "top"), ("top", "below"), ("below", "top"), ("top", "house")])


@dataclass
class KeptCard:
    place: str = "house"
    """Who has it; ``way`` while nobody does."""
    paid: bool = False
    on_trust: bool = False
    """Below, whether it came there on consignment."""
    sold: bool = False
    booked: tuple[int, int] = (0, 0)
    """What its sale made the top and the one below owe."""
    activated: bool = False
    blocked: bool = False


@dataclass
class KeptShipment:
    id: object
    first: int
    last: int
    route: tuple[str, str]
    consignment: bool
    state: str = "sent"
    away: set[int] = field(default_factory=set)
    arrived: int = 0


class DistributionMachine(RuleBasedStateMachine):
    @initialize()
    def furnish(self) -> None:
        self.batch = a_stock_batch(quantity=CARDS)
        top = a_reseller(margin_bps=1500)
        below = a_reseller(parent=top, margin_bps=1000)
        self.resellers = {"house": None, "top": top, "below": below}
        self.people = {}
        for place, one in (("top", top), ("below", below)):
            player = a_player()
            linked(one, player.nickname)
            self.people[place] = player.id
        self.player = a_player().id
        self.cards = {number: KeptCard() for number in range(1, CARDS + 1)}
        self.shipments: list[KeptShipment] = []
        self.owed = {"top": 0, "below": 0}
        self.sales: dict[int, tuple[str, str]] = {}
        self.minutes = 0

    def _by(self, place: str):  # type: ignore[no-untyped-def]
        self.minutes += 1
        at = NOW + timedelta(minutes=self.minutes)
        return by_house(at) if place == "house" else by_person(self.people[place], at)

    @rule(span=ranges, route=routes, consignment=st.booleans())
    def ship(self, span: tuple[int, int], route: tuple[str, str], consignment: bool) -> None:
        sender, receiver = route
        consignment = consignment and UP.get(receiver) == sender
        draft = a_draft(
            self.batch,
            first=span[0],
            last=span[1],
            sender=self.resellers[sender],
            receiver=self.resellers[receiver],
            consignment=consignment,
        )
        known = self._same(span, route, consignment)
        try:
            sent = shipping.ship_cards(self._by(sender), draft=draft).answer
        except UnableToShipCards:
            assert known is None and not self._travelling(span, sender, is_return=UP.get(sender) == receiver)
            return
        if known is not None:
            assert sent.id == known.id
            return
        travelling = self._travelling(span, sender, is_return=UP.get(sender) == receiver)
        assert travelling and sent.cards == len(travelling)
        for number in travelling:
            self.cards[number].place = "way"
        self.shipments.append(
            KeptShipment(sent.id, *span, route, consignment, away=set(range(span[0], span[1] + 1)))
        )

    def _travelling(self, span: tuple[int, int], sender: str, *, is_return: bool) -> list[int]:
        """What of a range leaves; nothing where some of it can't."""
        found = []
        for number in range(span[0], span[1] + 1):
            card = self.cards[number]
            if card.activated:
                continue
            if card.place != sender or card.sold or (card.blocked and not is_return):
                return []
            found.append(number)
        return found

    def _same(self, span: tuple[int, int], route: tuple[str, str], consignment: bool) -> KeptShipment | None:
        like = [
            one
            for one in self.shipments
            if (one.first, one.last) == span and one.route == route and one.consignment == consignment
        ]
        if not like or like[-1].state not in ("sent", "received"):
            return None
        last = like[-1]
        if last.state == "sent":
            return last
        cards = [self.cards[number] for number in range(span[0], span[1] + 1)]
        lying = sum(card.place == route[1] and not card.sold and not card.activated for card in cards)
        return last if lying == last.arrived else None

    @rule(which=st.integers(0, 30), part=st.integers(0, 3))
    def receive(self, which: int, part: int) -> None:
        going = [one for one in self.shipments if one.away]
        if not going:
            return
        one = going[which % len(going)]
        numbers = sorted(one.away)
        if part:
            # A stretch of those that are away without a gap.
            first = numbers[which % len(numbers)]
            last = first
            while last + 1 in one.away and last - first < part:
                last += 1
            numbers = list(range(first, last + 1))
        ends = (self._serial(numbers[0]), self._serial(numbers[-1])) if part else ("", "")
        received = shipping.receive_shipment(
            self._by(one.route[1]), shipment=one.id, first_serial=ends[0], last_serial=ends[1]
        ).answer
        arriving = [number for number in numbers if self.cards[number].place == "way"]
        assert received.cards == len(arriving)
        for number in arriving:
            self._arrive(one, self.cards[number])
        one.away -= set(numbers)
        one.arrived += len(arriving)
        if not one.away:
            one.state = "received"

    def _arrive(self, one: KeptShipment, card: KeptCard) -> None:
        receiver = one.route[1]
        card.place = receiver
        if one.state == "lost":
            card.blocked = False
        if one.route == ("house", "top") and not one.consignment:
            card.paid = True
            self.owed["top"] += TOP_PAYS
        elif one.route == ("top", "below"):
            card.on_trust = one.consignment
            self.owed["below"] += 0 if one.consignment else BELOW_PAYS
        elif one.route == ("below", "top"):
            self.owed["below"] -= 0 if card.on_trust else BELOW_PAYS
        elif one.route == ("top", "house") and card.paid:
            card.paid = False
            self.owed["top"] -= TOP_PAYS

    @rule(which=st.integers(0, 30), is_lost=st.booleans())
    def give_up(self, which: int, is_lost: bool) -> None:
        going = [one for one in self.shipments if one.state == "sent"]
        if not going:
            return
        one = going[which % len(going)]
        end = shipping.lose_shipment if is_lost else shipping.cancel_shipment
        end(self._by(one.route[0]), shipment=one.id, reason="fate")
        for number in one.away:
            card = self.cards[number]
            if card.place == "way":
                card.place = "way" if is_lost else one.route[0]
                card.blocked = card.blocked or is_lost
        one.state = "lost" if is_lost else "cancelled"
        if not is_lost:
            one.away = set()

    @rule(number=numbers, place=st.sampled_from(["top", "below"]))
    def sell(self, number: int, place: str) -> None:
        card, request = self.cards[number], str(new_id())
        try:
            sell_at_till(
                self._by("house"),
                client=new_id(),
                serial=self._serial(number),
                reseller=self.resellers[place].name,  # type: ignore[union-attr]
                request_id=request,
                sold_at=NOW + timedelta(minutes=self.minutes),
            )
        except UnableToSellCard:
            assert card.place != place or card.sold or card.activated or card.blocked
            return
        assert card.place == place and not card.sold and not card.activated and not card.blocked
        self._sold(card, place)
        card.sold = True
        self.sales[number] = (place, request)

    def _sold(self, card: KeptCard, place: str) -> None:
        top = 0 if card.paid else TOP_PAYS
        below = BELOW_PAYS if place == "below" and card.on_trust else 0
        card.paid, card.booked = True, (top, below)
        self.owed["top"] += top
        self.owed["below"] += below

    @rule(number=numbers)
    def reverse(self, number: int) -> None:
        if number not in self.sales:
            return
        card, (place, request) = self.cards[number], self.sales[number]
        try:
            reverse_at_till(
                self._by("house"),
                client=new_id(),
                serial=self._serial(number),
                reseller=self.resellers[place].name,  # type: ignore[union-attr]
                request_id=str(new_id()),
                original_request_id=request,
            )
        except UnableToSellCard as refused:
            too_late = refused.reason == "reversal_too_late"
            assert too_late or not card.sold or card.activated
            return
        assert card.sold and not card.activated
        top, below = card.booked
        self.owed["top"] -= top
        self.owed["below"] -= below
        card.sold, card.paid = False, not top

    @rule(number=numbers)
    def activate(self, number: int) -> None:
        card = self.cards[number]
        held = card.place in ("top", "below")
        good = not card.activated and not card.blocked and (card.paid or held)
        self.minutes += 1
        try:
            activate_card(
                a_command(at=NOW + timedelta(minutes=self.minutes)),
                player=self.player,
                code=self.batch.cards[number - 1].code,
            )
        except UnableToActivateCard:
            assert not good
            return
        assert good
        if held and not card.sold:
            self._sold(card, card.place)
        card.activated = True

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "batch"):
            return
        cards, ledger, at = services.get(Cards), services.get(Ledger), NOW + timedelta(days=1)
        top, below = self.resellers["top"], self.resellers["below"]
        assert top is not None and below is not None
        account = AccountRef(RECEIVABLE_BOOK, "EUR", top.name)
        assert ledger.balance(account=account).posted.minor == self.owed["top"]
        assert cards.owed_to_parent(reseller_id=below.id, at=at).minor == self.owed["below"]
        liable = sum(card.paid and not card.activated for card in self.cards.values()) * FACE
        book = AccountRef(LIABILITY_BOOK, "EUR", str(self.batch.id))
        assert ledger.balance(account=book).posted == Money(
            liable, ledger.balance(account=book).posted.currency
        )
        holders = dict(Card.objects.filter(batch_id=self.batch.id).values_list("number", "holder_id"))
        places = {number: one.place for number, one in self.cards.items()}
        ids = {"house": None, "way": None, "top": top.id, "below": below.id}
        assert holders == {number: ids[place] for number, place in places.items()}

    def teardown(self) -> None:
        assert_books_prove()

    def _serial(self, number: int) -> str:
        return self.batch.cards[number - 1].serial


@pytest.mark.timeout(0)
@pytest.mark.use_case("CRD-04")
def test_cards_are_where_their_model_has_them(
    lasting_database: Callable[[], AbstractContextManager[str]], sweep: Sweep
) -> None:
    with lasting_database():
        run_machine(DistributionMachine, sweep, examples=8, steps=25)
