import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.kernel.ids
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="NoticeRefusal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "provider",
                        "day",
                        "reason",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("provider", models.CharField(max_length=40)),
                ("day", models.DateField()),
                ("reason", models.CharField(max_length=60)),
                ("count", models.IntegerField()),
                ("last_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("player", models.UUIDField()),
                ("provider", models.CharField(max_length=40)),
                ("status", models.CharField(default="created", max_length=20)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("units_minor", models.BigIntegerField()),
                ("units_per_major", models.CharField(max_length=40)),
                ("return_url", models.CharField(max_length=600)),
                ("redirect_url", models.TextField(blank=True)),
                ("provider_reference", models.CharField(blank=True, max_length=200)),
                ("reason", models.CharField(blank=True, max_length=80)),
                ("taken_minor", models.BigIntegerField(null=True)),
                ("taken_currency", models.CharField(blank=True, max_length=3)),
                ("language", models.CharField(max_length=10)),
                ("country", models.CharField(max_length=2)),
                ("opened_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("credited_at", models.DateTimeField(null=True)),
                ("next_inquiry_at", models.DateTimeField(null=True)),
                ("inquiries", models.IntegerField(default=0)),
                ("journal_entry", models.UUIDField(null=True, unique=True)),
                ("lot", models.UUIDField(null=True, unique=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["player", "-id"], name="payment_player"),
                    models.Index(fields=["status", "-id"], name="payment_status"),
                    models.Index(fields=["provider", "-id"], name="payment_provider"),
                    models.Index(
                        condition=models.Q(("next_inquiry_at__isnull", False)),
                        fields=["next_inquiry_at"],
                        name="payment_inquiry_due",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "cancelled",
                                    "created",
                                    "disputed",
                                    "failed",
                                    "partially_refunded",
                                    "pending",
                                    "refunded",
                                    "review",
                                    "succeeded",
                                    "unknown",
                                ],
                            )
                        ),
                        name="payment_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0), ("units_minor__gt", 0)),
                        name="payment_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("status__in", ["disputed", "partially_refunded", "refunded", "succeeded"]),
                                ("credited_at__isnull", False),
                                ("journal_entry__isnull", False),
                                ("lot__isnull", False),
                            ),
                            models.Q(
                                models.Q(
                                    (
                                        "status__in",
                                        ["disputed", "partially_refunded", "refunded", "succeeded"],
                                    ),
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
                    models.UniqueConstraint(
                        condition=models.Q(("provider_reference", ""), _negated=True),
                        fields=("provider", "provider_reference"),
                        name="payment_once_at_provider",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(max_length=40)),
                ("direction", models.CharField(max_length=16)),
                ("exchange", models.CharField(max_length=10)),
                ("standing", models.CharField(blank=True, max_length=10)),
                ("provider_reference", models.CharField(blank=True, max_length=200)),
                ("amount_minor", models.BigIntegerField(null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("reason", models.CharField(blank=True, max_length=80)),
                ("text", models.TextField(blank=True)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "payment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="payments.payment",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("number", models.SmallIntegerField()),
                ("provider", models.CharField(max_length=40)),
                ("reference", models.CharField(max_length=36)),
                ("notice_url", models.CharField(max_length=500)),
                ("description", models.CharField(max_length=120)),
                ("started_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                ("answer", models.TextField(blank=True)),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="payments.payment",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReceivedNotice",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(max_length=40)),
                ("notice_id", models.CharField(max_length=200)),
                ("reference", models.CharField(blank=True, max_length=200)),
                ("report", models.TextField()),
                ("received_at", models.DateTimeField()),
                ("copies", models.IntegerField(default=1)),
                ("processed_at", models.DateTimeField(null=True)),
                ("outcome", models.CharField(blank=True, max_length=60)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("tries", models.IntegerField(default=0)),
                ("problem", models.CharField(blank=True, max_length=400)),
                (
                    "message",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="payments.message"),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["payment", "id"], name="message_payment"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["provider", "-id"], name="message_provider"),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("direction__in", ["from_provider", "to_provider"])),
                name="message_direction_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("exchange__in", ["inquiry", "notice", "return", "start"])),
                name="message_exchange_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("standing__in", ["", "cancelled", "failed", "pending", "succeeded", "unknown"])
                ),
                name="message_standing_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.UniqueConstraint(fields=("payment", "number"), name="attempt_once"),
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.UniqueConstraint(
                fields=("provider", "reference"), name="attempt_reference_once"
            ),
        ),
        migrations.AddIndex(
            model_name="receivednotice",
            index=models.Index(
                condition=models.Q(("next_try_at__isnull", False)), fields=["next_try_at"], name="notice_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="receivednotice",
            constraint=models.UniqueConstraint(fields=("provider", "notice_id"), name="notice_once"),
        ),
        migrations.AddConstraint(
            model_name="receivednotice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_try_at__isnull", False), ("processed_at__isnull", True)),
                    models.Q(("next_try_at__isnull", True), ("processed_at__isnull", False)),
                    _connector="OR",
                ),
                name="notice_processed_or_due",
            ),
        ),
        run_file(__file__, "constraints.sql"),
        append_only("payments_message"),
    ]
