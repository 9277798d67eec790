"""Whether a process lives and is ready, as whoever watches it asks: of real processes of each kind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.builders.broker import a_broker
from tests.builders.watched import Process, a_free_port, a_process, wait_for
from warchest.jobs import pulse
from warchest.jobs.pulse import Pulse
from warchest.runtime import health, listener

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("SMG-10")]

KINDS = ("portal", "worker", "backoffice", "services")


@contextmanager
def a_process_of(
    kind: str, *, database: str, folder: Path, draining: Path | None = None
) -> Iterator[Process]:
    with ExitStack() as stack:
        configuration = ""
        if kind == "services":
            broker = stack.enter_context(a_broker(folder / "broker"))
            configuration = f'[broker]\nurls = ["{broker.broker.url}"]\n'
        environment = {health.DRAINING_FILE: str(draining)} if draining else {}
        yield stack.enter_context(
            a_process(
                kind, database=database, folder=folder, configuration=configuration, environment=environment
            )
        )


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_process_says_what_it_waits_for(
    kind: str, database: str, superuser_dsn: str, server_dsn, tmp_path: Path
) -> None:
    draining = tmp_path / "draining"
    with (
        a_process_of(kind, database=database, folder=tmp_path, draining=draining) as process,
        psycopg.connect(server_dsn("postgres"), autocommit=True) as server,
    ):

        def missing() -> list[str]:
            answer = process.get("/readyz")
            told = answer.json()
            assert answer.status_code == (503 if told["missing"] else 200)
            assert told["status"] == ("not ready" if told["missing"] else "ready")
            # Whatever it waits for, it lives.
            assert process.get("/healthz").status_code == 200
            return told["missing"]

        assert missing() == []

        with psycopg.connect(superuser_dsn, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('cards', '0999_next', now())"
            )
            assert missing() == [], "a schema that is ahead is how an upgrade begins"
            connection.execute("DELETE FROM django_migrations WHERE app = 'cards' AND name = '0001_initial'")
            assert missing() == ["migrations: 1 not applied"]
            connection.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('cards', '0001_initial', now())"
            )
        assert missing() == []

        server.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
        )
        assert wait_for(missing) == ["database: does not answer"]
        server.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
        wait_for(lambda: missing() == [], missing)

        draining.touch()
        assert missing() == ["draining: this process was told to stop"]
        draining.unlink()
        assert missing() == []


def test_a_process_without_its_broker_is_not_ready(database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        broker = stack.enter_context(a_broker(tmp_path / "broker"))
        portal = stack.enter_context(
            a_process(
                "portal",
                database=database,
                folder=tmp_path,
                configuration=f'[broker]\nurls = ["{broker.broker.url}"]\n',
            )
        )
        assert portal.get("/readyz").json()["missing"] == []
        broker.broker.stop()
        wait_for(lambda: portal.get("/readyz").json()["missing"] == ["broker: not connected"])
        assert portal.get("/healthz").status_code == 200


def test_a_house_that_is_told_to_stop_says_so_first_and_serves_whoever_comes_until_it_does(
    database: str, tmp_path: Path
) -> None:
    port = a_free_port()
    (tmp_path / "warchest.toml").write_text("[telemetry]\ndrain_s = 3\n")
    supervising = (
        "from warchest.cli import serve\n"
        "from warchest.cli.supervisor import Supervisor\n"
        "from warchest.runtime.configuration import configuration\n"
        "Supervisor([serve.portal()], drain_s=configuration().telemetry.drain_s).run()\n"
    )
    environment = {
        **os.environ,
        "WARCHEST_CONFIG": str(tmp_path / "warchest.toml"),
        "WARCHEST_DATABASE_NAME": database,
        "WARCHEST_PORT": str(port),
    }
    url = f"http://127.0.0.1:{port}"

    def ready() -> int:
        try:
            return httpx.get(f"{url}/readyz", timeout=10, trust_env=False).status_code
        except httpx.HTTPError:
            return 0

    with (tmp_path / "log").open("wb") as log:
        house = subprocess.Popen([sys.executable, "-c", supervising], env=environment, stdout=log, stderr=log)
        try:
            wait_for(lambda: ready() == 200, (tmp_path / "log").read_text)
            house.send_signal(signal.SIGTERM)
            wait_for(lambda: ready() == 503)
            # Told away, and served all the same.
            assert httpx.get(f"{url}/sign-in", timeout=10, trust_env=False).status_code == 200
            assert house.wait(30) == 0
            assert ready() == 0
        finally:
            house.kill()
    assert not list(Path(os.environ["WARCHEST_HOME"]).glob("draining-*"))


class TestLiving:
    def test_a_pulse_that_hangs_is_found_and_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pulse, "_RUN_S_MAX", 0.2)
        begun, go_on, stop = threading.Event(), threading.Event(), threading.Event()

        def hang() -> None:
            begun.set()
            go_on.wait(30)

        threads = pulse.start([Pulse("hanging", 0.01, hang)], stop)
        try:
            assert begun.wait(10)
            wait_for(lambda: health.stuck() == ["pulse hanging"], health.stuck)
            status, _, body = listener.healthz()
            assert (int(status), body) == (503, b'{"status": "stuck", "stuck": ["pulse hanging"]}')
            go_on.set()
            wait_for(lambda: health.stuck() == [])
        finally:
            stop.set()
            go_on.set()
            for thread in threads:
                thread.join()
        assert int(listener.healthz()[0]) == 200

    def test_a_port_that_is_taken_stops_nobody(self) -> None:
        port = a_free_port()
        assert listener.start(host="127.0.0.1", port=port) == port
        assert listener.start(host="127.0.0.1", port=port) == 0
        answer = httpx.get(f"http://127.0.0.1:{port}/anything", trust_env=False)
        assert (answer.status_code, answer.headers["server"]) == (404, "warchest")

    def test_nobody_listens_unless_asked_to(self) -> None:
        assert listener.start(host="127.0.0.1", port=0) == 0
