"""The other clusters that this one knows: by letters that were taken in on a page, or that the configuration names.

A cluster is *known* once its letter was taken in: the gateways connect, and a dry run may be asked for. It is *merged* when
two people of this house have said so, *leaving* while what is under way is finished and nothing new begins, and *cut* when
the gateways are gone. The other house decides the same for itself; calls go through when both have merged.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import structlog

from warchest.kernel.errors import UnableTo
from warchest.runtime import cluster_letters
from warchest.runtime.cluster_letters import Letter, SharedKey, UnableToReadLetter, UnableToUnseal
from warchest.runtime.configuration import configuration
from warchest.runtime.secrets import home
from warchest.runtime.services import COORDINATOR, services

log = structlog.get_logger(__name__)

_KEPT_S = 1.0


class UnableToFindCluster(UnableTo):
    reasons = frozenset({"cluster_unknown"})


class Standing(StrEnum):
    KNOWN = "known"
    MERGED = "merged"
    LEAVING = "leaving"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class OtherCluster:
    """``configured``: it stands in warchest.toml, where alone it can be changed. ``password`` is its gateways'."""

    code: str
    standing: Standing
    letter: Letter
    password: str = field(repr=False)
    accepted_by: str = ""
    merged_by: str = ""
    examined_at: datetime | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    head: str = ""
    head_at: datetime | None = None
    configured: bool = False

    @property
    def name(self) -> str:
        return self.letter.name

    @property
    def is_connected(self) -> bool:
        """Whether its gateways are to be connected with ours."""
        return self.standing is not Standing.CUT

    @property
    def shared_key(self) -> SharedKey:
        return SharedKey(ours=services.cluster, theirs=self.code, their_line_key=self.letter.line_key)


def others() -> tuple[OtherCluster, ...]:
    """All that are known, by code, as they stand now. In the configuration comes before the table."""
    from warchest.runtime.models import OtherCluster as Row

    rows = {row.code: row for row in Row.objects.using(COORDINATOR).order_by("code")}
    found = {code: cluster for code, row in rows.items() if (cluster := _of_row(row)) is not None}
    for code, wanted in configuration().clusters.items():
        cluster = _configured(code, wanted.letter, wanted.fingerprint)
        if cluster is not None:
            row = rows.get(code)
            found[code] = cluster if row is None else _with_what_was_seen(cluster, row)
    return tuple(found[code] for code in sorted(found))


_guard = threading.Lock()
_kept: tuple[float, tuple[OtherCluster, ...]] = (0.0, ())


def lately() -> tuple[OtherCluster, ...]:
    """As ``others``, a second old at most; for what is asked all the time. What was known last, where the database is away;
    none without a broker."""
    global _kept
    if not configuration().broker.wanted:
        return ()
    if time.monotonic() - _kept[0] > _KEPT_S:
        with _guard:
            if time.monotonic() - _kept[0] > _KEPT_S:
                _kept = (time.monotonic(), _others_or(_kept[1]))
    return _kept[1]


def forget() -> None:
    """Look anew the next time: something was changed here."""
    global _kept
    _kept = (0.0, _kept[1])


def _others_or(before: tuple[OtherCluster, ...]) -> tuple[OtherCluster, ...]:
    from django.db import DatabaseError, transaction

    try:
        # A savepoint where a transaction is open: it must not be spoilt.
        with transaction.atomic(using=COORDINATOR):
            return others()
    except DatabaseError as error:
        log.warning("clusters_not_read", error=type(error).__name__)
        return before


def lately_merged() -> tuple[str, ...]:
    """Codes of those that this cluster is merged with, as far as this house has decided."""
    return tuple(found.code for found in lately() if found.standing is Standing.MERGED)


def find(code: str) -> OtherCluster:
    """Raises UnableToFindCluster."""
    for found in others():
        if found.code == code:
            return found
    raise UnableToFindCluster("cluster_unknown", cluster=code[:40])


def find_lately(code: str) -> OtherCluster | None:
    return next((found for found in lately() if found.code == code), None)


def our_letter(*, to: str, written_at: datetime) -> Letter:
    """What this cluster tells of itself."""
    from warchest.runtime.broker import server

    wanted = configuration()
    broker = wanted.broker
    host = broker.advertise or server.reach(broker.host)
    return Letter(
        version=cluster_letters.VERSION,
        cluster=wanted.community.cluster,
        to=to,
        name=wanted.community.name,
        entity=wanted.community.entity,
        functional_currency=wanted.community.functional_currency,
        gateways=(f"{host}:{broker.gateway_port}",) if broker.gateway_port else (),
        authority=server.authority_file(wanted).read_text(),
        line_key=cluster_letters.public_line_key(),
        portal=wanted.public_url,
        backoffice=wanted.backoffice_url,
        written_at=written_at,
    )


