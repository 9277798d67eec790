"""What waits for an ERP becomes a batch of documents."""

from __future__ import annotations

from warchest.accounting.contract import Accounting, ErpBatch
from warchest.journeys.steps.accountants import check_right
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

_STEP = 1000


def take_entries(*, exporter: str, steps_max: int = 1000) -> int:
    """Take all that the books have for an ERP, each step by itself; answers how many entries. Raises UnableToExport."""
    taken = 0
    for _ in range(steps_max):
        taken += (step := services.get(Accounting).take_entries(exporter=exporter, limit=_STEP))
        if step < _STEP:
            break
    return taken


@journey("erp.make_batch")
def make_erp_batch(tx: Transaction, *, exporter: str) -> ErpBatch | None:
    """None where nothing waits. Raises UnableToAdminister, UnableToExport."""
    tx.about("exporter", exporter)
    check_right(tx, "erp.send")
    batch = tx.get(Accounting).make_batch(exporter=exporter, at=tx.command.at)
    if batch:
        tx.about("erp_batch", batch.id, number=batch.number, entries=batch.entries, documents=batch.documents)
    return batch
