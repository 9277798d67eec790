"""Wrong codes: counted by player, address and network, and answered with ever longer locks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from math import ceil
from operator import or_
from uuid import UUID

import structlog
from django.db.models import Q

from warchest.cards import guess_queries, rules
from warchest.cards.contract import GuessAlarm, Guessing, GuessLock, UnableToLiftLock
from warchest.cards.models import Guess, Guesser
from warchest.cards.models import GuessAlarm as AlarmRow
from warchest.kernel.errors import TryAgain
from warchest.runtime.configuration import configuration
from warchest.runtime.transactions import technical_transaction

log = structlog.get_logger(__name__)


def check_not_locked(*, player: UUID, client_address: str, at: datetime) -> None:
    locked = _guessers(_subjects(player, client_address)).filter(locked_until__gt=at)
    until = max((guesser.locked_until for guesser in locked), default=None)
    if until is not None:
        raise TryAgain("too_many_attempts", retry_after_s=ceil((until - at).total_seconds()))


def count_guess(*, player: UUID, client_address: str, at: datetime) -> None:
    subjects = _subjects(player, client_address)
    named = {who: identity for who, identity in subjects}
    with technical_transaction("cards"):
        Guesser.objects.bulk_create(
            [Guesser(who=who, identity=identity) for who, identity in subjects], ignore_conflicts=True
        )
        # Counted under lock, in one order, so that of many at once exactly one reaches each rung.
        guessers = list(_guessers(subjects).order_by("who", "identity").select_for_update())
        Guess.objects.create(
            player_id=player,
            network=named.get(Guessing.ADDRESS, ""),
            wider=named.get(Guessing.NETWORK, ""),
            occurred_at=at,
        )
        alarmed = AlarmRow.objects.filter(ended_at=None).exists()
        for guesser in guessers:
            _count(guesser, at, alarmed=alarmed)


def _count(guesser: Guesser, at: datetime, *, alarmed: bool) -> None:
    who = Guessing(guesser.who)
    since = at - rules.GUESS_WINDOW
    if guesser.counted_from is not None:
        since = max(since, guesser.counted_from)
    guesses = Guess.objects.filter(
        **{guess_queries.COUNTED_BY[who]: guesser.identity}, occurred_at__gt=since
    ).count()
    changes: dict[str, object] = {"guesses": guesses}
    lock = rules.lock_after(guesses, rung=rules.rung_of(who, alarmed=alarmed))
    if lock is not None:
        changes["locked_until"] = max(at + lock, guesser.locked_until or at)
        log.warning("card_codes_guessed", who=who, identity=guesser.identity, guesses=guesses)
    Guesser.objects.filter(who=guesser.who, identity=guesser.identity).update(**changes)


def forgive(*, player: UUID, at: datetime) -> None:
    """A right code: the player's guesses until now count no more. Those of the address do: it may be many people's."""
    Guesser.objects.filter(who=Guessing.PLAYER, identity=str(player)).update(
        guesses=0, counted_from=at, locked_until=None
    )


def lift_lock(*, who: Guessing, identity: str, reason: str, at: datetime) -> GuessLock:
    if not reason.strip():
        raise UnableToLiftLock("reason_missing")
    guesser = (
        Guesser.objects.select_for_update().filter(who=who, identity=identity, locked_until__gt=at).first()
    )
    if guesser is None:
        raise UnableToLiftLock("lock_unknown")
    lifted = GuessLock(who, identity, guesser.guesses, guesser.locked_until)
    Guesser.objects.filter(who=who, identity=identity).update(guesses=0, counted_from=at, locked_until=None)
    return lifted


def switch_alarm(*, at: datetime) -> GuessAlarm | None:
    rings = AlarmRow.objects.select_for_update().filter(ended_at=None).first()
    guesses = guess_queries.recent(at=at)
    if not guess_queries.is_due(guesses, rings=rings is not None):
        return None
    if rings is None:
        return guess_queries.alarm_of(AlarmRow.objects.create(began_at=at, guesses=guesses))
    AlarmRow.objects.filter(id=rings.id).update(ended_at=max(at, rings.began_at))
    return guess_queries.alarm_of(AlarmRow.objects.get(id=rings.id))


def _subjects(player: UUID, client_address: str) -> Sequence[tuple[Guessing, str]]:
    """Under what a guess counts. An address that the house trusts is many people's, and counts for none of them."""
    subjects = [(Guessing.PLAYER, str(player))]
    address = rules.address_of(client_address)
    if address and not rules.is_within(address, configuration().cards.trusted_networks):
        subjects.append((Guessing.ADDRESS, rules.household_of(address)))
        if network := rules.network_of(address):
            subjects.append((Guessing.NETWORK, network))
    return subjects


def _guessers(subjects: Sequence[tuple[Guessing, str]]):  # type: ignore[no-untyped-def]
    return Guesser.objects.filter(reduce(or_, (Q(who=who, identity=identity) for who, identity in subjects)))
