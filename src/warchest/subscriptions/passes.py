"""Passes for tournaments: given out once to each player, and earned when the tournament has been held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.runtime.services import services
from warchest.subscriptions.contract import GrantSource, Pass, UnableToIssuePass
from warchest.subscriptions.models import Pass as PassRow
from warchest.subscriptions.models import PassDeferral as PassDeferralRow


def issue_pass(
    *,
    pass_id: UUID,
    player: UUID,
    tournament: UUID,
    online_service: UUID,
    capacity: int,
    source: GrantSource,
    starts_at: datetime,
    ends_at: datetime,
    net: Sequence[Money],
    entry_id: UUID | None,
    reference: str,
    at: datetime,
) -> Pass:
    there = PassRow.objects.filter(id=pass_id).first()
    if there is not None:
        return _frozen([there])[0]
    if ends_at <= at:
        raise UnableToIssuePass("tournament_over")
    if PassRow.objects.filter(player=player, tournament=tournament).exists():
        raise UnableToIssuePass("pass_held")
    if capacity:
        _take_turns(tournament)
        if passes_issued(tournament=tournament) >= capacity:
            raise UnableToIssuePass("tournament_full")
    row = PassRow(
        id=pass_id,
        player=player,
        tournament=tournament,
        online_service=online_service,
        source=source,
        starts_at=starts_at,
        ends_at=ends_at,
        entry_id=entry_id,
        reference=reference,
        issued_at=at,
    )
    try:
        with transaction.atomic(using=services.alias("subscriptions")):
            row.save(force_insert=True)
    except IntegrityError as error:
        # Another card or sale gave the player one at the same moment.
        if error.__cause__.diag.constraint_name != "pass_once":  # type: ignore[union-attr]
            raise
        raise UnableToIssuePass("pass_held") from None
    PassDeferralRow.objects.bulk_create(
        PassDeferralRow(held=row, currency=part.currency.code, net_minor=part.minor, ends_at=ends_at)
        for part in net
        if part
    )
    return _frozen([row])[0]


def _take_turns(tournament: UUID) -> None:
    """Of those who want the last places one at a time counts them."""
    with services.database("subscriptions").cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('tournament ' || %s, 0))", [str(tournament)]
        )


def passes(*, player: UUID) -> tuple[Pass, ...]:
    return _frozen(PassRow.objects.filter(player=player).order_by("-ends_at", "id"))


def passes_issued(*, tournament: UUID) -> int:
    return PassRow.objects.filter(tournament=tournament).count()


def _frozen(rows: Iterable[PassRow]) -> tuple[Pass, ...]:
    listed = list(rows)
    paid: dict[UUID, list[Money]] = {}
    for part in PassDeferralRow.objects.filter(held__in=listed).order_by("currency"):
        paid.setdefault(part.held_id, []).append(Money(part.net_minor, currency(part.currency)))
    return tuple(
        Pass(
            id=row.id,
            player=row.player,
            tournament=row.tournament,
            online_service=row.online_service,
            source=GrantSource(row.source),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            net=tuple(paid.get(row.id, ())),
            entry_id=row.entry_id,
            reference=row.reference,
            issued_at=row.issued_at,
        )
        for row in listed
    )
