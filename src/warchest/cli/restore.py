"""``warchest restore``: the house as it was at a moment, in a new home, proved; and that home put into service."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click

from warchest.cli import deployment
from warchest.cli.progress import Progress
from warchest.runtime import set_aside
from warchest.runtime.backup.folder import Folder, UnableToRestore
from warchest.runtime.configuration import configuration, path, read
from warchest.runtime.secrets import home

_NOT_FOR_THE_COPY = (
    "WARCHEST_RECOVERY_KEY",
    "WARCHEST_CONFIG",
    "WARCHEST_DATABASE_URL",
    "WARCHEST_DATABASE_NAME",
    "WARCHEST_HEADS_FOLDER",
    "WARCHEST_BACKUP_FOLDER",
)


class Moment(click.ParamType):
    """ISO 8601; without a zone it is UTC."""

    name = "moment"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | None:
        if value == "latest":
            return None
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value} is no moment, such as 2026-11-22T18:30:00Z or latest.", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


@click.command(
    "restore", help="Restore the house as it was at a moment into a new home, set aside, and prove it."
)
@click.option(
    "--from",
    "source",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The folder of backups, where the configuration here names none.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="The new home: an empty folder, or none yet.",
)
@click.option(
    "--to", "moment", type=Moment(), default="latest", show_default=True, help="In UTC where no zone is said."
)
@click.option(
    "--backup", "named", help="This backup, not the newest one before the moment (warchest backup --list)."
)
@click.option(
    "--key",
    "key_file",
    type=click.File(),
    help="A file with the recovery key (- reads it from the input); else WARCHEST_RECOVERY_KEY, else it is asked for.",
)
@click.option(
    "--put-into-service", is_flag=True, help="Have this home, which was restored, take the house's place."
)
@click.option(
    "--let-mails-go", is_flag=True, help="Send the mails that waited when the house was put into service."
)
@click.option("--finish", is_flag=True, hidden=True)
def command(
    source: Path | None,
    into: Path | None,
    moment: datetime | None,
    named: str | None,
    key_file: TextIO | None,
    put_into_service: bool,
    let_mails_go: bool,
    finish: bool,
) -> None:
    if finish:
        sys.exit(_finish())
    if put_into_service:
        _put_into_service()
    elif let_mails_go:
        _let_mails_go()
    elif into is None:
        raise click.UsageError("Say --into which new home.")
    else:
        sys.exit(_restore(_folder(source), into.absolute(), moment, named, _key(key_file)))


def _folder(source: Path | None) -> Folder:
    found = source or configuration().backup_folder
    if found is None:
        raise click.UsageError("Say --from which folder of backups.")
    return Folder(found)


def _key(file: TextIO | None) -> str:
    if file is not None:
        return str(file.read())
    return os.environ.get("WARCHEST_RECOVERY_KEY") or click.prompt("Recovery key", hide_input=True)


def _restore(folder: Folder, into: Path, moment: datetime | None, named: str | None, key: str) -> int:
    from warchest.runtime.backup import restoring

    progress = Progress()
    with restoring.taken(into) as lock:
        note = restoring.restore(folder, into=into, moment=moment, named=named, key=key, tell=progress)
        progress.done()
        click.echo(f"Backup {note.backup} is restored into {into}.")
        if note.barrier:
            click.echo(f"All servers stand at the barrier {note.barrier}.")
        if note.reached_at:
            click.echo(f"The last transaction was committed at {note.reached_at:%Y-%m-%d %H:%M:%S.%f} UTC.")
        # In a process of its own: this one has read another house's configuration. It holds the home as long as it lives,
        # whatever becomes of us.
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_THE_COPY}
        done = subprocess.run(
            [sys.executable, "-m", "warchest.cli.main", "restore", "--finish"],
            env={**environment, "WARCHEST_HOME": str(into)},
            pass_fds=[lock],
        )
    return done.returncode


def _finish() -> int:
    """In the restored home: what only those can do who know the tables. Answers the exit code."""
    from warchest.cli.prove import prove
    from warchest.runtime.backup import restoring
    from warchest.runtime.command import now

    note = set_aside.note(home())
    if note is None:
        raise UnableToRestore("not_set_aside", explanation=f"{home()} was not restored.")
    with deployment.running_django():
        from warchest.ledger.contract import Ledger
        from warchest.runtime.services import services

        _keep_promises()
        deployment.migrate()
        services.get(Ledger).sign_cut(
            restore=note.begun_at,
            restored_to=note.wanted_at,
            backup=note.backup,
            in_service=False,
            at=now(),
        )
        restoring.finish(home())
        broken = prove()
    click.echo(
        f"{home()} is set aside: look at it with WARCHEST_HOME={home()}. It talks to nobody, and neither portal nor worker\n"
        "starts in it until warchest restore --put-into-service."
    )
    return 1 if broken else 0


def _keep_promises() -> None:
    """Prepared transactions end as the coordinator decided; where it did not, they are taken back."""
    from warchest.runtime import two_phase
    from warchest.runtime.services import services

    if not (before := two_phase.in_doubt()):
        return
    with services.database("runtime").cursor() as cursor:
        cursor.execute("SELECT transaction FROM runtime_decision WHERE outcome = 'commit'")
        decided = {row[0] for row in cursor.fetchall()}
    if two_phase.recover(older_than_s=0):
        raise UnableToRestore("failed", explanation="Prepared transactions are left that could not be ended.")
    for promise in before:
        click.echo(f"{promise.gid}: {'committed' if promise.transaction in decided else 'rolled back'}")


def _put_into_service() -> None:
    from warchest.cli.prove import restore_told
    from warchest.runtime.backup import entering
    from warchest.runtime.command import now

    note = entering.begin(home(), read(path()))
    with deployment.running_django():
        from warchest.delivery.contract import Delivery
        from warchest.ledger.contract import Ledger
        from warchest.runtime.services import services

        cut = services.get(Ledger).sign_cut(
            restore=note.begun_at,
            restored_to=note.wanted_at,
            backup=note.backup,
            in_service=True,
            at=now(),
        )
        # Which of the waiting mails were sent after the moment, nobody here knows.
        services.get(Delivery).plug_mail_engine(plugged_in=False, at=now())
    entering.end(home())
    click.echo(restore_told(cut))
    click.echo(
        f"{home()} is the house from now on. Start it with warchest serve, and make a backup: warchest backup.\n"
        "Mails wait, since some of them may have been sent before: warchest restore --let-mails-go sends them."
    )


def _let_mails_go() -> None:
    from warchest.runtime.command import now

    set_aside.check_in_service()
    with deployment.running_django():
        from warchest.delivery.contract import Delivery
        from warchest.runtime.services import services

        services.get(Delivery).plug_mail_engine(plugged_in=True, at=now())
    click.echo("Waiting mails are sent by the worker.")
