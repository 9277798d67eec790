"""What buyers agreed to who wanted time to begin within the period of withdrawal."""

import django.db.models.functions.datetime
from django.db import migrations, models

from warchest.runtime.schema import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("runtime", "0001_initial"),
        ("subscriptions", "0003_check_terms"),
    ]

    operations = [
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("grant", models.UUIDField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=8)),
                ("wording", models.CharField(blank=True, max_length=600)),
                ("given_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["pays", "waives"])), name="consent_kind_known"
                    )
                ],
            },
        ),
        append_only("subscriptions_consent"),
    ]
