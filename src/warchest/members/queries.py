"""Reads of user management."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Lower, Now

from warchest.members import rules
from warchest.members.contract import (
    Administrator,
    AdministratorCertificate,
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
from warchest.runtime import statements

_PLAYERS = """
    SELECT id, nickname, country, language, time_zone, display_currency, state, external_id, registered_at::text
      FROM members_player WHERE id = ANY(ARRAY(SELECT jsonb_array_elements_text(%s)::uuid))"""


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


def roll(*, after: UUID | None = None, limit: int = 10_000) -> tuple[tuple[UUID, str], ...]:
    rows = PlayerRow.objects.order_by("id")
    if after is not None:
        rows = rows.filter(id__gt=after)
    return tuple(rows.values_list("id", "nickname")[:limit])


def player(*, player_id: UUID) -> Player:
    found = players(player_ids=[player_id])
    if player_id not in found:
        raise UnableToFindPlayer("player_unknown")
    return found[player_id]


def players(*, player_ids: Sequence[UUID]) -> dict[UUID, Player]:
    found = statements.rows("members", _PLAYERS, [statements.document(list(player_ids))])
    return {
        identity: Player(
            identity,
            nickname,
            country,
            language,
            zone,
            currency,
            PlayerState(state),
            external_id,
            # As text, since the driver takes ten times as long for a moment.
            datetime.fromisoformat(registered_at),
        )
        for identity, nickname, country, language, zone, currency, state, external_id, registered_at in found
    }


def player_of_user(*, user_id: UUID) -> Player | None:
    row = PlayerRow.objects.filter(user_id=user_id).first()
    return as_player(row) if row else None


def address_of(*, player_id: UUID) -> str | None:
    return PlayerRow.objects.filter(id=player_id).values_list("user__login", flat=True).first()


def find_players(*, text: str, limit: int = 20) -> tuple[Player, ...]:
    wanted = Q(nickname__istartswith=text) | Q(user__login__iexact=text) | Q(external_id=text)
    with contextlib.suppress(ValueError):
        wanted |= Q(id=UUID(text))
    return tuple(as_player(row) for row in PlayerRow.objects.filter(wanted).order_by("nickname")[:limit])


def player_named(*, nickname: str) -> Player | None:
    row = PlayerRow.objects.annotate(small=Lower("nickname")).filter(small=nickname.lower()).first()
    return as_player(row) if row else None


def administrator(*, administrator_id: UUID) -> Administrator:
    row = (
        AdministratorRow.objects.select_related("user")
        .filter(id=administrator_id, user__is_active=True)
        .first()
    )
    if row is None:
        raise UnableToAdminister("administrator_unknown")
    return _as_administrator(row)


def administrator_for(*, fingerprint: str) -> Administrator | None:
    held = (
        CertificateRow.objects.select_related("administrator__user")
        .filter(
            fingerprint=fingerprint, revoked_at=None, not_after__gt=Now(), administrator__user__is_active=True
        )
        .first()
    )
    return _as_administrator(held.administrator) if held else None


def administrators() -> tuple[Administrator, ...]:
    rows = (
        AdministratorRow.objects.select_related("user").filter(user__is_active=True).order_by("user__login")
    )
    return tuple(map(_as_administrator, rows))


def _as_administrator(row: AdministratorRow) -> Administrator:
    return Administrator(id=row.id, username=row.user.login, role=Role(row.role), user=row.user_id)


def certificates(*, administrator_id: UUID | None = None) -> tuple[AdministratorCertificate, ...]:
    rows = CertificateRow.objects.order_by("-issued_at", "serial")
    if administrator_id is not None:
        rows = rows.filter(administrator_id=administrator_id)
    return tuple(map(_as_certificate, rows))


def certificate(*, serial: str) -> AdministratorCertificate:
    row = CertificateRow.objects.filter(serial=serial).first()
    if row is None:
        raise UnableToAdminister("certificate_unknown")
    return _as_certificate(row)


def _as_certificate(row: CertificateRow) -> AdministratorCertificate:
    return AdministratorCertificate(
        serial=row.serial,
        fingerprint=row.fingerprint,
        administrator=row.administrator_id,
        not_before=row.not_before,
        not_after=row.not_after,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


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
