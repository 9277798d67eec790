"""PAY-27: what a player may withdraw from now, until when, and what would come back. Only the journeys decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from warchest.charging.contract import Charging
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.payments.contract import Payment, Payments, UnableToWithdraw, WithdrawalPeriod
from warchest.runtime.services import services
from warchest.subscriptions.contract import WITHDRAWAL_KEY, Consent, Grant, Subscriptions

_PAYMENTS_LOOKED_AT_MAX = 200
_LOOKED_BACK = timedelta(days=370)
"""The longest period that a rule may set, and the days around it."""


class Of(StrEnum):
    TOP_UP = "top_up"
    PURCHASE = "purchase"


@dataclass(frozen=True, slots=True)
class Withdrawable:
    """``id`` is the payment's, or that of the grant that was bought; ``subscription`` is there for the latter. ``returns`` is the
    money, or the units, that would come back now, for ``units`` that would leave the wallet. ``obstacle`` is the reason for
    which nothing can."""

    of: Of
    id: UUID
    subscription: UUID | None
    at: datetime
    until: datetime
    paid: Money
    returns: Money
    units: Money
    obstacle: str
    consent: Consent | None = None


def withdrawables(*, player: Player, at: datetime) -> tuple[Withdrawable, ...]:
    """All whose period is running, the newest first."""
    found = [*_top_ups(player, at), *_purchases(player, at)]
    return tuple(sorted((one for one in found if at < one.until), key=lambda one: one.at, reverse=True))


def withdrawable(*, player: Player, of: Of, identity: UUID, at: datetime) -> Withdrawable:
    """One of them, whatever its obstacle. Raises UnableToWithdraw (``withdrawal_unknown``)."""
    every = _top_ups(player, at) if of is Of.TOP_UP else _purchases(player, at)
    for one in every:
        if one.id == identity:
            return one
    raise UnableToWithdraw("withdrawal_unknown")


def _top_ups(player: Player, at: datetime) -> Iterator[Withdrawable]:
    payments = services.get(Payments)
    for payment in payments.payments_of(player=player.id, limit=_PAYMENTS_LOOKED_AT_MAX):
        if payment.credited_at is not None and payment.credited_at > at - _LOOKED_BACK:
            period = payments.withdrawal_period(
                country=payment.country or player.country, since=payment.credited_at, zone=player.time_zone
            )
            if period.is_offered:
                yield _top_up(payment, payment.credited_at, period, at)


def _top_up(payment: Payment, credited_at: datetime, period: WithdrawalPeriod, at: datetime) -> Withdrawable:
    zero, free, units = (
        Money.zero(payment.amount.currency),
        Money.zero(payment.amount.currency),
        Money.units(0),
    )
    if payment.lot is not None:
        trace = services.get(Charging).trace_lot(lot=payment.lot)
        free, units = min(trace.free_consideration, payment.refundable), trace.free
    return Withdrawable(
        of=Of.TOP_UP,
        id=payment.id,
        subscription=None,
        at=credited_at,
        until=period.until,
        paid=payment.amount,
        returns=free,
        units=units if free else Money.units(0),
        obstacle=_late(period, at) or ("" if free > zero else "withdrawal_used_up"),
    )


def _purchases(player: Player, at: datetime) -> Iterator[Withdrawable]:
    payments, subscriptions = services.get(Payments), services.get(Subscriptions)
    bought = subscriptions.bought_since(player=player.id, since=at - _LOOKED_BACK)
    consents = subscriptions.consents(grant_ids=[grant.id for grant in bought])
    for grant in bought:
        period = payments.withdrawal_period(
            country=player.country, since=grant.granted_at, zone=player.time_zone
        )
        if period.is_offered:
            yield _purchase(grant, consents.get(grant.id), period, player, at)


def _purchase(
    grant: Grant, consent: Consent | None, period: WithdrawalPeriod, player: Player, at: datetime
) -> Withdrawable:
    charging, reference = services.get(Charging), f"subscription:{grant.id}"
    left = charging.spend_left(player=player.id, reference=reference)
    returns = left
    if consent is not None:
        ahead = services.get(Subscriptions).unserved(grant_ids=[grant.id], at=at)
        part, whole = sum(piece.seconds for piece in ahead), ahead[0].of_seconds if ahead else 1
        returns = Money.units(left.minor * part // whole)
    obstacle = _late(period, at)
    if charging.lots_by_reference(reference=WITHDRAWAL_KEY.format(grant=grant.id)):
        obstacle, returns = "withdrawal_done", Money.units(0)
    elif not obstacle and consent is not None and consent.gives_up(grant, at=at):
        obstacle = "withdrawal_given_up"
    elif not obstacle and not returns:
        obstacle = "withdrawal_used_up"
    return Withdrawable(
        of=Of.PURCHASE,
        id=grant.id,
        subscription=grant.subscription,
        at=grant.granted_at,
        until=period.until,
        paid=left,
        returns=returns,
        units=Money.units(0),
        obstacle=obstacle,
        consent=consent,
    )


def _late(period: WithdrawalPeriod, at: datetime) -> str:
    try:
        period.check(at)
    except UnableToWithdraw as refusal:
        return refusal.reason
    return ""
