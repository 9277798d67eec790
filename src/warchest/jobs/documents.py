"""What was sold and paid gets its document, soon after."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import structlog

from warchest.accounting.contract import Accounting
from warchest.journeys.issue_documents import ENTRIES_MAX, issue_documents, issue_late
from warchest.journeys.keep_invoice_details import check_vat_number
from warchest.members.contract import Members, VatCheck
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services

log = structlog.get_logger(__name__)

_ACTOR = Actor(ActorKind.JOB, "issue_documents")
_RUN_S_MAX = 20.0
_LATE_MAX = 20
_VAT_AFTER = timedelta(minutes=10)
_VAT_MAX = 20


def issue_due_documents(*, at: datetime) -> int:
    """Go through the journal as far as it is settled, and write what it asks for; answers how many documents.

    Any number of workers may call it: they take turns. One that is killed leaves no number behind without its document.
    """
    accounting, until, issued = services.get(Accounting), time.monotonic() + _RUN_S_MAX, 0
    while (found := accounting.documents_due(limit=ENTRIES_MAX)).until > found.after:
        if found.due:
            done = issue_documents(_command(f"documents:{found.after}", at), after=found.after)
            issued += 0 if done.replayed else len(done.answer.numbers)
        else:
            accounting.pass_entries(after=found.after, until=found.until)
        if time.monotonic() > until:
            break
    return issued


def issue_late_documents(*, at: datetime) -> int:
    """Try again what was set aside; answers how many documents came of it."""
    issued = 0
    for entry in services.get(Accounting).undocumented(limit=_LATE_MAX):
        done = issue_late(_command(f"document:{entry.entry_id}:{entry.tries}", at), entry_id=entry.entry_id)
        issued += len(done.answer.numbers)
        if not done.answer.numbers:
            log.error("entry_without_document", entry=str(entry.entry_id), since=entry.since.isoformat())
    return issued


def check_vat_numbers(*, at: datetime) -> int:
    """Ask again about numbers that nobody could be asked about; answers how many of them are known by now."""
    if not configuration().documents.vies:
        return 0
    players = services.get(Members).vat_numbers_to_check(before=at - _VAT_AFTER, limit=_VAT_MAX)
    found = [
        check_vat_number(_command(f"vat:{player}:{int(at.timestamp())}", at), player=player)
        for player in players
    ]
    return sum(one is not VatCheck.UNCHECKED for one in found)


def _command(key: str, at: datetime) -> Command:
    return Command(actor=_ACTOR, key=key, at=at, channel=Channel.JOB)
