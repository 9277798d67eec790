"""``warchest prove``: check every invariant of the house on the live books."""

from __future__ import annotations

import sys
import time
from itertools import islice

import click

from warchest.cli import deployment

_SHOWN_MAX = 5


@click.command(
    "prove", help="Prove the books: exit 0 when every rule holds, else name the first places that break one."
)
def command() -> None:
    with deployment.running_django():
        broken = prove()
    sys.exit(1 if broken else 0)


def prove() -> int:
    """Check all, in one snapshot of the database, so that a system in full work can be proved; answers how many broke."""
    from django.db import connection, transaction

    from warchest.runtime import invariants

    broken = 0
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for invariant in invariants.kept():
            started = time.monotonic()
            found = list(islice(invariant.violations(), _SHOWN_MAX))
            took_ms = round((time.monotonic() - started) * 1000)
            click.echo(f"{'broken' if found else 'holds ':6}  {invariant.says}  ({took_ms} ms)")
            for place in found:
                click.echo(f"        {place}")
            broken += bool(found)
        entries = _count_entries()
    verdict = f"{broken} rules are broken." if broken else "The books are proved."
    click.echo(f"{verdict} {len(invariants.kept())} rules, {entries} journal entries.")
    return broken


def _count_entries() -> int:
    from warchest.ledger.contract import Ledger
    from warchest.runtime.services import services

    return services.get(Ledger).count_entries()
