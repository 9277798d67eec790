"""``warchest erp``: what is handed to accounting systems, for those who run the machines; accountants have pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import click

from warchest.cli import deployment
from warchest.kernel.errors import TryAgain
from warchest.runtime.command import Command

_STATES = click.Choice(["waiting", "sent", "acknowledged", "refused"])


@click.group("erp", help="Hand the books to an accounting system.")
def command() -> None:
    pass


@contextmanager
def _as_operator() -> Iterator[Command]:
    with deployment.running_django():
        from warchest.kernel.ids import new_id
        from warchest.runtime.command import Actor, ActorKind, Channel, now

        try:
            yield Command(
                actor=Actor(ActorKind.OPERATOR, "cli"), key=str(new_id()), at=now(), channel=Channel.CLI
            )
        except TryAgain as error:
            raise click.ClickException("The books are busy. Try again later.") from error


@command.command("list", help="Name the installed exporters, and how each stands.")
def list_command() -> None:
    with _as_operator():
        from warchest.accounting.contract import Accounting
        from warchest.runtime.services import services

        found = services.get(Accounting).exporters()
        for exporter in found:
            made_by = f"{exporter.distribution} {exporter.version}".strip()
            click.echo(f"{exporter.name:16} {made_by or 'not installed'}")
            if not exporter.is_configured:
                click.echo(f"  not configured: warchest.toml has no [erp.{exporter.name}]")
            elif exporter.problem:
                click.echo(f"  {exporter.problem}")
            elif exporter.begun_at is None:
                click.echo(f"  not begun: warchest erp begin {exporter.name}")
            else:
                health = services.get(Accounting).exporter_health(exporter=exporter.name)
                click.echo(f"  {'well' if health.well else 'UNWELL'}: {health.detail}")
        if not found:
            click.echo("No exporter is installed. Install one with pip, for example warchest-dynamics-gp.")


@command.command("begin", help="Hand entries to EXPORTER from now on.")
@click.argument("exporter")
@click.option(
    "--after",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Only entries behind this position: the accounting system has those before.",
)
@click.option(
    "--first-journal-number",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Journals are counted from here: the beginning of a range that is ours alone over there.",
)
def begin_command(exporter: str, after: int, first_journal_number: int) -> None:
    with _as_operator() as asked:
        from warchest.journeys.begin_export import begin_export

        begun = begin_export(
            asked, exporter=exporter, begins_after=after, first_journal_number=first_journal_number
        ).answer
        click.echo(f"Begun behind position {begun.begins_after}; {begun.behind} positions are to be taken.")


@command.command("run", help="Take entries, make a batch, send documents, take answers: now.")
@click.argument("exporter")
def run_command(exporter: str) -> None:
    with _as_operator() as asked:
        from warchest.journeys.exchange_with_erp import exchange_with_erp
        from warchest.journeys.make_erp_batch import make_erp_batch, take_entries

        click.echo(f"Took {take_entries(exporter=exporter)} entries.")
        if batch := make_erp_batch(asked, exporter=exporter).answer:
            click.echo(f"Batch {batch.number}: {batch.entries} entries in {batch.documents} documents.")
        else:
            click.echo("Nothing waits for a batch.")
        done = exchange_with_erp(asked, exporter=exporter)
        click.echo(f"Handed over {done.handed_over}, failed {done.failed}, answered {done.answered}.")
        if done.unreadable:
            click.echo(f"{done.unreadable} answers could not be read, and were left where they are.")


@command.command("status", help="Tell how far EXPORTER is, and what it waits for.")
@click.argument("exporter")
def status_command(exporter: str) -> None:
    with _as_operator():
        from warchest.accounting.contract import Accounting
        from warchest.runtime.services import services

        accounting = services.get(Accounting)
        found = accounting.export_standing(exporter=exporter)
        click.echo(f"position {found.position}, {found.behind} behind the end of the books")
        click.echo(f"waiting entries {found.waiting}, held {found.held}")
        click.echo(
            "documents " + (", ".join(f"{state} {n}" for state, n in found.documents.items()) or "none")
        )
        if found.oldest_unanswered_at:
            click.echo(f"unanswered since {found.oldest_unanswered_at:%Y-%m-%d %H:%M} UTC")
        for missing in accounting.missing_accounts(exporter=exporter):
            key = missing.key
            click.echo(f"not mapped: {key.book} {key.owner_class} {key.currency} ({missing.entries} entries)")


@command.command("queue", help="List EXPORTER's documents, the newest first.")
@click.argument("exporter")
@click.option("--state", type=_STATES)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def queue_command(exporter: str, state: str | None, limit: int) -> None:
    with _as_operator():
        from warchest.accounting.contract import Accounting, ErpState
        from warchest.runtime.services import services

        wanted = ErpState(state) if state else None
        for each in services.get(Accounting).erp_documents(exporter=exporter, state=wanted, limit=limit):
            click.echo(f"{each.id} {each.series} {each.number} {each.day} {each.state} {each.text}")
            for said in filter(None, (each.error, each.problem)):
                click.echo("  " + said.replace("\n", "\n  "))


@command.command("show", help="Write a document as it was sent last to the standard output.")
@click.argument("document", type=click.UUID)
def show_command(document: UUID) -> None:
    with _as_operator():
        from warchest.accounting.contract import Accounting
        from warchest.runtime.services import services

        attempts = services.get(Accounting).erp_attempts(document_id=document)
        if not attempts:
            raise click.ClickException("There is no such document, or it could not be written.")
        click.echo(attempts[-1].text, nl=False)


@command.command("resend", help="Send a document again that was refused or not answered, under its number.")
@click.argument("document", type=click.UUID)
def resend_command(document: UUID) -> None:
    with _as_operator() as asked:
        from warchest.journeys.send_to_erp_again import send_to_erp_again

        sent = send_to_erp_again(asked, document_id=document).answer
        click.echo(f"{sent.series} {sent.number} is {sent.state}, attempt {sent.attempts}.")
        if sent.error:
            click.echo(sent.error)


@command.command("map", help="Have accounts of BOOK go by ACCOUNT over there; an empty one takes it away.")
@click.argument("exporter")
@click.argument("book")
@click.argument("account")
@click.option("--owner", default="*", show_default=True, help="Whose: house, person, a name (DE), or all.")
@click.option("--currency", default="*", show_default=True)
@click.option("--customer", default="", help="For receipts: who over there pays in on it.")
@click.option("--by", "method", type=click.Choice(["card", "bank", "cash"]), help="For receipts: how.")
def map_command(
    exporter: str, book: str, account: str, owner: str, currency: str, customer: str, method: str | None
) -> None:
    with _as_operator() as asked:
        from warchest.accounting.contract import AccountKey
        from warchest.journeys.map_erp_account import map_erp_account
        from warchest.sdk.erp import Method

        kept = map_erp_account(
            asked,
            exporter=exporter,
            key=AccountKey(book, owner, currency),
            account=account,
            customer=customer,
            method=Method(method) if method else None,
        ).answer
        click.echo(f"{book} {owner} {currency} → {kept.account or 'not mapped'}")


@command.command("treat", help="Tell entries that touch BOOK one by one, in summary, or as receipts.")
@click.argument("exporter")
@click.argument("treatment", type=click.Choice(["detail", "summary", "receipt"]))
@click.argument("book", default="")
def treat_command(exporter: str, treatment: str, book: str) -> None:
    with _as_operator() as asked:
        from warchest.accounting.contract import Treatment
        from warchest.journeys.map_erp_account import set_treatment

        set_treatment(asked, exporter=exporter, book=book, treatment=Treatment(treatment))
        click.echo(f"{book or 'all other books'}: {treatment}, for entries taken from now on")


@command.command("customer", help="Have the customer NUMBER made over there, or its name changed.")
@click.argument("exporter")
@click.argument("number")
@click.argument("name")
def customer_command(exporter: str, number: str, name: str) -> None:
    with _as_operator() as asked:
        from warchest.journeys.map_erp_account import keep_erp_customer

        keep_erp_customer(asked, exporter=exporter, number=number, name=name)
        click.echo(f"The next batch tells {exporter} of {number}.")
