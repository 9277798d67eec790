"""What the house sets up for payments: providers' settings, its rules, what fraud rules found, who decided reviews."""

import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.kernel.ids
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file, stamped


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0006_bank"),
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProviderHealth",
            fields=[
                ("provider", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("well", models.BooleanField()),
                ("detail", models.CharField(max_length=300)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="BonusPromise",
            fields=[
                (
                    "payment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="bonus",
                        serialize=False,
                        to="payments.payment",
                    ),
                ),
                ("units_minor", models.BigIntegerField()),
                ("days", models.IntegerField()),
                ("rule", models.CharField(max_length=80)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("days__gte", 0), ("units_minor__gt", 0)), name="bonus_positive"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HouseRule",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=10)),
                ("name", models.CharField(max_length=80)),
                ("terms", models.TextField()),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=80)),
                ("ended_by", models.CharField(blank=True, max_length=80)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["kind", "valid_from"], name="house_rule_kind")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["bonus", "bounds", "fraud", "method", "review", "route"])
                        ),
                        name="house_rule_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_until__isnull", True),
                            ("valid_until__gte", models.F("valid_from")),
                            _connector="OR",
                        ),
                        name="house_rule_ends_after_beginning",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderSettings",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(max_length=40)),
                ("number", models.IntegerField()),
                ("sealed", models.BinaryField()),
                ("mode", models.CharField(max_length=10)),
                ("changed", models.JSONField()),
                ("previous_until", models.DateTimeField(null=True)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=80)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "number"), name="provider_settings_once"),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1)), name="provider_settings_number"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", ["live", "sandbox"])),
                        name="provider_settings_mode_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderSwitch",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(max_length=40)),
                ("number", models.IntegerField()),
                ("enabled", models.BooleanField()),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=80)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "number"), name="provider_switch_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="RiskAssessment",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("payment", models.UUIDField()),
                ("stage", models.CharField(max_length=10)),
                ("verdict", models.CharField(max_length=6)),
                ("findings", models.TextField(default="[]")),
                ("player", models.UUIDField()),
                ("units_minor", models.BigIntegerField()),
                ("address_hash", models.BinaryField(default=b"")),
                ("network_hash", models.BinaryField(default=b"")),
                ("card_hash", models.BinaryField(default=b"")),
                ("card_label", models.CharField(blank=True, max_length=60)),
                ("player_country", models.CharField(blank=True, max_length=2)),
                ("address_country", models.CharField(blank=True, max_length=2)),
                ("card_country", models.CharField(blank=True, max_length=2)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["player", "at"], name="risk_player"),
                    models.Index(
                        condition=models.Q(("address_hash", b""), _negated=True),
                        fields=["address_hash", "at"],
                        name="risk_address",
                    ),
                    models.Index(
                        condition=models.Q(("network_hash", b""), _negated=True),
                        fields=["network_hash", "at"],
                        name="risk_network",
                    ),
                    models.Index(
                        condition=models.Q(("card_hash", b""), _negated=True),
                        fields=["card_hash", "at"],
                        name="risk_card",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("payment", "stage", "card_hash"), name="risk_assessed_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("stage__in", ["instrument", "opening"])), name="risk_stage_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["allow", "block", "review"])),
                        name="risk_verdict_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReviewVote",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("round", models.IntegerField()),
                ("decision", models.CharField(max_length=10)),
                ("reason", models.CharField(blank=True, max_length=80)),
                ("note", models.CharField(blank=True, max_length=400)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=80)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="review_votes",
                        to="payments.payment",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("payment", "round", "made_by"), name="review_vote_once"),
                    models.CheckConstraint(
                        condition=models.Q(("decision__in", ["approve", "refuse"])),
                        name="review_decision_known",
                    ),
                ],
            },
        ),
        append_only(
            "payments_providersettings",
            "payments_providerswitch",
            "payments_riskassessment",
            "payments_reviewvote",
            "payments_bonuspromise",
        ),
        run_file(__file__, "control.sql"),
        stamped("payments", "payments_providersettings", "payments_providerswitch", "payments_houserule"),
    ]
