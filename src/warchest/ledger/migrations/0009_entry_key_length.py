"""The length of keys is checked in the journal, where they are.

Apart from what makes room for the view: who proves the books has the journal in hand, and comes for the keys later.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0008_keys_of_before")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE ledger_journalentry"
            " ADD CONSTRAINT entry_key_length CHECK (length(key) BETWEEN 1 AND 120) NOT VALID",
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
