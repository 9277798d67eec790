"""The database itself keeps lots from growing."""

from django.db import migrations

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("charging", "0001_initial")]

    operations = [run_file(__file__, "constraints.sql")]
