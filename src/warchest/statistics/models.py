"""Facts: one row for each day, measure and combination of dimensions."""

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint


class DayFact(models.Model):
    """``count`` events with ``amount_minor`` altogether, in ``currency`` (empty where there is no amount)."""

    day = models.DateField()
    measure = models.CharField(max_length=24)
    country = models.CharField(max_length=2, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    service = models.CharField(max_length=40, blank=True)
    source = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    count = models.BigIntegerField()
    amount_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            # Its index begins with what every report asks for.
            UniqueConstraint(
                fields=["measure", "day", "currency", "country", "provider", "service", "source"],
                name="fact_once",
            ),
            CheckConstraint(name="fact_count_not_negative", condition=Q(count__gte=0)),
            CheckConstraint(name="fact_amount_has_currency", condition=Q(amount_minor=0) | ~Q(currency="")),
        ]
