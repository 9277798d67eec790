"""A person accepts what a provider took instead of what was asked."""

from django.db import migrations, models

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0008_instructions"),
    ]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="asked_currency",
            field=models.CharField(blank=True, db_default="", default="", max_length=3),
        ),
        migrations.AddField(
            model_name="payment",
            name="asked_minor",
            field=models.BigIntegerField(null=True),
        ),
        run_file(__file__, "accept_taken.sql"),
    ]
