"""Indexes over guesses, built while everybody goes on."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("cards", "0007_guess_alarm")]

    operations = [
        AddIndexConcurrently(
            "guess",
            models.Index(
                fields=["wider", "-occurred_at"], condition=~models.Q(wider=""), name="guess_by_wider"
            ),
        ),
        AddIndexConcurrently("guess", models.Index(fields=["-occurred_at"], name="guess_by_time")),
        ValidateConstraint("guesser", "guesser_known"),
    ]
