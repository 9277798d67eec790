"""``warchest doctor``: check the configuration and the machine, and say plainly what is wrong."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from importlib.util import find_spec

import click

from warchest.cli import doctor_databases
from warchest.kernel.currency import INNER, currency_codes
from warchest.runtime import set_aside, topology
from warchest.runtime.backup.folder import Folder
from warchest.runtime.configuration import (
    Configuration,
    UnableToReadConfiguration,
    path,
    read,
)
from warchest.runtime.redaction import text_redacted
from warchest.runtime.secrets import home

Finding = tuple[bool, str]

_BACKUP_AGE_MAX = timedelta(days=2)


@click.command(
    "doctor", help="Check configuration, secrets, ports, plug-ins and database; exit 1 if something is wrong."
)
def command() -> None:
    wrong = 0
    for well, sentence in examine():
        click.echo(f"{'well ' if well else 'WRONG'}  {sentence}")
        wrong += not well
    click.echo("All is well." if not wrong else f"{wrong} to mend.")
    sys.exit(1 if wrong else 0)


def examine() -> Iterator[Finding]:
    """Whether each thing is well, and a sentence about it; what depends on a broken thing is not asked."""
    try:
        found = read(path())
    except UnableToReadConfiguration as error:
        yield False, f"The configuration can't be used. {text_redacted(str(error))}"
        return
    yield True, f"Configuration: {path() if path().exists() else 'defaults (no file)'}"
    yield from _community(found)
    yield from _entity(found)
    yield from _secrets()
    yield from _heads(found)
    yield from _backups(found)
    yield from _addresses(found)
    yield from _plugins(found)
    if (yield from _topology(found)):
        yield from doctor_databases.examine()


def _community(found: Configuration) -> Iterator[Finding]:
    code = found.community.functional_currency
    if code in currency_codes() and code != INNER.code:
        yield True, f"The books' functional currency: {code}"
    else:
        yield False, f"community.functional_currency is {code!r}, which is no currency of ISO 4217."


def _entity(found: Configuration) -> Iterator[Finding]:
    """What an invoice must say of the seller (VAT Directive, article 226, numbers 3 and 5), and whether it can be printed."""
    entity = found.entity
    missing = [name for name in ("name", "address", "vat_number") if not getattr(entity, name)]
    if missing == ["name", "address", "vat_number"]:
        yield True, "Invoices: [entity] says nothing of the seller yet, as an invoice must"
    elif missing:
        yield False, f"Invoices lack the seller's {', '.join(missing).replace('_', ' ')}: complete [entity]."
    else:
        yield True, f"Invoices: in the name of {entity.name}, {entity.vat_number}"
    if find_spec("typst") is None:
        yield (
            True,
            "Invoices: not as PDF, since the extra 'pdf' is not installed (pip install 'warchest[pdf]')",
        )
    if found.documents.fonts and not (home() / found.documents.fonts).is_dir():
        yield False, f"documents.fonts is {found.documents.fonts!r}, and there is no such folder in {home()}."


def _secrets() -> Iterator[Finding]:
    folder = home() / "secrets"
    open_to_others = [
        file.name for file in folder.glob("*") if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    if open_to_others:
        yield False, f"Others can read {', '.join(sorted(open_to_others))} in {folder}: chmod 600 them."
    else:
        yield True, f"Secrets: {folder}, readable by their owner alone"


def _heads(found: Configuration) -> Iterator[Finding]:
    if not found.heads.folder:
        yield (
            True,
            (
                f"Heads of the journal's chain: {home() / 'heads'}; in a folder of another machine"
                " ([heads] folder) they would also outlast this one"
            ),
        )
    elif os.access(found.heads.folder, os.W_OK):
        yield True, f"Heads of the journal's chain: {found.heads.folder}"
    else:
        yield False, f"The heads of the journal's chain cannot be written to {found.heads.folder}."


def _backups(found: Configuration) -> Iterator[Finding]:
    if set_aside.note() is not None:
        yield (
            True,
            "This house was restored and is set aside: it talks to nobody (warchest restore --put-into-service)",
        )
    if found.backup_folder is None:
        yield True, "Backups: no [backup] folder, so nothing is kept but what warchest backup --into writes"
        return
    backups = Folder(found.backup_folder).backups()
    if not backups:
        yield False, f"There is no backup in {found.backup_folder}: warchest backup."
    elif datetime.now(UTC) - backups[-1].ended_at > _BACKUP_AGE_MAX:
        yield (
            False,
            f"The newest backup is of {backups[-1].ended_at:%Y-%m-%d}: run warchest backup every day.",
        )
    else:
        yield True, f"Backups: {found.backup_folder}, the newest of {backups[-1].ended_at:%Y-%m-%d %H:%M} UTC"


def _addresses(found: Configuration) -> Iterator[Finding]:
    for name, host, port in (
        ("Portal and API", found.web.host, found.web.port),
        ("Back office", found.backoffice.host, found.backoffice.port),
    ):
        taken = _is_taken(host, port)
        yield (
            True,
            f"{name}: {host}:{port}{' (somebody listens: Warchest itself, if it runs)' if taken else ''}",
        )
    if found.web.host not in ("127.0.0.1", "::1", "localhost") and not found.public_url.startswith(
        "https://"
    ):
        yield (
            False,
            "The portal listens beyond this machine without https: set web.public_url to its https address "
            "and put a proxy with TLS in front.",
        )


def _topology(found: Configuration) -> Generator[Finding, None, bool]:
    """Whether services, databases, broker and clusters can be where the configuration puts them."""
    told = os.environ.get("WARCHEST_SERVICES")
    hosted = None if told is None else [name for name in map(str.strip, told.split(",")) if name]
    wrong = list(topology.problems(found, known=topology.known_services(), hosted=hosted))
    for problem in wrong:
        yield False, problem
    if not wrong:
        databases = 1 + len(found.databases)
        yield True, f"Topology: {databases} database{'s' if databases > 1 else ''} (see warchest topology)"
    return not wrong


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def _plugins(found: Configuration) -> Iterator[Finding]:
    installed = {point.name for point in entry_points(group="warchest.payment_providers")}
    for name in found.providers:
        if name in installed:
            yield True, f"Payment provider: {name}"
        else:
            yield False, f"[providers.{name}] is configured, but no plug-in of this name is installed."
    if not found.providers:
        yield True, "Payment provider: none configured, so nobody can top up by card"
    shops = {point.name for point in entry_points(group="warchest.stores")}
    for name, table in found.stores.items():
        plugin = str(table.get("plugin") or name)
        if plugin in shops:
            yield True, f"Store: {name}, by the plug-in {plugin}"
        else:
            yield False, f"[stores.{name}] is configured, but no plug-in of the name {plugin} is installed."
    exporters = {point.name for point in entry_points(group="warchest.erp_exporters")}
    for name in found.erp:
        if name in exporters:
            yield True, f"Accounting system: {name}; warchest erp list says how it is"
        else:
            yield False, f"[erp.{name}] is configured, but no plug-in of this name is installed."
