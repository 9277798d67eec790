from django.db import migrations

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_seals")]

    operations = [run_file(__file__, "post.sql")]
