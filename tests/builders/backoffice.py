"""The real back office as a process on loopback, and people who visit it."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from bs4 import BeautifulSoup

from tests.builders.configuration import environment_beside, written_beside
from tests.builders.people import a_command
from warchest.journeys import administer
from warchest.members.contract import Administrator, Role
from warchest.runtime.authority import ClientCertificate
from warchest.runtime.command import Actor, ActorKind, Channel
from warchest.runtime.secrets import home

PASSWORD = "correct horse battery"


@dataclass
class Visitor:
    """A person with a certificate and a browser without scripts."""

    administrator: Administrator
    certificate: ClientCertificate
    url: str
    client: httpx.Client = field(repr=False)

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.client.get(path, params=params or None)

    def page(self, path: str, **params: str) -> BeautifulSoup:
        answer = self.client.get(path, params=params or None, follow_redirects=True)
        assert answer.status_code == 200, (answer.status_code, answer.text[:2000])
        return BeautifulSoup(answer.text, "html.parser")

    def sign_in(self, *, password: str = PASSWORD, username: str | None = None) -> httpx.Response:
        return self.submit("/sign-in", username=username or self.administrator.username, password=password)

    def submit(self, path: str, *, action: str | None = None, **fields: object) -> httpx.Response:
        """Fill in the form of a page that is sent to ``action`` (the page's own, when None), and send it."""
        page = self.page(path)
        form = next(
            (one for one in page.select("form[method=post]") if self._goes_to(one.get("action"), action)),
            None,
        )
        assert form, f"{path} has no form for {action}: {page.get_text(' ', strip=True)[:1500]}"
        said: dict[str, object] = {}
        for control in form.select("input[name], select[name]"):
            if control.name == "select":
                chosen = [one.get("value", "") for one in control.select("option[selected]")]
                said[control["name"]] = chosen if control.has_attr("multiple") else (chosen or [""])[0]
            elif control.get("type") not in ("checkbox", "radio") or control.has_attr("checked"):
                said[control["name"]] = control.get("value", "")
        return self.post(action or path, referer=path, **(said | fields))

    def post(self, path: str, *, referer: str = "/", **fields: object) -> httpx.Response:
        headers = {"Referer": self.url + referer}
        return self.client.post(path, data=fields, headers=headers, follow_redirects=True)

    @staticmethod
    def _goes_to(target: str | None, action: str | None) -> bool:
        return target == action if action else not target


@dataclass
class BackOffice:
    port: int
    log: Path
    database: str
    _inside: list[Visitor] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def visitor(self, role: Role, *, username: str | None = None) -> Visitor:
        """A new administrator, who has not signed in yet."""
        name = username or f"{role}-{time.monotonic_ns()}"
        made = administer.take_on_administrator(as_operator(), username=name, password=PASSWORD, role=role)
        return self.with_certificate(made.administrator, made.certificate)

    def signed_in(self, role: Role) -> Visitor:
        visitor = self.visitor(role)
        assert visitor.sign_in().url.path == "/"
        return visitor

    def with_certificate(self, administrator: Administrator, certificate: ClientCertificate) -> Visitor:
        context = ssl.create_default_context(cafile=str(home() / "authority" / "ca.pem"))
        file = self.log.parent / f"{certificate.serial}.pem"
        file.write_bytes(certificate.certificate_pem + certificate.key_pem)
        context.load_cert_chain(file)
        client = httpx.Client(base_url=self.url, verify=context, timeout=60, trust_env=False)
        visitor = Visitor(administrator, certificate, self.url, client)
        self._inside.append(visitor)
        return visitor

    def send_everybody_home(self) -> None:
        """No connection of a finished test stays open: an address may have only so many."""
        while self._inside:
            self._inside.pop().client.close()

    def count_statements(self) -> int:
        """How many statements PostgreSQL has logged for this database; it must have been told to log them."""
        executed = re.compile(rf"@{self.database} LOG:  (?:statement|execute)")
        return len(executed.findall((home() / "postgres" / "server.log").read_text()))


def as_operator():
    """A command of whoever runs the machine, by the machine's clock, as handshakes are."""
    return a_command(actor=Actor(ActorKind.OPERATOR, "tests"), channel=Channel.CLI, at=datetime.now(UTC))


@contextmanager
def back_office(
    *,
    database: str,
    folder: Path,
    providers: Mapping[str, Mapping[str, str]],
    more: str = "",
    python: Path | None = None,
) -> Iterator[BackOffice]:
    """``providers``: their tables in the configuration; ``more``: other text of it; ``python``: that of another environment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log, configuration = folder / "backoffice.log", folder / "warchest.toml"
    tables = [
        f"[providers.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in providers.items()
    ]
    configuration.write_text(written_beside("\n".join([more, *tables])))
    environment = {
        **environment_beside(more),
        "WARCHEST_CONFIG": str(configuration),
        "WARCHEST_DATABASE_NAME": database,
        "WARCHEST_ADMIN_PORT": str(port),
    }
    environment.pop("DJANGO_SETTINGS_MODULE")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(python or sys.executable), "-m", "warchest.config.serve_backoffice"],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 30
        while not _listens(port):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield BackOffice(port, log, database)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
