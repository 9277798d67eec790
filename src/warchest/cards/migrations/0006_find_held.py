"""Indexes over cards that are held and replaced, built while everybody goes on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("cards", "0005_check_life")]

    operations = [
        AddIndexConcurrently(
            "card",
            models.Index(
                fields=["holder_id", "batch"],
                condition=models.Q(holder_id__isnull=False),
                name="card_held_by",
            ),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS card_replaced_once"
                    " ON cards_card (replaces) WHERE replaces IS NOT NULL",
                    "DROP INDEX CONCURRENTLY IF EXISTS card_replaced_once",
                )
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="card",
                    constraint=models.UniqueConstraint(
                        fields=["replaces"],
                        condition=models.Q(replaces__isnull=False),
                        name="card_replaced_once",
                    ),
                ),
            ],
        ),
    ]
