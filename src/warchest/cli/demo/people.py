"""Who the community is: made-up players, when each signed up, and who invited whom. Pure; it all follows from a seed.

The tree falls into two halves that share nobody, so that two processes can fill it in without waiting for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random

from warchest.cli.demo.names import nicknames

PAST_DAYS = 365
LEVELS = 8
HALVES = 2
PLAYERS_MIN = HALVES * LEVELS + 4

_WITHOUT_SPONSOR = 0.06
_COUNTRIES = {
    "DE": (26, "de"), "AT": (6, "de"), "CH": (4, "de"), "FR": (10, "fr"), "PL": (9, "pl"), "ES": (7, "es"),
    "IT": (6, "it"), "NL": (4, "nl"), "SE": (4, "sv"), "CZ": (3, "cs"), "GB": (8, "en"), "US": (9, "en"),
    "JP": (6, "ja"), "PT": (2, "pt"), "IE": (2, "en"),
}  # fmt: skip
"""How many of a hundred come from where, about, and what they read."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Somebody whom ``demo.json`` names, so that a person or a test can be them."""

    nickname: str
    country: str
    language: str
    sponsors: int
    """How many people stand above them in the tree."""


# They pay in the currency of their wallets' lots; the last one is a sponsor with a past of their own.
LISTED = (
    Listed("Kestrel", "DE", "de", sponsors=5),
    Listed("Juniper", "FR", "en", sponsors=3),
    Listed("Marlow", "US", "en", sponsors=1),
    Listed("Sable", "DE", "en", sponsors=2),
)
SPONSOR = LISTED[-1]


@dataclass(frozen=True, slots=True)
class Person:
    """``number`` counts those of the community by the moment of their sign-up; ``level`` is 1 without a sponsor."""

    number: int
    nickname: str
    country: str
    language: str
    sponsor: int | None
    level: int
    half: int
    joined_at: datetime
    listed: Listed | None = None

    @property
    def email(self) -> str:
        return f"{self.nickname.lower()}@example.org"


@dataclass(frozen=True, slots=True)
class Past:
    """The year that is filled in: from a midnight (UTC) until a moment ago."""

    first_day: date
    until: datetime

    @classmethod
    def before(cls, at: datetime) -> Past:
        return cls(at.astimezone(UTC).date() - timedelta(days=PAST_DAYS), at - timedelta(minutes=10))

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.first_day, time(), tzinfo=UTC)

    def moment(self, days: float) -> datetime:
        """So many days into the past that is filled in."""
        return self.starts_at + timedelta(seconds=round(days * 86_400))


def liveliness(day: date, *, first_day: date) -> float:
    """How much happens on a day, beside others: the league grows, rests in summer and plays at weekends."""
    growth = 0.55 + 1.1 * (day - first_day).days / PAST_DAYS
    season = (1.15, 1.0, 0.98, 0.95, 0.92, 0.85, 0.78, 0.82, 1.0, 1.08, 1.2, 1.35)[day.month - 1]
    week = (0.86, 0.84, 0.9, 0.95, 1.15, 1.3, 1.2)[day.weekday()]
    return growth * season * week


def community(seed: int, *, count: int, past: Past, languages: Sequence[str]) -> tuple[Person, ...]:
    """``count`` people in the order of their sign-up, the listed ones among them.

    Each half begins with a chain from the first level to the last, so the tree has its depth however small it is.
    """
    random = Random(f"people {seed}")
    names = nicknames(random, taken=frozenset(one.nickname for one in LISTED))
    chain = HALVES * LEVELS
    moments = sorted(_sign_ups(random, count=count - chain - len(LISTED), past=past))
    people: list[Person] = []
    inviting: tuple[list[Person], ...] = tuple([] for _ in range(HALVES))

    def add(
        joined_at: datetime,
        country: str,
        language: str,
        sponsor: Person | None,
        half: int,
        who: Listed | None,
    ) -> None:
        person = Person(
            number=len(people),
            nickname=who.nickname if who else next(names),
            country=country,
            language=language if language in languages else "en",
            sponsor=sponsor.number if sponsor else None,
            level=sponsor.level + 1 if sponsor else 1,
            half=half,
            joined_at=joined_at,
            listed=who,
        )
        people.append(person)
        # Whoever has invited somebody invites more; those listed stay by themselves, but for the one who shall not.
        if who is None or who is SPONSOR:
            inviting[half].extend([person] * (6 if who else 1))
            if sponsor:
                inviting[half].append(sponsor)

    for place in range(chain):
        half, level = place % HALVES, place // HALVES
        above = people[-HALVES] if level else None
        add(past.moment(1 + place * 0.37), *_home(random), above, half, None)
    for place, who in enumerate(LISTED):
        above = people[HALVES * (who.sponsors - 1)]
        add(past.moment(8 + place * 0.61), who.country, who.language, above, above.half, who)
    for moment in moments:
        half = random.randrange(HALVES)
        above = None
        if random.random() >= _WITHOUT_SPONSOR:
            above = _inviting(random, inviting[half])
        add(moment, *_home(random), above, half, None)
    return tuple(people)


def _inviting(random: Random, half: Sequence[Person]) -> Person:
    """One of those who can still invite, now and then the one of two who is nearer to the top."""
    while True:
        above = min(random.choices(half, k=random.choice((1, 1, 1, 2))), key=lambda person: person.level)
        if above.level < LEVELS:
            return above


def _home(random: Random) -> tuple[str, str]:
    country = random.choices(tuple(_COUNTRIES), [weight for weight, _ in _COUNTRIES.values()])[0]
    return country, _COUNTRIES[country][1]


def _sign_ups(random: Random, *, count: int, past: Past) -> list[datetime]:
    days = range(11, PAST_DAYS)
    weights = [liveliness(past.first_day + timedelta(days=day), first_day=past.first_day) for day in days]
    chosen = random.choices(days, cum_weights=list(accumulate(weights)), k=count)
    return [past.moment(day + hour(random) / 24) for day in chosen]


def hour(random: Random) -> float:
    """A time of the day at which people play: mostly evenings in Europe."""
    return min(max(random.gauss(18.2, 3.6), 0.1), 23.9)
