"""Passes for tournaments, and what is deferred for them."""

import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.kernel.ids
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0004_consents"),
    ]

    operations = [
        migrations.CreateModel(
            name="Pass",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("player", models.UUIDField()),
                ("tournament", models.UUIDField()),
                ("online_service", models.UUIDField()),
                ("source", models.CharField(max_length=12)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("entry_id", models.UUIDField(null=True)),
                ("reference", models.CharField(blank=True, max_length=80)),
                ("issued_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "passes",
                "indexes": [models.Index(fields=["tournament"], name="pass_tournament")],
                "constraints": [
                    models.UniqueConstraint(fields=("player", "tournament"), name="pass_once"),
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ["paid", "card", "gift", "trial", "compensation"])),
                        name="pass_source_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="pass_ends_later"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PassDeferral",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("net_minor", models.BigIntegerField()),
                ("recognised_minor", models.BigIntegerField(default=0)),
                ("ends_at", models.DateTimeField()),
                (
                    "held",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deferrals",
                        to="subscriptions.pass",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("recognised_minor", 0)),
                        fields=["ends_at"],
                        name="pass_deferral_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("held", "currency"), name="pass_deferral_once"),
                    models.CheckConstraint(
                        condition=models.Q(("net_minor__gt", 0)), name="pass_deferral_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("recognised_minor", 0),
                            ("recognised_minor", models.F("net_minor")),
                            _connector="OR",
                        ),
                        name="pass_recognised_whole",
                    ),
                ],
            },
        ),
        append_only("subscriptions_pass"),
        run_file(__file__, "passes.sql"),
    ]
