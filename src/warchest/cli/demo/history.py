"""What the community did in the past year: who topped up, activated a card, prolonged. Pure; it follows from a seed.

Wallets are counted along, so that nobody here buys what they cannot pay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from zoneinfo import ZoneInfo

from warchest.cli.demo import offers
from warchest.cli.demo.people import PAST_DAYS, SPONSOR, Past, Person, hour, liveliness
from warchest.kernel.money import Money

FILLING = ("150.00", "100.00", "200.00")
"""What each listed player has topped up by, in major units of their currency; of nothing else is their wallet made."""

_PAID_IN = {"US": "USD", "GB": "GBP", "JP": "JPY", "CH": "CHF", "PL": "PLN"}
_STEPS = {
    "JPY": ("500", "1000", "2000", "3000", "5000", "10000", "20000"),
    "PLN": ("20.00", "50.00", "100.00", "200.00", "400.00"),
    "": ("5.00", "10.00", "20.00", "25.00", "50.00", "100.00"),
}
_ZONE = ZoneInfo("UTC")


class Outcome(StrEnum):
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PENDING = "pending"
    REVIEW = "review"  # the provider took another amount than was asked


@dataclass(frozen=True, slots=True)
class Registration:
    at: datetime
    person: int


@dataclass(frozen=True, slots=True)
class TopUp:
    at: datetime
    person: int
    amount: Money
    outcome: Outcome
    seconds: int
    """So long the person took at the provider's page."""


@dataclass(frozen=True, slots=True)
class Activation:
    at: datetime
    person: int
    series: str
    place: int
    """Which card of the series."""


@dataclass(frozen=True, slots=True)
class Purchase:
    at: datetime
    person: int
    plan: offers.Plan
    periods: int


Operation = Registration | TopUp | Activation | Purchase


@dataclass(frozen=True, slots=True)
class Series:
    """One order of cards. ``units``: what a card brings into a wallet; 0 where it gives a period of a service."""

    code: str
    ordered_on_day: int
    quantity: int
    face: Money
    units: int
    plan: str = ""
    reseller: str = ""
    margin_bps: int = 0
    regions: tuple[str, ...] = ()
    stock: bool = False
    """It lies in the house's own stock, and is sold card by card."""
    spares: int = 0


def _euros(amount: str) -> Money:
    return Money.parse(amount, "EUR")


SERIES = (
    Series("kiosk", 20, 300, _euros("10.00"), 1000, reseller="kiosk-berlin", margin_bps=800),
    Series("league-night", 75, 120, _euros("0.00"), 500),
    Series("wien", 110, 200, _euros("25.00"), 2500, reseller="gamestore-wien", margin_bps=1000),
    Series("arena-pass", 160, 200, _euros("5.00"), 0, "arena-month", reseller="kiosk-berlin", margin_bps=600),
    Series(
        "akihabara",
        205,
        150,
        Money.parse("1000", "JPY"),
        600,
        reseller="akihabara",
        margin_bps=900,
        regions=("JP",),
    ),
)

COUNTER = Series("counter", 330, 400, _euros("10.00"), 1000, stock=True, spares=20)
"""Sold at tills (``counters``), and activated in the last days."""
KIOSK_FROM = 110
"""From this place on the first delivery of it went on to the kiosk."""


def counter_sales() -> Iterator[tuple[int, float]]:
    """Places of the cards of ``COUNTER`` that tills sold, and the day; in the order of the sales."""
    places = [*range(34), *range(KIOSK_FROM, KIOSK_FROM + 18), *range(150, 162)]
    Random("counters").shuffle(places)
    for number, place in enumerate(places):
        yield place, PAST_DAYS - 13 + 12.6 * number / len(places)


def lines_of(operation: Operation) -> int:
    """How many lines of the record of operations it makes: a payment is opened, and settled later."""
    return 2 if isinstance(operation, TopUp) else 1


class _Deck:
    """Hands out each card of each series once."""

    def __init__(self) -> None:
        self._next = {series.code: 0 for series in SERIES}

    def draw(self, random: Random, *, country: str, day: float) -> tuple[Series, int] | None:
        """A card that this person could have got by then: a series is in the shops twelve days after its order."""
        there = [
            series
            for series in SERIES
            if series.ordered_on_day + 12 <= day
            and self._next[series.code] < series.quantity * 3 // 4
            and (not series.regions or country in series.regions)
        ]
        # Drawn in any case, so that the person's later choices do not hang on what others took.
        chance = random.random()
        if not there:
            return None
        series = there[int(chance * len(there))]
        place = self._next[series.code]
        self._next[series.code] += 1
        return series, place


def operations(
    seed: int, people: Sequence[Person], *, about: int, past: Past
) -> tuple[tuple[Operation, ...], ...]:
    """For each half what its people did, in order: registrations, and ``about`` so many other lines of the record together."""
    deck = _Deck()
    halves: list[list[Operation]] = [[] for _ in range(max(person.half for person in people) + 1)]
    for person in people:
        halves[person.half].append(Registration(person.joined_at, person.number))
        if person.listed:
            halves[person.half].extend(_filling(person, past))
    keen = [person for person in people if not person.listed]
    Random(f"keen {seed}").shuffle(keen)
    # The sponsor's own downline first, so that somebody on the list has earned commissions.
    sponsor = next(person for person in people if person.listed is SPONSOR)
    keen.sort(key=lambda person: person.sponsor != sponsor.number)
    count = sum(lines_of(one) for half in halves for one in half) - len(people)
    for person in (sponsor, *keen):
        if count >= about:
            break
        done = tuple(_life(Random(f"life {seed} {person.number}"), person, deck, past))
        count += sum(map(lines_of, done))
        halves[person.half].extend(done)
    for activation in _from_counters(Random(f"counters {seed}"), keen, past):
        halves[people[activation.person].half].append(activation)
    return tuple(tuple(sorted(half, key=lambda operation: operation.at)) for half in halves)


