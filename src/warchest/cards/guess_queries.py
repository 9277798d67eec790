"""Reads of guessed codes: who is locked out, who guesses, and whether the alarm rings."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Max
from django.db.models.functions import TruncHour

from warchest.cards.contract import GuessAlarm, GuessesOfHour, Guessing, GuessLock, GuessSource
from warchest.cards.models import Guess, Guesser
from warchest.cards.models import GuessAlarm as AlarmRow
from warchest.runtime.configuration import configuration

COUNTED_BY = {Guessing.PLAYER: "player_id", Guessing.ADDRESS: "network", Guessing.NETWORK: "wider"}
"""Which column of a guess names it."""


def locks(*, at: datetime) -> tuple[GuessLock, ...]:
    rows = Guesser.objects.filter(locked_until__gt=at).order_by("-guesses", "-locked_until")
    return tuple(GuessLock(Guessing(row.who), row.identity, row.guesses, row.locked_until) for row in rows)


def recent(*, at: datetime) -> int:
    """How many codes were guessed within the minutes that the alarm looks at."""
    since = at - timedelta(minutes=configuration().cards.alarm_minutes)
    return Guess.objects.filter(occurred_at__gt=since, occurred_at__lte=at).count()


def is_due(guesses: int, *, rings: bool) -> bool:
    enough = configuration().cards.alarm_guesses
    return guesses * 2 <= enough if rings else guesses >= enough


def is_alarm_due(*, at: datetime) -> bool:
    return is_due(recent(at=at), rings=AlarmRow.objects.filter(ended_at=None).exists())


def alarm() -> GuessAlarm | None:
    row = AlarmRow.objects.filter(ended_at=None).first()
    return alarm_of(row) if row else None


def alarms(*, limit: int = 20) -> tuple[GuessAlarm, ...]:
    return tuple(map(alarm_of, AlarmRow.objects.order_by("-began_at", "-id")[:limit]))


def alarm_of(row: AlarmRow) -> GuessAlarm:
    return GuessAlarm(began_at=row.began_at, guesses=row.guesses, ended_at=row.ended_at)


def guesses_by_hour(*, since: datetime) -> tuple[GuessesOfHour, ...]:
    groups = (
        Guess.objects.filter(occurred_at__gte=since)
        .annotate(hour=TruncHour("occurred_at"))
        .values_list("hour")
        .annotate(
            guesses=Count("id"),
            players=Count("player_id", distinct=True),
            addresses=Count("network", distinct=True),
        )
        .order_by("hour")
    )
    return tuple(GuessesOfHour(*group) for group in groups)


def guess_sources(*, since: datetime, limit: int = 20) -> tuple[GuessSource, ...]:
    found: list[GuessSource] = []
    for who, column in COUNTED_BY.items():
        groups = Guess.objects.filter(occurred_at__gte=since)
        if who is not Guessing.PLAYER:
            groups = groups.exclude(**{column: ""})
        counted = (
            groups.values_list(column)
            .annotate(
                guesses=Count("id"), players=Count("player_id", distinct=True), last_at=Max("occurred_at")
            )
            .order_by("-guesses", column)
        )
        found += [
            GuessSource(who, str(identity), guesses, players, last_at)
            for identity, guesses, players, last_at in counted[:limit]
        ]
    return tuple(found)
