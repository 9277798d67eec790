"""The keys of before are as long as they may be: it was checked where they were."""

from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0009_entry_key_length")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE ledger_journalentry VALIDATE CONSTRAINT entry_key_length",
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
