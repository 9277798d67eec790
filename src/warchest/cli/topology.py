"""``warchest topology``: what the configuration means for where everything is, whether it can be, and who is there now."""

from __future__ import annotations

import os
import sys

import click

from warchest.cli import deployment
from warchest.runtime.configuration import path, read
from warchest.runtime.topology import as_mermaid, drawn, known_services, problems, topology


@click.command(
    "topology",
    help="Print what the configuration means: databases, the services in them, broker, clusters; exit 1 if it cannot be.",
)
@click.option("--live", is_flag=True, help="Tell also who answers now, in all clusters.")
@click.option("--mermaid", is_flag=True, help="Draw it as text for mermaid.js.org instead.")
def command(live: bool, mermaid: bool) -> None:
    wanted, known = read(path()), known_services()
    told = os.environ.get("WARCHEST_SERVICES")
    hosted = None if told is None else [name for name in map(str.strip, told.split(",")) if name]
    wrong = list(problems(wanted, known=known, hosted=hosted))
    for problem in wrong:
        click.echo(f"WRONG  {problem}", err=True)
    if wrong:
        sys.exit(1)
    found = topology(wanted, known=known, hosted=hosted)
    for line in as_mermaid(found) if mermaid else drawn(found):
        click.echo(line)
    if live:
        with deployment.running_django():
            _tell_who_answers()


def _tell_who_answers() -> None:
    from warchest.runtime.configuration import configuration
    from warchest.runtime.services import services

    if not configuration().broker.wanted:
        click.echo("\nWithout a broker nobody registers: each process answers for itself.")
        return
    instances = services.all()
    click.echo(f"\n{len(instances)} registered" + ("" if instances else ": nobody answers now"))
    for instance in instances:
        click.echo(
            f"{instance.cluster:<10} {instance.name:<14} {instance.host} process {instance.process}"
            f"  {instance.version}  database {instance.database}  {instance.calls} calls, {instance.errors} errors,"
            f" {instance.latency_ms:.1f} ms{'  taken out' if instance.taken_out else ''}"
            f"{'' if instance.cluster != services.cluster else '  (here)'}"
        )
