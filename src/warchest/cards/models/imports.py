"""What is kept of cards that an older system made, beside the cards."""

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.cards.models.batches import Batch


class ImportMark(models.Model):
    """The serial of every thousandth imported card, and of a batch's first and last: serials of an older system follow no formula
    of ours, and by these a card is found from its number without reading the batch. Append-only."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    number = models.IntegerField()
    serial = models.CharField(max_length=20)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["batch", "number"], name="import_mark_once"),
            CheckConstraint(name="import_mark_number", condition=Q(number__gte=1)),
        ]

    def __str__(self) -> str:
        return self.serial
