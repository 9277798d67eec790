"""Further attempts, refunds and disputes."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import warchest.kernel.ids
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0002_keep_told"),
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Dispute",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(max_length=40)),
                ("provider_dispute", models.CharField(max_length=200)),
                ("state", models.CharField(max_length=12)),
                ("amount_minor", models.BigIntegerField()),
                ("excess_minor", models.BigIntegerField(default=0)),
                ("fee_minor", models.BigIntegerField(default=0)),
                ("fee_currency", models.CharField(max_length=3)),
                ("currency", models.CharField(max_length=3)),
                ("units_minor", models.BigIntegerField(default=0)),
                ("debt_minor", models.BigIntegerField(default=0)),
                ("reason", models.CharField(blank=True, max_length=80)),
                ("evidence_until", models.DateTimeField(null=True)),
                ("evidence_at", models.DateTimeField(null=True)),
                ("opened_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("opened_entry", models.UUIDField(null=True, unique=True)),
                ("decided_entry", models.UUIDField(null=True, unique=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Part",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("of", models.UUIDField()),
                ("kind", models.CharField(max_length=8)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("units_minor", models.BigIntegerField(null=True)),
                ("slice", models.UUIDField(null=True)),
                ("sale_entry", models.UUIDField(null=True)),
                ("grant", models.UUIDField(null=True)),
                ("seconds", models.BigIntegerField(default=0)),
                ("net_minor", models.BigIntegerField(null=True)),
                ("tax_minor", models.BigIntegerField(null=True)),
                ("tax_owner", models.CharField(blank=True, default="", max_length=40)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("attempt", models.SmallIntegerField()),
                ("kind", models.CharField(max_length=8)),
                ("state", models.CharField(default="held", max_length=10)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("units_minor", models.BigIntegerField(default=0)),
                ("debt_minor", models.BigIntegerField(default=0)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("refusal", models.CharField(blank=True, default="", max_length=80)),
                ("provider_reference", models.CharField(blank=True, default="", max_length=200)),
                ("asked_by", models.CharField(max_length=80)),
                ("asked_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("tries", models.IntegerField(default=0)),
                ("journal_entry", models.UUIDField(null=True, unique=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="message",
            name="message_exchange_known",
        ),
        migrations.RemoveConstraint(
            model_name="message",
            name="message_standing_known",
        ),
        migrations.RemoveConstraint(
            model_name="payment",
            name="payment_credited_by_status",
        ),
        migrations.AddField(
            model_name="attempt",
            name="instrument",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="attempt",
            name="kept",
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name="attempt",
            name="method",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="attempt",
            name="options",
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name="attempt",
            name="provider_reference",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="attempt",
            name="standing",
            field=models.CharField(blank=True, db_default="", default="", max_length=10),
        ),
        migrations.AddField(
            model_name="payment",
            name="attempt",
            field=models.SmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="payment",
            name="disputed_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="payment",
            name="refunded_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="payment",
            name="refunding_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="payment",
            name="set_off_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="receivednotice",
            name="attempt",
            field=models.SmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="receivednotice",
            name="dispute",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="receivednotice",
            name="refund",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="receivednotice",
            name="subject",
            field=models.CharField(db_default="payment", default="payment", max_length=8),
        ),
        AddConstraintNotValid(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "exchange__in",
                        ["capture", "dispute", "inquiry", "notice", "refund", "return", "start", "void"],
                    )
                ),
                name="message_exchange_known",
            ),
        ),
        AddConstraintNotValid(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "standing__in",
                        ["", "authorised", "cancelled", "failed", "pending", "succeeded", "unknown"],
                    )
                ),
                name="message_standing_known",
            ),
        ),
        AddConstraintNotValid(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "amount_minor__gte",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("refunding_minor"), "+", models.F("refunded_minor")
                            ),
                            "+",
                            models.F("disputed_minor"),
                        ),
                    ),
                    ("disputed_minor__gte", 0),
                    ("refunded_minor__gte", 0),
                    ("refunding_minor__gte", 0),
                    ("set_off_minor__gte", 0),
                    ("set_off_minor__lte", models.F("amount_minor")),
                ),
                name="payment_goes_back_once",
            ),
        ),
        AddConstraintNotValid(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("status__in", ["disputed", "partially_refunded", "refunded", "succeeded"]),
                        ("credited_at__isnull", False),
                        ("journal_entry__isnull", False),
                    ),
                    models.Q(
                        models.Q(
                            ("status__in", ["disputed", "partially_refunded", "refunded", "succeeded"]),
                            _negated=True,
                        ),
                        ("credited_at__isnull", True),
                        ("journal_entry__isnull", True),
                        ("lot__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="payment_credited_by_status",
            ),
        ),
        migrations.AddField(
            model_name="dispute",
            name="payment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="disputes", to="payments.payment"
            ),
        ),
        migrations.AddField(
            model_name="part",
            name="payment",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.payment",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="payment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="refunds", to="payments.payment"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.UniqueConstraint(fields=("provider", "provider_dispute"), name="dispute_once"),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "under_review", "won", "lost"])),
                name="dispute_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gte", 0), ("excess_minor__gte", 0), ("fee_minor__gte", 0)),
                name="dispute_positive",
            ),
        ),
        migrations.AddIndex(
            model_name="part",
            index=models.Index(fields=["of"], name="part_of"),
        ),
        migrations.AddIndex(
            model_name="part",
            index=models.Index(
                condition=models.Q(("sale_entry__isnull", False)), fields=["sale_entry"], name="part_sale"
            ),
        ),
        migrations.AddConstraint(
            model_name="part",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["wallet", "time", "debt"])), name="part_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="part",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "time"), _negated=True),
                    models.Q(
                        ("grant__isnull", False),
                        ("net_minor__isnull", False),
                        ("sale_entry__isnull", False),
                        ("slice__isnull", False),
                        ("tax_minor__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="part_of_time_whole",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("next_try_at__isnull", False)), fields=["next_try_at"], name="refund_due"
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("provider_reference", ""), _negated=True),
                fields=["provider_reference"],
                name="refund_at_provider",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["asked", "surplus", "outside"])), name="refund_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("decided_at__isnull", True),
                        ("journal_entry__isnull", True),
                        ("next_try_at__isnull", False),
                        ("state__in", ["held", "instructed"]),
                    ),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("journal_entry__isnull", True),
                        ("next_try_at__isnull", True),
                        ("state", "refused"),
                    ),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("journal_entry__isnull", False),
                        ("next_try_at__isnull", True),
                        ("state", "confirmed"),
                    ),
                    _connector="OR",
                ),
                name="refund_decided_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0), ("debt_minor__gte", 0), ("units_minor__gte", 0)),
                name="refund_positive",
            ),
        ),
        append_only("payments_part"),
        run_file(__file__, "refunds.sql"),
    ]
