"""The table of keys' texts makes room for a view of them. Hardly a call goes on that began before 0007: it begins again."""

from django.db import migrations

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_post_by_digest")]

    operations = [
        run_file(__file__, "keys_before.sql"),
        # Of what Django knows; its table stays.
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("EntryKey")]),
    ]
