"""Cards that are issued one by one."""

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now

from warchest.cards.models.batches import Batch


class IssuedCode(models.Model):
    """A card that was issued singly: for which line of whose order, and its code, encrypted while the order is open."""

    serial = models.CharField(primary_key=True, max_length=20)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False)
    seller = models.CharField(max_length=64)
    order = models.CharField(max_length=100)
    line = models.CharField(max_length=100)
    # The how-manieth of its line.
    place = models.SmallIntegerField()
    product = models.CharField(max_length=100)
    sealed = models.BinaryField(null=True)
    issued_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    taken_back_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["seller", "order", "line", "place"], name="issued_once_a_line"),
            CheckConstraint(
                name="code_kept_while_open",
                condition=Q(sealed__isnull=False, closed_at=None, taken_back_at=None)
                | (Q(sealed=None) & (Q(closed_at__isnull=False) | Q(taken_back_at__isnull=False))),
            ),
        ]
        indexes = [
            models.Index(fields=["issued_at"], condition=Q(sealed__isnull=False), name="issued_code_open"),
            models.Index(fields=["batch"], name="issued_code_batch"),
        ]

    def __str__(self) -> str:
        return self.serial
