"""Wrong codes: counted by player and by address, and answered with ever longer locks."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from uuid import UUID

from django.db.models import Q

from warchest.cards import rules
from warchest.cards.models import Guess, Guesser
from warchest.kernel.errors import TryAgain
from warchest.runtime.transactions import technical_transaction

PLAYER, ADDRESS = "player", "address"


def check_not_locked(*, player: UUID, client_address: str, at: datetime) -> None:
    locked = _guessers(player, rules.network_of(client_address)).filter(locked_until__gt=at)
    until = max((guesser.locked_until for guesser in locked), default=None)
    if until is not None:
        raise TryAgain("too_many_attempts", retry_after_s=ceil((until - at).total_seconds()))


def count_guess(*, player: UUID, client_address: str, at: datetime) -> None:
    network = rules.network_of(client_address)
    with technical_transaction("cards"):
        known = [Guesser(who=PLAYER, identity=str(player))]
        if network:
            known.append(Guesser(who=ADDRESS, identity=network))
        Guesser.objects.bulk_create(known, ignore_conflicts=True)
        # Counted under lock, in one order, so that of many at once exactly one reaches each rung.
        guessers = list(_guessers(player, network).order_by("who", "identity").select_for_update())
        Guess.objects.create(player_id=player, network=network, occurred_at=at)
        for guesser in guessers:
            _count(guesser, at)


def _count(guesser: Guesser, at: datetime) -> None:
    mine = Q(player_id=guesser.identity) if guesser.who == PLAYER else Q(network=guesser.identity)
    since = at - rules.GUESS_WINDOW
    if guesser.counted_from is not None:
        since = max(since, guesser.counted_from)
    guesses = Guess.objects.filter(mine, occurred_at__gt=since).count()
    changes: dict[str, object] = {"guesses": guesses}
    lock = rules.lock_after(guesses)
    if lock is not None:
        changes["locked_until"] = max(at + lock, guesser.locked_until or at)
    Guesser.objects.filter(who=guesser.who, identity=guesser.identity).update(**changes)


def forgive(*, player: UUID, at: datetime) -> None:
    """A right code: the player's guesses until now count no more. Those of the address do: it may be many people's."""
    Guesser.objects.filter(who=PLAYER, identity=str(player)).update(
        guesses=0, counted_from=at, locked_until=None
    )


def _guessers(player: UUID, network: str):  # type: ignore[no-untyped-def]
    whose = Q(who=PLAYER, identity=str(player))
    if network:
        whose |= Q(who=ADDRESS, identity=network)
    return Guesser.objects.filter(whose)
