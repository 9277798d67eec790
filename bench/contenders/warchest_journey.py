"""The product's own purchase: a player prolongs a subscription through the journey, as portal and API do.

It is much more than the unit of work: units are consumed lot by lot, revenue deferred, tax computed, five commissions earned,
the right to play extended, the fact published, the operation recorded, the answer kept for whoever asks again. All of it is in
a deployment's own tables. Players are registered and funded by journeys too, so they are fewer; every payer has five sponsors.
In the variant ``sets`` a batch goes through the journey for many.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any
from uuid import UUID

from psycopg.conninfo import conninfo_to_dict

from bench.purchase import FAN_OUT, LEVELS, Purchase
from bench.worker import Place, serve

UNITS_EACH = "1000000"
PROCESSES = 2


def set_up(place: Place) -> None:
    import django

    os.environ["WARCHEST_HOME"] = place.extra
    os.environ["WARCHEST_DATABASE_NAME"] = str(conninfo_to_dict(place.dsn)["dbname"])
    os.environ["DJANGO_SETTINGS_MODULE"] = "warchest.config.settings"
    django.setup()


def prepare(place: Place) -> None:
    """One tree in which everybody invited five others, as deep as it takes; the first branches in processes of their own."""
    import psycopg
    from django.core.management import call_command
    from django.db import connections

    from tests.builders.house import furnish
    from tests.builders.people import a_player

    call_command("migrate", database="owner", verbosity=0)
    furnish()
    root = a_player(nickname="player-0")
    branches = [a_player(nickname=f"player-{number}", sponsor=root) for number in range(1, FAN_OUT + 1)]
    connections.close_all()
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("fork")) as processes:
        parts = [
            processes.submit(_fill, branches[part::PROCESSES], part, place.players)
            for part in range(PROCESSES)
        ]
        for part in parts:
            part.result()
    with psycopg.connect(place.dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _fill(branches: Sequence[Any], part: int, players: int) -> None:
    """Below these branches, breadth first; those at the lowest depth get units to spend."""
    from django.db import connections

    from tests.builders.people import a_player

    wanted = players // PROCESSES
    made, row, depth = 0, list(branches), 1
    while depth < LEVELS or made < wanted:
        depth += 1
        below = []
        for sponsor in row:
            for _ in range(FAN_OUT if depth < LEVELS or made < wanted else 0):
                units = UNITS_EACH if depth >= LEVELS else "0"
                below.append(a_player(nickname=f"p{part}-{made}", sponsor=sponsor, with_units=units))
                made += 1
        row = below
    connections.close_all()


class _Caller:
    def __init__(self, place: Place) -> None:
        import psycopg

        with psycopg.connect(place.dsn, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT owner FROM ledger_account WHERE book_id = 'wallet_units' ORDER BY id"
            ).fetchall()
        self._payers = [UUID(owner) for (owner,) in rows]
        self._in_sets = _for_many() if place.variant == "sets" else None

    def buy(self, wanted: Sequence[Purchase]) -> None:
        from tests.builders.house import ARENA_MONTH
        from tests.builders.people import a_command
        from warchest.journeys.prolong_subscription import prolong_subscription

        if self._in_sets:
            self._in_sets(wanted, self._payers, ARENA_MONTH)
            return
        for purchase in wanted:
            player = self._payers[purchase.payer % len(self._payers)]
            prolong_subscription(a_command(key=purchase.key), player=player, plan=ARENA_MONTH, periods=1)

    def close(self) -> None:
        from django.db import connections

        connections.close_all()


def _for_many() -> Callable[..., None]:
    raise NotImplementedError("there is no journey for sets of purchases yet")


if __name__ == "__main__":
    serve(prepare, _Caller, set_up=set_up)
