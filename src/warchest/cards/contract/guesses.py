"""Codes that were none: counted, slowed down, and told to whoever watches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo


class UnableToLiftLock(UnableTo):
    reasons = frozenset({"lock_unknown", "reason_missing"})


class Guessing(StrEnum):
    """Under what wrong codes are counted."""

    PLAYER = "player"
    ADDRESS = "address"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class GuessLock:
    """Who may not try codes before ``until``: a player by id, an address (in IPv6 a /64), or the network around it (a /24, in
    IPv6 a /48)."""

    who: Guessing
    identity: str
    guesses: int
    until: datetime


@dataclass(frozen=True, slots=True)
class GuessAlarm:
    """When the alarm began to ring, by how many wrong codes, and when it stopped; None while it rings."""

    began_at: datetime
    guesses: int
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class GuessesOfHour:
    """``hour`` is its beginning (UTC)."""

    hour: datetime
    guesses: int
    players: int
    addresses: int


@dataclass(frozen=True, slots=True)
class GuessSource:
    """Who guessed most, and how often since the moment asked for."""

    who: Guessing
    identity: str
    guesses: int
    players: int
    last_at: datetime


class Guesses(Protocol):
    def check_not_locked(self, *, player: UUID, client_address: str, at: datetime) -> None:
        """Raises TryAgain (``too_many_attempts``) while the player, the address or the network around it is locked out."""
        ...

    @at_most_once
    def count_guess(self, *, player: UUID, client_address: str, at: datetime) -> None:
        """Count a wrong code, in a technical transaction.

        Locks by the ladder: a player's and an address's 5 within a day for 15 minutes, 10 for half an hour, 15 for an hour, 20
        for a day; a network's ten times as many. While the alarm rings the rungs are closer: 3, and 15 for a network.
        """
        ...

    def locks(self, *, at: datetime) -> tuple[GuessLock, ...]:
        """Who is locked out at this moment, those with the most guesses first."""
        ...

    @at_most_once
    def lift_lock(self, *, who: Guessing, identity: str, reason: str, at: datetime) -> GuessLock:
        """Let somebody try again: the guesses until now count no more. Raises UnableToLiftLock."""
        ...

    def alarm(self) -> GuessAlarm | None:
        """The alarm that rings now."""
        ...

    def alarms(self, *, limit: int = 20) -> tuple[GuessAlarm, ...]:
        """Newest first."""
        ...

    def is_alarm_due(self, *, at: datetime) -> bool:
        """Whether the configured number of guesses came within its minutes and no alarm rings, or one rings and no more than half
        as many came."""
        ...

    @at_most_once
    def switch_alarm(self, *, at: datetime) -> GuessAlarm | None:
        """Let the alarm ring or end, as is due; None where nothing is."""
        ...

    def guesses_by_hour(self, *, since: datetime) -> tuple[GuessesOfHour, ...]:
        """Oldest first; hours without a guess are left out."""
        ...

    def guess_sources(self, *, since: datetime, limit: int = 20) -> tuple[GuessSource, ...]:
        """Those with the most guesses first, so many of each kind."""
        ...
