"""Documents go to an ERP, and its answers come back: each step outside of a transaction, each answer kept in one."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from warchest.accounting.contract import Accounting, Noted
from warchest.runtime.command import Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.erp import Answer

SENT_MAX = 100


@dataclass(frozen=True, slots=True)
class Round:
    """``unreadable`` answers are left where they are: they may be half written."""

    handed_over: int
    failed: int
    answered: int
    unreadable: int


def exchange_with_erp(command: Command, *, exporter: str) -> Round:
    """Take what the ERP has answered, hand over what waits, and take what is answered at once.

    May run in several processes at the same time, and be killed anywhere. Raises UnableToExport.
    """
    accounting = services.get(Accounting)
    answers = list(accounting.fetch_answers(exporter=exporter))
    noted = [_take(command, exporter, answer) for answer in answers]
    sent = accounting.send_documents(exporter=exporter, at=command.at, limit=SENT_MAX)
    noted += [_take(command, exporter, answer) for answer in sent.answers]
    return Round(sent.handed_over, sent.failed, answered=sum(noted), unreadable=noted.count(False))


def _take(command: Command, exporter: str, answer: Answer) -> bool:
    """Keep an answer, then have it discarded where it lies. Whoever is killed in between takes it once more, and it says
    nothing new."""
    said = sha256(f"{exporter}\0{answer.parcel}\0{answer.raw}".encode()).hexdigest()
    done = take_answer(command.under(f"erp:{said[:48]}"), exporter=exporter, answer=answer).answer
    if done.is_kept:
        services.get(Accounting).discard_answer(exporter=exporter, answer=answer)
    return done.is_kept


@journey("erp.take_answer")
def take_answer(tx: Transaction, *, exporter: str, answer: Answer) -> Noted:
    """What the ERP said of a parcel counts from now on. Raises UnableToExport."""
    tx.about("exporter", exporter, parcel=answer.parcel[:80], outcome=answer.outcome)
    noted = tx.get(Accounting).note_answer(exporter=exporter, answer=answer, at=tx.command.at)
    if noted.document:
        tx.about("erp_document", noted.document, state=noted.state)
    return noted
