"""A naive ledger on Django's ORM, written for this benchmark as a careful project would write it.

One transaction a purchase: lock the accounts in order (``select_for_update``), insert the entry and its fourteen postings
(``bulk_create``), add to each balance (``bulk_update``). Four round trips and a commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.contenders.django_peer import let_go, set_up
from bench.purchase import COMMISSIONS_MINOR, OPENING_MINOR, REVENUE_MINOR, TAX_MINOR, Purchase
from bench.worker import Place, serve

APP = "bench.contenders.naive_ledger"
HOUSE = ("revenue", "tax", "commission")


def prepare(place: Place) -> None:
    from django.db import connection

    from bench.contenders.naive_ledger.models import Account, Entry, Posting

    with connection.schema_editor() as schema:
        for model in (Account, Entry, Posting):
            schema.create_model(model)
    # The house's accounts come last: all lock players first, and what everybody needs for the shortest time.
    Account.objects.bulk_create(
        [
            *(
                Account(id=number + 1, name=f"player-{number}", floored=True, balance_minor=OPENING_MINOR)
                for number in range(place.players)
            ),
            *(Account(id=place.players + 1 + number, name=name) for number, name in enumerate(HOUSE)),
        ],
        batch_size=5000,
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


class _Caller:
    def __init__(self, place: Place) -> None:
        self._revenue, self._tax, self._commission = (place.players + number for number in (1, 2, 3))

    def buy(self, wanted: Sequence[Purchase]) -> None:
        from django.db import transaction

        from bench.contenders.naive_ledger.models import Account, Entry, Posting

        for purchase in wanted:
            legs = self._legs(purchase)
            with transaction.atomic():
                touched = {account for account, _ in legs}
                locked = list(Account.objects.filter(id__in=touched).order_by("id").select_for_update())
                entry = Entry.objects.create(key=purchase.key)
                Posting.objects.bulk_create(
                    Posting(entry=entry, account_id=account, amount_minor=minor) for account, minor in legs
                )
                change: Counter[int] = Counter()
                for account, minor in legs:
                    change[account] += minor
                for account in locked:
                    account.balance_minor += change[account.id]
                Account.objects.bulk_update(locked, ["balance_minor"])

    def _legs(self, purchase: Purchase) -> list[tuple[int, int]]:
        payer = purchase.payer + 1
        legs = [(payer, -REVENUE_MINOR), (self._revenue, REVENUE_MINOR)]
        legs += [(payer, -TAX_MINOR), (self._tax, TAX_MINOR)]
        for sponsor, minor in zip(purchase.sponsors, COMMISSIONS_MINOR, strict=True):
            legs += [(self._commission, -minor), (sponsor + 1, minor)]
        return legs

    def close(self) -> None:
        let_go()


if __name__ == "__main__":
    serve(prepare, _Caller, set_up=lambda place: set_up(place, apps=[APP]), let_go=let_go)
