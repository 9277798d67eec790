"""What operators type: examine the files, take them over, prove it."""

from __future__ import annotations

import getpass
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from warchest.cli import deployment
from warchest.kernel.errors import TryAgain, UnableTo

if TYPE_CHECKING:
    from warchest.cli.move_in.findings import Findings
    from warchest.cli.move_in.proof import Figure
    from warchest.cli.move_in.read import Read
    from warchest.cli.move_in.scratch import Scratch
    from warchest.runtime.command import Command

_PROGRESS_S = 5.0
_OPERATOR_MAX = 64
_FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))


class _Moment(click.ParamType):
    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail("write it like 2026-03-31T22:00:00Z", param, ctx)
        if found.tzinfo is None:
            self.fail("say its time zone: put Z or an offset such as +02:00 behind it", param, ctx)
        return found.astimezone(UTC)


class _Operator(click.ParamType):
    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not 0 < len(value) <= _OPERATOR_MAX or not value.isprintable():
            self.fail(f"a name has 1 to {_OPERATOR_MAX} characters that can be printed", param, ctx)
        return str(value)


_AT = click.option(
    "--at", "cutover_at", type=_Moment(), required=True, help="The moment at which the older system was left."
)


@click.group("move-in", help="Take over players, wallets, subscriptions and books from an older system.")
def command() -> None:
    pass


@command.command("check", help="Dry run: say all that is wrong with the files of FOLDER, and write nothing.")
@_FOLDER
@_AT
def check_command(folder: Path, cutover_at: datetime) -> None:
    with deployment.running_django(), _scratch() as scratch:
        read, findings = _examine(folder, cutover_at, scratch)
        _report(read, findings)
    sys.exit(1 if findings else 0)


@command.command(
    "run", help="Take over FOLDER, after the same check, and prove it. May be killed and run again."
)
@_FOLDER
@_AT
@click.option(
    "--proof",
    "proof_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the proof is written; proof.json in the folder, if not said.",
)
@click.option(
    "--operator",
    default=getpass.getuser,
    type=_Operator(),
    show_default="who you are",
    help="Who stands in the record of operations.",
)
def run_command(folder: Path, cutover_at: datetime, proof_file: Path | None, operator: str) -> None:
    with deployment.running_django(), _scratch() as scratch:
        from warchest.cli.move_in.take import take
        from warchest.journeys.move_in import begin_move_in

        read, findings = _examine(folder, cutover_at, scratch)
        _report(read, findings)
        if read is None or findings:
            raise click.ClickException("Nothing was taken over.")
        command = _command(operator)
        if read.finished_at is None:
            begin_move_in(command, system=read.control.system, cutover_at=cutover_at)
        begun = time.monotonic()
        try:
            with _shown() as progress:
                taken = take(read, command, progress)
        except UnableTo as refusal:
            # Somebody has changed the house since it was examined: a nickname was taken, for one.
            raise click.ClickException(
                f"A set of rows was refused: {refusal}. What was taken stays: run it again."
            ) from refusal
        except TryAgain:
            raise click.ClickException(
                "The database could not do it now. What was taken stays: run it again."
            ) from None
        click.echo(
            f"Rows taken over: {taken:,}, in {time.monotonic() - begun:.0f} s."
            if taken
            else "All of it was taken over before. Nothing was changed."
        )
        sound = _prove(read, command, cutover_at, proof_file or folder / "proof.json")
    sys.exit(0 if sound else 1)


@command.command("prove", help="Compare once more what FOLDER/control.json says with what was taken over.")
@_FOLDER
def prove_command(folder: Path) -> None:
    with deployment.running_django():
        from warchest.cli import prove
        from warchest.cli.move_in import control, proof
        from warchest.cli.move_in.findings import Findings

        findings = Findings()
        says = control.read(folder, findings)
        if says is None or findings:
            raise click.ClickException("\n".join(findings.lines()))
        found = proof.figures(says)
        _show(found)
        broken = prove.prove()
    sys.exit(1 if broken or not all(figure.agrees for figure in found) else 0)


def _command(operator: str) -> Command:
    from warchest.kernel.ids import new_id
    from warchest.runtime.command import Actor, ActorKind, Channel, Command, now

    return Command(
        actor=Actor(ActorKind.OPERATOR, operator), key=f"move-in:{new_id()}", at=now(), channel=Channel.CLI
    )


