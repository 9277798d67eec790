"""What the books ask of the background: that the journal is folded and sealed soon, and that months find their tables ready."""

from __future__ import annotations

import time
from datetime import datetime

from warchest.ledger.contract import Ledger
from warchest.runtime.command import now
from warchest.runtime.services import services

_STEP = 5_000
_BLOCK = 1_000
_RUN_S_MAX = 30.0


def fold_journal() -> int:
    """Fold what is settled, step by step, until nothing is left or others should have their turn; answers how many."""
    ledger, until, folded = services.get(Ledger), time.monotonic() + _RUN_S_MAX, 0
    while step := ledger.fold(entries_max=_STEP):
        folded += step
        if step < _STEP or time.monotonic() > until:
            break
    return folded


def seal_journal() -> int:
    """Seal what is settled and have the chain's newest head signed outside the database; answers how many entries.

    Raises UnableToSignHead, which is an alarm: somebody has been at the chain or at the file of its heads.
    """
    ledger, until, sealed = services.get(Ledger), time.monotonic() + _RUN_S_MAX, 0
    while step := ledger.seal(entries_max=_BLOCK):
        sealed += step
        if step < _BLOCK or time.monotonic() > until:
            break
    ledger.sign_head(at=now())
    return sealed


def open_months(*, at: datetime) -> int:
    """Have the journal's tables ready for this month and the next two; answers how many were made.

    Raises OperationalError where somebody reads the table that holds the rest just then; the next call does it.
    """
    return services.get(Ledger).open_months(at=at)
