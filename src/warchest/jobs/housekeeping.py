"""What time itself asks for: holds lapse, units expire, served days become revenue, keys are forgotten, books are proved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from warchest.cards.contract import Cards
from warchest.charging.contract import WALLET_BOOK, Charging
from warchest.journeys.expire_lots import expire_lots as expire_portion
from warchest.journeys.hold_units import lapse_holds as lapse_portion
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.kernel.ids import new_id
from warchest.ledger.contract import Ledger
from warchest.runtime import idempotency, invariants
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

log = structlog.get_logger(__name__)

PORTION = 200
"""So many holds or lots are let go in one transaction: it keeps their wallets waiting for some hundredths of a second."""

KEYS_KEPT = timedelta(days=30)
"""A caller may repeat a request under its key for so long."""


def lapse_holds(*, at: datetime) -> int:
    """Let go what was set aside and is out of time, in small transactions; answers how many holds.

    Each portion has a new key: a hold closes once, so nothing is done twice.
    """
    lapsed, ledger = 0, services.get(Ledger)
    while due := ledger.open_holds(book=WALLET_BOOK, expired_at=at, limit=PORTION):
        holds = tuple(hold.id for hold in due)
        lapsed += len(
            lapse_portion(_command("lapse_holds", key=f"lapse:{new_id()}", at=at), holds=holds).answer
        )
    return lapsed


def expire_lots(*, at: datetime) -> int:
    """Take units whose term is over out of the wallets, in small transactions; answers of how many lots.

    May be stopped anywhere: the next run goes on with what is left.
    """
    expired, charging = 0, services.get(Charging)
    while due := charging.expired_lots(at=at, limit=PORTION):
        expired += len(
            expire_portion(_command("expire_lots", key=f"expire:{new_id()}", at=at), lots=due).answer
        )
    return expired


def close_store_orders(*, at: datetime) -> int:
    """Forget the codes of orders that stores had so long ago that nobody asks for them again; answers how many codes."""
    closed, cards = 0, services.get(Cards)
    for store in cards.stores():
        if store.plugin:
            until = at - timedelta(days=cards.store_terms(name=store.name).open_days)
            closed += cards.close_orders(seller=store.name, issued_before=until, at=at)
    return closed


def recognise_yesterday(*, at: datetime) -> None:
    """Book as revenue what was served until the last midnight (UTC).

    Its key is the day, so it may be called all day long: the first call does it. Days on which no worker ran are made
    up for by the next run.
    """
    yesterday = at.astimezone(UTC).date() - timedelta(days=1)
    command = _command("recognise_revenue", key=f"recognise:{yesterday.isoformat()}", at=at)
    done = recognise_revenue(command, day=yesterday)
    if not done.replayed:
        log.info(
            "revenue_recognised",
            day=yesterday.isoformat(),
            earned=[str(amount) for amount in done.answer.earned],
        )


def forget_old_keys(*, at: datetime) -> int:
    """Answers how many idempotency keys were old enough; what they did stays done, and each entry keeps its own key."""
    return idempotency.forget(before=at - KEYS_KEPT)


def prove_books() -> int:
    """Check every invariant of the house, in one snapshot, and say loudly what is broken; answers how many are."""
    broken = 0
    for checked in invariants.check_all():
        if checked.places:
            broken += 1
            rule = checked.invariant
            log.error("invariant_broken", invariant=rule.name, says=rule.says, places=checked.places)
    log.info("books_proved", rules=len(invariants.kept()), broken=broken)
    return broken


def _command(job: str, *, key: str, at: datetime) -> Command:
    return Command(actor=Actor(ActorKind.JOB, job), key=key, at=at, channel=Channel.JOB)
