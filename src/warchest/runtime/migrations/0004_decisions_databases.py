"""Which databases promise what was decided. The code before writes none: then it may be any of them."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runtime", "0003_other_clusters"),
    ]

    operations = [
        migrations.AddField(
            model_name="decision",
            name="databases",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.TextField(), db_default=[], default=list, size=None
            ),
        ),
    ]
