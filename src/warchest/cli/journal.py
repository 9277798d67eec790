"""``warchest journal``: the journal as a file, for accountants and their programs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from warchest.cli import deployment
from warchest.kernel.errors import TryAgain

_DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.group("journal", help="The books' journal.")
def command() -> None:
    pass


@command.command(
    "export", help="Write the journal to the standard output, as CSV (one row a leg) or for beancount."
)
@click.option("--format", "format_name", type=click.Choice(["csv", "beancount"]), required=True)
@click.option("--from", "since", type=_DAY, help="Only what lies at or after this moment (UTC).")
@click.option("--until", type=_DAY, help="Only what lies before this moment (UTC).")
@click.option(
    "--by",
    type=click.Choice(["occurred", "recorded"]),
    default="occurred",
    show_default=True,
    help="Whether the moments are those of the world or those of the books.",
)
@click.option(
    "--after",
    type=click.IntRange(0),
    default=0,
    help="Only entries behind this position: where the last file ended.",
)
@click.option(
    "--balances", is_flag=True, help="End with assertions of every account's balance (beancount only)."
)
def export_command(
    format_name: str, since: datetime | None, until: datetime | None, by: str, after: int, balances: bool
) -> None:
    if balances and format_name != "beancount":
        raise click.UsageError("Only a beancount file can assert balances.")
    with deployment.running_django():
        from warchest.journeys.export_journal import export_journal, settle
        from warchest.kernel.ids import new_id
        from warchest.runtime.command import Actor, ActorKind, Channel, Command, now
        from warchest.views.journal_export import By, Extent, Format, export

        begin, end = _in_utc(since), _in_utc(until)
        as_operator = Command(
            actor=Actor(ActorKind.OPERATOR, "cli"), key=str(new_id()), at=now(), channel=Channel.CLI
        )
        asked = export_journal(
            as_operator, format=format_name, after=after, by=by, since=begin, until=end
        ).answer
        try:
            settle(upto=asked.upto)
        except TryAgain:
            raise click.ClickException(
                "Something is being booked and does not end. Try again later."
            ) from None
        extent = Extent(upto=asked.upto, after=asked.after, by=By(by), since=begin, until=end)
        for piece in export(extent=extent, format=Format(format_name), with_balances=balances):
            sys.stdout.buffer.write(piece.encode())


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


@command.command(
    "archive", help="Take the tables of a month of long ago (2026-01) out of those that work every day."
)
@click.argument("month", type=click.DateTime(["%Y-%m"]))
def archive_command(month: datetime) -> None:
    with deployment.running_django():
        from warchest.journeys.archive_month import archive_month
        from warchest.kernel.ids import new_id
        from warchest.runtime.command import Actor, ActorKind, Channel, Command, now

        as_operator = Command(
            actor=Actor(ActorKind.OPERATOR, "cli"), key=str(new_id()), at=now(), channel=Channel.CLI
        )
        entries = archive_month(as_operator, month=month.date()).answer
    click.echo(f"{month:%Y-%m} is archived: {entries} entries.")