@contextmanager
def _scratch() -> Iterator[Scratch]:
    """The scratch tables, for as long as the command works. What a disk refuses is a sentence, not a stack trace."""
    from warchest.cli.move_in.scratch import Scratch

    try:
        with closing(Scratch()) as tables:
            yield tables
    except OSError as error:
        raise click.ClickException(f"A file can't be read or written: {error}") from error
    except sqlite3.Error as error:
        raise click.ClickException(
            f"The scratch file can't be written: {error}. SQLITE_TMPDIR may name a folder with more room."
        ) from error


def _examine(folder: Path, cutover_at: datetime, scratch: Scratch) -> tuple[Read | None, Findings]:
    from warchest.cli.move_in.examine import examine
    from warchest.cli.move_in.findings import Findings
    from warchest.cli.move_in.house import house
    from warchest.runtime.command import now

    if cutover_at > now():
        raise click.BadParameter("the cut-over has not come yet", param_hint="--at")
    findings = Findings()
    with _shown() as progress:
        read = examine(folder, house(cutover_at=cutover_at, at=now()), findings, scratch, progress)
    return read, findings


def _report(read: Read | None, findings: Findings) -> None:
    for line in findings.lines():
        click.echo(line)
    if findings:
        click.echo(f"Findings: {len(findings)}.")
    if read is None:
        return
    for line in read.summary():
        click.echo(line)
    if not findings:
        click.echo("Nothing stands in the way.")


def _prove(read: Read, command: Command, cutover_at: datetime, file: Path) -> bool:
    """Prove what is here, write it down, and, where all agrees, finish."""
    from warchest.cli import prove
    from warchest.cli.move_in import proof
    from warchest.journeys.move_in import finish_move_in
    from warchest.kernel.ids import new_id
    from warchest.ledger.contract import Ledger
    from warchest.runtime.services import services

    while services.get(Ledger).fold():
        pass
    found = proof.figures(read.control)
    _show(found)
    broken = prove.prove()
    sound = not broken and all(figure.agrees for figure in found)
    written = _written(read, command, cutover_at, found, broken)
    if read.finished_at is None:
        _write(file, written)
        click.echo(f"The proof is in {file}.")
    if not sound:
        click.echo("The sums do not agree: see above. The take-over stays open.")
    elif read.finished_at is not None:
        click.echo(f"The take-over was finished on {read.finished_at:%Y-%m-%d %H:%M} UTC.")
    elif not read.control.complete:
        click.echo('The sums agree. The take-over stays open until control.json says "complete": true.')
    else:
        finish_move_in(
            command.under(f"move-in:{new_id()}"),
            system=read.control.system,
            proof=sha256(written.encode()).hexdigest(),
            figures=tuple((f"{one.name} {one.currency}".strip(), one.texts[1]) for one in found),
        )
        click.echo("The sums agree, and the take-over is finished.")
    return sound


def _show(found: Sequence[Figure]) -> None:
    from warchest.cli.move_in import proof

    for line in proof.table(found):
        click.echo(line)


def _written(read: Read, command: Command, cutover_at: datetime, found: Sequence[Figure], broken: int) -> str:
    document = {
        "system": read.control.system,
        "cutover_at": cutover_at.isoformat(),
        "proved_at": command.at.isoformat(),
        "operator": command.actor.id,
        "complete": read.control.complete,
        "files_sha256": read.files,
        "figures": [
            dict(
                zip(
                    ("name", "currency", "older_system", "here", "difference"),
                    (one.name, one.currency, *one.texts),
                    strict=True,
                )
            )
            for one in found
        ],
        "all_agree": all(figure.agrees for figure in found),
        "rules_broken": broken,
        "passwords": dict(read.passwords),
    }
    return json.dumps(document, indent=2) + "\n"


def _write(file: Path, text: str) -> None:
    """Whole or not at all: the file is evidence."""
    draft = file.with_name(f".{file.name}.new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)


@contextmanager
def _shown() -> Iterator[Callable[[str, int], None]]:
    """Says every few seconds how far it is."""
    begun = last = time.monotonic()

    def tell(what: str, count: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_S:
            last = time.monotonic()
            click.echo(f"  {count:,} {what}, after {last - begun:.0f} s", err=True)

    yield tell
