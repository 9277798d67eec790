"""The embedded broker: who may do what there, how it starts and stops, and how several of them are one."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.builders.broker import NAMES, RunningBroker, a_broker, wait_until
from warchest.runtime.broker import client, layout, remote, server
from warchest.runtime.broker.client import Link, Place, Silent, Unreachable
from warchest.runtime.broker.host import Host
from warchest.runtime.broker.layout import Credentials, Gateway, Gateways, Layout, Listener, Routes, Tls
from warchest.runtime.broker.server import EmbeddedBroker, UnableToStartBroker
from warchest.runtime.configuration import Broker, Configuration
from warchest.runtime.postgres import _is_free
from warchest.runtime.secrets import text_secret
from warchest.runtime.services import ServiceManager


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with a_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


class TestPermissions:
    def test_a_service_hears_calls_of_its_own_and_nobody_elses(self, broker: RunningBroker) -> None:
        heard: list[bytes] = []
        cards = broker.link("cards")
        for subject in (
            "warchest.main.ledger.*",
            "warchest.main.*.*",
            "warchest.>",
            "warchest.main.members.player",
            "_INBOX.caller.>",
            "_INBOX.>",
            ">",
        ):
            cards.subscribe(subject, lambda message: heard.append(message.data))
        caller = broker.link()
        for service in ("ledger", "members"):
            with pytest.raises(Unreachable):
                caller.call(f"warchest.main.{service}.player", b"secret", {}, silence_s=2, timeout_s=2)
        cards.subscribe("warchest.main.cards.*", lambda message: cards.publish_here(message.reply, b"here"))
        assert caller.call("warchest.main.cards.card", b"", {}, silence_s=5, timeout_s=5).data == b"here"
        assert heard == []

    @pytest.mark.parametrize(
        ("user", "subject"),
        [
            ("cards", "warchest.main.ledger.post"),
            ("cards", "warchest.main.cards.card"),
            ("cards", "warchest.main.control.x"),
            ("caller", "warchest.main.control.x"),
            ("caller", "warchest.main.feed.x"),
            ("caller", "$JS.API.INFO"),
            ("control", "warchest.main.members.player"),
            ("feed", "warchest.main.members.player"),
            ("cards", "$SRV.PING"),
            ("caller", "_INBOX.control.x"),
        ],
    )
    def test_nobody_says_what_is_not_theirs_to_say(
        self, broker: RunningBroker, user: str, subject: str
    ) -> None:
        refused = threading.Event()
        link = broker.link(user)
        original = link._on_error

        async def told(error: Exception) -> None:
            if "permissions violation for publish" in str(error).lower():
                refused.set()
            await original(error)

        client_of_link = link._client
        assert client_of_link is not None
        client_of_link._error_cb = told
        try:
            link.publish(subject, b"x")
            assert refused.wait(5)
        finally:
            client_of_link._error_cb = original

    def test_a_wrong_password_opens_nothing_and_the_log_says_so(
        self, broker: RunningBroker, caplog: pytest.LogCaptureFixture
    ) -> None:
        link = Link(broker.place("caller", password="guess"))
        wait_until(lambda: "broker_not_connected" in caplog.text)
        assert not link.is_connected
        link.close()
        assert "uthorization" in caplog.text
        assert "guess" not in caplog.text

    def test_nobody_comes_in_without_a_name(self, broker: RunningBroker) -> None:
        with _handshake(broker) as connection:
            connection.sendall(b'CONNECT {"verbose": false}\r\nPING\r\n')
            assert b"Authorization Violation" in _rest(connection)

    def test_metadata_and_files_tell_no_secret(self, broker: RunningBroker, tmp_path: Path) -> None:
        passwords = [text_secret(f"broker-{name}") for name in layout.everybody(NAMES)]
        folder = broker.broker.folder
        conf = folder / "server.conf"
        assert stat.S_IMODE(conf.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with _hosting(broker.link, Echo, LocalEcho(), name="cards"):
            told = broker.link().gather("$SRV.INFO", within_s=1)
            told += broker.link().gather("$SRV.STATS", within_s=1)
        assert len(told) == 2
        everything = b"".join(each.data for each in told).decode() + broker.broker.log.read_text()
        assert not any(password in everything for password in passwords)
        assert set(json.loads(told[0].data)["metadata"]) == {
            "cluster", "host", "process", "version", "database", "since", "taken_out",
        }  # fmt: skip
        assert "no_auth_user" not in conf.read_text()


class TestEncryption:
    def test_without_it_nobody_is_answered(self, broker: RunningBroker) -> None:
        with socket.create_connection(("127.0.0.1", broker.broker.port), timeout=10) as plain:
            plain.sendall(b'CONNECT {"user": "caller"}\r\nPING\r\n')
            assert b"INFO" not in _rest(plain)

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
    def test_old_versions_of_it_are_refused(self, broker: RunningBroker) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection(("127.0.0.1", broker.broker.port), timeout=10) as plain,
            pytest.raises(ssl.SSLError),
        ):
            context.wrap_socket(plain)

    def test_a_client_talks_to_nobody_of_another_authority(
        self, broker: RunningBroker, tmp_path: Path
    ) -> None:
        from warchest.kernel.clock import SystemClock
        from warchest.runtime.authority import CertificateAuthority

        other = CertificateAuthority.open(tmp_path / "authority", now=SystemClock().now())
        place = broker.place("caller")
        link = Link(Place(place.urls, other.certificate_file, place.user, place.password))
        assert not link.wait_until_connected(1)
        link.close()


class TestStartingAndStopping:
    def test_a_second_start_uses_the_server_that_runs(self, broker: RunningBroker) -> None:
        second = EmbeddedBroker(broker.broker.folder, describe=broker.broker._describe).start()
        assert second.pid == broker.broker.pid
        second.stop()
        assert broker.broker.pid

    def test_a_server_whose_starter_died_is_taken_over(self, tmp_path: Path) -> None:
        starter = textwrap.dedent(
            f"""
            import time
            from pathlib import Path
            from tests.builders.broker import a_broker
            with a_broker(Path({str(tmp_path)!r})) as running:
                print(running.broker.pid, flush=True)
                time.sleep(600)
            """
        )
        process = subprocess.Popen(
            [sys.executable, "-c", starter],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
        process.wait()
        os.kill(pid, 0)
        with a_broker(tmp_path) as running:
            assert running.broker.pid == pid
        assert running.broker.pid is None

    def test_a_server_that_died_is_started_again_at_the_same_place(self, tmp_path: Path) -> None:
        with a_broker(tmp_path) as running:
            pid, port = running.broker.pid, running.broker.port
            assert pid is not None
            link = running.link()
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: running.broker.pid is None)
            running.broker.look_after()
            assert running.broker.pid not in (None, pid)
            assert running.broker.port == port
            wait_until(lambda: link.is_connected)

    def test_without_a_server_to_run_it_says_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WARCHEST_NATS_SERVER", str(tmp_path / "nowhere"))
        with pytest.raises(UnableToStartBroker) as refusal:
            server.find_binary()
        assert refusal.value.reason == "no_binary"
        assert "WARCHEST_NATS_SERVER" in str(refusal.value)

    def test_an_old_server_is_not_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        old = tmp_path / "nats-server"
        old.write_text("#!/bin/sh\necho 'nats-server: v2.9.10'\n")
        old.chmod(0o755)
        monkeypatch.setenv("WARCHEST_NATS_SERVER", str(old))
        with pytest.raises(UnableToStartBroker) as refusal:
            server.find_binary()
        assert refusal.value.reason == "too_old"


class TestSeveralServers:
    def test_three_are_one_broker_and_one_of_them_may_die(self, tmp_path: Path) -> None:
        ports = _free_ports(3)
        with ExitStack() as stack:
            started = [
                stack.enter_context(
                    _server(
                        tmp_path / f"server-{place}",
                        cluster="main",
                        routes=Routes(
                            Listener(port),
                            Credentials("route", "secret"),
                            tuple(f"127.0.0.1:{other}" for other in ports if other != port),
                        ),
                    )
                )
                for place, port in enumerate(ports)
            ]
            everywhere = [each.url for each in started]
            # One signs in at the first alone; the other at whichever there is.
            host_link = _link(everywhere, "cards", stack)
            with _hosting(lambda _: host_link, Echo, LocalEcho(), name="cards"):
                for one in started:
                    stub = remote.stub(
                        Echo,
                        name="cards",
                        cluster="main",
                        link=lambda one=one: _link([one.url], "caller", stack),
                    )
                    assert stub.say(text="here") == "here"
                caller = _link(everywhere, "caller", stack)
                stub = remote.stub(Echo, name="cards", cluster="main", link=lambda: caller)
                pid = started[0].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                for number in range(20):
                    assert stub.say(text=str(number)) == str(number)

    @pytest.mark.parametrize("away", [False, True], ids=["both there", "one away"])
    def test_gateways_join_clusters_and_one_goes_on_without_the_other(
        self, tmp_path: Path, away: bool
    ) -> None:
        east_port, west_port = _free_ports(2)
        with ExitStack() as stack:
            east = stack.enter_context(
                _server(tmp_path / "east", cluster="east", gateways=_gateways(east_port, "west", west_port))
            )
            west_context = _server(
                tmp_path / "west", cluster="west", gateways=_gateways(west_port, "east", east_port)
            )
            west = west_context.__enter__()
            stack.callback(lambda: west_context.__exit__(None, None, None))
            asks, answers = _link([east.url], "line", stack), _link([west.url], "line", stack)
            answers.subscribe(
                "warchest.west.line.*", lambda told: answers.publish_here(told.reply, told.data)
            )

            def ask() -> bytes:
                try:
                    return asks.call("warchest.west.line.east", b"1", {}, silence_s=1, timeout_s=1).data
                except (Unreachable, Silent):
                    return b""

            wait_until(ask, lambda: east.log.read_text() + west.log.read_text())
            # Nothing else goes over, and nobody speaks in another's name.
            for subject in ("warchest.west.cards.card", "warchest.west.line.north", "$SRV.PING"):
                with pytest.raises((Unreachable, Silent)):
                    asks.call(subject, b"", {}, silence_s=0.5, timeout_s=0.5)
            # Services have no business there.
            place = Place(
                (east.url,), server.authority_file(Configuration()), "cards", text_secret("broker-cards")
            )
            service = Link(place)
            stack.callback(service.close)
            assert not service.wait_until_connected(1.5)
            if away:
                west.stop()
                wait_until(lambda: not ask())
                west.start()
                wait_until(ask)

    def test_a_cluster_that_was_not_named_is_not_let_in(self, tmp_path: Path) -> None:
        east_port, west_port = _free_ports(2)
        alone = Gateways(Listener(east_port), Credentials("gateway", "secret"))
        with (
            _server(tmp_path / "east", cluster="east", gateways=alone) as east,
            _server(tmp_path / "west", cluster="west", gateways=_gateways(west_port, "east", east_port)),
        ):
            wait_until(lambda: "reject" in east.log.read_text().lower(), east.log.read_text)


class Echo(Protocol):
    def say(self, *, text: str) -> str: ...


class LocalEcho:
    def __init__(self, cluster: str = "") -> None:
        self._cluster = cluster

    def say(self, *, text: str) -> str:
        return f"{self._cluster}: {text}" if self._cluster else text


@contextmanager
def _hosting(link_of, contract: type, local: object, *, name: str, cluster: str = "main") -> Iterator[Host]:  # type: ignore[no-untyped-def]
    manager = ServiceManager()
    manager.configure(cluster=cluster, databases={})
    manager.register(contract, local, name=name)
    host = Host(manager, link_of=link_of).start()
    try:
        yield host
    finally:
        host.stop(within_s=5)


@contextmanager
def _server(
    folder: Path, *, cluster: str, routes: Routes | None = None, gateways: Gateways | None = None
) -> Iterator[EmbeddedBroker]:
    def describe(port: int) -> Layout:
        plain = server.layout_of(Configuration(broker=Broker(embedded=True)), NAMES, port, folder=folder)
        return Layout(
            name=plain.name,
            cluster=cluster,
            folder=folder,
            listen=plain.listen,
            tls=Tls(plain.tls.certificate, plain.tls.authority),
            users=(layout.line_user(cluster=cluster, password=text_secret("broker-line")),)
            if gateways
            else layout.users(
                cluster=cluster,
                services=NAMES,
                passwords={name: text_secret(f"broker-{name}") for name in layout.everybody(NAMES)},
            ),
            system=plain.system,
            routes=routes,
            gateways=gateways,
            account=layout.LINE_ACCOUNT if gateways else layout.ACCOUNT,
        )

    with EmbeddedBroker(folder, describe=describe) as running:
        yield running


def _gateways(port: int, other: str, other_port: int) -> Gateways:
    credentials = Credentials("gateway", "secret")
    return Gateways(Listener(port), credentials, (Gateway(other, (f"127.0.0.1:{other_port}",), credentials),))


def _link(urls: list[str], user: str, stack: ExitStack) -> Link:
    link = Link(
        Place(tuple(urls), server.authority_file(Configuration()), user, text_secret(f"broker-{user}"))
    )
    stack.callback(link.close)
    assert link.wait_until_connected(10)
    return link


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    for port in range(17000 + os.getpid() % 2000, 20000):
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no ports")


@contextmanager
def _handshake(broker: RunningBroker) -> Iterator[ssl.SSLSocket]:
    context = client._tls_context(server.authority_file(Configuration()))
    with (
        socket.create_connection(("127.0.0.1", broker.broker.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        yield connection


def _rest(connection: socket.socket) -> bytes:
    told = b""
    try:
        while data := connection.recv(4096):
            told += data
    except OSError:
        pass
    return told
