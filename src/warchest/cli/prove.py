"""``warchest prove``: check every invariant of the house on the live books."""

from __future__ import annotations

import sys

import click

from warchest.cli import deployment


@click.command(
    "prove", help="Prove the books: exit 0 when every rule holds, else name the first places that break one."
)
def command() -> None:
    with deployment.running_django():
        broken = prove()
    sys.exit(1 if broken else 0)


def prove() -> int:
    """Check all rules and tell of each; answers how many are broken."""
    from warchest.runtime import invariants

    broken = 0
    for checked in invariants.check_all():
        verdict = "broken" if checked.places else "holds "
        click.echo(f"{verdict}  {checked.invariant.says}  ({checked.took_ms} ms)")
        for place in checked.places:
            click.echo(f"        {place}")
        broken += bool(checked.places)
    entries = _count_entries()
    verdict = f"{broken} rules are broken." if broken else "The books are proved."
    click.echo(f"{verdict} {len(invariants.kept())} rules, {entries} journal entries.")
    return broken


def _count_entries() -> int:
    from warchest.ledger.contract import Ledger
    from warchest.runtime.services import services

    return services.get(Ledger).count_entries()
