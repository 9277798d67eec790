"""pgledger: a ledger in SQL functions. A purchase is one call of ``pgledger_create_transfers`` with seven transfers.

One round trip and one commit a purchase, by prepared statements. It has no idempotency keys, so it pays for none. Sales wait
for each other's lock on the one row of revenue; the variant ``split`` is what its user could do about that: sixteen accounts each
of revenue, tax and commission cost, so that what the house earned is a sum over sixteen.
Its SQL is the operator's to put in place; nothing of it is here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import choice

import psycopg

from bench.purchase import COMMISSIONS_MINOR, CURRENCY, OPENING_MINOR, REVENUE_MINOR, TAX_MINOR, Purchase
from bench.worker import Place, serve

HOUSES = 16

_BUY = f"""
SELECT count(*) FROM pgledger_create_transfers(
    {", ".join(["(%s, %s, %s)::transfer_request"] * (2 + len(COMMISSIONS_MINOR)))}
)
"""


def prepare(place: Place) -> None:
    file = Path(place.extra)
    # It asks for a function of another project, which its repository carries beside it.
    sources = [*sorted(file.parent.glob("vendor/**/uuid-to-ulid.sql")), file]
    with psycopg.connect(place.dsn) as connection:
        for source in sources:
            connection.execute(source.read_text())
        for name, count, negative in (
            ("player", place.players, False),
            ("revenue", HOUSES, True),
            ("tax", HOUSES, True),
            ("commission", HOUSES, True),
        ):
            connection.execute(
                "SELECT pgledger_create_account(%s || '-' || number, %s, allow_negative_balance => %s)"
                " FROM generate_series(0, %s - 1) AS number",
                [name, CURRENCY, negative, count],
            )
        connection.execute(
            "UPDATE pgledger_accounts SET balance = %s WHERE NOT allow_negative_balance",
            [OPENING_MINOR // 100],
        )
    with psycopg.connect(place.dsn, autocommit=True) as connection:
        connection.execute("VACUUM FULL ANALYZE")


class _Caller:
    def __init__(self, place: Place) -> None:
        self._connection = psycopg.connect(place.dsn, autocommit=True)
        accounts: dict[str, str] = dict(
            self._connection.execute("SELECT name, id FROM pgledger_accounts").fetchall()
        )
        self._players = [accounts[f"player-{number}"] for number in range(place.players)]
        self._houses = [
            tuple(accounts[f"{name}-{number}"] for name in ("revenue", "tax", "commission"))
            for number in range(HOUSES if place.variant == "split" else 1)
        ]

    def buy(self, wanted: Sequence[Purchase]) -> None:
        for purchase in wanted:
            revenue, tax, commission = choice(self._houses)
            payer = self._players[purchase.payer]
            transfers = [payer, revenue, REVENUE_MINOR / 100, payer, tax, TAX_MINOR / 100]
            for sponsor, minor in zip(purchase.sponsors, COMMISSIONS_MINOR, strict=True):
                transfers += [commission, self._players[sponsor], minor / 100]
            self._connection.execute(_BUY, transfers, prepare=True)

    def close(self) -> None:
        self._connection.close()


def footprint(place: Place) -> Mapping[str, int]:
    """Bytes on disk of what is written a purchase, and how many postings (entries) they hold."""
    with psycopg.connect(place.dsn, autocommit=True) as connection:
        connection.execute("VACUUM pgledger_transfers, pgledger_entries")
        ((journal, postings),) = connection.execute(
            "SELECT pg_total_relation_size('pgledger_transfers') + pg_total_relation_size('pgledger_entries'),"
            " (SELECT count(*) FROM pgledger_entries)"
        ).fetchall()
    return {"journal": journal, "postings": postings}


if __name__ == "__main__":
    serve(prepare, _Caller, footprint)
