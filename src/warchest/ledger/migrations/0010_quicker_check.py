"""The same check of an entry's balance, in half the time."""

from django.db import migrations

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0009_entry_key_length")]

    operations = [run_file(__file__, "balanced.sql")]
