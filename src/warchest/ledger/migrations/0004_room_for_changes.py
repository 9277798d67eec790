"""Pages of balances keep room for changes, and are tidied when that is used up instead of at every second look."""

from django.db import migrations, models

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_post_by_numbers")]

    operations = [
        migrations.AddField(
            model_name="balance",
            name="room",
            field=models.CharField(max_length=60, null=True),
        ),
        migrations.RunSQL(
            "ALTER TABLE ledger_balance SET (fillfactor = 66)", reverse_sql=migrations.RunSQL.noop
        ),
        run_file(__file__, "balance_changes.sql"),
    ]
