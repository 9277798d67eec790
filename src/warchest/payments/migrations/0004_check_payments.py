"""What 0003 left to be checked, while everybody goes on."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_refunds")]

    operations = [
        ValidateConstraint(model_name="message", name="message_exchange_known"),
        ValidateConstraint(model_name="message", name="message_standing_known"),
        ValidateConstraint(model_name="payment", name="payment_goes_back_once"),
        ValidateConstraint(model_name="payment", name="payment_credited_by_status"),
    ]
