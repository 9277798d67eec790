"""What 0012 left to be checked, while everybody goes on."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0012_methods")]

    operations = [ValidateConstraint(model_name="message", name="message_exchange_known")]
