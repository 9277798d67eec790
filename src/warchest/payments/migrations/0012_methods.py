"""Saved methods, top-ups by themselves, and what payments are for."""

import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.kernel.ids
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0011_withdrawal_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="AutoRun",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("month", models.DateField()),
                ("occasion", models.CharField(max_length=12)),
                ("begun_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="AutoTopUp",
            fields=[
                ("player", models.UUIDField(primary_key=True, serialize=False)),
                ("enabled", models.BooleanField()),
                ("below_minor", models.BigIntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("cap_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("wording", models.CharField(max_length=20)),
                ("agreed_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("declines", models.SmallIntegerField(default=0)),
                ("paused_at", models.DateTimeField(null=True)),
                ("pause_reason", models.CharField(blank=True, default="", max_length=20)),
                ("not_before", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=80)),
            ],
        ),
        migrations.CreateModel(
            name="MethodConsent",
            fields=[
                (
                    "payment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="method_consent",
                        serialize=False,
                        to="payments.payment",
                    ),
                ),
                ("player", models.UUIDField()),
                ("wording", models.CharField(max_length=20)),
                ("language", models.CharField(max_length=10)),
                ("agreed_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="MethodUse",
            fields=[
                (
                    "payment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="method_use",
                        serialize=False,
                        to="payments.payment",
                    ),
                ),
                ("attempt", models.SmallIntegerField()),
                ("player_present", models.BooleanField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Purpose",
            fields=[
                (
                    "payment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="purpose",
                        serialize=False,
                        to="payments.payment",
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("asked", models.TextField()),
                ("state", models.CharField(default="waiting", max_length=8)),
                ("reason", models.CharField(blank=True, default="", max_length=80)),
                ("details", models.TextField(blank=True, default="")),
                ("result", models.TextField(blank=True, default="")),
                ("decided_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="SavedMethod",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("player", models.UUIDField()),
                ("provider", models.CharField(max_length=40)),
                ("payer", models.CharField(max_length=64)),
                ("state", models.CharField(default="usable", max_length=10)),
                ("method", models.CharField(max_length=40)),
                ("label", models.CharField(max_length=60)),
                ("last_four", models.CharField(blank=True, max_length=4)),
                ("expires", models.CharField(blank=True, max_length=7)),
                ("country", models.CharField(blank=True, max_length=2)),
                ("card_hash", models.BinaryField(default=b"")),
                ("token_hash", models.BinaryField()),
                ("token", models.BinaryField(null=True)),
                ("saved_at", models.DateTimeField()),
                ("warned_of", models.CharField(blank=True, default="", max_length=7)),
                ("forget_asked_at", models.DateTimeField(null=True)),
                ("forgotten_at", models.DateTimeField(null=True)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("tries", models.IntegerField(default=0)),
                ("problem", models.CharField(blank=True, default="", max_length=80)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="message",
            name="message_exchange_known",
        ),
        AddConstraintNotValid(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "exchange__in",
                        [
                            "capture",
                            "dispute",
                            "forget",
                            "inquiry",
                            "notice",
                            "refund",
                            "return",
                            "start",
                            "void",
                        ],
                    )
                ),
                name="message_exchange_known",
            ),
        ),
        migrations.AddField(
            model_name="autorun",
            name="payment",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="auto_run", to="payments.payment"
            ),
        ),
        migrations.AddField(
            model_name="autorun",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="payments.autotopup"
            ),
        ),
        migrations.AddConstraint(
            model_name="purpose",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at__isnull", True), ("reason", ""), ("state", "waiting")),
                    models.Q(("decided_at__isnull", False), ("reason", ""), ("state", "done")),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("state", "refused"),
                        models.Q(("reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="purpose_decided",
            ),
        ),
        migrations.AddField(
            model_name="savedmethod",
            name="consent",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="methods",
                to="payments.methodconsent",
            ),
        ),
        migrations.AddField(
            model_name="methoduse",
            name="method",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="uses", to="payments.savedmethod"
            ),
        ),
        migrations.AddField(
            model_name="autotopup",
            name="method",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="orders", to="payments.savedmethod"
            ),
        ),
        migrations.AddIndex(
            model_name="autorun",
            index=models.Index(fields=["order", "month"], name="auto_run_month"),
        ),
        migrations.AddConstraint(
            model_name="autorun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True)),
                fields=("order",),
                name="auto_run_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="autorun",
            constraint=models.CheckConstraint(
                condition=models.Q(("occasion__in", ["balance", "prolonging"])),
                name="auto_run_occasion_known",
            ),
        ),
        migrations.AddIndex(
            model_name="savedmethod",
            index=models.Index(fields=["player", "-id"], name="method_player"),
        ),
        migrations.AddIndex(
            model_name="savedmethod",
            index=models.Index(
                condition=models.Q(("next_try_at__isnull", False)),
                fields=["next_try_at"],
                name="method_forgetting_due",
            ),
        ),
        migrations.AddIndex(
            model_name="savedmethod",
            index=models.Index(
                condition=models.Q(("state", "usable"), models.Q(("expires", ""), _negated=True)),
                fields=["expires"],
                name="method_ending",
            ),
        ),
        migrations.AddConstraint(
            model_name="savedmethod",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("forget_asked_at__isnull", True),
                        ("forgotten_at__isnull", True),
                        ("next_try_at__isnull", True),
                        ("state", "usable"),
                        ("token__isnull", False),
                    ),
                    models.Q(
                        ("forget_asked_at__isnull", False),
                        ("forgotten_at__isnull", True),
                        ("next_try_at__isnull", False),
                        ("state", "forgetting"),
                        ("token__isnull", False),
                    ),
                    models.Q(
                        ("forgotten_at__isnull", False),
                        ("next_try_at__isnull", True),
                        ("state", "forgotten"),
                        ("token__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="method_token_as_long_as_needed",
            ),
        ),
        migrations.AddConstraint(
            model_name="savedmethod",
            constraint=models.UniqueConstraint(fields=("provider", "token_hash"), name="method_token_once"),
        ),
        migrations.AddConstraint(
            model_name="savedmethod",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "usable"), models.Q(("card_hash", b""), _negated=True)),
                fields=("player", "provider", "card_hash"),
                name="method_card_once",
            ),
        ),
        migrations.AddIndex(
            model_name="autotopup",
            index=models.Index(
                condition=models.Q(("enabled", True), ("paused_at__isnull", True)),
                fields=["player"],
                name="auto_top_up_on",
            ),
        ),
        migrations.AddConstraint(
            model_name="autotopup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_minor__gt", 0),
                    ("below_minor__gt", 0),
                    ("cap_minor__gte", models.F("amount_minor")),
                ),
                name="auto_top_up_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="autotopup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("pause_reason", ""), ("paused_at__isnull", True)),
                    models.Q(("paused_at__isnull", False), models.Q(("pause_reason", ""), _negated=True)),
                    _connector="OR",
                ),
                name="auto_top_up_paused_for_reason",
            ),
        ),
        append_only("payments_methodconsent"),
        append_only("payments_methoduse"),
        run_file(__file__, "methods.sql"),
    ]
