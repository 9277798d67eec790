"""Keys are kept by their digests, beside their texts at first: what is posted while this goes on is in both."""

from django.db import migrations, models

from warchest.runtime.schema import run_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_room_for_changes")]

    operations = [
        migrations.CreateModel(
            name="PostedKey",
            fields=[
                ("digest", models.UUIDField(primary_key=True, serialize=False)),
                ("entry_id", models.UUIDField()),
            ],
            options={"db_table": "ledger_postedkey", "managed": False},
        ),
        run_file(__file__, "keys.sql"),
    ]
