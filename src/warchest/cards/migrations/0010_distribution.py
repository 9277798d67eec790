"""Resellers, and cards that go to them, are sold by them and come back."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import warchest.kernel.ids
from django.db import migrations, models

from warchest.runtime.schema import append_only, run_file


class Migration(migrations.Migration):
    dependencies = [
        ("cards", "0009_ask_for_batches"),
    ]

    operations = [
        migrations.AddField(
            model_name="card",
            name="delivery_id",
            field=models.UUIDField(null=True),
        ),
        migrations.CreateModel(
            name="Reseller",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=64, unique=True)),
                ("title", models.CharField(max_length=120)),
                ("top_id", models.UUIDField()),
                (
                    "regions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=2), default=list, size=None
                    ),
                ),
                ("margin_bps", models.IntegerField()),
                ("credit_limit_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("payment_days", models.SmallIntegerField()),
                ("contract", models.CharField(blank=True, default="", max_length=60)),
                ("suspended_at", models.DateTimeField(null=True)),
                ("suspension", models.CharField(blank=True, default="", max_length=300)),
                ("taken_on_by", models.CharField(max_length=80)),
                ("taken_on_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "parent",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="cards.reseller",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ResellerPayment",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("reference", models.CharField(max_length=60)),
                ("noted_by", models.CharField(max_length=80)),
                ("occurred_at", models.DateTimeField()),
                (
                    "reseller",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="cards.reseller"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ResellerPerson",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("player_id", models.UUIDField()),
                ("added_by", models.CharField(max_length=80)),
                ("added_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(null=True)),
                (
                    "reseller",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="cards.reseller"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Sale",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("serial", models.CharField(max_length=20)),
                ("by_activation", models.BooleanField(default=False)),
                ("actor", models.CharField(max_length=80)),
                ("sold_at", models.DateTimeField()),
                ("occurred_at", models.DateTimeField()),
                ("state_before", models.CharField(max_length=12)),
                ("face_minor", models.BigIntegerField()),
                ("margin_minor", models.BigIntegerField(default=0)),
                ("tax_minor", models.BigIntegerField(default=0)),
                ("currency", models.CharField(max_length=3)),
                ("entry_id", models.UUIDField(null=True)),
                ("reversed_at", models.DateTimeField(null=True)),
                ("reversed_by", models.CharField(blank=True, default="", max_length=80)),
                ("reversal_entry_id", models.UUIDField(null=True)),
                ("batch", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="cards.batch")),
                (
                    "reseller",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="cards.reseller"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SaleShare",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kept_minor", models.BigIntegerField()),
                ("occurred_at", models.DateTimeField()),
                (
                    "reseller",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="cards.reseller"
                    ),
                ),
                (
                    "sale",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="cards.sale"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Shipment",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("first_number", models.IntegerField()),
                ("last_number", models.IntegerField()),
                ("state", models.CharField(default="draft", max_length=10)),
                ("consignment", models.BooleanField(default=False)),
                ("face_minor", models.BigIntegerField()),
                ("margin_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("reference", models.CharField(blank=True, default="", max_length=60)),
                ("cards", models.IntegerField(default=0)),
                ("drafted_by", models.CharField(max_length=80)),
                ("drafted_at", models.DateTimeField()),
                ("sent_by", models.CharField(blank=True, default="", max_length=80)),
                ("sent_at", models.DateTimeField(null=True)),
                ("ended_by", models.CharField(blank=True, default="", max_length=80)),
                ("ended_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("batch", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="cards.batch")),
                (
                    "receiver",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="received",
                        to="cards.reseller",
                    ),
                ),
                (
                    "sender",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sent",
                        to="cards.reseller",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ResellerLine",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=14)),
                ("cards", models.IntegerField()),
                ("face_minor", models.BigIntegerField()),
                ("margin_minor", models.BigIntegerField()),
                ("tax_minor", models.BigIntegerField(default=0)),
                ("currency", models.CharField(max_length=3)),
                ("entry_id", models.UUIDField(null=True)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("batch", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="cards.batch")),
                (
                    "reseller",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="cards.reseller"),
                ),
                (
                    "sale",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, to="cards.sale"
                    ),
                ),
                (
                    "shipment",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, to="cards.shipment"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ShipmentPart",
            fields=[
                (
                    "id",
                    models.UUIDField(default=warchest.kernel.ids.new_id, primary_key=True, serialize=False),
                ),
                ("first_number", models.IntegerField()),
                ("last_number", models.IntegerField()),
                ("state", models.CharField(default="away", max_length=10)),
                ("cards", models.IntegerField(default=0)),
                ("actor", models.CharField(blank=True, default="", max_length=80)),
                ("occurred_at", models.DateTimeField(null=True)),
                ("entry_id", models.UUIDField(null=True)),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="cards.batch"
                    ),
                ),
                (
                    "shipment",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="cards.shipment"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Till",
            fields=[
                ("client_id", models.UUIDField(primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=60)),
                ("bound_by", models.CharField(max_length=80)),
                ("bound_at", models.DateTimeField()),
                (
                    "reseller",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="cards.reseller"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TillRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("request_id", models.CharField(max_length=40)),
                ("kind", models.CharField(max_length=8)),
                ("occurred_at", models.DateTimeField()),
                (
                    "reseller",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="cards.reseller"
                    ),
                ),
                (
                    "sale",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="cards.sale"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="reseller",
            constraint=models.CheckConstraint(
                condition=models.Q(("margin_bps__gte", 0), ("margin_bps__lte", 10000)),
                name="reseller_margin_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="reseller",
            constraint=models.CheckConstraint(
                condition=models.Q(("credit_limit_minor__gte", 0)), name="reseller_credit_limit_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="reseller",
            constraint=models.CheckConstraint(
                condition=models.Q(("payment_days__gte", 0), ("payment_days__lte", 365)),
                name="reseller_payment_days_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="reseller",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("parent", None), ("top_id", models.F("id"))),
                    models.Q(("parent__isnull", False), models.Q(("top_id", models.F("id")), _negated=True)),
                    _connector="OR",
                ),
                name="reseller_top_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="resellerpayment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="reseller_payment_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="resellerpayment",
            constraint=models.UniqueConstraint(
                fields=("reseller", "reference"), name="reseller_payment_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="resellerperson",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)), fields=("player_id",), name="person_of_one_reseller"
            ),
        ),
        migrations.AddIndex(
            model_name="sale",
            index=models.Index(fields=["reseller", "-occurred_at"], name="sale_of_reseller"),
        ),
        migrations.AddIndex(
            model_name="sale",
            index=models.Index(fields=["serial"], name="sale_of_card"),
        ),
        migrations.AddConstraint(
            model_name="sale",
            constraint=models.UniqueConstraint(
                condition=models.Q(("reversed_at", None)), fields=("serial",), name="card_sold_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="sale",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reversal_entry_id", None), ("reversed_at", None), ("reversed_by", "")),
                    models.Q(
                        ("by_activation", False),
                        ("reversed_at__isnull", False),
                        models.Q(("reversed_by", ""), _negated=True),
                        models.Q(
                            models.Q(("entry_id", None), ("reversal_entry_id", None)),
                            models.Q(("entry_id__isnull", False), ("reversal_entry_id__isnull", False)),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="sale_reversed_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="sale",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("margin_minor__gte", 0),
                    ("margin_minor__lte", models.F("face_minor")),
                    ("tax_minor__gte", 0),
                    ("tax_minor__lte", models.F("face_minor")),
                ),
                name="sale_within_face",
            ),
        ),
        migrations.AddIndex(
            model_name="saleshare",
            index=models.Index(fields=["reseller", "occurred_at"], name="share_of_reseller"),
        ),
        migrations.AddConstraint(
            model_name="saleshare",
            constraint=models.UniqueConstraint(fields=("sale", "reseller"), name="share_once"),
        ),
        migrations.AddIndex(
            model_name="shipment",
            index=models.Index(fields=["receiver", "-id"], name="shipment_to"),
        ),
        migrations.AddIndex(
            model_name="shipment",
            index=models.Index(fields=["sender", "-id"], name="shipment_from"),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["draft", "sent", "received", "cancelled", "lost"])),
                name="shipment_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=models.CheckConstraint(
                condition=models.Q(("first_number__gte", 1), ("last_number__gte", models.F("first_number"))),
                name="shipment_range_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=models.CheckConstraint(
                condition=models.Q(("sender__isnull", False), ("receiver__isnull", False), _connector="OR"),
                name="shipment_between_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("face_minor__gte", 0),
                    ("margin_minor__gte", 0),
                    ("margin_minor__lte", models.F("face_minor")),
                ),
                name="shipment_margin_within_face",
            ),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("sent_at", None), ("state__in", ["draft", "cancelled"])),
                    models.Q(
                        ("cards__gte", 1),
                        ("sent_at__isnull", False),
                        models.Q(("state", "draft"), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="shipment_sent_by_someone",
            ),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("state__in", ["draft", "sent"])),
                    models.Q(("ended_at__isnull", False), ("state__in", ["received", "cancelled", "lost"])),
                    _connector="OR",
                ),
                name="shipment_ended",
            ),
        ),
        migrations.AddIndex(
            model_name="resellerline",
            index=models.Index(fields=["reseller", "occurred_at"], name="line_of_reseller"),
        ),
        migrations.AddConstraint(
            model_name="resellerline",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["delivery", "sale", "sale_reversed", "return"])),
                name="line_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="resellerline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cards__gte", 1),
                    ("face_minor__gte", 0),
                    ("margin_minor__gte", 0),
                    ("margin_minor__lte", models.F("face_minor")),
                ),
                name="line_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="resellerline",
            constraint=models.UniqueConstraint(
                condition=models.Q(("sale__isnull", False)),
                fields=("reseller", "sale", "kind"),
                name="line_of_sale_once",
            ),
        ),
        migrations.AddIndex(
            model_name="shipmentpart",
            index=models.Index(
                condition=models.Q(("state", "received")),
                fields=["batch", "first_number"],
                name="part_received",
            ),
        ),
        migrations.AddConstraint(
            model_name="shipmentpart",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["away", "received", "lost", "back"])),
                name="part_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="shipmentpart",
            constraint=models.CheckConstraint(
                condition=models.Q(("first_number__gte", 1), ("last_number__gte", models.F("first_number"))),
                name="part_range_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="shipmentpart",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cards", 0), ("entry_id", None), ("occurred_at", None), ("state", "away")),
                    models.Q(models.Q(("state", "away"), _negated=True), ("occurred_at__isnull", False)),
                    _connector="OR",
                ),
                name="part_ended",
            ),
        ),
        migrations.AddConstraint(
            model_name="tillrequest",
            constraint=models.UniqueConstraint(fields=("reseller", "request_id"), name="till_request_once"),
        ),
        migrations.AddConstraint(
            model_name="tillrequest",
            constraint=models.UniqueConstraint(fields=("sale", "kind"), name="till_request_of_sale_once"),
        ),
        migrations.AddConstraint(
            model_name="tillrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["sale", "reversal"])), name="till_request_kind_known"
            ),
        ),
        run_file(__file__, "distribution.sql"),
        append_only(
            "cards_till",
            "cards_tillrequest",
            "cards_saleshare",
            "cards_resellerline",
            "cards_resellerpayment",
        ),
    ]
