"""The product's own purchase: a player prolongs a subscription through the journey, as portal and API do.

It is much more than the unit of work: units are consumed lot by lot, revenue deferred, tax computed, five commissions earned,
the right to play extended, the fact published, the operation recorded, the answer kept for whoever asks again. All of it is in
a deployment's own tables. Players are registered and funded by journeys too, so they are fewer; every payer has five sponsors.
In the variant ``sets`` a batch goes through the journey of many; each of its purchases has a key and a record of its own. In
``sets apart`` two callers have no player in common, as when bulk work is shared out: nobody waits for the other's wallets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from typing import Any
from uuid import UUID

from bench.contenders.warchest_home import let_go, set_up
from bench.purchase import FAN_OUT, LEVELS, Purchase
from bench.worker import Place, serve
from warchest.kernel.errors import UnableTo

UNITS_EACH = "1000000"
PROCESSES = 2


def prepare(place: Place) -> None:
    """One tree in which everybody invited five others, as deep as it takes; the first branches in processes of their own."""
    import psycopg
    from django.core.management import call_command

    from tests.builders.house import furnish
    from tests.builders.people import a_player

    call_command("migrate", database="owner", verbosity=0)
    furnish()
    root = a_player(nickname="player-0")
    branches = [a_player(nickname=f"player-{number}", sponsor=root) for number in range(1, FAN_OUT + 1)]
    let_go()
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("fork")) as processes:
        parts = [
            processes.submit(_fill, branches[part::PROCESSES], part, place.players)
            for part in range(PROCESSES)
        ]
        for part in parts:
            part.result()
    with psycopg.connect(place.dsn, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE bench_caller")
        connection.execute("VACUUM ANALYZE")


def _fill(branches: Sequence[Any], part: int, players: int) -> None:
    """Below these branches, breadth first; those at the lowest depth get units to spend. Few players have fewer invited."""
    from django.db import connections

    from tests.builders import people

    # The builders number their commands, and would give out the same numbers in each process.
    people._numbers = count((part + 1) * 10_000_000)
    with connections["default"].cursor() as cursor:
        # Nobody waits for the disk yet; a caller's session is another.
        cursor.execute("SET synchronous_commit = off")
    wanted = players // PROCESSES
    invited = FAN_OUT if wanted > FAN_OUT ** (LEVELS - 1) else 2
    made, row, depth = 0, list(branches), 1
    while depth < LEVELS or made < wanted:
        depth += 1
        below = []
        for sponsor in row:
            for _ in range(invited if depth <= LEVELS or made < wanted else 0):
                units = UNITS_EACH if depth >= LEVELS else "0"
                below.append(people.a_player(nickname=f"p{part}-{made}", sponsor=sponsor, with_units=units))
                made += 1
        row = below
    let_go()


class _Caller:
    def __init__(self, place: Place) -> None:
        import psycopg

        with psycopg.connect(place.dsn, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT owner FROM ledger_account WHERE book_id = 'wallet_units' ORDER BY id"
            ).fetchall()
            payers = [UUID(owner) for (owner,) in rows]
            if place.variant == "sets apart":
                # One of the two callers draws an odd number, the other an even one.
                ((number,),) = connection.execute("SELECT nextval('bench_caller')").fetchall()
                payers = payers[number % 2 :: 2]
        self._payers = payers
        self._in_sets = place.variant.startswith("sets")

    def buy(self, wanted: Sequence[Purchase]) -> None:
        from tests.builders.house import ARENA_MONTH
        from tests.builders.people import a_command
        from warchest.journeys import prolong_subscriptions as many
        from warchest.journeys.prolong_subscription import prolong_subscription

        if not self._in_sets:
            for purchase in wanted:
                player = self._payer(purchase)
                prolong_subscription(a_command(key=purchase.key), player=player, plan=ARENA_MONTH, periods=1)
            return
        ends = many.prolong_subscriptions(
            [
                (a_command(key=purchase.key), many.Purchase(self._payer(purchase), ARENA_MONTH, 1))
                for purchase in wanted
            ]
        )
        for refusal in (end for end in ends if isinstance(end, UnableTo)):
            raise refusal

    def _payer(self, purchase: Purchase) -> UUID:
        return self._payers[purchase.payer % len(self._payers)]

    def close(self) -> None:
        let_go()


def footprint(place: Place) -> Mapping[str, int]:
    """Bytes on disk of each app's tables, and how many purchases they hold."""
    import psycopg

    with psycopg.connect(place.dsn, autocommit=True) as connection:
        connection.execute("VACUUM")
        sizes = connection.execute(
            "SELECT split_part(relname, '_', 1), sum(pg_total_relation_size(oid))::bigint FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace GROUP BY 1"
        ).fetchall()
        ((purchases,),) = connection.execute(
            "SELECT count(*) FROM ledger_journalentry WHERE kind = 'subscription'"
        ).fetchall()
    return dict(sizes) | {"purchases": purchases}


if __name__ == "__main__":
    serve(prepare, _Caller, footprint, set_up=set_up, let_go=let_go)
