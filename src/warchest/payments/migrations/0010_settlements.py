"""What providers settled, line by line."""

import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.kernel.ids
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0009_accept_taken"),
    ]

    operations = [
        migrations.CreateModel(
            name="Settlement",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(max_length=40)),
                ("number", models.CharField(max_length=200)),
                ("currency", models.CharField(max_length=3)),
                ("settled_on", models.DateField()),
                ("gross_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
                ("reserved_minor", models.BigIntegerField()),
                ("paid_out_minor", models.BigIntegerField()),
                ("payout_reference", models.CharField(blank=True, max_length=200)),
                ("digest", models.BinaryField(max_length=32)),
                ("journal_entry", models.UUIDField(null=True, unique=True)),
                ("imported_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["-settled_on", "-id"], name="settlement_newest")],
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "number", "currency"), name="settlement_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SettlementLine",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(max_length=40)),
                ("line", models.CharField(max_length=200)),
                ("kind", models.CharField(max_length=12)),
                ("state", models.CharField(max_length=8)),
                ("gross_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
                ("booked_fee_minor", models.BigIntegerField()),
                ("ours_minor", models.BigIntegerField(null=True)),
                ("difference_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("payment", models.UUIDField(null=True)),
                ("reference", models.CharField(blank=True, max_length=200)),
                ("provider_reference", models.CharField(blank=True, max_length=200)),
                ("description", models.CharField(blank=True, max_length=300)),
                ("occurred_at", models.DateTimeField()),
                ("resolved_entry", models.UUIDField(null=True, unique=True)),
                ("resolved_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "settlement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="payments.settlement",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["differs", "extra"])),
                        fields=["id"],
                        name="settlement_line_open",
                    ),
                    models.Index(
                        condition=models.Q(("payment__isnull", False)),
                        fields=["payment"],
                        name="settlement_line_payment",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "line"), name="settlement_line_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("difference_minor", 0),
                                ("resolved_entry__isnull", True),
                                ("state", "matched"),
                            ),
                            models.Q(("resolved_entry__isnull", True), ("state__in", ["differs", "extra"])),
                            models.Q(
                                ("resolved_at__isnull", False),
                                ("resolved_entry__isnull", False),
                                ("state", "resolved"),
                            ),
                            _connector="OR",
                        ),
                        name="settlement_line_state",
                    ),
                ],
            },
        ),
        append_only("payments_settlement"),
        run_file(__file__, "settlements.sql"),
    ]
