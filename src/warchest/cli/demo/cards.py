"""Card batches, ordered, approved, made and handed over by different people, as the house asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import pyrage

from warchest.cards.contract import Batch, BatchTerms, Cards, Worth
from warchest.cli.demo.counters import Counters
from warchest.cli.demo.history import COUNTER, SERIES, Series
from warchest.cli.demo.house import Staff
from warchest.cli.demo.offers import PLANS
from warchest.cli.demo.people import PAST_DAYS, Past
from warchest.journeys.approve_batch import approve_batch
from warchest.journeys.generate_batch import generate_batch
from warchest.journeys.hand_over_batch import ask_hand_over, confirm_hand_over, open_print_file
from warchest.journeys.keep_printers import add_printer
from warchest.journeys.order_batch import order_batch
from warchest.journeys.refuse_batch import refuse_batch
from warchest.journeys.replace_spoiled_cards import replace_spoiled_cards
from warchest.kernel.money import Money
from warchest.members.contract import Role
from warchest.runtime.services import services

LISTED_MONEY_CARDS = 20
LISTED_PERIOD_CARDS = 4
PRINTER = "guildhall"


@dataclass(frozen=True, slots=True)
class PrintedCard:
    serial: str
    code: str
    gives: tuple[Worth, ...]


class CardDesk:
    """Who does what with a batch: one orders, the owner approves, another makes it; the first asks for the hand-over, and the
    other confirms it. The codes go to a print house that the demonstration plays itself."""

    def __init__(self, staff: Sequence[Staff], past: Past) -> None:
        self._counters = Counters(staff, past)
        self._clerk, self._printer = (one for one in staff if one.role is Role.ADMINISTRATOR)
        self._owner = next(one for one in staff if one.role is Role.OWNER)
        self._press: pyrage.x25519.Identity | None = None
        self._batch_ids: dict[str, UUID] = {}

    def make_past(self, past: Past) -> dict[str, tuple[str, ...]]:
        """Order every series at its time; answers their codes. Some further orders stand at other stages today."""
        codes = {}
        for series in SERIES:
            at = past.moment(series.ordered_on_day + 0.4)
            cards = self._print(
                f"demo:{series.code}", _terms(series), at=at, handed_over_at=at + timedelta(days=6)
            )
            codes[series.code] = tuple(card.code for card in cards)
        counter = self._stock_counters(past)
        self._counters.sell([card.serial for card in counter])
        codes[COUNTER.code] = tuple(card.code for card in counter)
        self._leave_orders_open(past)
        return codes

    def link_shopkeeper(self) -> None:
        """A player acts for the shop at whose counter cards are sold, once they are there."""
        self._counters.link_shopkeeper()

    def _stock_counters(self, past: Past) -> tuple[PrintedCard, ...]:
        """Made, and two of them spoiled by the press; its cards in the order of their numbers, spares aside."""
        at = past.moment(COUNTER.ordered_on_day)
        # Not so soon that the house would write to anybody about it.
        terms = replace(_terms(COUNTER), expires_at=past.moment(PAST_DAYS + 100))
        cards = self._print("demo:counter", terms, at=at, handed_over_at=at + timedelta(days=5))
        replace_spoiled_cards(
            self._clerk.command("demo:counter:spoiled", at + timedelta(days=5.5)),
            batch=self._batch_ids["demo:counter"],
            serials=tuple(card.serial for card in cards[360:362]),
            reason="The foil covers half of the code.",
        )
        return cards[: COUNTER.quantity]

    def make_stock(self, at: datetime, *, quantity: int) -> tuple[PrintedCard, ...]:
        """Cards of twenty euros that lie with us until a reseller gets them; a till has to sell each before it is good."""
        twenty = Money.parse("20.00", "EUR")
        terms = BatchTerms(
            quantity=quantity, gives=(Worth.of_money(twenty),), face=twenty, stock=True, needs_sale=True
        )
        return self._print("demo:stock", terms, at=at, handed_over_at=at + timedelta(days=5))

    def make_listed(self, at: datetime) -> tuple[PrintedCard, ...]:
        """The cards that ``demo.json`` lists: ten euros each, and behind them some that give a month."""
        ten = Money.parse("10.00", "EUR")
        sold = {"reseller": "kiosk-hamburg", "margin_bps": 800}
        money = BatchTerms(quantity=LISTED_MONEY_CARDS, gives=(Worth.of_money(ten),), face=ten, **sold)  # type: ignore[arg-type]
        period = BatchTerms(
            quantity=LISTED_PERIOD_CARDS,
            gives=(Worth.of_period(plan=PLANS[0].id, periods=1),),
            face=Money.parse("5.00", "EUR"),
            **sold,  # type: ignore[arg-type]
        )
        for amount in ("10.00", "25.00"):
            face = Money.parse(amount, "EUR")
            gift = BatchTerms(
                quantity=500,
                gives=(Worth.of_money(face),),
                face=face,
                virtual=True,
                stock=True,
                product=f"gift-{amount}",
                serial_prefix="GIFT",
            )
            self._approved(f"demo:stock:{amount}", gift, at=at, approved_at=at)
        return (
            *self._print("demo:listed:money", money, at=at, handed_over_at=at),
            *self._print("demo:listed:period", period, at=at, handed_over_at=at),
        )

    def _print(
        self, key: str, terms: BatchTerms, *, at: datetime, handed_over_at: datetime
    ) -> tuple[PrintedCard, ...]:
        batch = self._approved(key, terms, at=at, approved_at=at + (handed_over_at - at) / 4)
        self._batch_ids[key] = batch.id
        generate_batch(self._printer.command(key, at + (handed_over_at - at) / 2), batch=batch.id)
        press = self._print_house(at)
        asked = ask_hand_over(
            self._clerk.command(key, at + (handed_over_at - at) * 0.75), batch=batch.id, printer=PRINTER
        ).answer
        command = self._printer.command(key, handed_over_at)
        confirm_hand_over(command, hand_over=asked.id, fingerprint=asked.fingerprint)
        open_print_file(command, batch=batch.id)
        parts = services.get(Cards).print_file(
            batch_id=batch.id, fetched_by=self._printer.taken_on.administrator.id, at=handed_over_at
        )
        file = pyrage.decrypt(b"".join(parts), [press])
        _, *lines = file.decode().splitlines()
        return tuple(
            PrintedCard(serial, code, terms.gives) for _, serial, code in (line.split(",") for line in lines)
        )

    def _print_house(self, at: datetime) -> pyrage.x25519.Identity:
        """Its private key. Nobody keeps it."""
        if self._press is None:
            self._press = pyrage.x25519.Identity.generate()
            add_printer(
                self._owner.command("demo:printer", at),
                name=PRINTER,
                title="Guildhall print house",
                key=str(self._press.to_public()),
            )
        return self._press

    def _approved(self, key: str, terms: BatchTerms, *, at: datetime, approved_at: datetime) -> Batch:
        batch = order_batch(self._clerk.command(key, at), terms=terms).answer
        return approve_batch(
            self._owner.command(key, approved_at), batch=batch.id, digest=batch.digest
        ).answer

    def _leave_orders_open(self, past: Past) -> None:
        def terms(quantity: int, amount: str) -> BatchTerms:
            money = Money.parse(amount, "EUR")
            gives = (Worth.of_money(money),)
            return BatchTerms(
                quantity=quantity, gives=gives, face=money, reseller="kiosk-berlin", margin_bps=800
            )

        refused = order_batch(
            self._clerk.command("demo:refused", past.moment(PAST_DAYS - 16)), terms=terms(20_000, "100.00")
        ).answer
        refuse_batch(
            self._owner.command("demo:refused", past.moment(PAST_DAYS - 15)),
            batch=refused.id,
            reason="Twenty thousand at this value are more than we could replace after a theft.",
        )
        at = past.moment(PAST_DAYS - 3)
        made = self._approved("demo:made", terms(250, "15.00"), at=at, approved_at=at + timedelta(hours=9))
        generate_batch(self._printer.command("demo:made", at + timedelta(hours=26)), batch=made.id)
        ask_hand_over(
            self._printer.command("demo:made", at + timedelta(hours=50)), batch=made.id, printer=PRINTER
        )
        at = past.moment(PAST_DAYS - 4)
        self._approved("demo:approved", terms(400, "20.00"), at=at, approved_at=at + timedelta(hours=20))
        order_batch(
            self._printer.command("demo:awaiting", past.moment(PAST_DAYS - 0.8)), terms=terms(1_000, "10.00")
        )


def _terms(series: Series) -> BatchTerms:
    plan = next((plan for plan in PLANS if plan.code == series.plan), None)
    if plan is not None:
        gives = Worth.of_period(plan=plan.id, periods=1)
    elif series.face:
        gives = Worth.of_money(series.face)
    else:
        gives = Worth.of_money(Money.units(series.units * 100))
    return BatchTerms(
        quantity=series.quantity,
        gives=(gives,),
        face=series.face,
        reseller=series.reseller,
        margin_bps=series.margin_bps,
        regions=series.regions,
        stock=series.stock,
        needs_sale=series.stock,
        spares=series.spares,
    )
