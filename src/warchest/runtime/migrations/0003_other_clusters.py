"""Other clusters that this one is merged with, or may be."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runtime", "0002_decisions"),
    ]

    operations = [
        migrations.CreateModel(
            name="OtherCluster",
            fields=[
                ("code", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("state", models.CharField(max_length=8)),
                ("letter", models.JSONField()),
                ("password", models.BinaryField()),
                ("accepted_by", models.CharField(max_length=80)),
                ("merged_by", models.CharField(blank=True, max_length=80)),
                ("examined_at", models.DateTimeField(null=True)),
                ("report", models.JSONField(default=dict)),
                ("head", models.TextField(blank=True)),
                ("head_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["known", "merged", "leaving", "cut"])),
                        name="other_cluster_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["merged", "leaving"]), _negated=True),
                            models.Q(("merged_by", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="merged_by_somebody",
                    ),
                ],
            },
        ),
    ]
