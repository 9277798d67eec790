"""Commissions that go back with the price."""

import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.kernel.ids
from django.db import migrations, models

from warchest.runtime.schema import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("referrals", "0001_initial"),
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CommissionReversal",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("base_minor", models.BigIntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("reference", models.CharField(max_length=80)),
                ("reversed_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "commission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversals",
                        to="referrals.commission",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["reference"], name="reversal_reference")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("commission", "reference"), name="commission_reversed_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gte", 0), ("base_minor__gt", 0)),
                        name="reversal_positive",
                    ),
                ],
            },
        ),
        append_only("referrals_commissionreversal"),
    ]
