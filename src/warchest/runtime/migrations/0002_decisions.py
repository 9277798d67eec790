"""Decisions of two-phase commit. Who works may write and forget them, and never change one."""

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("transaction", models.UUIDField(primary_key=True, serialize=False)),
                ("outcome", models.CharField(max_length=6)),
                ("number", models.BigIntegerField()),
                (
                    "keys",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["commit", "abort"])), name="decision_known"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            "REVOKE UPDATE, TRUNCATE ON runtime_decision FROM warchest_journey",
            reverse_sql=migrations.RunSQL.noop,
            elidable=False,
        ),
    ]
