"""What 0004 left to be checked, while everybody goes on."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("charging", "0004_refunds")]

    operations = [ValidateConstraint(model_name="lotslice", name="slice_use_known")]
