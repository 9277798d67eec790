"""Who asked for a batch to be made, and in which version; and batches of cards that are issued singly may be closed."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cards", "0008_find_guesses")]

    operations = [
        migrations.AddField("batchprogress", "asked_by", models.UUIDField(null=True)),
        migrations.AddField("batchprogress", "version", models.SmallIntegerField(db_default=1, default=1)),
        migrations.RemoveConstraint("batch", "generated_at_known"),
        migrations.RemoveConstraint("batch", "handed_over_by_someone"),
        AddConstraintNotValid(
            "batch",
            models.CheckConstraint(
                name="generated_at_known",
                condition=~models.Q(state__in=["generated", "handed_over", "closed"])
                | models.Q(generated_at__isnull=False)
                | models.Q(virtual=True, state="closed"),
            ),
        ),
        AddConstraintNotValid(
            "batch",
            models.CheckConstraint(
                name="handed_over_by_someone",
                condition=~models.Q(state__in=["handed_over", "closed"])
                | models.Q(handed_over_at__isnull=False, handed_over_by__isnull=False)
                | models.Q(virtual=True, state="closed"),
            ),
        ),
    ]
