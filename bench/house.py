"""A house of a run's own on its server: today's schema, rates, and the processes that ``warchest serve`` would run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from warchest.members.contract import Role
    from warchest.runtime.command import Command

PATIENCE_S = 60
FOUNDED = datetime(2020, 1, 1, tzinfo=UTC)


@contextmanager
def a_house(home: Path, *, configuration: str) -> Iterator[None]:
    """A database with today's schema, rates and ``bench_notice``, the table of the view ``/bare``; Django runs within."""
    os.environ |= {"WARCHEST_HOME": str(home), "DJANGO_SETTINGS_MODULE": "warchest.config.settings"}
    (home / "warchest.toml").write_text(configuration)
    from warchest.accounting.contract import Accounting
    from warchest.cli.deployment import migrate
    from warchest.runtime.databases import owner
    from warchest.runtime.deployment import running_django
    from warchest.runtime.services import services

    with running_django():
        from django.db import connections

        migrate()
        with connections[owner("default")].cursor() as cursor:
            cursor.execute("CREATE TABLE bench_notice (id bigserial PRIMARY KEY, body text NOT NULL)")
        accounting = services.get(Accounting)
        accounting.set_rate(currency="EUR", units_per_major=Decimal(100), valid_from=FOUNDED, at=FOUNDED)
        accounting.set_tax_rates(rates_bps={"DE": 1900}, valid_from=FOUNDED)
        yield


def a_command(*, kind: str = "OPERATOR", who: str = "bench") -> Command:
    """A new one at each call."""
    from warchest.kernel.ids import new_id
    from warchest.runtime.command import Actor, ActorKind, Channel, Command, now

    return Command(Actor(ActorKind[kind], who), str(new_id()), now(), Channel.CLI)


def an_administrator(role: Role) -> str:
    """The id of a new one."""
    from warchest.kernel.ids import new_id
    from warchest.members.contract import Members
    from warchest.runtime.services import services

    name = f"bench-{new_id().hex[-12:]}"
    made = services.get(Members).create_administrator(username=name, password=new_id().hex, role=role)
    return str(made.id)


def portal() -> Sequence[str]:
    """The arguments of a portal's process."""
    from warchest.cli.serve import portal

    return portal().arguments


def worker() -> Sequence[str]:
    """The arguments of a worker's process."""
    from warchest.cli.serve import worker

    return worker().arguments


@contextmanager
def running(arguments: Sequence[str]) -> Iterator[None]:
    """A process of the house, with the yardstick's view where it is a portal. Raises RuntimeError where it ended by itself."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "bench.settings_with_bare_view"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=log, stderr=log)
        try:
            yield
            if process.poll() is not None:
                raise RuntimeError(f"{arguments} ended")
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{error}: {log.read().decode()[-4000:]}") from error
        finally:
            process.terminate()
            process.wait(30)


def wait_until_ready(port: int) -> None:
    """Raises RuntimeError after a minute."""
    until = time.monotonic() + PATIENCE_S
    while not _answers(port):
        if time.monotonic() > until:
            raise RuntimeError("the portal does not answer")
        time.sleep(0.2)


def _answers(port: int) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except (URLError, OSError):
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
