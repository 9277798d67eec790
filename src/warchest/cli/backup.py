"""``warchest backup``: make, list and check backups of the whole house."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from warchest.cli import deployment
from warchest.cli.progress import Progress
from warchest.runtime.backup.folder import Backup, Folder, UnableToBackUp, UnableToRestore
from warchest.runtime.configuration import configuration


@click.command("backup", help="Back up all databases and the home; others go on working meanwhile.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of backups, where the configuration names none ([backup] folder).",
)
@click.option(
    "--keep", type=click.IntRange(1), help="Then remove all but so many, and the WAL that they needed."
)
@click.option(
    "--list", "lists", is_flag=True, help="List the backups that are whole, and how far each reaches."
)
@click.option("--verify", is_flag=True, help="Compare every backup with what was written, file by file.")
@click.option("--wal", "wal_only", is_flag=True, help="Only see that all done until now is in the kept WAL.")
@click.option("--new-key", is_flag=True, help="Lock backups for a new recovery key from now on, and show it.")
def command(
    into: Path | None, keep: int | None, lists: bool, verify: bool, wal_only: bool, new_key: bool
) -> None:
    folder = _folder(into)
    if lists:
        _list(folder)
    elif verify:
        _verify(folder)
    else:
        _work(folder, keep=keep, wal_only=wal_only, new_key=new_key)


def _folder(into: Path | None) -> Folder:
    found = into or configuration().backup_folder
    if found is None:
        raise UnableToBackUp(
            "no_folder",
            explanation="Say where: [backup] folder in warchest.toml, which also has WAL kept there, or --into FOLDER.",
        )
    return Folder(found)


def _work(folder: Folder, *, keep: int | None, wal_only: bool, new_key: bool) -> None:
    from warchest.runtime.backup import making

    progress = Progress()
    if new_key:
        _show_key(making.renew_recovery_key())
        return
    with deployment.running_django():
        if wal_only:
            making.see_wal_arrive(folder, tell=progress)
            progress.done()
            click.echo(f"All that was committed until {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC is kept.")
            return
        if key := making.recovery_key():
            _show_key(key)
        backup = making.back_up(folder, tell=progress)
        progress.done()
    click.echo(f"{folder.of(backup.name)} is ready: {_size(backup)}.")
    for server in backup.servers:
        if not server.wal_kept:
            click.echo(
                f"WAL of {server.name} is not kept, so only this very moment can be restored. Set [backup] folder and start"
                " Warchest again, or archive it by the server's own tools."
            )
    if keep:
        for name in making.prune(folder, keep=keep):
            click.echo(f"Removed {name}.")


def _show_key(key: str) -> None:
    click.echo(
        f"The recovery key: {key}\n"
        "Write it down and keep it away from this machine. It is shown this once and stored nowhere; without it the\n"
        "secrets in a backup (card codes, encrypted fields, certificates) cannot be restored by anybody.\n"
    )


def _list(folder: Folder) -> None:
    found = folder.backups()
    for backup in found:
        reaches = [folder.wal_reaches(backup, server) for server in backup.servers]
        written = [at for _, at, _ in reaches if at]
        until = min(written) if len(written) == len(reaches) else backup.ended_at
        click.echo(
            f"{backup.name}  {_size(backup):>9}  restores any moment from {_told(backup.ended_at)}"
            f" to {_told(max(until, backup.ended_at))}"
            + "".join(f"; {missing} is missing" for _, _, missing in reaches if missing)
        )
    if not found:
        click.echo(f"There is no backup in {folder.path}.")


def _verify(folder: Folder) -> None:
    from warchest.runtime.backup import restoring

    torn = 0
    found = folder.backups()
    for backup in found:
        try:
            restoring.check(folder, backup)
        except UnableToRestore as error:
            torn += 1
            click.echo(f"TORN   {backup.name}: {error}")
        else:
            click.echo(f"whole  {backup.name}")
    if not found:
        click.echo(f"There is no backup in {folder.path}.")
    sys.exit(1 if torn or not found else 0)


def _size(backup: Backup) -> str:
    return f"{backup.size_bytes / 1e6:.0f} MB"


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
