"""Writes of user management."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from warchest.kernel.ids import new_id
from warchest.members import queries, rules
from warchest.members.contract import (
    Administrator,
    ApiClient,
    DrawnKey,
    Player,
    Role,
    Scope,
    UnableToAdminister,
    UnableToRegister,
)
from warchest.members.models import Administrator as AdministratorRow
from warchest.members.models import ApiClient as ApiClientRow
from warchest.members.models import Certificate as CertificateRow
from warchest.members.models import Player as PlayerRow
from warchest.members.models import User
from warchest.runtime.services import services

TAKEN = {
    "nickname_once": "nickname_taken",
    "login_once": "email_taken",
    # Of the column itself; which of the two is met first is for the database to choose.
    "members_user_login_key": "email_taken",
    "external_id_once": "external_id_taken",
}

CURRENCY_OF_COUNTRY = {"US": "USD", "JP": "JPY", "GB": "GBP"}
"""In what a player of a country first sees prices; EUR elsewhere, and each may choose."""


def register_player(
    *,
    player_id: UUID,
    nickname: str,
    email: str,
    password: str | None,
    country: str,
    language: str,
    external_id: str,
    at: datetime,
) -> Player:
    _check(nickname=nickname, email=email, password=password, country=country, language=language)
    user = User(id=new_id(), login=email)
    user.set_password(password)
    try:
        with transaction.atomic(using=services.alias("members")):
            user.save(force_insert=True)
            PlayerRow.objects.create(
                id=player_id,
                user=user,
                nickname=nickname,
                country=country,
                language=language,
                display_currency=CURRENCY_OF_COUNTRY.get(country, "EUR"),
                external_id=external_id,
                registered_at=at,
            )
    except IntegrityError as error:
        reason = TAKEN.get(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
        if reason is None:
            raise
        raise UnableToRegister(reason) from None
    return queries.player(player_id=player_id)


def _check(*, nickname: str, email: str, password: str | None, country: str, language: str) -> None:
    if not rules.is_nickname(nickname):
        raise UnableToRegister("nickname_malformed")
    if not rules.is_email(email):
        raise UnableToRegister("email_malformed")
    if not rules.is_country(country):
        raise UnableToRegister("country_unknown")
    if language not in dict(settings.LANGUAGES):
        raise UnableToRegister("language_unknown")
    if password is not None:
        try:
            validate_password(password)
        except ValidationError:
            raise UnableToRegister("password_too_weak") from None


def change_preferences(*, player_id: UUID, language: str, display_currency: str, time_zone: str) -> Player:
    if language not in dict(settings.LANGUAGES):
        raise UnableToRegister("language_unknown")
    PlayerRow.objects.filter(id=player_id).update(
        language=language, display_currency=display_currency, time_zone=time_zone
    )
    return queries.player(player_id=player_id)


def create_administrator(*, username: str, password: str, role: Role) -> Administrator:
    return add_administrator(
        administrator_id=new_id(), username=username, password_hash=make_password(password), role=role
    )


def hash_password(*, password: str) -> str:
    try:
        validate_password(password)
    except ValidationError:
        raise UnableToRegister("password_too_weak") from None
    return make_password(password)


def add_administrator(
    *, administrator_id: UUID, username: str, password_hash: str, role: Role
) -> Administrator:
    user = User(id=new_id(), login=username, is_staff=True, password=password_hash)
    try:
        with transaction.atomic(using=services.alias("members")):
            user.save(force_insert=True)
            AdministratorRow.objects.create(id=administrator_id, user=user, role=role)
    except IntegrityError as error:
        if TAKEN.get(error.__cause__.diag.constraint_name) != "email_taken":  # type: ignore[union-attr]
            raise
        raise UnableToAdminister("username_taken") from None
    return Administrator(id=administrator_id, username=username, role=role, user=user.id)


def register_certificate(
    *, administrator_id: UUID, serial: str, fingerprint: str, not_before: datetime, not_after: datetime
) -> None:
    CertificateRow.objects.create(
        serial=serial,
        fingerprint=fingerprint,
        administrator_id=administrator_id,
        not_before=not_before,
        not_after=not_after,
    )


def revoke_certificate(*, serial: str, at: datetime) -> None:
    CertificateRow.objects.filter(serial=serial, revoked_at=None).update(revoked_at=at)


def note_certificate_used(*, fingerprint: str, at: datetime) -> None:
    CertificateRow.objects.filter(fingerprint=fingerprint).update(last_used_at=at)


def issue_api_key(
    *, name: str, scopes: Sequence[Scope], calls_per_second: int, at: datetime
) -> tuple[ApiClient, str]:
    drawn = draw_api_key()
    client = register_api_client(
        client_id=new_id(),
        name=name,
        scopes=scopes,
        calls_per_second=calls_per_second,
        key_hash=drawn.hash,
        key_start=drawn.start,
    )
    return client, drawn.key


def draw_api_key() -> DrawnKey:
    key = f"wck_{secrets.token_urlsafe(32)}"
    return DrawnKey(key=key, hash=rules.key_hash(key), start=key[:10])


def register_api_client(
    *,
    client_id: UUID,
    name: str,
    scopes: Sequence[Scope],
    calls_per_second: int,
    key_hash: bytes,
    key_start: str,
) -> ApiClient:
    row = ApiClientRow.objects.create(
        id=client_id,
        name=name,
        key_hash=key_hash,
        key_start=key_start,
        scopes=sorted(scopes),
        calls_per_second=calls_per_second,
    )
    return queries.as_api_client(row)


def revoke_api_client(*, client_id: UUID, at: datetime) -> None:
    client = ApiClientRow.objects.filter(id=client_id)
    if not client.filter(revoked_at=None).update(revoked_at=at) and not client.exists():
        raise UnableToAdminister("api_client_unknown")
