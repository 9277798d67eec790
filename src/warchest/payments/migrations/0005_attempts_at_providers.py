"""A provider's number belongs to one attempt; kept by an index that is built while everybody goes on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0004_check_payments")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS attempt_once_at_provider"
                    " ON payments_attempt (provider, provider_reference) WHERE provider_reference <> ''",
                    "DROP INDEX CONCURRENTLY IF EXISTS attempt_once_at_provider",
                )
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="attempt",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("provider_reference", ""), _negated=True),
                        fields=("provider", "provider_reference"),
                        name="attempt_once_at_provider",
                    ),
                ),
            ],
        )
    ]
