"""The journal leaves the house as a file: who took it, and what of it, stands in the record of operations."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.kernel.errors import TryAgain
from warchest.ledger.contract import Ledger
from warchest.members.contract import Members, UnableToAdminister, require
from warchest.runtime.command import ActorKind
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

_WAIT_S = 0.1
_WAITS_MAX = 100


@dataclass(frozen=True, slots=True)
class Export:
    """The file holds entries behind the position ``after`` up to ``upto``: all that was booked when it was asked for."""

    after: int
    upto: int


@journey("journal.export")
def export_journal(
    tx: Transaction,
    *,
    format: str,
    after: int = 0,
    by: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Export:
    """Let an accountant, or the operator of the machines, take the journal or the part of it that is described.

    The file itself is written beside the journey, piece by piece. Raises UnableToAdminister.
    """
    tx.about("journal", "", format=format, after=after, by=by, since=since, until=until)
    actor = tx.command.actor
    if actor.kind is ActorKind.ADMINISTRATOR:
        require(tx.get(Members).administrator(administrator_id=UUID(actor.id)), "journal.export")
    elif actor.kind is not ActorKind.OPERATOR:
        raise UnableToAdminister("right_missing", right="journal.export")
    folding = tx.get(Ledger).folding()
    export = Export(after=after, upto=folding.position + folding.behind)
    tx.about("journal", "", upto=export.upto)
    return export


def settle(*, upto: int) -> None:
    """Have the journal folded up to a position, behind which entries may still be in the making, though no worker runs.

    Raises TryAgain (``busy``) where a transaction that may have drawn a position up to ``upto`` does not end.
    """
    ledger = services.get(Ledger)
    waits = 0
    while ledger.folding().position < upto:
        if ledger.fold():
            continue
        if (waits := waits + 1) > _WAITS_MAX:
            raise TryAgain("busy")
        time.sleep(_WAIT_S)
