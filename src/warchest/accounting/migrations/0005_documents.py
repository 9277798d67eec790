"""Receipts, tax invoices and credit notes."""

import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    dependencies = [
        ("accounting", "0004_netting"),
    ]

    operations = [
        migrations.CreateModel(
            name="Document",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=12)),
                ("entity", models.CharField(max_length=20)),
                ("series", models.CharField(max_length=8)),
                ("year", models.IntegerField()),
                ("running", models.BigIntegerField(db_default=0)),
                ("number", models.CharField(db_default="", max_length=40)),
                ("entry_id", models.UUIDField()),
                ("position", models.BigIntegerField()),
                ("player", models.UUIDField(null=True)),
                ("payment", models.UUIDField(null=True)),
                ("corrects", models.UUIDField(null=True)),
                ("language", models.CharField(max_length=10)),
                ("item", models.CharField(max_length=300)),
                ("lines", models.JSONField()),
                ("currency", models.CharField(max_length=3)),
                ("net_minor", models.BigIntegerField()),
                ("tax_minor", models.BigIntegerField()),
                ("gross_minor", models.BigIntegerField()),
                ("units_minor", models.BigIntegerField()),
                ("units_per_major", models.CharField(blank=True, max_length=40)),
                ("place", models.CharField(blank=True, max_length=2)),
                ("evidence", models.JSONField()),
                ("seller", models.JSONField()),
                ("sealed_buyer", models.BinaryField(null=True)),
                ("layout", models.SmallIntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("issued_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["player", "-id"], name="document_of_player"),
                    models.Index(
                        condition=models.Q(("payment__isnull", False)),
                        fields=["payment"],
                        name="document_of_payment",
                    ),
                    models.Index(fields=["position"], name="document_by_position"),
                    models.Index(fields=["-issued_at"], name="document_issued"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("entity", "series", "year", "running"), name="document_numbered_once"
                    ),
                    models.UniqueConstraint(fields=("number", "entity"), name="document_number_once"),
                    models.UniqueConstraint(
                        fields=("entry_id", "kind", "currency"), name="document_of_entry_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["receipt", "tax_invoice", "credit_note"])),
                        name="document_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "gross_minor",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("net_minor"), "+", models.F("tax_minor")
                                ),
                            ),
                            ("gross_minor__gt", 0),
                            ("net_minor__gte", 0),
                            ("tax_minor__gte", 0),
                        ),
                        name="document_amounts_add_up",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "receipt"), _negated=True),
                            models.Q(("place", ""), ("tax_minor", 0)),
                            _connector="OR",
                        ),
                        name="receipt_is_untaxed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("player__isnull", False), ("sealed_buyer__isnull", True), _connector="OR"
                        ),
                        name="document_names_its_buyer",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DocumentSeries",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("entity", models.CharField(max_length=20)),
                ("series", models.CharField(max_length=8)),
                ("year", models.IntegerField()),
                ("last", models.BigIntegerField()),
            ],
            options={
                "verbose_name_plural": "document series",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("last__gt", 0)), name="document_series_counts"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DocumentWatermark",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1), ("position__gte", 0)), name="one_document_watermark"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UndocumentedEntry",
            fields=[
                ("entry_id", models.UUIDField(primary_key=True, serialize=False)),
                ("position", models.BigIntegerField()),
                ("problem", models.CharField(max_length=200)),
                ("since", models.DateTimeField()),
                ("tried_at", models.DateTimeField()),
                ("tries", models.IntegerField(default=1)),
                ("solved_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "undocumented entries",
                "indexes": [
                    models.Index(
                        condition=models.Q(("solved_at__isnull", True)),
                        fields=["tried_at"],
                        name="undocumented",
                    )
                ],
            },
        ),
        run_file(__file__, "documents.sql"),
        append_only("accounting_document"),
    ]
