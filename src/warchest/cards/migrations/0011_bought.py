"""Virtual cards that players buy and give, and those that are sold at the desk."""

import django.db.models.deletion
import django.db.models.functions.datetime
from warchest.runtime.schema import run_file
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cards", "0010_distribution"),
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="BoughtCard",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("serial", models.CharField(max_length=20, unique=True)),
                ("buyer_id", models.UUIDField()),
                ("units_minor", models.BigIntegerField()),
                ("paid_minor", models.BigIntegerField()),
                ("tax_minor", models.BigIntegerField(default=0)),
                ("currency", models.CharField(max_length=3)),
                ("entry_id", models.UUIDField()),
                ("bought_at", models.DateTimeField()),
                ("cancel_until", models.DateTimeField()),
                ("shown", models.IntegerField(default=0)),
                ("first_shown_at", models.DateTimeField(null=True)),
                ("mailed_at", models.DateTimeField(null=True)),
                ("cancelled_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="cards.batch"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DeskIssue",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("clerk_id", models.UUIDField()),
                ("quantity", models.SmallIntegerField()),
                ("note", models.CharField(blank=True, default="", max_length=200)),
                ("issued_at", models.DateTimeField()),
                ("shown_at", models.DateTimeField(null=True)),
                ("taken_back_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="cards.batch"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CardGift",
            fields=[
                (
                    "bought",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="cards.boughtcard",
                    ),
                ),
                ("sealed", models.BinaryField(null=True)),
                ("language", models.CharField(max_length=10)),
                ("deliver_at", models.DateTimeField()),
                ("state", models.CharField(default="waiting", max_length=10)),
                ("sends", models.SmallIntegerField(default=1)),
                ("began_at", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                ("changed_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["waiting", "sending", "unknown"])),
                        fields=["state", "deliver_at"],
                        name="gift_under_way",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["waiting", "sending", "delivered", "bounced", "unknown", "stopped"],
                            )
                        ),
                        name="gift_state_known",
                    ),
                    models.CheckConstraint(condition=models.Q(("sends__gte", 1)), name="gift_sends_counted"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("delivered_at__isnull", False), ("state", "delivered")),
                            models.Q(models.Q(("state", "delivered"), _negated=True), ("delivered_at", None)),
                            _connector="OR",
                        ),
                        name="gift_delivered_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("sealed__isnull", False),
                            ("state__in", ["delivered", "stopped", "bounced", "unknown"]),
                            _connector="OR",
                        ),
                        name="gift_kept_until_sent",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="boughtcard",
            index=models.Index(fields=["buyer_id", "-bought_at"], name="bought_by"),
        ),
        migrations.AddIndex(
            model_name="boughtcard",
            index=models.Index(fields=["batch"], name="bought_of_batch"),
        ),
        migrations.AddConstraint(
            model_name="boughtcard",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("paid_minor__gte", 0), ("shown__gte", 0), ("tax_minor__gte", 0), ("units_minor__gt", 0)
                ),
                name="bought_for_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="boughtcard",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("first_shown_at", None), ("shown", 0)),
                    models.Q(("first_shown_at__isnull", False), ("shown__gt", 0)),
                    _connector="OR",
                ),
                name="bought_shown_whole",
            ),
        ),
        migrations.AddIndex(
            model_name="deskissue",
            index=models.Index(fields=["-issued_at"], name="desk_newest"),
        ),
        migrations.AddConstraint(
            model_name="deskissue",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1), ("quantity__lte", 20)), name="desk_few"
            ),
        ),
        run_file(__file__, "bought.sql"),
    ]
