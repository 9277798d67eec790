"""A key per person, and who invoices are written to."""

import django.db.models.functions.datetime
from django.db import migrations, models

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="PersonKey",
            fields=[
                ("player", models.UUIDField(primary_key=True, serialize=False)),
                ("wrapped", models.BinaryField(max_length=80, null=True)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="InvoiceDetails",
            fields=[
                ("player", models.UUIDField(primary_key=True, serialize=False)),
                ("sealed", models.BinaryField()),
                ("vat_check", models.CharField(max_length=16)),
                ("vat_checked_at", models.DateTimeField(null=True)),
                ("vat_check_reference", models.CharField(blank=True, default="", max_length=80)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "invoice details",
                "indexes": [
                    models.Index(
                        condition=models.Q(("vat_check", "unchecked")),
                        fields=["changed_at"],
                        name="vat_check_waiting",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("vat_check__in", ["none", "unchecked", "registered", "not_registered"])
                        ),
                        name="vat_check_known",
                    )
                ],
            },
        ),
        run_file(__file__, "person_keys.sql"),
    ]
