"""Time that is taken back for money that goes back."""

import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.kernel.ids
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [
        ("runtime", "0001_initial"),
        ("subscriptions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Withholding",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("reference", models.UUIDField()),
                ("seconds", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("net_minor", models.BigIntegerField()),
                ("state", models.CharField(default="held", max_length=8)),
                ("held_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("entry_key", models.CharField(blank=True, default="", max_length=80)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="deferral",
            name="deferral_positive",
        ),
        migrations.RemoveConstraint(
            model_name="grant",
            name="grant_ends_later",
        ),
        # Wider than before; checked for what is there by the migration behind it.
        AddConstraintNotValid(
            model_name="deferral",
            constraint=models.CheckConstraint(
                condition=models.Q(("net_minor__gte", 0)), name="deferral_positive"
            ),
        ),
        AddConstraintNotValid(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gte", models.F("starts_at"))), name="grant_ends_later"
            ),
        ),
        migrations.AddField(
            model_name="withholding",
            name="grant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="withholdings",
                to="subscriptions.grant",
            ),
        ),
        migrations.AddIndex(
            model_name="withholding",
            index=models.Index(fields=["reference"], name="withholding_reference"),
        ),
        migrations.AddConstraint(
            model_name="withholding",
            constraint=models.CheckConstraint(
                condition=models.Q(("net_minor__gte", 0), ("seconds__gte", 0)), name="withheld_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="withholding",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["held", "taken", "returned"])), name="withheld_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="withholding",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at__isnull", True), ("state", "held")),
                    models.Q(models.Q(("state", "held"), _negated=True), ("decided_at__isnull", False)),
                    _connector="OR",
                ),
                name="withheld_decided",
            ),
        ),
        run_file(__file__, "withholding.sql"),
    ]
