"""No ledger: one narrow row and one durable commit a call. What the disk and PostgreSQL allow, for reading the others by."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from bench.purchase import Purchase
from bench.worker import Place, serve


def prepare(place: Place) -> None:
    with psycopg.connect(place.dsn) as connection:
        connection.execute("CREATE TABLE bare (key text NOT NULL, payer int NOT NULL)")


class _Caller:
    def __init__(self, place: Place) -> None:
        self._connection = psycopg.connect(place.dsn, autocommit=True)

    def buy(self, wanted: Sequence[Purchase]) -> None:
        for purchase in wanted:
            self._connection.execute(
                "INSERT INTO bare (key, payer) VALUES (%s, %s)", [purchase.key, purchase.payer]
            )

    def close(self) -> None:
        self._connection.close()


if __name__ == "__main__":
    serve(prepare, _Caller)
