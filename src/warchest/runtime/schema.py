"""What migrations need to put rules into the database that Django's models cannot say."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


def run_file(migration: str, name: str) -> migrations.RunSQL:
    """The statements of ``<app>/sql/<name>``, for the migration whose ``__file__`` is given."""
    text = (Path(migration).resolve().parent.parent / "sql" / name).read_text()
    return migrations.RunSQL([text], reverse_sql=migrations.RunSQL.noop)


def append_only(*tables: str) -> migrations.RunSQL:
    """Refuse every UPDATE, DELETE and TRUNCATE of these tables: by rights to those who run, by trigger to the owner."""
    statements = []
    for table in tables:
        statements += [
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change()",
            f"CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change()",
            f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM warchest_journey",
        ]
    return migrations.RunSQL(statements, reverse_sql=migrations.RunSQL.noop)


def stamped(name: str, *tables: str) -> migrations.RunSQL:
    """Renew the stamp ``name`` with every change of these tables, for ``runtime.facts``."""
    return migrations.RunSQL(
        [
            f"CREATE TRIGGER restamp AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION warchest_restamp('{name}')"
            for table in tables
        ],
        reverse_sql=migrations.RunSQL.noop,
    )
