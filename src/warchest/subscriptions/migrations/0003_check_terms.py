"""What 0002 left to be checked, while everybody goes on."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0002_withholding")]

    operations = [
        ValidateConstraint(model_name="deferral", name="deferral_positive"),
        ValidateConstraint(model_name="grant", name="grant_ends_later"),
    ]
