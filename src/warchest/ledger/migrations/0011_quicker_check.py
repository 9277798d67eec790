"""The same check of an entry's balance, in half the time."""

from django.db import migrations

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0010_entry_key_length_holds")]

    operations = [run_file(__file__, "balanced.sql")]
