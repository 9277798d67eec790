"""What script/checks/schema_changes.py refuses of a migration, and what it lets pass."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

_FILE = Path(__file__).parents[2] / "script" / "checks" / "schema_changes.py"
_spec = importlib.util.spec_from_file_location("schema_changes", _FILE)
assert _spec and _spec.loader
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)

_SHORT = models.CheckConstraint(condition=models.Q(code__gt=""), name="code_given")
_ONCE = models.UniqueConstraint(fields=["code"], name="code_once")


def findings(*operations: Operation, contracts: str | None = None) -> list[str]:
    """Of a migration of an app that has a table of things already."""
    before = ProjectState()
    before.add_model(
        ModelState(
            "shop",
            "Thing",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("code", models.CharField(max_length=10)),
                ("note", models.CharField(max_length=10, null=True)),
                ("count", models.IntegerField()),
            ],
            {"constraints": [_SHORT, _ONCE]},
        )
    )
    migration = migrations.Migration("0002_change", "shop")
    migration.operations = list(operations)
    if contracts is not None:
        migration.contracts = contracts
    return list(check.findings_of(migration, before, new_tables=set()))


_MAKE = migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))])
_TWO_MORE = models.CheckConstraint(condition=models.Q(count__gt=2), name="two_more")


@pytest.mark.parametrize(
    "operation",
    [
        migrations.DeleteModel("Thing"),
        migrations.RenameModel("Thing", "Item"),
        migrations.AlterModelTable("Thing", "things"),
        migrations.RemoveField("Thing", "note"),
        migrations.RenameField("Thing", "note", "remark"),
        migrations.AddField("Thing", "size", models.IntegerField()),
        migrations.AddField("Thing", "size", models.IntegerField(default=3)),
        migrations.AddField("Thing", "size", models.IntegerField(null=True, db_index=True)),
        migrations.AddField("Thing", "size", models.IntegerField(null=True, unique=True)),
        migrations.AddField("Thing", "of", models.ForeignKey("shop.Thing", models.PROTECT, null=True)),
        migrations.AlterField("Thing", "count", models.BigIntegerField()),
        migrations.AlterField("Thing", "code", models.CharField(max_length=9)),
        migrations.AlterField("Thing", "note", models.CharField(max_length=10)),
        migrations.AlterField("Thing", "code", models.CharField(max_length=10, unique=True)),
        migrations.AddIndex("Thing", models.Index(fields=["code"], name="by_code")),
        migrations.AddConstraint("Thing", _TWO_MORE),
        migrations.RemoveConstraint("Thing", "code_once"),
        migrations.RunPython(migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(database_operations=[migrations.DeleteModel("Thing")]),
        migrations.RunSQL("DROP TABLE IF EXISTS shop_thing"),
        migrations.RunSQL("-- away with it\ndrop function f(int);"),
        migrations.RunSQL(["SELECT 1", "ALTER TABLE shop_thing DROP COLUMN note"]),
        migrations.RunSQL("ALTER TABLE shop_thing ALTER COLUMN count TYPE bigint"),
        migrations.RunSQL("ALTER TABLE shop_thing ALTER COLUMN note SET NOT NULL"),
        migrations.RunSQL("ALTER TABLE shop_thing RENAME COLUMN note TO remark"),
        migrations.RunSQL("ALTER TABLE shop_thing ADD COLUMN size int NOT NULL"),
        migrations.RunSQL("ALTER TABLE shop_thing ALTER COLUMN count DROP DEFAULT"),
        migrations.RunSQL("ALTER TABLE shop_thing ADD CONSTRAINT c CHECK (count > 2)"),
        migrations.RunSQL("CREATE UNIQUE INDEX by_code ON shop_thing (code)"),
        migrations.RunSQL("REVOKE UPDATE, DELETE ON shop_thing FROM warchest_journey"),
        migrations.RunSQL("UPDATE shop_thing SET count = 0"),
        migrations.RunSQL("DO $$ BEGIN IF true THEN DELETE FROM shop_thing; END IF; END $$"),
        migrations.RunSQL("LOCK TABLE shop_thing"),
        migrations.RunSQL("ALTER TABLE shop_thing RENAME TO old; CREATE VIEW shop_item AS SELECT * FROM old"),
    ],
    ids=lambda operation: getattr(operation, "sql", None) or operation.describe(),
)
def test_is_refused_unless_it_says_since_when_nobody_needs_it(operation: Operation) -> None:
    assert findings(operation)
    assert not findings(operation, contracts="0.2.0: reads what came in its place")


@pytest.mark.parametrize(
    "operations",
    [
        [_MAKE, migrations.AddIndex("Other", models.Index(fields=["id"], name="by_id"))],
        [_MAKE, migrations.RunSQL("REVOKE UPDATE ON shop_other FROM warchest_journey")],
        [migrations.RunSQL("CREATE TABLE box (id int); CREATE INDEX by_id ON box (id); TRUNCATE box")],
        [migrations.AddField("Thing", "size", models.IntegerField(null=True))],
        [migrations.AddField("Thing", "size", models.IntegerField(db_default=3))],
        [migrations.AlterField("Thing", "code", models.CharField(max_length=20))],
        [migrations.AlterField("Thing", "code", models.TextField())],
        [migrations.AlterField("Thing", "count", models.IntegerField(null=True))],
        [AddIndexConcurrently("Thing", models.Index(fields=["code"], name="by_code"))],
        [AddConstraintNotValid("Thing", _TWO_MORE)],
        [migrations.RemoveConstraint("Thing", "code_given")],
        [migrations.RunSQL("ALTER TABLE shop_thing ADD CONSTRAINT c CHECK (count > 2) NOT VALID")],
        [migrations.RunSQL("CREATE INDEX CONCURRENTLY by_code ON shop_thing (code)")],
        [
            migrations.RunSQL(
                "ALTER TABLE shop_thing RENAME TO old; CREATE VIEW shop_thing AS SELECT * FROM old"
            )
        ],
        [migrations.RunSQL("CREATE FUNCTION f() RETURNS int AS $$ DELETE FROM shop_thing; $$ LANGUAGE sql")],
        [migrations.RunSQL("CREATE OR REPLACE FUNCTION g() RETURNS int AS $f$ DROP TABLE shop_thing $f$")],
    ],
)
def test_may_be_done_while_both_versions_run(operations: list[Operation]) -> None:
    assert findings(*operations) == []


@pytest.mark.parametrize(
    "contracts", ["", "yes", "0.2: too short a version, so from when on?", "0.2.0: because"]
)
def test_a_reason_names_a_version_and_is_one(contracts: str) -> None:
    assert findings(migrations.RemoveField("Thing", "note"), contracts=contracts)


def test_our_own_migrations_keep_to_it() -> None:
    assert list(check.findings()) == []
