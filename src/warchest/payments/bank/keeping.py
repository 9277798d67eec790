"""A statement is read by the plug-in and kept whole, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from warchest.kernel.ids import new_id
from warchest.payments import providers
from warchest.payments.bank import sealed
from warchest.payments.contract.bank import Import, UnableToImportStatement
from warchest.payments.models import BankEntry as EntryRow
from warchest.payments.models import BankStatement as StatementRow
from warchest.runtime.services import services
from warchest.sdk.bank import BankFiles, BankStatement
from warchest.sdk.payments import Ability


def files_of(provider: str, ability: Ability) -> BankFiles | None:
    """The configured plug-in, if it deals with the bank in this way. Raises UnableToUseProvider."""
    plugin = providers.configured(provider)
    return plugin if ability in plugin.description.abilities and isinstance(plugin, BankFiles) else None


def read_statement(*, provider: str, data: bytes) -> tuple[BankStatement, ...]:
    files = files_of(provider, Ability.BANK_STATEMENT)
    if files is None:
        raise UnableToImportStatement("provider_reads_no_statements", provider=provider)
    return files.read_statement(data)


def keep_statements(
    *, provider: str, statements: Sequence[BankStatement], actor: str, at: datetime
) -> Import:
    for iban in sorted({statement.iban for statement in statements}):
        # Who imports for one account takes turns, so the second sees what the first has kept.
        with services.database("payments").cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('bank account ' || %s))", [iban])
    kept: list[UUID] = []
    new: list[UUID] = []
    repeated = 0
    for statement in statements:
        row = _row(provider, statement, actor, at)
        entries = EntryRow.objects.bulk_create(_new_entries(row, statement))
        kept.append(row.id)
        new += [entry.id for entry in entries]
        repeated += len(statement.entries) - len(entries)
    return Import(statements=tuple(kept), new=tuple(new), repeated=repeated)


def _row(provider: str, statement: BankStatement, actor: str, at: datetime) -> StatementRow:
    row, _new = StatementRow.objects.get_or_create(
        iban=statement.iban,
        statement_id=statement.id[:80],
        digest=sealed.digest(statement),
        defaults={
            "provider": provider,
            "currency": statement.opening.currency.code,
            "opening_minor": statement.opening.minor,
            "closing_minor": statement.closing.minor,
            "closed_on": statement.closed_on,
            "entry_count": len(statement.entries),
            "imported_by": actor,
            "imported_at": at,
        },
    )
    return row


def _new_entries(row: StatementRow, statement: BankStatement) -> list[EntryRow]:
    """Those that are not kept yet. Raises UnableToImportStatement where one that is kept said something else."""
    known = dict(
        EntryRow.objects.filter(iban=row.iban, statement_name=row.statement_id).values_list(
            "reference", "digest"
        )
    )
    rows = []
    for entry in statement.entries:
        digest = sealed.digest(entry)
        if entry.reference[:80] in known:
            if bytes(known[entry.reference[:80]]) != digest:
                # A bank never tells one entry in two ways; somebody in between might.
                raise UnableToImportStatement("statement_differs", statement=row.statement_id)
            continue
        entry_id = new_id()
        rows.append(
            EntryRow(
                id=entry_id,
                statement=row,
                iban=row.iban,
                statement_name=row.statement_id,
                reference=entry.reference[:80],
                digest=digest,
                amount_minor=entry.amount.minor,
                currency=entry.amount.currency.code,
                incoming=entry.incoming,
                booked_on=entry.booked_on,
                creditor_reference=entry.creditor_reference[:35],
                end_to_end_id=entry.end_to_end_id[:35],
                reversal=entry.reversal,
                sealed=sealed.seal(entry_id, name=entry.name, iban=entry.iban, text=entry.text),
            )
        )
    return rows
