"""Netting statements with the entities of other clusters."""

import django.db.models.functions.datetime
from django.db import migrations, models

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [
        ("accounting", "0003_moving_in"),
    ]

    operations = [
        migrations.CreateModel(
            name="NettingStatement",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("cluster", models.CharField(max_length=40)),
                ("currency", models.CharField(max_length=3)),
                ("until", models.DateTimeField()),
                ("payable_minor", models.BigIntegerField()),
                ("receivable_minor", models.BigIntegerField()),
                ("state", models.CharField(max_length=8)),
                ("drawn_up_by", models.CharField(blank=True, default="", max_length=40)),
                ("drawn_up_at", models.DateTimeField()),
                ("their_payable_minor", models.BigIntegerField(null=True)),
                ("their_receivable_minor", models.BigIntegerField(null=True)),
                ("booked_by", models.CharField(blank=True, default="", max_length=40)),
                ("reference", models.CharField(blank=True, default="", max_length=80)),
                ("entry_id", models.UUIDField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["cluster", "currency"], name="netting_cluster")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("entry_id__isnull", True), ("state__in", ["drawn_up", "agreed", "disputed"])
                            ),
                            models.Q(("entry_id__isnull", False), ("state", "booked")),
                            _connector="OR",
                        ),
                        name="netting_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "booked"), _negated=True),
                            models.Q(("booked_by", models.F("drawn_up_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="netting_by_two",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "drawn_up")),
                        fields=("cluster", "currency"),
                        name="netting_open_once",
                    ),
                ],
            },
        ),
        run_file(__file__, "netting.sql"),
    ]
