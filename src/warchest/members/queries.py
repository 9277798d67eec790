"""Reads of user management."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q

from warchest.members import rules
from warchest.members.contract import (
    Administrator,
    ApiClient,
    Player,
    PlayerState,
    Role,
    Scope,
    UnableToAdminister,
    UnableToFindPlayer,
)
from warchest.members.models import Administrator as AdministratorRow
from warchest.members.models import ApiClient as ApiClientRow
from warchest.members.models import Certificate as CertificateRow
from warchest.members.models import Player as PlayerRow


def as_player(row: PlayerRow) -> Player:
    return Player(
        id=row.id,
        nickname=row.nickname,
        country=row.country,
        language=row.language,
        time_zone=row.time_zone,
        display_currency=row.display_currency,
        state=PlayerState(row.state),
        external_id=row.external_id,
        registered_at=row.registered_at,
    )


def player(*, player_id: UUID) -> Player:
    row = PlayerRow.objects.filter(id=player_id).first()
    if row is None:
        raise UnableToFindPlayer("player_unknown")
    return as_player(row)


def players(*, player_ids: Sequence[UUID]) -> dict[UUID, Player]:
    return {row.id: as_player(row) for row in PlayerRow.objects.filter(id__in=list(player_ids))}


def player_of_user(*, user_id: UUID) -> Player | None:
    row = PlayerRow.objects.filter(user_id=user_id).first()
    return as_player(row) if row else None


def address_of(*, player_id: UUID) -> str | None:
    return PlayerRow.objects.filter(id=player_id).values_list("user__login", flat=True).first()


def find_players(*, text: str, limit: int = 20) -> tuple[Player, ...]:
    wanted = Q(nickname__istartswith=text) | Q(user__login__iexact=text) | Q(external_id=text)
    try:
        wanted |= Q(id=UUID(text))
    except ValueError:
        pass
    return tuple(as_player(row) for row in PlayerRow.objects.filter(wanted).order_by("nickname")[:limit])


def administrator(*, administrator_id: UUID) -> Administrator:
    row = AdministratorRow.objects.select_related("user").filter(id=administrator_id, user__is_active=True).first()
    if row is None:
        raise UnableToAdminister("administrator_unknown")
    return _as_administrator(row)


def administrator_of_user(*, user_id: UUID) -> Administrator | None:
    row = AdministratorRow.objects.select_related("user").filter(user_id=user_id, user__is_active=True).first()
    return _as_administrator(row) if row else None


def administrator_for(*, fingerprint: str) -> Administrator | None:
    held = (
        CertificateRow.objects.select_related("administrator__user")
        .filter(fingerprint=fingerprint, revoked_at=None, administrator__user__is_active=True)
        .first()
    )
    return _as_administrator(held.administrator) if held else None


def _as_administrator(row: AdministratorRow) -> Administrator:
    return Administrator(id=row.id, username=row.user.login, role=Role(row.role))


def api_client_for(*, key: str) -> ApiClient | None:
    # The look-up is by a hash of all of the key, so its time says nothing about how much of a guess was right.
    row = ApiClientRow.objects.filter(key_hash=rules.key_hash(key), revoked_at=None).first()
    return as_api_client(row) if row else None


def as_api_client(row: ApiClientRow) -> ApiClient:
    known = {scope.value for scope in Scope}
    return ApiClient(
        id=row.id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes if scope in known),
        calls_per_second=row.calls_per_second,
    )
