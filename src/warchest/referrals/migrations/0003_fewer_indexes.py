"""The commissions of a sale were only ever searched for together with those of a buyer, which no index helps."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("referrals", "0002_commission_reversals")]

    operations = [RemoveIndexConcurrently("commission", name="commission_sale")]
