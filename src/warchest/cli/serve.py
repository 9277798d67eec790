"""``warchest serve``: the whole house from one command, until interrupted."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from warchest.cli import deployment
from warchest.cli.supervisor import Child, Supervisor
from warchest.runtime.broker.server import running_broker
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services

SERVICES = "WARCHEST_SERVICES"
"""In the environment: the services that a process answers for itself; empty for none, unset for all."""


@click.command("serve", help="Run portal, API, back office and background work until interrupted.")
@click.option(
    "--services",
    "hosted",
    metavar="NAMES",
    help="Only answer other processes' calls for these services, with commas between; no pages, no background work.",
)
def command(hosted: str | None) -> None:
    if hosted is not None and not configuration().broker.wanted:
        raise click.ClickException(
            "Services can only be called through a broker: see [broker] in warchest.toml."
        )
    drain_s = configuration().telemetry.drain_s
    # What is for the children is not for this process, which must not ask them for what it prepares for them.
    inherited = os.environ.pop(SERVICES, None)
    with deployment.running_django():
        if inherited is not None:
            os.environ[SERVICES] = inherited
        with running_broker(sorted(services.contracts())):
            if hosted is not None:
                _check(hosted)
                click.echo(f"Services         {hosted}")
                Supervisor([answering(hosted)], drain_s=drain_s).run()
                return
            deployment.migrate()
            click.echo(f"Portal and API   {configuration().public_url}")
            click.echo(f"Back office      {configuration().backoffice_url}")
            Supervisor(children(), drain_s=drain_s).run()


def _check(hosted: str) -> None:
    known = services.contracts()
    for name in hosted.split(","):
        if name.strip() not in known:
            raise click.ClickException(
                f"There is no service {name.strip()!r}, only {', '.join(sorted(known))}."
            )


def children(*first: Child) -> Sequence[Child]:
    """The processes of a whole house on one machine, behind those given; with a broker, one more for others' calls."""
    faces = (portal(), Child("backoffice", ["-m", "warchest.config.serve_backoffice"]), worker())
    hosted = os.environ.get(SERVICES)
    others = configuration().broker.wanted and hosted != ""
    return (*first, *faces, *((answering(hosted),) if others else ()))


def answering(hosted: str | None) -> Child:
    """A process that answers calls for these services (None: for all)."""
    return Child(
        "services",
        ["-m", "warchest.runtime.broker.serving"],
        {} if hosted is None else {SERVICES: hosted},
    )


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
