"""What is handed to accounting systems (ERPs)."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    dependencies = [
        ("accounting", "0005_documents"),
    ]

    operations = [
        migrations.CreateModel(
            name="ErpBatch",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                ("made_at", models.DateTimeField()),
                ("entries", models.IntegerField()),
                ("documents", models.IntegerField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "erp batches",
            },
        ),
        migrations.CreateModel(
            name="ErpCustomer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("exporter", models.CharField(max_length=40)),
                ("number", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=64)),
                ("set_by", models.CharField(max_length=40)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["exporter", "number", "-id"], name="erp_customer_last")],
            },
        ),
        migrations.CreateModel(
            name="ErpDocument",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("exporter", models.CharField(max_length=40)),
                ("series", models.CharField(max_length=8)),
                ("number", models.IntegerField()),
                ("treatment", models.CharField(blank=True, max_length=8)),
                ("day", models.DateField()),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("amount_minor", models.DecimalField(decimal_places=0, max_digits=30, null=True)),
                ("text", models.CharField(max_length=80)),
                ("customer_number", models.CharField(blank=True, max_length=40)),
                ("state", models.CharField(max_length=12)),
                ("attempts", models.IntegerField(default=0)),
                ("made_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("handed_over_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True, default="")),
                ("problem", models.CharField(blank=True, default="", max_length=300)),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="accounting.erpbatch"
                    ),
                ),
                (
                    "customer",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.PROTECT, to="accounting.erpcustomer"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ErpAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("exporter", models.CharField(max_length=40)),
                ("number", models.IntegerField()),
                ("name", models.CharField(max_length=80)),
                ("text", models.TextField()),
                ("digest", models.CharField(max_length=64)),
                ("made_at", models.DateTimeField()),
                (
                    "document",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounting.erpdocument",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ErpAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("exporter", models.CharField(max_length=40)),
                ("parcel", models.CharField(max_length=120)),
                ("attempt", models.IntegerField(default=0)),
                ("outcome", models.CharField(max_length=12)),
                ("errors", models.JSONField(default=list)),
                ("raw", models.TextField()),
                ("raw_digest", models.CharField(max_length=64)),
                ("said_by", models.CharField(blank=True, default="", max_length=40)),
                ("heard_at", models.DateTimeField()),
                (
                    "document",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounting.erpdocument",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ErpExport",
            fields=[
                ("exporter", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("begins_after", models.BigIntegerField()),
                ("position", models.BigIntegerField()),
                ("first_journal", models.IntegerField()),
                ("next_journal", models.IntegerField()),
                ("next_receipt", models.IntegerField(default=1)),
                ("next_customer", models.IntegerField(default=1)),
                ("next_batch", models.IntegerField(default=1)),
                ("begun_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("position__gte", models.F("begins_after"))),
                        name="erp_export_forward",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("begins_after__gte", 0),
                            ("first_journal__gte", 1),
                            ("next_journal__gte", models.F("first_journal")),
                        ),
                        name="erp_export_counts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ErpEntry",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "export_id", "entry_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("entry_id", models.UUIDField()),
                ("position", models.BigIntegerField()),
                ("day", models.DateField()),
                ("treatment", models.CharField(max_length=8)),
                (
                    "missing",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=120), null=True, size=None
                    ),
                ),
                (
                    "documents",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), null=True, size=None
                    ),
                ),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounting.erpbatch",
                    ),
                ),
                (
                    "export",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="accounting.erpexport"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "erp entries",
            },
        ),
        migrations.AddField(
            model_name="erpbatch",
            name="export",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, to="accounting.erpexport"
            ),
        ),
        migrations.CreateModel(
            name="ErpMapping",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("exporter", models.CharField(max_length=40)),
                ("book", models.CharField(max_length=40)),
                ("owner_class", models.CharField(db_collation="C", max_length=64)),
                ("currency", models.CharField(max_length=3)),
                ("account", models.CharField(blank=True, max_length=200)),
                ("customer", models.CharField(blank=True, max_length=40)),
                ("method", models.CharField(blank=True, max_length=8)),
                ("set_by", models.CharField(max_length=40)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["exporter", "book", "owner_class", "currency", "-id"], name="erp_mapping_last"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ErpTotal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("treatment", models.CharField(max_length=8)),
                ("book", models.CharField(max_length=40)),
                ("currency", models.CharField(max_length=3)),
                ("debit_minor", models.DecimalField(decimal_places=0, max_digits=30)),
                ("credit_minor", models.DecimalField(decimal_places=0, max_digits=30)),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="accounting.erpbatch"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ErpTreatment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("exporter", models.CharField(max_length=40)),
                ("book", models.CharField(blank=True, max_length=40)),
                ("treatment", models.CharField(max_length=8)),
                ("set_by", models.CharField(max_length=40)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["exporter", "book", "-id"], name="erp_treatment_last")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("treatment__in", ["detail", "summary", "receipt"])),
                        name="erp_treatment_known",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="erpdocument",
            index=models.Index(fields=["batch", "series", "number"], name="erp_document_of_batch"),
        ),
        migrations.AddIndex(
            model_name="erpdocument",
            index=models.Index(
                condition=models.Q(("state", "acknowledged"), _negated=True),
                fields=["exporter", "state", "id"],
                name="erp_document_open",
            ),
        ),
        migrations.AddIndex(
            model_name="erpdocument",
            index=models.Index(fields=["exporter", "-id"], name="erp_document_newest"),
        ),
        migrations.AddIndex(
            model_name="erpdocument",
            index=models.Index(
                condition=models.Q(("series", "customer")),
                fields=["exporter", "customer_number"],
                name="erp_document_of_customer",
            ),
        ),
        migrations.AddConstraint(
            model_name="erpdocument",
            constraint=models.UniqueConstraint(
                fields=("exporter", "series", "number"), name="erp_document_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="erpdocument",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("attempts__gte", 1), ("state", "waiting")),
                    models.Q(("attempts__gte", 1), ("sent_at__isnull", False), ("state", "sent")),
                    models.Q(("answered_at__isnull", False), ("attempts__gte", 1), ("state", "acknowledged")),
                    models.Q(("answered_at__isnull", False), ("state", "refused")),
                    _connector="OR",
                ),
                name="erp_document_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="erpdocument",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("amount_minor__gt", 0),
                        ("series", "journal"),
                        ("treatment__in", ["detail", "summary"]),
                    ),
                    models.Q(("amount_minor__gt", 0), ("series", "receipt"), ("treatment", "receipt")),
                    models.Q(
                        ("amount_minor__isnull", True),
                        ("customer__isnull", False),
                        ("series", "customer"),
                        ("treatment", ""),
                    ),
                    _connector="OR",
                ),
                name="erp_document_of_series",
            ),
        ),
        migrations.AddConstraint(
            model_name="erpattempt",
            constraint=models.UniqueConstraint(fields=("document", "number"), name="erp_attempt_once"),
        ),
        migrations.AddConstraint(
            model_name="erpattempt",
            constraint=models.UniqueConstraint(fields=("exporter", "name"), name="erp_parcel_once"),
        ),
        migrations.AddIndex(
            model_name="erpanswer",
            index=models.Index(fields=["document", "id"], name="erp_answer_of_document"),
        ),
        migrations.AddConstraint(
            model_name="erpanswer",
            constraint=models.UniqueConstraint(
                fields=("exporter", "parcel", "raw_digest"), name="erp_answer_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="erpanswer",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["accepted", "refused", "unreadable"])),
                name="erp_answer_outcome_known",
            ),
        ),
        migrations.AddIndex(
            model_name="erpentry",
            index=models.Index(
                condition=models.Q(("batch__isnull", True), ("missing__isnull", True)),
                fields=["export", "treatment", "day", "position"],
                name="erp_entry_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="erpentry",
            index=models.Index(
                condition=models.Q(("missing__isnull", False)),
                fields=["export", "position"],
                name="erp_entry_held",
            ),
        ),
        migrations.AddIndex(
            model_name="erpentry",
            index=models.Index(fields=["batch", "position"], name="erp_entry_of_batch"),
        ),
        migrations.AddIndex(
            model_name="erpentry",
            index=models.Index(fields=["entry_id"], name="erp_entry_by_entry"),
        ),
        migrations.AddConstraint(
            model_name="erpentry",
            constraint=models.UniqueConstraint(fields=("export", "position"), name="erp_position_once"),
        ),
        migrations.AddConstraint(
            model_name="erpentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("treatment__in", ["detail", "summary", "receipt", "units"])),
                name="erp_entry_treatment_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="erpentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("batch__isnull", True), ("documents__isnull", True)),
                    models.Q(
                        ("batch__isnull", False), ("documents__isnull", False), ("missing__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="erp_entry_in_batch_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="erpbatch",
            constraint=models.UniqueConstraint(fields=("export", "number"), name="erp_batch_number_once"),
        ),
        migrations.AddConstraint(
            model_name="erptotal",
            constraint=models.UniqueConstraint(
                fields=("batch", "treatment", "book", "currency"), name="erp_total_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="erptotal",
            constraint=models.CheckConstraint(
                condition=models.Q(("credit_minor__gte", 0), ("debit_minor__gte", 0)),
                name="erp_total_not_negative",
            ),
        ),
        append_only(
            "accounting_erpbatch",
            "accounting_erptotal",
            "accounting_erptreatment",
            "accounting_erpmapping",
            "accounting_erpcustomer",
            "accounting_erpattempt",
            "accounting_erpanswer",
        ),
        run_file(__file__, "erp.sql"),
    ]
