"""From a place in the books on, entries are handed to an ERP."""

from __future__ import annotations

from warchest.accounting.contract import Accounting, ExportStanding
from warchest.journeys.steps.accountants import check_right
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("erp.begin")
def begin_export(
    tx: Transaction, *, exporter: str, begins_after: int = 0, first_journal_number: int = 1
) -> ExportStanding:
    """Of ``begins_after`` and before it nothing is handed over: what the ERP has already. Raises UnableToAdminister,
    UnableToExport."""
    tx.about("exporter", exporter, begins_after=begins_after, first_journal_number=first_journal_number)
    check_right(tx, "erp.map")
    return tx.get(Accounting).begin_export(
        exporter=exporter, begins_after=begins_after, first_journal_number=first_journal_number
    )
