"""Indexes that nobody needs go, while everybody goes on: a term's end is only looked at in a row that is known already, and
a subscription's grants are found by the index of ``terms_apart``."""

import django.db.models.deletion
from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("subscriptions", "0006_checks_at_once")]

    operations = [
        RemoveIndexConcurrently("subscription", name="subscription_ends_at"),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "DROP INDEX CONCURRENTLY IF EXISTS subscriptions_grant_subscription_id_d0d4bbb2",
                    reverse_sql=migrations.RunSQL.noop,
                )
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="grant",
                    name="subscription",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="grants",
                        to="subscriptions.subscription",
                    ),
                ),
            ],
        ),
    ]
