"""Rules of the house say how long players may withdraw."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0010_settlements"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="houserule", name="house_rule_kind_known"),
        migrations.AddConstraint(
            model_name="houserule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["bonus", "bounds", "fraud", "method", "review", "route", "withdrawal"])
                ),
                name="house_rule_kind_known",
            ),
        ),
    ]
