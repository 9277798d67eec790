"""Guesses are counted by network too, and many of them ring an alarm."""

import django.db.models.functions.datetime
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cards", "0006_find_held"),
    ]

    operations = [
        migrations.CreateModel(
            name="GuessAlarm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("began_at", models.DateTimeField()),
                ("guesses", models.IntegerField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="guesser",
            name="guesser_known",
        ),
        migrations.AddField(
            model_name="guess",
            name="wider",
            field=models.CharField(blank=True, db_default="", default="", max_length=45),
        ),
        AddConstraintNotValid(
            model_name="guesser",
            constraint=models.CheckConstraint(
                condition=models.Q(("who__in", ["player", "address", "network"])), name="guesser_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="guessalarm",
            constraint=models.UniqueConstraint(
                models.Value(1), condition=models.Q(("ended_at", None)), name="guess_alarm_one_rings"
            ),
        ),
        migrations.AddConstraint(
            model_name="guessalarm",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ended_at", None), ("ended_at__gte", models.F("began_at")), _connector="OR"
                ),
                name="guess_alarm_ends_later",
            ),
        ),
    ]
