"""``warchest cluster``: merge this cluster with another one, prove both, and part again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warchest.cli import deployment

if TYPE_CHECKING:
    from warchest.journeys.examine_merge import Check
    from warchest.runtime.command import Command

_PATIENCE_S = 20.0


@click.group("cluster", help="Merge this cluster with another one, prove both, and part again.")
def command() -> None:
    pass


@command.command("list", help="The other clusters that this one knows, and how they stand to it.")
def list_() -> None:
    with _house():
        from warchest.runtime import clusters

        others = clusters.others()
        for other in others:
            click.echo(f"{other.code:<12} {other.standing:<8} {other.name}, {other.letter.entity}")
            click.echo(f"{'':<12} {', '.join(other.letter.gateways)}")
            click.echo(f"{'':<12} {clusters.fingerprint_with(other.letter)}")
        if not others:
            click.echo("This cluster knows no other.")


@command.command(
    "invite", help="Write the letter to the operator of the cluster CODE. It is for their eyes only."
)
@click.argument("code")
@click.option(
    "--into", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of the terminal."
)
def invite(code: str, into: Path | None) -> None:
    with _house() as asked:
        from warchest.journeys.merge_clusters import write_letter

        text = write_letter(asked, to=code)
    if into is None:
        click.echo(text)
        return
    into.touch(mode=0o600)
    into.write_text(text)
    click.echo(f"Send {into} to the operator of {code}, in a way that nobody else reads.")


@command.command("accept", help="Take in the LETTER of another cluster's operator.")
@click.argument("letter", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def accept(letter: Path) -> None:
    with _house() as asked:
        from warchest.journeys.merge_clusters import accept_letter
        from warchest.runtime import clusters

        other = accept_letter(asked, text=letter.read_text())
        digits = clusters.fingerprint_with(other.letter)
    click.echo(f"{other.name} ({other.code}) of {other.letter.entity} is known.")
    click.echo(f"Both of you see these digits. Compare them by voice:\n\n    {digits}\n")
    click.echo(f"Then: warchest cluster check {other.code}")


@command.command("check", help="The dry run: can this cluster be merged with CODE? Nothing is changed.")
@click.argument("code")
def check(code: str) -> None:
    with _house(connected=True) as asked:
        from warchest.journeys.examine_merge import COUNTS_AGAINST, examine_merge

        report = examine_merge(asked, cluster=code)
    for found in report.checks:
        verdict = "well " if found.well else "WRONG" if found.name in COUNTS_AGAINST else "note "
        click.echo(f"{verdict}  {_sentence(found)}")
        for one in found.found if not found.well else ():
            click.echo(f"         {one}")
    click.echo("They can be merged." if report.well else "They cannot be merged yet.")
    sys.exit(0 if report.well else 1)


@command.command(
    "merge", help="Merge with CODE: after the dry run, and when both operators have compared the digits."
)
@click.argument("code")
@click.option("--fingerprint", required=True, help="The digits as they were compared by voice.")
def merge(code: str, fingerprint: str) -> None:
    with _house(connected=True) as asked:
        from warchest.journeys.merge_clusters import merge_cluster, standing_there
        from warchest.kernel.errors import TryAgain
        from warchest.runtime import clusters

        merge_cluster(asked, cluster=code, fingerprint=fingerprint)
        clusters.forget()
        try:
            there = standing_there(asked, cluster=code).standing
        except TryAgain:
            there = "not to be asked"
    click.echo(f"This house has merged with {code}. There: {there}.")


@command.command("prove", help="Prove both: money conserved, heads witnessed, no player at home in both.")
@click.argument("code")
def prove(code: str) -> None:
    with _house(connected=True) as asked:
        from warchest.journeys.prove_clusters import prove_clusters
        from warchest.runtime.services import services

        proof = prove_clusters(asked, cluster=code)
        ours = services.cluster
    for owed in proof.owed:
        verdict = "holds " if owed.meets else "open  "
        click.echo(f"{verdict}  {ours} owes {owed.payable}, {code} has to receive {owed.their_receivable}")
        click.echo(f"{verdict}  {code} owes {owed.their_payable}, {ours} has to receive {owed.receivable}")
    click.echo(f"units     of {ours} in {code}: {proof.units_there}; {code} says: {proof.their_units_here}")
    for each in proof.under_way:
        amounts = ", ".join(map(str, each.amounts))
        click.echo(
            f"under way {each.id} from {each.cluster}: {amounts}{' (arrived)' if each.arrived else ''}"
        )
    if proof.head is not None:
        click.echo(
            f"witness   {code} shows block {proof.head.number}, signed {proof.head.signed_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    click.echo(f"players   {proof.players} here, none of them in {code}")
    for place in proof.broken:
        click.echo(f"broken    {place}")
    click.echo("Both are proved." if proof.holds else f"Broken: {len(proof.broken)}")
    sys.exit(0 if proof.holds else 1)


@command.command("leave", help="Begin nothing new with CODE, and let what is under way come to its end.")
@click.argument("code")
def leave(code: str) -> None:
    with _house(connected=True) as asked:
        from warchest.charging.contract import Charging
        from warchest.journeys.merge_clusters import leave_cluster
        from warchest.runtime.services import services

        leave_cluster(asked, cluster=code)
        waiting = len(services.get(Charging).open_transfers(cluster=code))
    click.echo(f"Nothing new begins with {code}. Transfers under way from here: {waiting}.")


@command.command(
    "cut", help="Part from CODE: the gateways go, and each goes on alone. It can be merged again."
)
@click.argument("code")
@click.option(
    "--with-transfers-waiting",
    is_flag=True,
    help="Also where transfers are under way, or the other can't be asked; they stay held until you merge again.",
)
def cut(code: str, with_transfers_waiting: bool) -> None:
    with _house(connected=True) as asked:
        from warchest.journeys.merge_clusters import cut_cluster

        cut_cluster(asked, cluster=code, with_transfers_waiting=with_transfers_waiting)
    click.echo(f"{code} is cut off. This house goes on alone.")


@contextmanager
def _house(*, connected: bool = False) -> Iterator[Command]:
    """This deployment, which has to be served meanwhile where it is to ask another one."""
    from warchest.kernel.errors import TryAgain, UnableTo

    with deployment.running_django():
        from warchest.journeys.refusals import explain
        from warchest.kernel.ids import new_id
        from warchest.runtime.command import Actor, ActorKind, Channel, Command, now
        from warchest.runtime.configuration import configuration

        if not configuration().broker.wanted:
            raise click.ClickException("Clusters are joined by their brokers: see [broker] in warchest.toml.")
        if connected:
            from warchest.runtime.broker.client import Unreachable, link
            from warchest.runtime.broker.layout import LINE

            try:
                is_there = link(LINE).wait_until_connected(_PATIENCE_S)
            except Unreachable:
                is_there = False
            if not is_there:
                raise click.ClickException("The broker does not answer. Is this house being served?")
        try:
            yield Command(
                actor=Actor(ActorKind.OPERATOR, "cli"), key=str(new_id()), at=now(), channel=Channel.CLI
            )
        except (TryAgain, UnableTo) as refusal:
            raise click.ClickException(explain(refusal).text) from refusal


def _sentence(found: Check) -> str:
    details = found.details
    match found.name:
        case "line":
            return (
                f"The line: it answers within {details['milliseconds']} ms"
                if found.well
                else f"The line: no answer ({details['why']}). Do both houses run, and has each taken the other's letter in?"
            )
        case "identity":
            return f"Codes: {details['ours']} here, {details['theirs']} there"
        case "clock":
            return f"Clocks: {details['seconds']} s apart"
        case "versions":
            return (
                f"Versions: {details['ours']} here, {details['theirs']} there; they understand each other"
                if found.well
                else "Versions: they do not understand each other in"
            )
        case "currencies":
            return f"Currencies: {found.count} counted alike, {details['unit']} among them"
        case "entries":
            return f"Journal entries that bear the other's code: {details['theirs']}"
        case "nicknames":
            return f"Nicknames: {found.count} here, {details['in_both']} in both; players are called name@cluster"
        case _:
            return f"{found.name.capitalize()}: {found.count} here, {details['in_both']} in both"
