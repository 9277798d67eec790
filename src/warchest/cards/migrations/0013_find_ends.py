"""An index over cards that have an end of their own, built while everybody goes on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("cards", "0012_ends")]

    operations = [
        AddIndexConcurrently(
            "card",
            models.Index(
                fields=["batch", "expires_at"],
                condition=models.Q(expires_at__isnull=False),
                name="card_own_end",
            ),
        ),
    ]
