"""django-hordak: double entry in Django's models, with triggers that check each transaction at commit.

It has neither balances nor a floor. So a purchase locks the wallet's account against others that spend from it, asks for its
balance with ``with_balances()`` as the documentation advises, and writes a ``Transaction`` and fourteen ``Leg`` rows in one
``bulk_create``, as its own benchmark command does. In the variant ``bulk`` many purchases do each of these steps once for all.
No idempotency key. Accounts are roots of their own: as children of one, its tree would be renumbered for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.contenders.django_peer import let_go, set_up
from bench.purchase import (
    COMMISSIONS_MINOR,
    CURRENCY,
    OPENING_MINOR,
    PRICE_MINOR,
    REVENUE_MINOR,
    TAX_MINOR,
    Purchase,
)
from bench.worker import Place, serve

APPS = ["django.contrib.auth", "django.contrib.contenttypes", "mptt", "djmoney", "hordak"]
HOUSE = (("revenue", "IN"), ("tax", "LI"), ("commission", "EX"), ("bank", "AS"))


def prepare(place: Place) -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO hordak_account"
            " (id, uuid, name, type, is_bank_account, currencies, lft, rght, tree_id, level)"
            " SELECT number, gen_random_uuid(), 'player-' || number, 'LI', false, '[\"EUR\"]', 1, 2, number, 0"
            " FROM generate_series(1, %s) AS number",
            [place.players],
        )
        for number, (name, kind) in enumerate(HOUSE, start=place.players + 1):
            cursor.execute(
                "INSERT INTO hordak_account"
                " (id, uuid, name, type, is_bank_account, currencies, lft, rght, tree_id, level)"
                " VALUES (%s, gen_random_uuid(), %s, %s, false, '[\"EUR\"]', 1, 2, %s, 0)",
                [number, name, kind, number],
            )
        cursor.execute(
            "INSERT INTO hordak_transaction (id, uuid, timestamp, date, description)"
            " SELECT number, gen_random_uuid(), now(), current_date, ''"
            " FROM generate_series(1, %s) AS number",
            [place.players],
        )
        cursor.execute(
            "INSERT INTO hordak_leg (uuid, transaction_id, account_id, currency, credit, debit, description)"
            " SELECT gen_random_uuid(), number, leg.account, 'EUR', leg.credit, leg.debit, ''"
            " FROM generate_series(1, %s) AS number,"
            " LATERAL (VALUES (number, %s::numeric, NULL), (%s, NULL, %s::numeric)) AS leg (account, credit, debit)",
            [place.players, OPENING_MINOR / 100, place.players + 4, OPENING_MINOR / 100],
        )
        for table in ("hordak_account", "hordak_transaction"):
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
        cursor.execute("VACUUM ANALYZE")


class _Caller:
    def __init__(self, place: Place) -> None:
        from moneyed import Money

        self._revenue, self._tax, self._commission = (place.players + number for number in (1, 2, 3))
        self._price = Money(PRICE_MINOR, CURRENCY) / 100

    def buy(self, wanted: Sequence[Purchase]) -> None:
        from django.db import transaction
        from hordak.models import Account, Leg, Transaction

        spent: Counter[int] = Counter()
        for purchase in wanted:
            spent[purchase.payer + 1] += 1
        with transaction.atomic():
            wallets = Account.objects.filter(id__in=spent).order_by("id")
            list(wallets.select_for_update(no_key=True).values_list("id"))
            for wallet in wallets.with_balances():
                if wallet.balance[CURRENCY] < self._price * spent[wallet.id]:
                    raise ValueError(f"account {wallet.id} has not enough")
            booked = Transaction.objects.bulk_create([Transaction() for _ in wanted])
            Leg.objects.bulk_create(
                [
                    leg
                    for one, purchase in zip(booked, wanted, strict=True)
                    for leg in self._legs(one, purchase)
                ]
            )

    def _legs(self, booked: object, purchase: Purchase) -> list[object]:
        pairs = [
            (purchase.payer + 1, self._revenue, REVENUE_MINOR),
            (purchase.payer + 1, self._tax, TAX_MINOR),
        ]
        for sponsor, minor in zip(purchase.sponsors, COMMISSIONS_MINOR, strict=True):
            pairs.append((self._commission, sponsor + 1, minor))
        from hordak.models import Leg
        from moneyed import Money

        legs = []
        for debited, credited, minor in pairs:
            amount = Money(minor, CURRENCY) / 100
            legs.append(Leg(transaction=booked, account_id=debited, debit=amount))
            legs.append(Leg(transaction=booked, account_id=credited, credit=amount))
        return legs

    def close(self) -> None:
        let_go()


if __name__ == "__main__":
    serve(prepare, _Caller, set_up=lambda place: set_up(place, apps=APPS), let_go=let_go)
