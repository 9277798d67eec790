"""Refunds take units out of the house, and players may owe for what they had spent."""

import django.db.models.functions.datetime
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    dependencies = [
        ("charging", "0003_check_slices"),
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="DebtMovement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("player_id", models.UUIDField()),
                ("kind", models.CharField(max_length=12)),
                ("minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("reference", models.CharField(max_length=80)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="lotslice",
            name="slice_use_known",
        ),
        # Wider than before; checked for what is there by the migration behind it.
        AddConstraintNotValid(
            model_name="lotslice",
            constraint=models.CheckConstraint(
                condition=models.Q(("use__in", ["spend", "transfer", "expiry", "leave", "refund"])),
                name="slice_use_known",
            ),
        ),
        migrations.AddIndex(
            model_name="debtmovement",
            index=models.Index(fields=["player_id", "id"], name="debt_player"),
        ),
        migrations.AddConstraint(
            model_name="debtmovement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "incurred"), ("minor__gt", 0)),
                    models.Q(("kind__in", ["set_off", "written_off", "undone"]), ("minor__lt", 0)),
                    _connector="OR",
                ),
                name="debt_kind_of_sign",
            ),
        ),
        migrations.AddConstraint(
            model_name="debtmovement",
            constraint=models.UniqueConstraint(
                fields=("reference", "kind", "player_id", "currency"), name="debt_moved_once"
            ),
        ),
        append_only("charging_debtmovement"),
        run_file(__file__, "refunds.sql"),
    ]
