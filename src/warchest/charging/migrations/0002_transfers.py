"""Transfers, and the units that leave for other clusters."""

import django.db.models.functions.datetime
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [
        ("charging", "0001_initial"),
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Transfer",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("direction", models.CharField(max_length=8)),
                ("cluster", models.CharField(blank=True, default="", max_length=40)),
                ("sender_id", models.UUIDField()),
                ("recipient_id", models.UUIDField()),
                ("other_name", models.CharField(blank=True, default="", max_length=80)),
                ("units_minor", models.BigIntegerField()),
                ("message", models.CharField(blank=True, default="", max_length=200)),
                ("parts", models.JSONField(default=list)),
                ("state", models.CharField(max_length=8)),
                ("reason", models.CharField(blank=True, default="", max_length=60)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
                ("entry_id", models.UUIDField(null=True)),
                ("tries", models.IntegerField(default=0)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                ("cancel_asked_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="lotslice",
            name="slice_use_known",
        ),
        # Wider than before, and checked for what is there already by the migration behind it: nobody waits for that.
        AddConstraintNotValid(
            model_name="lotslice",
            constraint=models.CheckConstraint(
                condition=models.Q(("use__in", ["spend", "transfer", "expiry", "leave"])),
                name="slice_use_known",
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("state", "held")), fields=["next_try_at"], name="transfer_due"
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("cluster", ""), _negated=True),
                fields=["cluster", "occurred_at"],
                name="transfer_across",
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(fields=["sender_id", "-occurred_at"], name="transfer_sender"),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(fields=["recipient_id", "-occurred_at"], name="transfer_recipient"),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("units_minor__gt", 0)), name="transfer_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("sender_id", models.F("recipient_id")), _negated=True),
                name="transfer_to_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cluster", ""), ("direction", "within"), ("state", "done")),
                    models.Q(
                        ("direction", "out"),
                        ("state__in", ["held", "captured", "voided"]),
                        models.Q(("cluster", ""), _negated=True),
                    ),
                    models.Q(
                        ("direction", "in"),
                        ("state__in", ["credited", "refused"]),
                        models.Q(("cluster", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="transfer_state_of_direction",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("entry_id__isnull", False), ("state__in", ["done", "captured", "credited"])),
                    models.Q(("entry_id__isnull", True), ("state__in", ["held", "voided", "refused"])),
                    _connector="OR",
                ),
                name="transfer_entry_where_moved",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("finished_at__isnull", True), ("next_try_at__isnull", False), ("state", "held")
                    ),
                    models.Q(
                        models.Q(("state", "held"), _negated=True),
                        ("finished_at__isnull", False),
                        ("next_try_at__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="transfer_finished_once",
            ),
        ),
        run_file(__file__, "transfers.sql"),
    ]
