"""Players who come from an older system, hundreds at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction

from warchest.kernel.ids import new_id
from warchest.members import hashers, rules
from warchest.members.contract import ExaminedPlayer, PlayerDraft, UnableToRegister
from warchest.members.models import Player as PlayerRow
from warchest.members.models import User
from warchest.members.operations import CURRENCY_OF_COUNTRY, TAKEN
from warchest.runtime import statements
from warchest.runtime.services import services

# Names are told apart as the database does it: what is the same for its unique keys is the same here.
_EXAMINE = """
    SELECT lower(w.nickname), lower(w.email), named.id, coalesce(addressed.id, u.id), called.id
      FROM ROWS FROM (jsonb_to_recordset(%s) AS (nickname text, email text, external_id text))
           WITH ORDINALITY AS w(nickname, email, external_id, number)
      LEFT JOIN members_player AS named ON lower(named.nickname) = lower(w.nickname)
      LEFT JOIN members_user AS u ON lower(u.login) = lower(w.email)
      LEFT JOIN members_player AS addressed ON addressed.user_id = u.id
      LEFT JOIN members_player AS called ON called.external_id = w.external_id AND called.external_id <> ''
     ORDER BY w.number"""
_BY_EXTERNAL_ID = """
    SELECT external_id, id FROM members_player
     WHERE external_id <> '' AND external_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%s)))"""


def examine_players(*, players: Sequence[PlayerDraft]) -> tuple[ExaminedPlayer, ...]:
    wanted = [
        {"nickname": one.nickname, "email": one.email, "external_id": one.external_id} for one in players
    ]
    found = statements.rows("members", _EXAMINE, [statements.document(wanted)])
    return tuple(
        ExaminedPlayer(
            reasons=tuple(_reasons(draft)),
            nickname_key=nickname_key,
            email_key=email_key,
            nickname_of=nickname_of,
            email_of=email_of,
            external_id_of=external_id_of,
            password_hash=hashers.readable(draft.password_hash),
        )
        for draft, (nickname_key, email_key, nickname_of, email_of, external_id_of) in zip(
            players, found, strict=True
        )
    )


def _reasons(draft: PlayerDraft) -> Iterator[str]:
    if not rules.is_nickname(draft.nickname):
        yield "nickname_malformed"
    if not rules.is_email(draft.email):
        yield "email_malformed"
    if not rules.is_country(draft.country):
        yield "country_unknown"
    if draft.language not in dict(settings.LANGUAGES):
        yield "language_unknown"


def take_players(*, players: Sequence[PlayerDraft]) -> None:
    users = []
    for draft in players:
        for reason in _reasons(draft):
            raise UnableToRegister(reason)
        kept = hashers.readable(draft.password_hash)
        users.append(User(id=new_id(), login=draft.email, password=kept or make_password(None)))
    rows = [
        PlayerRow(
            id=draft.id,
            user=user,
            nickname=draft.nickname,
            country=draft.country,
            language=draft.language,
            display_currency=CURRENCY_OF_COUNTRY.get(draft.country, "EUR"),
            state=draft.state,
            external_id=draft.external_id,
            registered_at=draft.registered_at,
        )
        for draft, user in zip(players, users, strict=True)
    ]
    try:
        with transaction.atomic(using=services.alias("members")):
            User.objects.bulk_create(users)
            PlayerRow.objects.bulk_create(rows)
    except IntegrityError as error:
        taken = TAKEN.get(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
        if taken is None:
            raise
        raise UnableToRegister(taken) from None


def by_external_ids(*, external_ids: Sequence[str]) -> dict[str, UUID]:
    return dict(statements.rows("members", _BY_EXTERNAL_ID, [statements.document(list(external_ids))]))
