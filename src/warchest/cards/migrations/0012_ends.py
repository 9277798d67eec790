"""The ends of cards that nobody used, who is warned of them, and campaigns with one card for each player."""

import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.kernel.ids
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    dependencies = [
        ("cards", "0011_bought"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExpiryWalk",
            fields=[
                (
                    "batch",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="cards.batch",
                    ),
                ),
                ("next_number", models.IntegerField(default=1)),
                ("done_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="CampaignUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("campaign", models.CharField(max_length=60)),
                ("player_id", models.UUIDField()),
                ("serial", models.CharField(max_length=20, unique=True)),
                ("used_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "player_id"), name="campaign_once_a_player")
                ],
            },
        ),
        migrations.CreateModel(
            name="ExpiredPart",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("run", models.UUIDField()),
                ("first_number", models.IntegerField()),
                ("last_number", models.IntegerField()),
                ("cards", models.IntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("entry_id", models.UUIDField(null=True)),
                ("expired_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("batch", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="cards.batch")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("run", "currency"), name="expired_part_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("first_number__gte", 1), ("last_number__gte", models.F("first_number"))
                        ),
                        name="expired_part_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount_minor", 0), ("entry_id", None)),
                            models.Q(("amount_minor__gt", 0), ("entry_id__isnull", False)),
                            _connector="OR",
                        ),
                        name="expired_part_booked",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExpiryWarning",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("serial", models.CharField(blank=True, db_default="", default="", max_length=20)),
                ("ends_at", models.DateTimeField()),
                ("days", models.SmallIntegerField()),
                ("cards", models.IntegerField()),
                ("warned_at", models.DateTimeField()),
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
                    models.UniqueConstraint(
                        fields=("batch", "serial", "ends_at", "days"), name="expiry_warned_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cards__gte", 1), ("days__gte", 1)), name="expiry_warned_ahead"
                    ),
                ],
            },
        ),
        append_only("cards_campaignuse", "cards_expiredpart", "cards_expirywarning"),
        run_file(__file__, "ends.sql"),
    ]
