"""Which entry of the bank brought a provider's payout."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from warchest.runtime.schema import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0013_check_methods"),
    ]

    operations = [
        migrations.CreateModel(
            name="PayoutArrival",
            fields=[
                (
                    "settlement",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="arrival",
                        serialize=False,
                        to="payments.settlement",
                    ),
                ),
                ("journal_entry", models.UUIDField()),
                ("difference_minor", models.BigIntegerField()),
                ("matched_by", models.CharField(max_length=80)),
                ("matched_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts_brought",
                        to="payments.bankentry",
                    ),
                ),
            ],
        ),
        append_only("payments_payoutarrival"),
    ]
