"""``warchest plugin``: what payment plug-ins are installed."""

from __future__ import annotations

from importlib.metadata import entry_points

import click


@click.group("plugin", help="Look at the installed payment plug-ins.")
def command() -> None:
    pass


@command.command("list", help="Name the installed plug-ins and their versions.")
def list_plugins() -> None:
    found = sorted(entry_points(group="warchest.payment_providers"), key=lambda point: point.name)
    for point in found:
        made_by = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"
        click.echo(f"{point.name:16} {made_by}")
    if not found:
        click.echo("No plug-in is installed. Install one with pip, for example warchest-sandbox.")
