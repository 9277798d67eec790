"""Failures at a door lock it for a growing time: for the account that is tried, and for the address that tries.

A try is counted before the password is looked at, and taken back if it was right. So no number of tries at the same
moment gets past the lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.crypto import salted_hmac

from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction

FORGOTTEN_AFTER = timedelta(hours=24)

_COUNT = """
    INSERT INTO portal_signinfailure AS known (subject, failures, last_at, locked_until)
    VALUES (%(subject)s, 1, %(at)s, NULL)
    ON CONFLICT (subject) DO UPDATE
       SET failures = CASE WHEN known.last_at < %(at)s - %(forgotten)s THEN 1 ELSE known.failures + 1 END,
           last_at = %(at)s
     WHERE known.locked_until IS NULL OR known.locked_until <= %(at)s
    RETURNING failures"""
_LOCK = "UPDATE portal_signinfailure SET locked_until = %s WHERE subject = %s"
_LOCKED_UNTIL = (
    "SELECT max(locked_until) FROM portal_signinfailure WHERE subject = ANY(%s) AND locked_until > %s"
)
_FORGET = "DELETE FROM portal_signinfailure WHERE subject = %s"
_TAKE_BACK = """
    UPDATE portal_signinfailure SET failures = greatest(failures - 1, 0), locked_until = NULL WHERE subject = %s"""
_CLEAN = "DELETE FROM portal_signinfailure WHERE last_at < %s"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is counted: the ``allowed``-th failure locks for a minute, each further one twice as long, to ``longest``."""

    key: str
    allowed: int
    longest: timedelta
    is_account: bool


def account(login: str) -> Subject:
    """Locked for an hour at the longest, so that a stranger cannot keep its owner out for good."""
    return Subject(_hashed("account", login.strip().casefold()), 5, timedelta(hours=1), is_account=True)


def address(client_address: str) -> Subject:
    """Many people may share one address, so it is allowed more."""
    return Subject(_hashed("address", client_address), 30, timedelta(hours=24), is_account=False)


def registrations_from(client_address: str) -> Subject:
    """Registrations with known e-mail addresses: a few happen, many are someone who wants to know who plays here."""
    return Subject(_hashed("registrations", client_address), 5, timedelta(hours=24), is_account=False)


def lock_after(failures: int, *, allowed: int, longest: timedelta) -> timedelta:
    """How long so many failures lock: nothing below ``allowed``, then 1, 2, 4, 8 … minutes."""
    if failures < allowed:
        return timedelta(0)
    doublings = min(failures - allowed, 20)
    return min(timedelta(minutes=2**doublings), longest)


def begin_try(*subjects: Subject, at: datetime) -> datetime | None:
    """Count a try for each subject; the moment until which the door is locked, if it is. A locked try is not counted."""
    with technical_transaction("portal"), services.database("portal").cursor() as cursor:
        # Asked of all before any is counted: who is locked out must not be able to lock others out.
        if locked_until := _locked_until(cursor, subjects, at):
            return locked_until
        # In the order of their keys, so that two tries at the same moment never wait for each other.
        for subject in sorted(subjects, key=lambda found: found.key):
            cursor.execute(_COUNT, {"subject": subject.key, "at": at, "forgotten": FORGOTTEN_AFTER})
            counted = cursor.fetchone()
            if counted is None:
                # Another try at the same moment has just locked it.
                return _locked_until(cursor, subjects, at)
            if lock := lock_after(counted[0], allowed=subject.allowed, longest=subject.longest):
                cursor.execute(_LOCK, [at + lock, subject.key])
        return None


def _locked_until(cursor: Any, subjects: Sequence[Subject], at: datetime) -> datetime | None:
    cursor.execute(_LOCKED_UNTIL, [[subject.key for subject in subjects], at])
    (found,) = cursor.fetchone()
    return found


def succeed(*subjects: Subject, at: datetime) -> None:
    """The try was right: the account's failures are forgotten, the address's are one fewer."""
    with technical_transaction("portal"), services.database("portal").cursor() as cursor:
        for subject in sorted(subjects, key=lambda found: found.key):
            cursor.execute(_FORGET if subject.is_account else _TAKE_BACK, [subject.key])
        cursor.execute(_CLEAN, [at - 2 * FORGOTTEN_AFTER])


def _hashed(kind: str, text: str) -> str:
    return salted_hmac("warchest.portal.locks", f"{kind}:{text}", algorithm="sha256").hexdigest()
