"""Look at the batches that were there before, without holding anybody up."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("cards", "0002_virtual")]

    operations = [ValidateConstraint("batch", "virtual_never_made_together")]
