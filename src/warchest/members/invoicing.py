"""Who invoices are written to: kept, and given to documents, under a key per person.

What a document must keep for years outlives the account. So it is encrypted under a key of the person's own (AES-256-GCM),
which itself is kept encrypted under a secret outside the database. Who is erased loses the key, and with it, at once and in
every backup that is older, whatever documents say of them; numbers, amounts and tax stay.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import transaction

from warchest.kernel import vat_numbers
from warchest.members import queries, rules
from warchest.members.contract import Buyer, InvoiceDetails, SealedBuyer, UnableToKeepInvoiceDetails, VatCheck
from warchest.members.models import InvoiceDetails as InvoiceDetailsRow
from warchest.members.models import PersonKey
from warchest.runtime import wire
from warchest.runtime.secrets import secret
from warchest.runtime.services import services

_NONCE_LENGTH = 12
_KEY_LENGTH = 32


def invoice_details(*, player_id: UUID) -> InvoiceDetails | None:
    row = InvoiceDetailsRow.objects.filter(player=player_id).first()
    return _opened(row, _keys([player_id])) if row else None


def _opened(row: InvoiceDetailsRow, keys: Mapping[UUID, bytes]) -> InvoiceDetails | None:
    plain = _unseal(row.player, bytes(row.sealed), keys, about="details")
    if plain is None:
        return None
    # What is asked for by jobs stands beside, in clear; it says nothing of who it is.
    return replace(
        wire.decode(plain, InvoiceDetails),
        vat_check=VatCheck(row.vat_check),
        vat_checked_at=row.vat_checked_at,
        vat_check_reference=row.vat_check_reference,
    )


def keep_invoice_details(
    *, player_id: UUID, name: str, address: Sequence[str], country: str, vat_number: str, at: datetime
) -> InvoiceDetails:
    details = rules.invoice_details(name=name, address=address, country=country, vat_number=vat_number)
    queries.player(player_id=player_id)
    with transaction.atomic(using=services.alias("members")):
        before = InvoiceDetailsRow.objects.select_for_update().filter(player=player_id).first()
        known = _opened(before, _keys([player_id])) if before else None
        if before and known and known.vat_number == details.vat_number:
            details = replace(
                details,
                vat_check=known.vat_check,
                vat_checked_at=known.vat_checked_at,
                vat_check_reference=known.vat_check_reference,
            )
        keys = _keys([player_id], make=True)
        InvoiceDetailsRow.objects.update_or_create(
            player=player_id,
            defaults={
                "sealed": _seal(player_id, wire.encode(details), keys, about="details"),
                "vat_check": details.vat_check.value,
                "vat_checked_at": details.vat_checked_at,
                "vat_check_reference": details.vat_check_reference,
                "changed_at": at,
            },
        )
    return details


def forget_invoice_details(*, player_id: UUID) -> None:
    InvoiceDetailsRow.objects.filter(player=player_id).delete()


def note_vat_check(
    *, player_id: UUID, vat_number: str, check: VatCheck, reference: str, at: datetime
) -> InvoiceDetails | None:
    with transaction.atomic(using=services.alias("members")):
        row = InvoiceDetailsRow.objects.select_for_update().filter(player=player_id).first()
        details = _opened(row, _keys([player_id])) if row else None
        if row is None or details is None or details.vat_number != vat_number:
            return details
        row.vat_check, row.vat_checked_at, row.vat_check_reference = check.value, at, reference[:80]
        row.save(update_fields=["vat_check", "vat_checked_at", "vat_check_reference"])
    return replace(details, vat_check=check, vat_checked_at=at, vat_check_reference=row.vat_check_reference)


def vat_numbers_to_check(*, before: datetime, limit: int = 50) -> tuple[UUID, ...]:
    rows = InvoiceDetailsRow.objects.filter(vat_check=VatCheck.UNCHECKED, changed_at__lt=before)
    # In no order, so that those whose state never answers do not keep others from being asked.
    return tuple(rows.order_by("?").values_list("player", flat=True)[:limit])


def seal_buyers(*, player_ids: Sequence[UUID]) -> dict[UUID, SealedBuyer]:
    players = queries.players(player_ids=player_ids)
    keys = _keys(players, make=True)
    rows = {row.player: row for row in InvoiceDetailsRow.objects.filter(player__in=list(players))}
    sealed = {}
    for player in players.values():
        if player.id not in keys:
            continue
        details = _opened(rows[player.id], keys) if player.id in rows else None
        plain = wire.encode(Buyer(nickname=player.nickname, details=details))
        sealed[player.id] = SealedBuyer(
            sealed=_seal(player.id, plain, keys, about="buyer"),
            vat_country=vat_numbers.read(details.vat_number).country
            if details and details.vat_number
            else "",
        )
    return sealed


def unseal_buyer(*, player_id: UUID, sealed: bytes) -> Buyer | None:
    plain = _unseal(player_id, sealed, _keys([player_id]), about="buyer")
    return wire.decode(plain, Buyer) if plain else None


def destroy_person_key(*, player_id: UUID) -> None:
    InvoiceDetailsRow.objects.filter(player=player_id).delete()
    PersonKey.objects.update_or_create(player=player_id, defaults={"wrapped": None})


def _keys(player_ids: Sequence[UUID] | Mapping[UUID, object], *, make: bool = False) -> dict[UUID, bytes]:
    """Keys by person. One that was destroyed is never made anew: what is sealed later would outlive the erasure."""
    wanted = list(player_ids)
    rows = dict(PersonKey.objects.filter(player__in=wanted).values_list("player", "wrapped"))
    missing = [player for player in wanted if player not in rows] if make else []
    if missing:
        # Where two make one at once, the first is kept, and both read it.
        PersonKey.objects.bulk_create(
            [
                PersonKey(player=player, wrapped=_wrap(player, AESGCM.generate_key(256)))
                for player in sorted(missing)
            ],
            ignore_conflicts=True,
        )
        rows |= dict(PersonKey.objects.filter(player__in=missing).values_list("player", "wrapped"))
    return {player: _unwrap(player, bytes(wrapped)) for player, wrapped in rows.items() if wrapped}


def _wrap(player: UUID, key: bytes) -> bytes:
    nonce = os.urandom(_NONCE_LENGTH)
    return nonce + AESGCM(_house_key()).encrypt(nonce, key, b"person-key:" + player.bytes)


def _unwrap(player: UUID, wrapped: bytes) -> bytes:
    return AESGCM(_house_key()).decrypt(
        wrapped[:_NONCE_LENGTH], wrapped[_NONCE_LENGTH:], b"person-key:" + player.bytes
    )


def _house_key() -> bytes:
    return secret("person-keys", length_bytes=_KEY_LENGTH)


def _seal(player: UUID, plain: bytes, keys: Mapping[UUID, bytes], *, about: str) -> bytes:
    if player not in keys:
        raise UnableToKeepInvoiceDetails("person_erased")
    nonce = os.urandom(_NONCE_LENGTH)
    return nonce + AESGCM(keys[player]).encrypt(nonce, plain, f"{about}:{player}".encode())


def _unseal(player: UUID, sealed: bytes, keys: Mapping[UUID, bytes], *, about: str) -> bytes | None:
    if player not in keys:
        return None
    try:
        return AESGCM(keys[player]).decrypt(
            sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], f"{about}:{player}".encode()
        )
    except InvalidTag:
        return None
