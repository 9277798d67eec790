"""The length of keys is checked in the journal, where they are."""

from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0008_keys_of_before")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE ledger_journalentry VALIDATE CONSTRAINT entry_key_length",
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
