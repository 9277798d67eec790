"""Sealing: blocks of the chain, and the signed heads that bear witness to it outside the database."""

from __future__ import annotations

from datetime import datetime

import structlog

from warchest.ledger import heads, seal_checks
from warchest.ledger.contract import Sealing, UnableToSignHead
from warchest.ledger.heads import Head, SignedHead
from warchest.ledger.models import SealHead
from warchest.runtime.services import services

log = structlog.get_logger(__name__)


def seal(*, entries_max: int = 1000) -> int:
    with services.database("ledger").cursor() as cursor:
        cursor.execute("SELECT ledger_seal_next(%s)", [entries_max])
        return cursor.fetchone()[0]


def sign_head(*, at: datetime) -> str | None:
    file = heads.own_file()
    if _written_to(file.name) and not file.exists():
        # Else a folder that is not mounted would look like one that is new.
        raise UnableToSignHead("heads_file_missing", file=str(file))
    with heads.to_append(file) as opened:
        if opened is None:
            return None
        found = heads.last(opened)
        before = found[0] if found else None
        known = _written_to(file.name)
        if known and (before is None or before.number < known):
            raise UnableToSignHead("heads_file_damaged", file=str(file), number=known)
        if found and before and before.number > known:
            # Killed after the file was written: what the file has counts.
            _keep(file.name, before.number, found[1])
        head = _next_head(before, at=at)
        if head is None:
            return None
        line = heads.sign(head)
        heads.append(opened, line)
        heads.publish_key()
    _keep(file.name, head.number, line)
    # Whoever gathers logs elsewhere has a further witness.
    log.info("journal_sealed", head=line.decode())
    return line.decode()


def _next_head(before: SignedHead | None, *, at: datetime) -> Head | None:
    """The newest block's head, where it is not signed yet and the chain leads to it from the head ``before``."""
    with services.database("ledger").cursor() as cursor:
        cursor.execute(
            "SELECT number, last_position, entries, encode(hash, 'hex'), sealed_at FROM ledger_seal"
            " WHERE number = (SELECT max(number) FROM ledger_seal) OR number = %s ORDER BY number DESC",
            [before.number if before else None],
        )
        blocks = cursor.fetchall()
    if before is not None:
        if not blocks or blocks[-1][0] != before.number:
            raise UnableToSignHead("sealed_block_missing", number=before.number)
        if blocks[-1][3] != before.hash:
            raise UnableToSignHead("head_differs", number=before.number, signed=before.hash)
    if not blocks or (before is not None and blocks[0][0] == before.number):
        return None
    number, position, entries, digest, sealed_at = blocks[0]
    for broken in seal_checks.chain(after=before.number if before else 0):
        raise UnableToSignHead("chain_broken", place=broken)
    return Head(
        cluster=services.cluster,
        number=number,
        position=position,
        entries=entries,
        hash=digest,
        sealed_at=sealed_at,
        before=before.number if before else 0,
        signed_at=at,
        key=heads.key_fingerprint(),
    )


def _written_to(file: str) -> int:
    """The number of the last head that is known to stand in a file, 0 where none is."""
    last = SealHead.objects.filter(file=file).order_by("-number").values_list("number", flat=True).first()
    return last or 0


def _keep(file: str, number: int, line: bytes) -> None:
    SealHead.objects.bulk_create(
        [SealHead(file=file, number=number, line=line.decode())], ignore_conflicts=True
    )


def sealing() -> Sealing:
    with services.database("ledger").cursor() as cursor:
        cursor.execute("""
            SELECT coalesce(s.number, 0), coalesce(s.last_position, 0), coalesce(s.entries, 0), s.sealed_at,
                   coalesce((SELECT max(h.number) FROM ledger_sealhead AS h), 0),
                   CASE WHEN p.is_called THEN p.last_value ELSE 0 END,
                   (SELECT e.recorded_at FROM ledger_everyentry AS e
                     WHERE e.position > coalesce(s.last_position, 0) ORDER BY e.position LIMIT 1)
              FROM ledger_position AS p
              LEFT JOIN (SELECT * FROM ledger_seal ORDER BY number DESC LIMIT 1) AS s ON true""")
        number, position, entries, sealed_at, signed, drawn, oldest = cursor.fetchone()
    return Sealing(
        number=number,
        position=position,
        entries=entries,
        sealed_at=sealed_at,
        signed=signed,
        behind=max(drawn - position, 0) if oldest else 0,
        oldest_unsealed_at=oldest,
    )
