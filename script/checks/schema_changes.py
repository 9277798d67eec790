"""What docs/upgrading.md asks of a migration: the code of the version before must go on working on the new schema,
and nobody waits long for a lock.

A migration that takes something away says so, and since which version nothing needs it any more:

    class Migration(migrations.Migration):
        contracts = "0.2.0: reads and writes the new column only"

Checked are the migrations that came after RELEASED.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

# Of the version that is out: its code runs beside ours while an upgrade lasts. Each release moves this list on.
RELEASED = {
    *("accounting.0001_initial", "accounting.0002_currency_rates", "cards.0001_initial", "catalogue.0001_initial"),
    *("charging.0001_initial", "delivery.0001_initial", "ledger.0001_initial", "ledger.0002_seals"),
    *("members.0001_initial", "payments.0001_initial", "payments.0002_keep_told", "portal.0001_initial"),
    *("referrals.0001_initial", "runtime.0001_initial", "statistics.0001_initial", "subscriptions.0001_initial"),
}  # fmt: skip

_CONTRACTS = re.compile(r"\d+\.\d+\.\d+: .{10,}")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_BODY = re.compile(r"(\bDO\s+)?(\$\w*\$).*?\2", re.DOTALL | re.IGNORECASE)
_OPENING = re.compile(
    r"^(?:(?:BEGIN|ELSE|LOOP|(?:IF|FOR|WHILE)\b.*?\b(?:THEN|LOOP))\s+)+", re.IGNORECASE | re.DOTALL
)
_TABLE = r"(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?\"?(?P<table>\w+)\"?"

_VIEW = re.compile(r"\bCREATE\s+VIEW\s+(\w+)", re.IGNORECASE)
_RENAME = re.compile(r"\bALTER\s+TABLE\s+(\w+)\s+RENAME\s+TO\s+\w+", re.IGNORECASE)

# Each against one statement; with a table named, only where that table was there before.
_REFUSED_SQL = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), why)
    for pattern, why in (
        (rf"^DROP\s+TABLE\s+{_TABLE}", "the version before still reads it"),
        (r"^DROP\s+(FUNCTION|PROCEDURE|VIEW|TYPE|SCHEMA|SEQUENCE)\b", "the version before still calls it"),
        (rf"^ALTER\s+TABLE\s+{_TABLE}.*\bDROP\s+COLUMN\b", "the version before still reads it"),
        (r"^ALTER\s+\w+.*\bRENAME\b", "the version before knows it by the old name"),
        (rf"^ALTER\s+TABLE\s+{_TABLE}.*\bTYPE\b", "rewrites the table: add a column, and fill it bit by bit"),
        (
            rf"^ALTER\s+TABLE\s+{_TABLE}.*\bSET\s+NOT\s+NULL\b",
            "reads the whole table under its strongest lock: a NOT VALID check, validated afterwards",
        ),
        (
            rf"^ALTER\s+TABLE\s+{_TABLE}.*\bADD\s+(CONSTRAINT|CHECK|FOREIGN|UNIQUE)\b(?!.*\bNOT\s+VALID\b)",
            "reads the whole table under its strongest lock: NOT VALID, validated afterwards",
        ),
        (
            rf"^ALTER\s+TABLE\s+{_TABLE}.*\bADD\s+COLUMN\b(?=.*\bNOT\s+NULL\b)(?!.*\bDEFAULT\b)",
            "the version before inserts without it: give it a DEFAULT",
        ),
        (rf"^ALTER\s+TABLE\s+{_TABLE}.*\bDROP\s+DEFAULT\b", "the version before may insert without it"),
        (
            rf"^CREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)(?:\w+\s+)?ON\s+{_TABLE}",
            "nobody can write meanwhile: CONCURRENTLY",
        ),
        (rf"^REVOKE\b.*\bON\s+(?:TABLE\s+)?{_TABLE}", "the version before may need the right"),
        (rf"^TRUNCATE\s+(?:TABLE\s+)?{_TABLE}", "the version before still reads it"),
        (rf"^(?:UPDATE|DELETE\s+FROM)\s+{_TABLE}", "locks rows for as long as it takes: a job, bit by bit"),
        (rf"^LOCK\s+(?:TABLE\s+)?{_TABLE}", "everybody waits"),
        (r"^(VACUUM\s+FULL|CLUSTER|REINDEX(?!.*CONCURRENTLY))", "everybody waits"),
    )
)
_TAKES_AWAY = (
    migrations.DeleteModel,
    migrations.RemoveField,
    migrations.RenameField,
    migrations.RenameModel,
    migrations.AlterModelTable,
)


def findings_of(migration: Any, before: ProjectState, *, new_tables: set[str]) -> Iterator[str]:
    """What is wrong with one migration; the tables that it makes are added to ``new_tables``."""
    contracts = getattr(migration, "contracts", None)
    if contracts is not None:
        if not _CONTRACTS.fullmatch(contracts):
            yield f"contracts = {contracts!r} names no version and reason, as in '0.2.0: …'"
        return
    state = before.clone()
    for operation in _flat(migration.operations):
        if isinstance(operation, migrations.CreateModel):
            new_tables.add(_table(migration.app_label, operation.name, operation.options))
        yield from _finding(operation, migration.app_label, state, new_tables)
        operation.state_forwards(migration.app_label, state)


def _flat(operations: list[Operation]) -> Iterator[Operation]:
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            yield from _flat(operation.database_operations)
        else:
            yield operation


def _finding(operation: Operation, app: str, state: ProjectState, new_tables: set[str]) -> Iterator[str]:
    name = getattr(operation, "model_name", None) or getattr(operation, "name", "")
    model = state.models.get((app, name.lower()))
    if isinstance(operation, migrations.RunSQL):
        yield from _findings_in_sql(operation.sql, new_tables)
    elif isinstance(operation, migrations.RunPython):
        yield f"RunPython: {_DESCRIBED['python']}"
    elif model is None or _table(app, model.name, model.options) in new_tables:
        return
    elif isinstance(operation, _TAKES_AWAY):
        yield f"{operation.describe()}: the version before still needs it"
    elif isinstance(operation, migrations.AddField):
        yield from _about_new_field(operation)
    elif isinstance(operation, migrations.AlterField):
        yield from _about_changed_field(operation, state, app)
    elif type(operation) is migrations.AddIndex:
        yield f"{operation.describe()}: nobody can write meanwhile: AddIndexConcurrently"
    elif type(operation) is migrations.AddConstraint:
        yield f"{operation.describe()}: {_DESCRIBED['constraint']}"
    elif isinstance(operation, migrations.RemoveConstraint):
        kept = {constraint.name: constraint for constraint in model.options.get("constraints", ())}
        if not isinstance(kept.get(operation.name), models.CheckConstraint):
            yield f"{operation.describe()}: ON CONFLICT of the version before may name it"


_DESCRIBED = {
    "python": "rows are changed by a job, bit by bit, while both versions run",
    "constraint": (
        "reads the whole table under its strongest lock: AddConstraintNotValid, and ValidateConstraint in a migration"
        " behind it"
    ),
}


def _about_new_field(operation: Any) -> Iterator[str]:
    field = operation.field
    if not field.null and field.db_default is models.NOT_PROVIDED and not field.many_to_many:
        yield f"{operation.describe()}: the version before inserts without it: null=True or db_default"
    if field.unique or field.db_index or (field.is_relation and field.db_constraint):
        yield f"{operation.describe()}: an index or a foreign key is added by itself, concurrently or NOT VALID"


def _about_changed_field(operation: Any, state: ProjectState, app: str) -> Iterator[str]:
    old = state.models[app, operation.model_name.lower()].fields[operation.name]
    new = operation.field
    if _type(old) != _type(new) and not _is_wider(_type(old), _type(new)):
        yield f"{operation.describe()}: {_type(old)} to {_type(new)} rewrites the table: add a column"
    if old.null and not new.null:
        yield f"{operation.describe()}: the version before may write null: a NOT VALID check first"
    if (new.unique and not old.unique) or (new.db_index and not old.db_index):
        yield f"{operation.describe()}: an index is added by itself, concurrently"


def _type(field: models.Field[Any, Any]) -> str:
    return field.db_type(connection) or type(field).__name__


def _is_wider(old: str, new: str) -> bool:
    lengths = [re.fullmatch(r"varchar\((\d+)\)", text) for text in (old, new)]
    if lengths[0] and lengths[1]:
        return int(lengths[0][1]) <= int(lengths[1][1])
    return bool(lengths[0]) and new == "text"


def _table(app: str, name: str, options: dict[str, Any]) -> str:
    return str(options.get("db_table") or f"{app}_{name.lower()}")


def _findings_in_sql(given: Any, new_tables: set[str]) -> Iterator[str]:
    texts = (
        [given] if isinstance(given, str) else [part if isinstance(part, str) else part[0] for part in given]
    )
    for text in texts:
        # What functions do is their own affair; what DO does is done now.
        bare = _BODY.sub(
            lambda found: found[0].replace(found[2], ";") if found[1] else "''", _COMMENT.sub(" ", text)
        )
        # Where a view takes a renamed table's place, the version before reads on.
        stands_in = set(_VIEW.findall(bare)) & set(_RENAME.findall(bare))
        for name in stands_in:
            bare = re.sub(_RENAME.pattern.replace(r"(\w+)", name, 1), "", bare, flags=re.IGNORECASE)
        new_tables |= stands_in
        for statement in filter(None, (_OPENING.sub("", part.strip()) for part in bare.split(";"))):
            if made := re.match(
                r"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?\"?([\w.]+)", statement, re.IGNORECASE
            ):
                new_tables.add(made[1])
            for pattern, why in _REFUSED_SQL:
                found = pattern.search(statement)
                if found and found.groupdict().get("table", "") not in new_tables:
                    yield f"{' '.join(statement.split())[:90]}: {why}"


def findings() -> Iterator[str]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    order = [key for leaf in loader.graph.leaf_nodes() for key in loader.graph.forwards_plan(leaf)]
    new_tables: set[str] = set()
    ours = Path(__file__).resolve().parents[2] / "src"
    for app, name in dict.fromkeys(order):
        migration = loader.disk_migrations[app, name]
        file = Path(sys.modules[type(migration).__module__].__file__ or "")
        if f"{app}.{name}" in RELEASED or not file.is_relative_to(ours):
            continue
        before = loader.project_state((app, name), at_end=False)
        yield from (f"{app}.{name}: {what}" for what in findings_of(migration, before, new_tables=new_tables))


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warchest.config.settings")
    django.setup()
    told = list(findings())
    print(*told, sep="\n", end="\n" if told else "")
    sys.exit(bool(told))
