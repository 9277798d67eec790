"""Statements of the bank, their entries, and payouts."""

import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.kernel.ids
from warchest.runtime.schema import append_only, run_file
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_attempts_at_providers"),
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="BankStatement",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(max_length=40)),
                ("iban", models.CharField(max_length=34)),
                ("statement_id", models.CharField(max_length=80)),
                ("currency", models.CharField(max_length=3)),
                ("opening_minor", models.BigIntegerField()),
                ("closing_minor", models.BigIntegerField()),
                ("closed_on", models.DateField()),
                ("entry_count", models.IntegerField()),
                ("digest", models.BinaryField(max_length=32)),
                ("imported_by", models.CharField(max_length=80)),
                ("imported_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["iban", "-closed_on"], name="bank_statement_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("iban", "statement_id", "digest"), name="bank_statement_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("entry_count__gte", 0)), name="bank_statement_counted"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PayoutFile",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(max_length=40)),
                ("currency", models.CharField(max_length=3)),
                ("total_minor", models.BigIntegerField()),
                ("order_count", models.IntegerField()),
                ("execute_on", models.DateField()),
                ("made_by", models.CharField(max_length=80)),
                ("made_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("order_count__gt", 0), ("total_minor__gt", 0)),
                        name="payout_file_filled",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Payout",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(max_length=40)),
                ("purpose", models.CharField(max_length=12)),
                ("reference", models.CharField(max_length=35, unique=True)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("sealed", models.BinaryField()),
                ("wanted_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "file",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="payments.payoutfile",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BankEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("iban", models.CharField(max_length=34)),
                ("statement_name", models.CharField(max_length=80)),
                ("reference", models.CharField(max_length=80)),
                ("digest", models.BinaryField(max_length=32)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("incoming", models.BooleanField()),
                ("booked_on", models.DateField()),
                ("creditor_reference", models.CharField(blank=True, max_length=35)),
                ("end_to_end_id", models.CharField(blank=True, max_length=35)),
                ("reversal", models.BooleanField(default=False)),
                ("sealed", models.BinaryField()),
                ("state", models.CharField(default="new", max_length=10)),
                ("reason", models.CharField(blank=True, max_length=30)),
                ("resolution", models.CharField(blank=True, max_length=20)),
                ("journal_entry", models.UUIDField(null=True, unique=True)),
                ("note", models.CharField(blank=True, max_length=300)),
                ("settled_by", models.CharField(blank=True, max_length=80)),
                ("settled_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "payment",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_entries",
                        to="payments.payment",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="payments.bankstatement",
                    ),
                ),
                (
                    "payout",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="told_by",
                        to="payments.payout",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "bank entries",
                "indexes": [
                    models.Index(fields=["state", "-id"], name="bank_entry_state"),
                    models.Index(
                        condition=models.Q(("payment__isnull", False)),
                        fields=["payment"],
                        name="bank_entry_payment",
                    ),
                    models.Index(fields=["reference", "booked_on"], name="bank_entry_reference"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("iban", "statement_name", "reference"), name="bank_entry_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="bank_entry_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["matched", "new", "resolved", "waiting"])),
                        name="bank_entry_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("journal_entry__isnull", False),
                                ("settled_at__isnull", False),
                                ("state__in", ["matched", "resolved"]),
                                models.Q(("resolution", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("state__in", ["matched", "resolved"]), _negated=True),
                                ("journal_entry", None),
                                ("resolution", ""),
                                ("settled_at", None),
                            ),
                            _connector="OR",
                        ),
                        name="bank_entry_settled_and_booked",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), ("state", "waiting"), _negated=True),
                        name="bank_entry_waits_for_a_reason",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(
                condition=models.Q(("file", None)), fields=["provider", "id"], name="payout_wanted"
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="payout_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(("purpose__in", ["refund", "send_back"])), name="payout_purpose_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("done_at", None), ("done_at__gte", models.F("wanted_at")), _connector="OR"
                ),
                name="payout_done_when_ordered",
            ),
        ),
        append_only("payments_bankstatement", "payments_payoutfile"),
        run_file(__file__, "bank.sql"),
    ]
