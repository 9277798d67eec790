"""Commissions are written from columns; the function that reads a document stays for the version before."""

from django.db import migrations

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("referrals", "0003_fewer_indexes")]

    operations = [run_file(__file__, "earn_in_sets.sql")]
