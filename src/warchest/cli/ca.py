"""``warchest ca``: the deployment's own certificate authority, and the first way into the back office."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import click

from warchest.cli import deployment
from warchest.kernel.clock import SystemClock
from warchest.members.contract import Role
from warchest.runtime.authority import CertificateAuthority
from warchest.runtime.broker.server import is_address
from warchest.runtime.secrets import home


@click.group("ca", help="The certificate authority that opens the back office.")
def command() -> None:
    pass


@command.command(
    "first-owner", help="Make an owner with a certificate. Refused once there is an administrator."
)
@click.argument("username")
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), default=Path("."), show_default=True
)
def first_owner(username: str, into: Path) -> None:
    with deployment.running_django():
        deployment.migrate()
        from warchest.journeys.administer import count_administrators, take_on_administrator
        from warchest.kernel.ids import new_id
        from warchest.runtime.command import Actor, ActorKind, Channel, Command, now

        if count_administrators():
            raise click.ClickException(
                "There are administrators already: an owner adds others in the back office."
            )
        password = secrets.token_urlsafe(12)
        as_operator = Command(
            actor=Actor(ActorKind.OPERATOR, "cli"), key=str(new_id()), at=now(), channel=Channel.CLI
        )
        made = take_on_administrator(as_operator, username=username, password=password, role=Role.OWNER)
    into.mkdir(parents=True, exist_ok=True)
    file = into / f"{username}.p12"
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(made.certificate.pkcs12)
    click.echo(f"Import {file} into your browser; its passphrase is {made.certificate.pkcs12_passphrase}")
    click.echo(f"Then sign in as {username} with the password {password}")


@command.command(
    "broker", help="Make a certificate for the broker of another server, which is reached by these NAMES."
)
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), default=Path("."), show_default=True
)
def broker(names: tuple[str, ...], into: Path) -> None:
    authority = CertificateAuthority.open(home() / "authority", now=SystemClock().now())
    issued = authority.issue_server_certificate(
        names=["localhost", *(name for name in names if not is_address(name))],
        addresses=["127.0.0.1", *(name for name in names if is_address(name))],
        now=SystemClock().now(),
        among_peers=True,
    )
    into.mkdir(parents=True, exist_ok=True)
    file = into / f"broker-{names[0]}.pem"
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(issued.certificate_pem + issued.key_pem)
    click.echo(f"{file} holds certificate and key: name it in [broker] certificate there.")
    click.echo(f"Whom to trust is in {authority.certificate_file}, for [broker] authority.")
