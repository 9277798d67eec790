"""A credit note may correct several documents."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounting", "0006_erp"),
    ]

    operations = [
        migrations.AddField(
            model_name="document",
            name="also_corrects",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.UUIDField(), null=True, size=None
            ),
        ),
    ]
