"""Two whole deployments on this machine, each with a home, a database, a broker and all its processes, to be merged."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.builders.backoffice import PASSWORD, Visitor
from tests.builders.second_house import House, a_house
from warchest.members.contract import Administrator, Role
from warchest.runtime.authority import ClientCertificate
from warchest.runtime.postgres import _is_free

_PORTS = iter(range(17_000 + os.getpid() % 400 * 8, 32_000))


def a_free_port() -> int:
    return next(port for port in _PORTS if _is_free(port))


@dataclass
class Deployment:
    """A cluster that is served. ``players`` are by nickname; ``key`` is an API key with every scope."""

    code: str
    house: House
    port: int
    admin_port: int
    gateway_port: int
    process: subprocess.Popen[str] | None = None
    key: str = ""
    players: dict[str, str] = field(default_factory=dict)
    _visitors: list[Visitor] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        log = (self.house.home / "serve.log").open("ab")
        self.process = subprocess.Popen(
            self.house.command("serve"), env=self.house._environment, stdout=log, stderr=log
        )

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            assert self.process is not None and self.process.poll() is None, self.log
            with suppress(httpx.HTTPError):
                return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
            return False

        until(ready, lambda: self.log, within_s=90)

    @property
    def log(self) -> str:
        return (self.house.home / "serve.log").read_text(errors="replace")[-6000:]

    def stop(self) -> None:
        for visitor in self._visitors:
            visitor.client.close()
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()

    # As programs, people and operators meet it.

    def api(self, method: str, path: str, **body: Any) -> httpx.Response:
        key = body.pop("key", None)
        headers = {"Authorization": f"Bearer {self.key}", "Accept-Language": body.pop("language", "en")}
        if method != "GET":
            headers["Idempotency-Key"] = key or f"key-{time.monotonic_ns()}"
        return httpx.request(
            method, f"{self.url}/api/v1{path}", headers=headers, json=body or None, timeout=40
        )

    def command(self, *arguments: str) -> str:
        return self.house.done("cluster", *arguments)

    def refused(self, *arguments: str) -> str:
        done = self.house.warchest("cluster", *arguments)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stdout + done.stderr
        return done.stdout + done.stderr

    def letter(self, to: str) -> Path:
        file = self.house.home / f"to-{to}.letter"
        file.unlink(missing_ok=True)
        self.command("invite", to, "--into", str(file))
        return file

    def visitor(self, role: Role) -> Visitor:
        """A new administrator, signed in to the back office."""
        name = f"{role}-{time.monotonic_ns()}"
        told = self.house.work(f"""
            from datetime import UTC, datetime
            from warchest.journeys.administer import take_on_administrator
            from warchest.members.contract import Role
            from warchest.runtime.command import Actor, ActorKind, Channel
            made = take_on_administrator(
                a_command(actor=Actor(ActorKind.OPERATOR, "tests"), channel=Channel.CLI, at=datetime.now(UTC)),
                username={name!r}, password={PASSWORD!r}, role=Role({str(role)!r}))
            import json
            print(json.dumps({{"id": str(made.administrator.id), "user": str(made.administrator.user),
                "pem": (made.certificate.certificate_pem + made.certificate.key_pem).decode()}}))
        """)
        made = json.loads(told.splitlines()[-1])
        context = ssl.create_default_context(cafile=str(self.house.home / "authority" / "ca.pem"))
        file = self.house.home / f"{name}.pem"
        file.write_text(made["pem"])
        context.load_cert_chain(file)
        url = f"https://localhost:{self.admin_port}"
        client = httpx.Client(base_url=url, verify=context, timeout=60, trust_env=False)
        person = Administrator(id=made["id"], username=name, role=role, user=made["user"])
        visitor = Visitor(person, _NO_CERTIFICATE, url, client)
        self._visitors.append(visitor)
        assert visitor.sign_in().url.path == "/"
        return visitor

    @property
    def line_pid(self) -> int:
        folder = os.path.realpath(self.house.home / "line")
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                if os.readlink(link) == folder:
                    return int(link.parent.name)
        raise AssertionError(f"no broker runs in {folder}")

    @contextmanager
    def line_cut(self) -> Iterator[None]:
        """The server with the gateways hears and says nothing more; all else of this cluster goes on."""
        pid = self.line_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


_NO_CERTIFICATE: ClientCertificate = None  # type: ignore[assignment]


def until(true: Callable[[], object], told: Callable[[], str] = lambda: "", *, within_s: float = 40) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, f"not within {within_s} s: {told()}"
        time.sleep(0.1)


@contextmanager
def a_deployment(code: str, *players: str) -> Iterator[Deployment]:
    port, admin_port, gateway_port = a_free_port(), a_free_port(), a_free_port()
    toml = "\n".join(
        (
            f'[community]\nname = "{code.capitalize()} Arena"\ncluster = "{code}"\nentity = "{code.capitalize()} Ltd"',
            f"[web]\nport = {port}\nthreads = 4",
            f"[backoffice]\nport = {admin_port}\nthreads = 4",
            f"[broker]\nembedded = true\ngateway_port = {gateway_port}",
        )
    )
    with a_house(toml=toml) as house:
        deployment = Deployment(code, house, port, admin_port, gateway_port)
        house.done("migrate")
        told = house.work(f"""
            import json
            from datetime import UTC, datetime
            from warchest.members.contract import Members, Scope
            furnish()
            _, key = services.get(Members).issue_api_key(
                name="games", scopes=list(Scope), calls_per_second=1000, at=datetime.now(UTC))
            made = {{name: str(a_player(nickname=name, with_units="100", at=datetime.now(UTC)).id) for name in {players!r}}}
            print(json.dumps([key, made]))
        """)
        deployment.key, deployment.players = json.loads(told.splitlines()[-1])
        try:
            deployment.start()
            yield deployment
        finally:
            deployment.stop()


@contextmanager
def two_deployments() -> Iterator[tuple[Deployment, Deployment]]:
    """``main`` with Anna, and ``west`` with Ben. A Carl lives in each."""
    with ExitStack() as stack, ThreadPoolExecutor() as both:
        founding = [
            both.submit(stack.enter_context, a_deployment(*wanted))
            for wanted in (("main", "Anna", "Carl"), ("west", "Ben", "carl"))
        ]
        main, west = (each.result() for each in founding)
        list(both.map(Deployment.wait_until_ready, (main, west)))
        yield main, west


def digits(text: str) -> str:
    found = re.search(r"\d{5}(?: \d{5}){7}", text)
    assert found, text
    return found[0]
