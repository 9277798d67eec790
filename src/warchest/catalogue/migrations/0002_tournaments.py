"""Tournaments, and what a pass for one costs."""

import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.catalogue.contract
import warchest.kernel.ids
from django.db import migrations, models

from warchest.runtime.schema import append_only, stamped


class Migration(migrations.Migration):
    dependencies = [
        ("catalogue", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Tournament",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("code", models.CharField(max_length=40)),
                ("names", models.JSONField()),
                ("begins_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("capacity", models.IntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        default=warchest.catalogue.contract.OfferState["OFFERED"], max_length=10
                    ),
                ),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "online_service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tournaments",
                        to="catalogue.onlineservice",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PassPrice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("amount_minor", models.BigIntegerField()),
                ("valid_from", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "tournament",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prices",
                        to="catalogue.tournament",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="tournament",
            constraint=models.UniqueConstraint(fields=("code",), name="tournament_code_once"),
        ),
        migrations.AddConstraint(
            model_name="tournament",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["draft", "offered", "retired"])),
                name="tournament_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="tournament",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("begins_at"))), name="tournament_is_period"
            ),
        ),
        migrations.AddConstraint(
            model_name="tournament",
            constraint=models.CheckConstraint(
                condition=models.Q(("capacity__gte", 0)), name="tournament_capacity_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="passprice",
            constraint=models.UniqueConstraint(
                fields=("tournament", "currency", "valid_from"), name="pass_price_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="passprice",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="pass_price_positive"
            ),
        ),
        append_only("catalogue_passprice"),
        stamped("catalogue", "catalogue_tournament", "catalogue_passprice"),
    ]
