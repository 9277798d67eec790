"""Three plain models. The database refuses a wallet below zero and a key used twice."""

from django.db import models


class Account(models.Model):
    name = models.CharField(max_length=40, unique=True)
    floored = models.BooleanField(default=False)
    balance_minor = models.BigIntegerField(default=0)

    class Meta:
        app_label = "naive_ledger"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(floored=False) | models.Q(balance_minor__gte=0), name="not_below_zero"
            )
        ]


class Entry(models.Model):
    key = models.CharField(max_length=80, unique=True)
    booked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "naive_ledger"


class Posting(models.Model):
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    amount_minor = models.BigIntegerField()

    class Meta:
        app_label = "naive_ledger"
