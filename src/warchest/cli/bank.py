"""``warchest bank``: statements in, orders out, for those who fetch and bring them by a program."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from warchest.cli import deployment

if TYPE_CHECKING:
    from warchest.runtime.command import Command

_PROVIDER = click.option(
    "--provider", default="banktransfer", show_default=True, help="The plug-in that reads and writes."
)


@click.group("bank", help="The bank's statements, and orders to the bank.")
def command() -> None:
    pass


@command.command("import", help="Import a statement (camt.053). What was imported before is passed over.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_PROVIDER
def import_command(file: Path, provider: str) -> None:
    with deployment.running_django():
        from warchest.journeys.import_statement import import_statement

        found = import_statement(_as_operator(), provider=provider, data=file.read_bytes()).answer
    click.echo(
        f"{found.new} new entries ({found.repeated} were known): {found.matched} paid what they name,"
        f" {found.waiting} wait for a person."
    )


@command.command(
    "order", help="Put what waits to be transferred into a file (pain.001) on the standard output."
)
@_PROVIDER
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day of the transfers; today.")
def order_command(provider: str, day: datetime | None) -> None:
    with deployment.running_django():
        from warchest.journeys.order_payouts import order_payouts
        from warchest.payments.contract import Payments
        from warchest.runtime.services import services

        on = (day or datetime.now(UTC)).date()
        made = order_payouts(_as_operator(), provider=provider, execute_on=on).answer
        sys.stdout.buffer.write(services.get(Payments).payout_file(file_id=made.id))
    click.echo(f"File {made.id}: {made.count} orders, {made.total}.", err=True)


@command.command("orders", help="Write a file of orders once more: the same, byte by byte.")
@click.argument("file_id", type=click.UUID)
def orders_command(file_id: UUID) -> None:
    with deployment.running_django():
        from warchest.payments.contract import Payments
        from warchest.runtime.services import services

        sys.stdout.buffer.write(services.get(Payments).payout_file(file_id=file_id))


def _as_operator() -> Command:
    from warchest.kernel.ids import new_id
    from warchest.runtime.command import Actor, ActorKind, Channel, Command, now

    return Command(actor=Actor(ActorKind.OPERATOR, "cli"), key=str(new_id()), at=now(), channel=Channel.CLI)
