"""Cards that an older system made."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    dependencies = [("cards", "0014_check_closed"), ("runtime", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="import_scheme",
            field=models.CharField(blank=True, db_default="", default="", max_length=30),
        ),
        migrations.AddField(
            model_name="batch",
            name="owed_from",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
        migrations.CreateModel(
            name="ImportMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.IntegerField()),
                ("serial", models.CharField(max_length=20)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="cards.batch"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("batch", "number"), name="import_mark_once"),
                    models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="import_mark_number"),
                ],
            },
        ),
        append_only("cards_importmark"),
        run_file(__file__, "imports.sql"),
    ]
