"""Lets the past happen: each operation goes through its journey, under its own moment, in two processes at once.

No provider is spoken with: what the sandbox would have said comes as a notice that it would have signed.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized
from uuid import UUID

import click
from django.db import connections

from warchest.cli.demo.history import Activation, Operation, Outcome, Purchase, Registration, TopUp, lines_of
from warchest.cli.demo.people import Past, Person
from warchest.cli.demo.sandbox import PROVIDER, Sandbox
from warchest.delivery.contract import Delivery
from warchest.journeys.activate_card import activate_card
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.receive_notice import act_on_notice
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.journeys.register_player import register_player
from warchest.journeys.start_top_up import open_payment
from warchest.kernel.money import Money
from warchest.payments.contract import Payments
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import COORDINATOR, services
from warchest.statistics.contract import Statistics

_REASONS = ("card_declined", "insufficient_funds", "expired_card")
_PROGRESS_S = 5.0
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Community:
    """All that the past needs: who, what they did in each half, the cards' codes, and the passwords of those listed."""

    people: Sequence[Person]
    halves: Sequence[Sequence[Operation]]
    codes: Mapping[str, Sequence[str]]
    passwords: Mapping[str, str]


def let_happen(community: Community, *, sandbox: Sandbox) -> None:
    """Each half in a process of its own; raises ClickException when one of them ends early."""
    connections.close_all()
    # Forked, so that each begins with Django and the community at hand.
    context = multiprocessing.get_context("fork")
    counts = [context.Value("i", 0) for _ in community.halves]
    processes = [
        context.Process(target=_half, args=(community, half, sandbox, count, os.getpid()), daemon=True)
        for half, count in zip(community.halves, counts, strict=True)
    ]
    for process in processes:
        process.start()
    try:
        _watch(processes, counts, total=sum(lines_of(one) for half in community.halves for one in half))
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _watch(processes: Sequence[BaseProcess], counts: Sequence[Synchronized[int]], *, total: int) -> None:
    begun = shown = time.monotonic()
    while any(process.is_alive() for process in processes):
        time.sleep(0.1)
        if any(process.exitcode for process in processes):
            break
        if time.monotonic() - shown >= _PROGRESS_S:
            shown = time.monotonic()
            done = sum(count.value for count in counts)
            click.echo(f"  {done:,} of {total:,} operations, {done / (shown - begun):.0f} a second")
            take_stock()
    if any(process.exitcode for process in processes):
        raise click.ClickException("The community could not be loaded; the next start begins anew.")
    took_s = time.monotonic() - begun
    click.echo(f"  {total:,} operations in {took_s:.0f} s, {total / took_s:.0f} a second")


def take_stock() -> None:
    """Tell the planner how the tables have grown: plans that were made for empty ones read them whole."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    connections["owner"].close()


def _half(
    community: Community, half: Sequence[Operation], sandbox: Sandbox, count: Synchronized[int], parent: int
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # What was there before the fork stays; what comes after is mostly gone by itself.
    gc.freeze()
    gc.set_threshold(100_000)
    _commit_without_waiting()
    desk = _Desk(community, sandbox)
    for operation in half:
        if os.getppid() != parent:
            # Nobody waits for the rest any more, and the next start begins anew.
            return
        desk.carry_out(operation)
        count.value += lines_of(operation)
    connections.close_all()


def _commit_without_waiting() -> None:
    # A start that is cut off begins anew, so these sessions need not wait for the disk; all others do.
    with connections[COORDINATOR].cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")


class _Desk:
    """Does for people what they did. It remembers who they have become: their ids and invitation codes."""

    def __init__(self, community: Community, sandbox: Sandbox) -> None:
        self._community = community
        self._sandbox = sandbox
        self._players: dict[int, UUID] = {}
        self._sponsor_codes: dict[int, str] = {}
        self._number = 0

    def carry_out(self, operation: Operation) -> None:
        self._number += 1
        match operation:
            case Registration():
                self._register(operation)
            case TopUp():
                self._top_up(operation)
            case Activation():
                code = self._community.codes[operation.series][operation.place]
                activate_card(self._command(operation), player=self._players[operation.person], code=code)
            case Purchase():
                prolong_subscription(
                    self._command(operation),
                    player=self._players[operation.person],
                    plan=operation.plan.id,
                    periods=operation.periods,
                )

    def _register(self, operation: Registration) -> None:
        person = self._community.people[operation.person]
        registered = register_player(
            Command(
                actor=Actor(ActorKind.PLAYER, f"new-{person.number}"),
                key="demo:register",
                at=operation.at,
                channel=Channel.PORTAL,
            ),
            nickname=person.nickname,
            email=person.email,
            password=self._community.passwords.get(person.nickname),
            country=person.country,
            language=person.language,
            sponsor_code=None if person.sponsor is None else self._sponsor_codes[person.sponsor],
        ).answer
        self._players[person.number] = registered.id
        self._sponsor_codes[person.number] = registered.sponsor_code

    def _top_up(self, operation: TopUp) -> None:
        asked = operation.amount
        payment = open_payment(
            self._command(operation),
            player=self._players[operation.person],
            amount=asked,
            provider=PROVIDER,
            return_url="",
            units_shown=None,
        ).answer
        said: tuple[str, Money | None, str]
        match operation.outcome:
            case Outcome.PAID:
                said = "succeeded", asked, ""
            case Outcome.FAILED:
                said = "failed", None, _REASONS[operation.person % len(_REASONS)]
            case Outcome.CANCELLED:
                said = "cancelled", None, ""
            case Outcome.PENDING:
                said = "pending", None, ""
            case Outcome.REVIEW:
                said = "succeeded", asked.portion(4, 5), ""
        status, taken, reason = said
        at = operation.at + timedelta(seconds=operation.seconds)
        headers, body = self._sandbox.notice(
            reference=str(payment.id), asked=asked, status=status, taken=taken, reason=reason, at=at
        )
        notice = services.get(Payments).take_notice(provider=PROVIDER, headers=headers, body=body, at=at)
        if not notice.processed:
            act_on_notice(notice, at=at)

    def _command(self, operation: Operation) -> Command:
        return Command(
            actor=Actor(ActorKind.PLAYER, str(self._players[operation.person])),
            key=f"demo:{self._number}",
            at=operation.at,
            channel=Channel.PORTAL,
        )


def close_days(past: Past) -> None:
    """Book as revenue what was served, day by day until yesterday, as the nightly work would have done."""
    _commit_without_waiting()
    day = past.first_day
    while day < past.until.astimezone(UTC).date():
        command = Command(
            # The nightly work's own key: it finds yesterday done.
            actor=Actor(ActorKind.JOB, "recognise_revenue"),
            key=f"recognise:{day.isoformat()}",
            at=datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, minutes=5),
            channel=Channel.JOB,
        )
        recognise_revenue(command, day=day)
        day += timedelta(days=1)


def carry_on_events(*, at: datetime) -> None:
    """Let the figures, and what is sent to others, catch up with all that happened."""
    _commit_without_waiting()
    services.get(Statistics).rebuild()
    while services.get(Delivery).catch_up(at=at, limit=_BATCH) == _BATCH:
        pass
