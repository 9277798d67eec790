"""Codes are guessed: an alarm rings and ends, and a lock is lifted."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Cards, GuessAlarm, Guessing, GuessLock
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.switch_guess_alarm")
def switch_guess_alarm(tx: Transaction) -> GuessAlarm | None:
    """Let the alarm ring or end, as is due, and tell whoever listens."""
    alarm = tx.get(Cards).switch_alarm(at=tx.command.at)
    if alarm is not None:
        tx.about("guess_alarm", alarm.began_at.isoformat(), guesses=alarm.guesses, ended=bool(alarm.ended_at))
        tx.announce(
            "cards.guess_alarm",
            key="cards",
            began_at=alarm.began_at,
            ended_at=alarm.ended_at,
            guesses=alarm.guesses,
        )
    return alarm


@journey("cards.lift_lock")
def lift_lock(tx: Transaction, *, who: Guessing, identity: str, reason: str) -> GuessLock:
    """Let a player, an address or a network try codes again at once. Raises UnableToAdminister, UnableToLiftLock."""
    tx.about("guess_lock", f"{who}:{identity}", reason=reason)
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "lock.lift")
    return tx.get(Cards).lift_lock(who=who, identity=identity, reason=reason, at=tx.command.at)