def _from_counters(random: Random, keen: Sequence[Person], past: Past) -> Iterator[Activation]:
    """Two of three cards that were sold at a counter are activated within three days."""
    for number, (place, day) in enumerate(counter_sales()):
        at = past.moment(day + random.uniform(0.01, 3) ** 2 / 3)
        there = [person for person in keen if person.joined_at < at]
        if number % 3 and there and at < past.until:
            yield Activation(at, random.choice(there).number, COUNTER.code, place)


def _filling(person: Person, past: Past) -> Iterator[TopUp]:
    for place, amount in enumerate(FILLING):
        # After the change of rates, so that all their lots came at the rate of today.
        at = past.moment(offers.RATE_CHANGE_DAY + 30 + 40 * place + person.number / 100)
        yield TopUp(at, person.number, Money.parse(amount, paid_in(person.country)), Outcome.PAID, 75)


def paid_in(country: str) -> str:
    return _PAID_IN.get(country, "EUR")


def _life(random: Random, person: Person, deck: _Deck, past: Past) -> Iterator[Operation]:
    """One person's year: money comes in when it is needed, time is prolonged until they have had enough."""
    currency = paid_in(person.country)
    steps = [Money.parse(step, currency) for step in _STEPS.get(currency, _STEPS[""])]
    plan = random.choices(offers.PLANS, [plan.share for plan in offers.PLANS])[0]
    loyalty = random.uniform(0.78, 0.98)
    units = 0
    at = person.joined_at + timedelta(minutes=random.uniform(4, 60 * 24 * 3))
    if person.listed:
        plan, loyalty = offers.PLANS[0], 1.0
        at = person.joined_at + timedelta(days=1)
    while at < past.until - timedelta(hours=1):
        if not person.listed and random.random() < 0.16:
            drawn = deck.draw(random, country=person.country, day=(at - past.starts_at) / timedelta(days=1))
            if drawn:
                series, place = drawn
                yield Activation(at, person.number, series.code, place)
                units += series.units * 100
                at += timedelta(minutes=random.uniform(1, 20))
        missing = plan.price.minor - units
        if missing > 0:
            changed = at >= past.moment(offers.RATE_CHANGE_DAY)
            enough = [
                step for step in steps if offers.units_for(step, changed=changed).minor >= missing
            ] or steps[-1:]
            amount = enough[min(int(random.expovariate(1.3)), len(enough) - 1)]
            trouble = random.random()
            if trouble < 0.055:
                outcome = Outcome.FAILED if trouble < 0.036 else Outcome.CANCELLED
                yield TopUp(at, person.number, amount, outcome, round(random.uniform(20, 200)))
                at += timedelta(minutes=random.uniform(4, 50))
                if random.random() < 0.3 or at >= past.until:
                    return
            outcome = _late(random, at, past)
            yield TopUp(at, person.number, amount, outcome, round(random.uniform(25, 160)))
            if outcome is not Outcome.PAID:
                return
            units += offers.units_for(amount, changed=changed).minor
            at += timedelta(minutes=random.uniform(4, 12))
        if units < plan.price.minor:
            # The largest step was not enough for the dearest plan: they top up once more.
            continue
        if at >= past.until:
            return
        yield Purchase(at, person.number, plan, 1)
        units -= plan.price.minor
        at = _next_time(random, at, plan)
        lively = liveliness(min(at, past.until).date(), first_day=past.first_day)
        if not person.listed and random.random() > loyalty * min(1.0, 0.86 + 0.12 * lively):
            return
        if random.random() < 0.08 and not person.listed:
            plan = random.choices(offers.PLANS, [plan.share for plan in offers.PLANS])[0]


def _late(random: Random, at: datetime, past: Past) -> Outcome:
    """Of the last days a few payments are still open, or wait for somebody to look at them."""
    fate = random.random()
    if at < past.moment(PAST_DAYS - 3):
        return Outcome.PAID
    if fate < 0.12:
        return Outcome.PENDING
    return Outcome.REVIEW if fate < 0.2 else Outcome.PAID


def _next_time(random: Random, at: datetime, plan: offers.Plan) -> datetime:
    """Shortly before the time runs out, rather at a weekend, in the evening; sometimes after a pause."""
    ends_at = plan.term.after(at, zone=_ZONE)
    early = random.choice((0, 0, 1, 1, 2, 3))
    pause = random.choice((0, 0, 0, 0, 0, 0, 9, 24))
    day = (ends_at + timedelta(days=pause - early)).replace(hour=0, minute=0, second=0, microsecond=0)
    if day.weekday() < 4 and random.random() < 0.3:
        day -= timedelta(days=(day.weekday() + 2) % 7)
    following = day + timedelta(hours=hour(random))
    return max(following, at + timedelta(days=1))
