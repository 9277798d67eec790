"""``warchest prove``: check every invariant of the house on the live books."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from warchest.cli import deployment
from warchest.ledger.contract import HeadsCut


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
    for checked in invariants.check_all(listener=_progress if sys.stderr.isatty() else None):
        _progress("")
        verdict = "broken" if checked.places else "holds "
        click.echo(f"{verdict}  {checked.invariant.says}  ({checked.took_ms} ms)")
        for place in checked.places:
            click.echo(f"        {place}")
        broken += bool(checked.places)
    for line in _figures():
        click.echo(line)
    rules = len(invariants.kept())
    click.echo(
        f"Broken: {broken} of {rules} rules." if broken else f"The books are proved. All {rules} rules hold."
    )
    return broken


def _progress(what: str) -> None:
    """One line that the next one covers, for whoever waits at a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{what}"[:120], nl=False, err=True)


def _figures() -> list[str]:
    from warchest.ledger.contract import Ledger
    from warchest.runtime.services import services

    ledger = services.get(Ledger)
    sealing, folding, entries = ledger.sealing(), ledger.folding(), ledger.count_entries()
    left = max(entries - sealing.entries, 0)
    return [
        *(restore_told(cut) for cut in ledger.cuts()),
        f"entries   {entries}",
        f"sealed    {sealing.entries}, up to position {sealing.position} in block {sealing.number}"
        + (f" at {sealing.sealed_at:%Y-%m-%d %H:%M:%S} UTC" if sealing.sealed_at else ""),
        f"signed    {f'up to block {sealing.signed}' if sealing.signed else 'no head'}",
        f"unsealed  {left}" + (f", the oldest {_age(sealing.oldest_unsealed_at)}" if left else ""),
        f"folded    up to position {folding.position}, {folding.behind} behind",
    ]


def restore_told(cut: HeadsCut) -> str:
    """A line about a restore: to when, and what it left behind."""
    moment = f"{cut.restored_to:%Y-%m-%d %H:%M:%S} UTC" if cut.restored_to else "the end of what was kept"
    left = (
        f"blocks {cut.block + 1} to {cut.left_behind}, whose heads were signed, were left behind"
        if cut.left_behind
        else "no signed block was left behind"
    )
    return (
        f"restored  on {cut.signed_at:%Y-%m-%d %H:%M:%S} UTC to {moment}, from backup {cut.backup}:"
        f" up to block {cut.block}; {left}{'' if cut.in_service else '; a copy, set aside'}"
    )


def _age(since: datetime | None) -> str:
    if since is None:
        return "just sealed"
    return f"{max((datetime.now(UTC) - since).total_seconds(), 0):.0f} s old"
