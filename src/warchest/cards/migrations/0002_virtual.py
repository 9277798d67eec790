"""Cards that are issued one by one."""

import django.db.models.deletion
import django.db.models.functions.datetime
from warchest.runtime.schema import run_file
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cards", "0001_initial"),
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="IssuedCode",
            fields=[
                ("serial", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("seller", models.CharField(max_length=64)),
                ("order", models.CharField(max_length=100)),
                ("line", models.CharField(max_length=100)),
                ("place", models.SmallIntegerField()),
                ("product", models.CharField(max_length=100)),
                ("sealed", models.BinaryField(null=True)),
                ("issued_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("taken_back_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.AddField(
            model_name="batch",
            name="product",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.AddField(
            model_name="batch",
            name="virtual",
            field=models.BooleanField(db_default=False, default=False),
        ),
        AddConstraintNotValid(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("virtual", False),
                    models.Q(("generated_at", None), ("handed_over_at", None)),
                    _connector="OR",
                ),
                name="virtual_never_made_together",
            ),
        ),
        migrations.AddField(
            model_name="issuedcode",
            name="batch",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, to="cards.batch"
            ),
        ),
        migrations.AddIndex(
            model_name="issuedcode",
            index=models.Index(
                condition=models.Q(("sealed__isnull", False)), fields=["issued_at"], name="issued_code_open"
            ),
        ),
        migrations.AddIndex(
            model_name="issuedcode",
            index=models.Index(fields=["batch"], name="issued_code_batch"),
        ),
        migrations.AddConstraint(
            model_name="issuedcode",
            constraint=models.UniqueConstraint(
                fields=("seller", "order", "line", "place"), name="issued_once_a_line"
            ),
        ),
        migrations.AddConstraint(
            model_name="issuedcode",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("sealed__isnull", False), ("taken_back_at", None)),
                    models.Q(
                        ("sealed", None),
                        models.Q(
                            ("closed_at__isnull", False), ("taken_back_at__isnull", False), _connector="OR"
                        ),
                    ),
                    _connector="OR",
                ),
                name="code_kept_while_open",
            ),
        ),
        run_file(__file__, "virtual.sql"),
    ]
