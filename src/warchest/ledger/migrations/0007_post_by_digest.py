"""All that posts asks for the digests of keys, and writes them only."""

from django.db import migrations

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_digests_of_keys")]

    operations = [run_file(__file__, "post.sql"), run_file(__file__, "post_by_names.sql")]
