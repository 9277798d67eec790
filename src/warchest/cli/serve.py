"""``warchest serve``: the whole house from one command, until interrupted."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from warchest.cli import deployment
from warchest.cli.supervisor import Child, Supervisor
from warchest.runtime.configuration import configuration


@click.command("serve", help="Run portal, API, back office and background work until interrupted.")
def command() -> None:
    with deployment.running_django():
        deployment.migrate()
        click.echo(f"Portal and API   {configuration().public_url}")
        click.echo(f"Back office      {configuration().backoffice_url}")
        Supervisor(children()).run()


def children(*first: Child) -> Sequence[Child]:
    """The processes of a whole house on one machine, behind those given."""
    return (*first, portal(), Child("backoffice", ["-m", "warchest.config.serve_backoffice"]), worker())


def portal() -> Child:
    """Portal and API under granian: WSGI, since Django's synchronous code is several times quicker there than on ASGI."""
    web = configuration().web
    return Child(
        "portal",
        [
            *("-m", "granian", "--interface", "wsgi", "--host", web.host, "--port", str(web.port)),
            *(
                "--workers",
                "1",
                "--blocking-threads",
                str(web.threads or 2 * (os.cpu_count() or 1) + 1),
                "--no-ws",
                "--http",
                "1",
            ),
            *("--respawn-failed-workers", "--workers-kill-timeout", "8", "--log-level", "warning"),
            "warchest.config.wsgi:application",
        ],
    )


def worker() -> Child:
    return Child("worker", ["-m", "warchest.jobs"])
