"""``warchest api-key``: make a key for a program that calls the API."""

from __future__ import annotations

import click

from warchest.cli import deployment
from warchest.members.contract import Scope


@click.command("api-key", help="Make an API key. It is shown once.")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice([scope.value for scope in Scope]), required=True
)
@click.option("--calls-per-second", default=50, show_default=True, type=click.IntRange(1, 100_000))
def command(name: str, scopes: tuple[str, ...], calls_per_second: int) -> None:
    with deployment.running_django():
        from warchest.journeys.administer import issue_api_key
        from warchest.kernel.ids import new_id
        from warchest.runtime.command import Actor, ActorKind, Channel, Command, now

        as_operator = Command(
            actor=Actor(ActorKind.OPERATOR, "cli"), key=str(new_id()), at=now(), channel=Channel.CLI
        )
        click.echo(
            issue_api_key(as_operator, name=name, scopes=list(scopes), calls_per_second=calls_per_second)
        )
