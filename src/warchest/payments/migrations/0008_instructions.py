"""What the player does where the provider has no page."""

from django.db import migrations, models

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("payments", "0007_control")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="instructions",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        run_file(__file__, "instructions.sql"),
    ]
