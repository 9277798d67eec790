"""Look at the batches that were there before."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("cards", "0013_find_ends")]

    operations = [
        ValidateConstraint("batch", "generated_at_known"),
        ValidateConstraint("batch", "handed_over_by_someone"),
    ]
