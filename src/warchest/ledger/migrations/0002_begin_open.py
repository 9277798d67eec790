"""Holds begin open."""

from django.db import migrations

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [run_file(__file__, "begin_open.sql")]
