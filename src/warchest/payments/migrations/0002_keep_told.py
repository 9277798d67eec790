"""What a provider was told stays as it was told."""

from django.db import migrations

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]

    operations = [run_file(__file__, "keep_told.sql")]
