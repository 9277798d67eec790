"""Wallets are locked, and slices taken, by statements for whole sets. The functions stay what they were to their callers."""

from django.db import migrations

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("charging", "0005_check_slices_again")]

    operations = [run_file(__file__, "spend_in_sets.sql")]
