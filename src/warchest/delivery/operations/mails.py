"""The e-mail engine: mails wait in a table until it sends them, each at most once.

A mail is marked as being sent, and that is committed, before anything is said to the mail server. From then on it
is sent, or surely not sent (the server refused it, or there was none), or nobody knows; and who does not know does
not send again.
"""

from __future__ import annotations

import smtplib
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend

from warchest.delivery import contract
from warchest.delivery.contract import MailKind, MailState, UnableToDeliver
from warchest.delivery.letters import NoAddress, write_letter
from warchest.delivery.models import Mail, MailEngine
from warchest.delivery.queries import as_mail, mail_engine_plugged_in
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction

log = structlog.get_logger(__name__)

SCHEDULE = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
    timedelta(hours=24),
)
"""How long after each attempt that surely failed the next one is due."""

TIMEOUT_S = 30
ROUND_S_MAX = 60

DOUBT_AFTER = timedelta(minutes=10)
"""A mail that is being sent for so long has lost its worker."""

_CLAIM_NEXT = """
    UPDATE delivery_mail SET state = 'sending', claimed_at = %(at)s, attempts = attempts + 1
     WHERE id = (SELECT id FROM delivery_mail WHERE state = 'waiting' AND next_attempt_at <= %(at)s
                  ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
 RETURNING id"""


def queue_mail(
    *,
    key: str,
    kind: MailKind,
    player: UUID,
    language: str = "",
    context: Mapping[str, str | int] | None = None,
    at: datetime,
) -> contract.Mail:
    if kind not in set(MailKind):
        raise UnableToDeliver("mail_kind_unknown")
    row, _made = Mail.objects.get_or_create(
        key=key,
        defaults={
            "kind": kind,
            "player": player,
            "language": language,
            "context": dict(context or {}),
            "next_attempt_at": at,
            "queued_at": at,
        },
    )
    return as_mail(row)


def send_mails(*, at: datetime, limit: int = 50) -> int:
    _doubt_the_abandoned(at)
    if (
        not mail_engine_plugged_in()
        or not Mail.objects.filter(state="waiting", next_attempt_at__lte=at).exists()
    ):
        return 0
    server = get_connection(timeout=TIMEOUT_S)
    try:
        server.open()
    except Exception:
        # No mail was claimed yet: they all wait as they are.
        log.exception("mail_server_unreachable")
        return 0
    try:
        return _send_round(server, at, limit)
    finally:
        _close(server)


def _send_round(server: BaseEmailBackend, at: datetime, limit: int) -> int:
    until, sent = time.monotonic() + ROUND_S_MAX, 0
    for _ in range(limit):
        # Asked anew for each: plugging the engine out stops it at the next mail.
        if time.monotonic() > until or not mail_engine_plugged_in() or (mail := _claim(at)) is None:
            break
        state = _send(mail, server, at)
        sent += state is MailState.SENT
        if state is MailState.UNKNOWN:
            # The line is broken; the next mail deserves a new one.
            break
    return sent


def _claim(at: datetime) -> Mail | None:
    with technical_transaction("delivery"):
        with services.database("delivery").cursor() as cursor:
            cursor.execute(_CLAIM_NEXT, {"at": at})
            row = cursor.fetchone()
        return Mail.objects.get(id=row[0]) if row else None


def _send(mail: Mail, server: BaseEmailBackend, at: datetime) -> MailState:
    try:
        letter = write_letter(mail, at=at)
    except NoAddress as problem:
        return _write_down(mail, MailState.FAILED, error=str(problem))
    except Exception as problem:
        return _try_later(mail, problem, at)
    try:
        server.send_messages([letter])
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as problem:
        # The server answered, and the answer was no.
        if mail.kind == MailKind.GIFT and _is_for_ever(problem):
            # Somebody has mistyped a stranger's address, and waits to hear of it.
            return _write_down(mail, MailState.FAILED, error=_without_address(problem))
        return _try_later(mail, problem, at)
    except Exception as problem:
        log.error("mail_outcome_unknown", mail=str(mail.id), problem=_without_address(problem))
        return _write_down(mail, MailState.UNKNOWN, error=_without_address(problem))
    return _write_down(mail, MailState.SENT, sent_at=at, error="")


def _close(server: BaseEmailBackend) -> None:
    try:
        server.close()
    except Exception:
        log.info("mail_server_not_closed", exc_info=True)


def _try_later(mail: Mail, problem: Exception, at: datetime) -> MailState:
    log.warning("mail_not_sent", mail=str(mail.id), problem=_without_address(problem))
    if mail.attempts > len(SCHEDULE):
        return _write_down(mail, MailState.FAILED, error=_without_address(problem))
    due = at + SCHEDULE[mail.attempts - 1]
    return _write_down(mail, MailState.WAITING, next_attempt_at=due, error=_without_address(problem))


def _write_down(mail: Mail, state: MailState, **values: object) -> MailState:
    with technical_transaction("delivery"):
        Mail.objects.filter(id=mail.id, state="sending").update(state=state, **values)
    return state


def _doubt_the_abandoned(at: datetime) -> None:
    with technical_transaction("delivery"):
        lost = Mail.objects.filter(state="sending", claimed_at__lte=at - DOUBT_AFTER)
        if count := lost.update(state="unknown", error="the worker that was sending it is gone"):
            log.error("mails_of_unknown_outcome", count=count)


def _is_for_ever(problem: Exception) -> bool:
    """Whether the server refused the recipient, and will the next time: a code of 5xx (RFC 5321, 4.2.1)."""
    if not isinstance(problem, smtplib.SMTPRecipientsRefused):
        return False
    return bool(problem.recipients) and all(code >= 500 for code, _ in problem.recipients.values())


def _without_address(problem: Exception) -> str:
    """The kind of problem and the server's code. Its text often repeats the address, which we do not keep."""
    code = getattr(problem, "smtp_code", "")
    return f"{type(problem).__name__} {code}".strip()


def send_mail_again(*, mail_id: UUID, at: datetime) -> contract.Mail:
    with technical_transaction("delivery"):
        row = Mail.objects.select_for_update().filter(id=mail_id).first()
        if row is None:
            raise UnableToDeliver("mail_unknown")
        if row.state not in (MailState.FAILED, MailState.UNKNOWN):
            raise UnableToDeliver("mail_not_stuck")
        row.state, row.attempts, row.next_attempt_at, row.error = "waiting", 0, at, ""
        row.save()
    return as_mail(row)


def plug_mail_engine(*, plugged_in: bool, at: datetime) -> None:
    with technical_transaction("delivery"):
        MailEngine.objects.update_or_create(id=1, defaults={"plugged_in": plugged_in, "changed_at": at})