def keep(letter: Letter, password: str, *, accepted_by: str) -> None:
    """Know this cluster from now on, or anew. In a business transaction."""
    from warchest.runtime.models import OtherCluster as Row

    Row.objects.using(COORDINATOR).update_or_create(
        code=letter.cluster,
        defaults={
            "state": Standing.KNOWN,
            "letter": msgspec.to_builtins(letter),
            "password": cluster_letters.kept_password(password),
            "accepted_by": accepted_by,
            "merged_by": "",
            "examined_at": None,
            "report": {},
        },
    )
    forget()


def lock(code: str) -> OtherCluster:
    """As it stands now, and for nobody else to change until the transaction ends. Raises UnableToFindCluster."""
    from warchest.runtime.models import OtherCluster as Row

    row = Row.objects.using(COORDINATOR).select_for_update().filter(code=code).first()
    found = _of_row(row) if row is not None else None
    if found is None:
        raise UnableToFindCluster("cluster_unknown", cluster=code[:40])
    return found


def change(code: str, standing: Standing, *, merged_by: str | None = None) -> None:
    """In a business transaction, and of one that was locked."""
    from django.db.models.functions import Now

    from warchest.runtime.models import OtherCluster as Row

    told: dict[str, Any] = {"state": standing, "changed_at": Now()}
    if merged_by is not None:
        told["merged_by"] = merged_by
    Row.objects.using(COORDINATOR).filter(code=code).update(**told)
    forget()


def note_report(code: str, report: Mapping[str, Any], *, at: datetime) -> None:
    """Keep the answer of the last dry run. One that only the configuration names has no row to keep it in."""
    from warchest.runtime.models import OtherCluster as Row

    Row.objects.using(COORDINATOR).filter(code=code).update(report=dict(report), examined_at=at)
    forget()


def note_head(cluster: OtherCluster, line: str, *, at: datetime) -> None:
    """Keep the newest head of the other's chain."""
    from warchest.runtime.models import OtherCluster as Row

    rows = Row.objects.using(COORDINATOR)
    if not rows.filter(code=cluster.code).update(head=line, head_at=at):
        rows.create(
            code=cluster.code,
            # Not by itself: without the configuration it is cut.
            state=Standing.CUT,
            letter=msgspec.to_builtins(cluster.letter),
            password=cluster_letters.kept_password(cluster.password),
            accepted_by=cluster.accepted_by,
            head=line,
            head_at=at,
        )
    forget()


def _of_row(row: Any) -> OtherCluster | None:
    """None where another house's secrets kept it, as in a copy that lacks them."""
    try:
        letter = msgspec.convert(row.letter, Letter)
        password = cluster_letters.read_password(bytes(row.password))
    except (msgspec.ValidationError, UnableToUnseal) as error:
        log.error("cluster_not_read", cluster=row.code, error=str(error))
        return None
    return OtherCluster(
        code=row.code,
        standing=Standing(row.state),
        letter=letter,
        password=password,
        accepted_by=row.accepted_by,
        merged_by=row.merged_by,
        examined_at=row.examined_at,
        report=row.report,
        head=row.head,
        head_at=row.head_at,
    )


def _with_what_was_seen(cluster: OtherCluster, row: Any) -> OtherCluster:
    return replace(cluster, head=row.head, head_at=row.head_at)


_told: set[str] = set()


def _configured(code: str, file: str, fingerprint: str) -> OtherCluster | None:
    try:
        letter, password = cluster_letters.read((home() / file).read_text(), ours=services.cluster)
        if letter.cluster != code:
            raise UnableToReadLetter("letter_malformed", explanation=f"is of {letter.cluster[:40]}")
    except (OSError, UnableToReadLetter) as error:
        if code not in _told:
            _told.add(code)
            log.error("cluster_not_configured", cluster=code, file=str(file), error=str(error))
        return None
    agreed = bool(fingerprint) and _digits(fingerprint) == _digits(fingerprint_with(letter))
    return OtherCluster(
        code=code,
        standing=Standing.MERGED if agreed else Standing.KNOWN,
        letter=letter,
        password=password,
        accepted_by="configuration",
        merged_by="configuration" if agreed else "",
        configured=True,
    )


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def fingerprint_with(letter: Letter) -> str:
    """The digits that both operators see. Only what others must not change counts, so any letter of ours will do."""
    return cluster_letters.fingerprint(own_identity(), letter)


def own_identity() -> Letter:
    return our_letter(to="", written_at=datetime.min)


def bundle(folder: Path, own: Path, connected: tuple[OtherCluster, ...]) -> Path:
    """A file with our own authority and those of the clusters that are connected: whom the gateways trust."""
    text = own.read_text() + "".join(f"\n{each.letter.authority.strip()}\n" for each in connected)
    file = folder / "gateway-authorities.pem"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists() or file.read_text() != text:
        new = file.with_suffix(".new")
        new.write_text(text)
        new.replace(file)
    return file
