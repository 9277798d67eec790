"""Real processes that are watched: a receiver of their traces, their health and figures, and every line they write."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from django.db import connections
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.builders.configuration import environment_beside, written_beside
from warchest.runtime.services import services

READY_S_MAX = 60


@dataclass(frozen=True)
class Told:
    """A span as the receiver got it. ``process`` is the kind of process that told it, ``instance`` which one."""

    trace: str
    id: str
    parent: str
    name: str
    process: str
    instance: str
    told: Mapping[str, Any]
    failed: bool
    links: tuple[str, ...]
    begun_ns: int


class Receiver:
    """Understands OTLP over HTTP, as a collector does; keeps all that it hears."""

    def __init__(self) -> None:
        self.spans: list[Told] = []
        self.raw = b""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(self.path, body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces"
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            of_process = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Told(
                            trace=span.trace_id.hex(),
                            id=span.span_id.hex(),
                            parent=span.parent_span_id.hex(),
                            name=span.name,
                            process=of_process["service.name"],
                            instance=of_process["service.instance.id"],
                            told={
                                one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value")
                                for one in span.attributes
                            },
                            failed=span.status.code == Status.STATUS_CODE_ERROR,
                            links=tuple(link.trace_id.hex() for link in span.links),
                            begun_ns=span.start_time_unix_nano,
                        )
                    )

    def wait_for(self, found: Callable[[Sequence[Told]], Any]) -> Any:
        """What ``found`` answers, as soon as that is something."""
        return wait_for(lambda: found(list(self.spans)), lambda: [span.name for span in self.spans])

    def trace(self, trace: str) -> list[Told]:
        return [span for span in self.spans if span.trace == trace]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.stop()


@dataclass
class Process:
    """A process of the deployment in the test's database. ``watched`` is where its health is told."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int
    watched: str

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.watched}{path}", timeout=10, trust_env=False)

    def api(self, key: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {key}", **headers}
        return httpx.request(
            method,
            f"http://127.0.0.1:{self.port}/api/v1{path}",
            json=body,
            headers=sent,
            timeout=20,
            trust_env=False,
        )

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """The structured lines among what it wrote."""
        return lines_of(self.output())

    def figure(self, name: str, **labels: str) -> float | None:
        """A figure of its exposition, by name and some of its labels."""
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(f"{name}{{") or line.startswith(f"{name} "):
                told = dict(re.findall(r'(\w+)="([^"]*)"', line))
                if labels.items() <= told.items():
                    return float(line.rpartition(" ")[2])
        return None

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def database_of(service: str) -> str:
    """What the database of this service is called on the server."""
    return str(connections[services.place(service)].settings_dict["NAME"])


def lines_of(output: str) -> list[dict[str, Any]]:
    """The structured lines of what a process wrote."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def wait_for(
    true: Callable[[], Any], told: Callable[[], object] = lambda: "", *, within_s: float = READY_S_MAX
) -> Any:
    """What ``true`` answers, as soon as that is something; else fails, and tells."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError(f"did not happen in time: {told()}")


@contextmanager
def a_process(
    kind: str,
    *,
    database: str,
    folder: Path,
    configuration: str = "",
    environment: Mapping[str, str] | None = None,
    ready: bool = True,
) -> Iterator[Process]:
    """A portal, a worker or a back office, alive, and ready unless told otherwise.

    ``configuration`` is put behind ``[telemetry]``, whose port is chosen here.
    """
    port, watched = a_free_port(), a_free_port()
    file = folder / f"{kind}.toml"
    telemetry = (
        f"[telemetry]\nworker_port = {watched}\nbackoffice_port = {watched}\nservices_port = {watched}\n"
    )
    file.write_text(written_beside(telemetry + configuration))
    portal = [
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    portal += ["--blocking-threads", "4", "--no-ws", "--http", "1", "--log-level", "warning"]
    arguments = {
        "portal": [*portal, "warchest.config.wsgi:application"],
        "worker": ["-m", "warchest.jobs"],
        "backoffice": ["-m", "warchest.config.serve_backoffice"],
        "services": ["-m", "warchest.runtime.broker.serving"],
    }[kind]
    variables = {
        **environment_beside(configuration),
        "WARCHEST_CONFIG": str(file),
        "WARCHEST_DATABASE_NAME": database,
        "WARCHEST_PORT": str(port),
        "WARCHEST_ADMIN_PORT": str(port),
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        **(environment or {}),
    }
    variables.pop("DJANGO_SETTINGS_MODULE")
    log = folder / f"{kind}.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, *arguments], env=variables, stdout=output, stderr=output)
    begun = Process(process, log, port, f"http://127.0.0.1:{port if kind == 'portal' else watched}")

    def answers() -> bool:
        assert process.poll() is None, begun.output()
        try:
            return begun.get("/readyz" if ready else "/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    try:
        wait_for(answers, begun.output)
        yield begun
    finally:
        begun.stop()
