"""``warchest migrate``: bring the schema up to this version."""

import click

from warchest.cli import deployment


@click.command("migrate", help="Bring the database's schema up to this version.")
def command() -> None:
    with deployment.running_django():
        deployment.migrate()
    click.echo("The schema is up to date.")
