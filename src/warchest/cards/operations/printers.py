"""Print houses and their public keys."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from warchest.cards import batch_queries, encrypting
from warchest.cards.contract import Printer, UnableToKeepPrinter
from warchest.cards.models import Printer as PrinterRow
from warchest.kernel.ids import new_id
from warchest.runtime.services import services

_NAME = re.compile(r"[a-z][a-z0-9-]{1,59}", re.ASCII)


def add_printer(*, name: str, title: str, key: str, added_by: UUID, at: datetime) -> Printer:
    if not _NAME.fullmatch(name):
        raise UnableToKeepPrinter("printer_name_malformed")
    if not title.strip():
        raise UnableToKeepPrinter("printer_title_missing")
    key = _public_key(key)
    try:
        with transaction.atomic(using=services.alias("cards")):
            row = PrinterRow.objects.create(
                id=new_id(),
                name=name,
                title=title.strip()[:120],
                kind="age",
                key=key,
                fingerprint=encrypting.fingerprint(key),
                added_by=added_by,
                added_at=at,
            )
    except IntegrityError:
        raise UnableToKeepPrinter("printer_name_taken") from None
    return batch_queries.printer_of(row)


def change_printer_key(*, name: str, key: str, changed_by: UUID, at: datetime) -> Printer:
    row = _locked(name)
    key = _public_key(key)
    row.key, row.fingerprint, row.added_by, row.added_at = key, encrypting.fingerprint(key), changed_by, at
    row.retired_at = None
    row.save()
    return batch_queries.printer_of(row)


def retire_printer(*, name: str, at: datetime) -> Printer:
    row = _locked(name)
    if row.retired_at is None:
        row.retired_at = at
        row.save(update_fields=["retired_at"])
    return batch_queries.printer_of(row)


def _public_key(typed: str) -> str:
    key = encrypting.public_key(typed)
    if key is None:
        raise UnableToKeepPrinter("printer_key_malformed")
    return key


def _locked(name: str) -> PrinterRow:
    row = PrinterRow.objects.select_for_update().filter(name=name).first()
    if row is None:
        raise UnableToKeepPrinter("printer_unknown")
    return row
