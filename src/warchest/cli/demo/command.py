"""``warchest demo``: from an empty folder to a league at play, with one command."""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import replace

import click
import httpx

from warchest.cli import deployment, serve
from warchest.cli.demo.home import COMMUNITY, Home
from warchest.cli.demo.people import PLAYERS_MIN
from warchest.cli.demo.sandbox import Sandbox, is_free
from warchest.cli.supervisor import Child, Supervisor
from warchest.runtime import secrets
from warchest.runtime.configuration import configuration


@click.command("demo", help="Set up a made-up community, and serve it until interrupted.")
@click.option("--players", default=2000, show_default=True, type=click.IntRange(PLAYERS_MIN, 1_000_000))
@click.option("--operations", default=6000, show_default=True, type=click.IntRange(0))
@click.option("--seed", default=2003, show_default=True, help="The same seed makes the same community.")
def command(players: int, operations: int, seed: int) -> None:
    begun = time.monotonic()
    # Being told to end lets the database stop in order. A shell's background jobs begin with Ctrl-C ignored.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(128 + signal.SIGINT))
    home = Home(secrets.home())
    with home.taken():
        sandbox = Sandbox(home.folder)
        sandbox.prepare()
        if not home.is_loaded:
            home.begin()
        _check_ports()
        with deployment.running_django():
            deployment.migrate()
            _load_or_move(home, sandbox, players=players, operations=operations, seed=seed)
            threading.Thread(target=_say_ready, args=(home, begun), daemon=True).start()
            Supervisor(_children(sandbox)).run()


def _load_or_move(home: Home, sandbox: Sandbox, *, players: int, operations: int, seed: int) -> None:
    # Django's models can be imported only now.
    from warchest.cli.demo import file, first_start

    if not home.is_loaded:
        first_start.load(home, sandbox, players=players, operations=operations, seed=seed)
        return
    text = home.file.read_text()
    if (moved := file.moved(text)) != text:
        home.write(moved)


def _check_ports() -> None:
    here = configuration()
    for port, variable in ((here.web.port, "WARCHEST_PORT"), (here.backoffice.port, "WARCHEST_ADMIN_PORT")):
        if not is_free(port):
            raise click.ClickException(f"Port {port} is taken. Choose another by {variable}.")


def _children(sandbox: Sandbox) -> list[Child]:
    """The house and the sandbox; the portal waits for the others."""
    children = list(serve.children(sandbox.child(merchant=COMMUNITY)))
    ports = [str(port) for port in (sandbox.port, configuration().backoffice.port)]
    return [
        replace(child, arguments=["-m", "warchest.cli.demo.wait_for", *ports, "--", *child.arguments])
        if child.name == "portal"
        else child
        for child in children
    ]


def _say_ready(home: Home, begun: float) -> None:
    url = configuration().public_url
    with httpx.Client(trust_env=False, timeout=5) as client:
        while not _is_ready(client, url):
            time.sleep(0.2)
    click.echo(
        f"{COMMUNITY} is ready after {time.monotonic() - begun:.0f} s.\n"
        f"  Portal and API   {url}\n"
        f"  Back office      {configuration().backoffice_url} (import a certificate first)\n"
        f"  Who to sign in as, the API key, cards and certificates:\n"
        f"                   {home.file}\n"
        "Ctrl-C ends it; the next start goes on with the same data."
    )


def _is_ready(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/readyz").status_code == 200
    except httpx.HTTPError:
        return False
