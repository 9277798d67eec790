"""The door of the back office: real handshakes against a real server process, with a tiny application behind
it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

import warchest.runtime.authority as authority_module
from warchest.runtime.authority import (
    CertificateAuthority,
    ClientCertificate,
    UnableToIssueCertificate,
    UnableToOpenAuthority,
    fingerprint_of,
)
from warchest.web.backoffice import certificates as door

HOST = "127.0.0.1"
REFUSED = (ssl.SSLError, ConnectionError)
SOURCES = Path(authority_module.__file__).parents[2]

SERVER = """
import json, pathlib, sys
from warchest.config.backoffice_server import serve

def application(environ, start_response):
    seen = {key: value for key, value in environ.items() if "client_certificate" in key.lower()}
    seen.update(scheme=environ["wsgi.url_scheme"], path=environ["PATH_INFO"])
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]

options = json.loads(sys.argv[1])
options["authority_folder"] = pathlib.Path(options["authority_folder"])
options["server_certificate"] = pathlib.Path(options["server_certificate"])
serve(lambda: application, **options)
"""


def now() -> datetime:
    return datetime.now(UTC)


def a_certificate(
    authority: CertificateAuthority, *, days: int = 30, at: datetime | None = None
) -> ClientCertificate:
    return authority.issue_client_certificate(
        common_name="Noor Haddad", person_id=uuid4(), days=days, now=at or now()
    )


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    port: int
    authority: CertificateAuthority
    folder: Path
    log: Path

    def client(self, certificate: ClientCertificate | None, **limits: ssl.TLSVersion) -> ssl.SSLContext:
        """What a browser does, as strict as Python's newest default."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate_file))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        for name, value in limits.items():
            setattr(context, name, value)
        if certificate is not None:
            file = self.folder / f"client-{certificate.serial}.pem"
            file.write_bytes(certificate.certificate_pem + certificate.key_pem)
            context.load_cert_chain(file)
        return context

    def connect(self, certificate: ClientCertificate | None, **limits: ssl.TLSVersion) -> ssl.SSLSocket:
        raw = socket.create_connection((HOST, self.port), timeout=5)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as every browser does
        return self.client(certificate, **limits).wrap_socket(raw, server_hostname="localhost")

    def get(
        self,
        certificate: ClientCertificate | None,
        headers: dict[str, str] | None = None,
        **limits: ssl.TLSVersion,
    ) -> dict[str, str]:
        with self.connect(certificate, **limits) as connection:
            return ask(connection, headers)

    def silent(self, many: int) -> list[socket.socket]:
        return [socket.create_connection((HOST, self.port), timeout=5) for _ in range(many)]


def ask(connection: ssl.SSLSocket, headers: dict[str, str] | None = None) -> dict[str, str]:
    """One request over an open connection, which stays open."""
    lines = [f"{name}: {value}" for name, value in {"Host": "localhost", **(headers or {})}.items()]
    connection.sendall("\r\n".join(["GET /page HTTP/1.1", *lines, "", ""]).encode())
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    body = answer.read()
    assert answer.status == 200, body
    return json.loads(body)


def hung_up(connection: socket.socket, *, within_s: float) -> bool:
    connection.settimeout(within_s)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def eventually(condition: object, *, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def a_server(
    folder: Path, authority: CertificateAuthority | None = None, **options: object
) -> Iterator[Running]:
    authority = authority or CertificateAuthority.open(folder / "authority", now=now())
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    options = {
        "host": HOST,
        "port": port,
        "authority_folder": str(authority.folder),
        "server_certificate": str(
            authority.keep_server_certificate(names=["localhost"], addresses=[HOST], now=now())
        ),
        "threads": 4,
        "log_level": "info",
        **options,
    }
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, json.dumps(options)],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stdout=output,
            stderr=output,
        )
    try:
        running = Running(process, port, authority, folder, log)
        assert eventually(lambda: _listens(running), within_s=10), log.read_text()
        yield running
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _listens(server: Running) -> bool:
    assert server.process.poll() is None, server.log.read_text()
    try:
        server.silent(1)[0].close()
    except ConnectionRefusedError:
        return False
    return b"Booting worker" in server.log.read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with a_server(tmp_path_factory.mktemp("door")) as running:
        yield running


class TestAHolderOfACertificate:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_sees_the_page_and_the_application_sees_the_certificate(self, server: Running, version) -> None:
        certificate = a_certificate(server.authority)
        page = server.get(certificate, minimum_version=version, maximum_version=version)
        assert page[door.FINGERPRINT_KEY] == certificate.fingerprint
        assert page[door.SERIAL_KEY] == certificate.serial
        assert page["scheme"] == "https"

    def test_keeps_the_connection_for_several_requests(self, server: Running) -> None:
        certificate = a_certificate(server.authority)
        with server.connect(certificate) as connection:
            assert [ask(connection)[door.SERIAL_KEY] for _ in range(3)] == [certificate.serial] * 3

    def test_cannot_pass_for_another_by_sending_headers(self, server: Running) -> None:
        own, other = a_certificate(server.authority), a_certificate(server.authority)
        forged = {
            name: other.fingerprint
            for name in (
                door.FINGERPRINT_KEY,
                door.FINGERPRINT_KEY.upper(),
                "Warchest-Client-Certificate-Fingerprint",
                "warchest_client_certificate_fingerprint",
                "X-SSL-Client-Fingerprint",
            )
        }
        page = server.get(own, headers={**forged, "X-Forwarded-Proto": "http", "SCRIPT_NAME": "/elsewhere"})
        assert page[door.FINGERPRINT_KEY] == own.fingerprint
        assert page["scheme"] == "https"
        assert page["path"] == "/page"

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_cannot_resume_an_earlier_handshake(self, server: Running, version) -> None:
        context = server.client(
            a_certificate(server.authority), minimum_version=version, maximum_version=version
        )
        session = None
        with contextlib.ExitStack() as still_open:  # a server forgets the session of a connection cut short
            for _ in range(2):
                raw = socket.create_connection((HOST, server.port), timeout=5)
                connection = still_open.enter_context(
                    context.wrap_socket(raw, server_hostname="localhost", session=session)
                )
                ask(connection)
                assert not connection.session_reused
                session = connection.session


class TestTheHandshakeRefuses:
    def refused(
        self, server: Running, certificate: ClientCertificate | None, **limits: ssl.TLSVersion
    ) -> None:
        # A TLS 1.3 client learns of the refusal at its first read, a TLS 1.2 one within the handshake.
        with pytest.raises(REFUSED):
            server.get(certificate, **limits)
        with pytest.raises(REFUSED):
            server.get(certificate, maximum_version=ssl.TLSVersion.TLSv1_2)
        assert eventually(
            lambda: b"Refused 127.0.0.1 in the handshake" in server.log.read_bytes(), within_s=2
        )

    def test_no_certificate(self, server: Running) -> None:
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
            server.get(None)
        self.refused(server, None)

    def test_a_foreign_authority(self, server: Running, tmp_path: Path) -> None:
        foreign = CertificateAuthority.open(tmp_path / "foreign", now=now())
        with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
            server.get(a_certificate(foreign))
        self.refused(server, a_certificate(foreign))

    def test_a_certificate_that_is_out_of_date(self, server: Running) -> None:
        expired = a_certificate(server.authority, days=1, at=now() - timedelta(days=1, seconds=10))
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate.expired"):
            server.get(expired)
        self.refused(server, expired)

    def test_a_certificate_that_is_not_valid_yet(self, server: Running) -> None:
        self.refused(server, a_certificate(server.authority, at=now() + timedelta(days=1)))

    def test_a_certificate_for_another_purpose(self, server: Running) -> None:
        self.refused(server, server.authority.issue_server_certificate(names=["localhost"], now=now()))  # type: ignore[arg-type]

    def test_a_revoked_certificate(self, server: Running) -> None:
        revoked = a_certificate(server.authority)
        server.authority.revoke([revoked.serial], now=now())
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate.revoked"):
            server.get(revoked)
        self.refused(server, revoked)

    def test_an_old_version_of_tls(self, server: Running) -> None:
        context = server.client(a_certificate(server.authority))
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        raw = socket.create_connection((HOST, server.port), timeout=5)
        # The alert comes from the server: this client was willing.
        with raw, pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
            context.wrap_socket(raw, server_hostname="localhost")

    def test_plain_http(self, server: Running) -> None:
        with server.silent(1)[0] as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP/1.1 200" not in plain.recv(4096)


class TestRevokingWhileTheServerRuns:
    def test_counts_for_the_next_connection(self, server: Running) -> None:
        # Twice within a second: a list that differs from the one before by less than a second counts all the
        # same.
        for _ in range(2):
            certificate, untouched = a_certificate(server.authority), a_certificate(server.authority)
            server.get(certificate)
            server.authority.revoke([certificate.serial], now=now())
            with pytest.raises(REFUSED):
                server.get(certificate)
            assert server.get(untouched)[door.SERIAL_KEY] == untouched.serial

    def test_ends_a_connection_that_is_already_open(self, server: Running) -> None:
        certificate, untouched = a_certificate(server.authority), a_certificate(server.authority)
        with server.connect(certificate) as revoked, server.connect(untouched) as other:
            ask(revoked)
            ask(other)
            server.authority.revoke([certificate.serial], now=now())
            with pytest.raises((http.client.RemoteDisconnected, *REFUSED)):
                ask(revoked)
            ask(other)

    def test_a_list_that_ran_out_refuses_everybody_until_it_is_issued_anew(self, tmp_path: Path) -> None:
        with a_server(tmp_path) as server:
            certificate = a_certificate(server.authority)
            with server.connect(certificate) as open_before:
                ask(open_before)
                server.authority.revoke([], now=now() - timedelta(days=31))
                with pytest.raises((http.client.RemoteDisconnected, *REFUSED)):
                    ask(open_before)
            with pytest.raises(REFUSED):
                server.get(certificate)
            assert server.authority.reissue_revocation_list(now=now())
            server.get(certificate)

    def test_without_a_list_nobody_gets_in(self, tmp_path: Path) -> None:
        with a_server(tmp_path) as server:
            certificate, kept = a_certificate(server.authority), server.authority.revocation_file.read_bytes()
            server.authority.revocation_file.unlink()
            with pytest.raises(REFUSED):
                server.get(certificate)
            server.authority.revocation_file.write_bytes(kept)
            server.get(certificate)

    def test_a_new_certificate_of_the_server_is_shown_at_once(self, tmp_path: Path) -> None:
        with a_server(tmp_path) as server:
            certificate = a_certificate(server.authority)
            with server.connect(certificate) as before:
                first = before.getpeercert()["serialNumber"]
            server.authority.keep_server_certificate(names=["localhost", "office.example"], now=now())
            with server.connect(certificate) as after:
                assert after.getpeercert()["serialNumber"] != first


class TestManyConnections:
    def test_silent_clients_stop_nobody(self, server: Running) -> None:
        silent = server.silent(20)
        try:
            certificate = a_certificate(server.authority)
            for _ in range(5):
                begun = time.monotonic()
                server.get(certificate)
                assert time.monotonic() - begun < 0.5
        finally:
            for one in silent:
                one.close()

    def test_clients_that_stop_halfway_stop_nobody(self, server: Running) -> None:
        """One byte of a handshake, then nothing; and a complete handshake, then nothing."""
        certificate = a_certificate(server.authority)
        halfway = server.silent(20)
        finished = [server.connect(certificate) for _ in range(10)]
        try:
            for one in halfway:
                one.sendall(b"\x16")
            begun = time.monotonic()
            server.get(certificate)
            assert time.monotonic() - begun < 0.5
        finally:
            for one in [*halfway, *finished]:
                one.close()

    def test_a_client_that_never_hangs_up_after_its_refusal_stops_nobody(self, server: Running) -> None:
        stubborn = server.silent(10)
        try:
            for one in stubborn:
                one.sendall(b"this is no handshake")
            begun = time.monotonic()
            server.get(a_certificate(server.authority))
            assert time.monotonic() - begun < 0.5
            assert hung_up(stubborn[0], within_s=5) or hung_up(stubborn[0], within_s=5)
        finally:
            for one in stubborn:
                one.close()

    def test_a_handshake_has_a_deadline(self, tmp_path: Path) -> None:
        with a_server(tmp_path, handshake_seconds_max=0.5) as server:
            silent, halfway = server.silent(2)
            halfway.sendall(b"\x16")
            assert hung_up(silent, within_s=3)
            assert hung_up(halfway, within_s=3)

    def test_an_address_has_a_cap(self, tmp_path: Path) -> None:
        with a_server(tmp_path, connections_per_address_max=4) as server:
            certificate = a_certificate(server.authority)
            open_ones = [server.connect(certificate) for _ in range(4)]
            for one in open_ones:
                ask(one)
            with pytest.raises(REFUSED):
                server.connect(certificate)
            for one in open_ones:
                ask(one)  # the refusal cost the others nothing
            open_ones[0].close()
            assert eventually(lambda: _served(server, certificate), within_s=3)
            for one in open_ones:
                one.close()

    def test_a_newcomer_takes_the_place_of_the_oldest_silent_one(self, tmp_path: Path) -> None:
        with a_server(tmp_path, connections_per_address_max=4, handshake_seconds_max=60) as server:
            silent = server.silent(4)
            server.get(a_certificate(server.authority))
            assert hung_up(silent[0], within_s=1)
            assert not hung_up(silent[1], within_s=0.2)
            for one in silent:
                one.close()

    def test_the_addresses_of_proxies_may_be_exempt(self, tmp_path: Path) -> None:
        with a_server(tmp_path, connections_per_address_max=2, uncapped_addresses=["127.0.0.0/8"]) as server:
            certificate = a_certificate(server.authority)
            open_ones = [server.connect(certificate) for _ in range(6)]
            for one in open_ones:
                ask(one)
                one.close()

    def test_the_count_is_true_after_a_storm(self, tmp_path: Path) -> None:
        """Good, refused, silent and impatient clients at once; afterwards every place is free again."""
        with a_server(
            tmp_path, connections_per_address_max=6, connections_max=12, handshake_seconds_max=1
        ) as server:
            certificate = a_certificate(server.authority)

            def storm(seed: int) -> None:
                for turn in range(12):
                    with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                        match (seed + turn) % 4:
                            case 0:
                                server.get(certificate)
                            case 1:
                                server.get(None)
                            case 2:
                                server.silent(1)[0].close()
                            case 3:
                                server.connect(certificate).close()

            threads = [threading.Thread(target=storm, args=(seed,)) for seed in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert eventually(lambda: _six_at_once(server, certificate), within_s=8), server.log.read_text()[
                -2000:
            ]


def _served(server: Running, certificate: ClientCertificate) -> bool:
    try:
        server.get(certificate)
    except (*REFUSED, http.client.HTTPException):
        return False
    return True


def _six_at_once(server: Running, certificate: ClientCertificate) -> bool:
    with contextlib.ExitStack() as stack:
        try:
            for one in [stack.enter_context(server.connect(certificate)) for _ in range(6)]:
                ask(one)
        except (*REFUSED, TimeoutError, http.client.HTTPException):
            return False
        return True


class TestStopping:
    def test_sigterm_stops_soon_although_silent_clients_hang_on(self, tmp_path: Path) -> None:
        with a_server(tmp_path, handshake_seconds_max=60) as server:
            silent = server.silent(3)
            idle = server.connect(a_certificate(server.authority))
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(6) == 0
            for one in [*silent, idle]:
                one.close()

    def test_a_dead_supervisor_takes_the_server_along(self, tmp_path: Path) -> None:
        authority = CertificateAuthority.open(tmp_path / "authority", now=now())
        certificate_file = authority.keep_server_certificate(names=["localhost"], now=now())
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        options = json.dumps(
            {
                "host": HOST,
                "port": port,
                "authority_folder": str(authority.folder),
                "server_certificate": str(certificate_file),
            }
        )
        supervisor = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import subprocess, sys; subprocess.Popen([sys.executable, '-c', *sys.argv[1:]]).wait()",
                SERVER,
                options,
            ],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stderr=subprocess.DEVNULL,
        )

        def listens() -> bool:
            try:
                socket.create_connection((HOST, port), timeout=1).close()
            except OSError:
                return False
            return True

        assert eventually(listens, within_s=10)
        supervisor.kill()
        supervisor.wait()
        assert eventually(lambda: not listens(), within_s=8)


class TestTheAuthority:
    def test_is_made_once_and_found_again(self, tmp_path: Path) -> None:
        first = CertificateAuthority.open(tmp_path / "a", now=now())
        again = CertificateAuthority.open(tmp_path / "a", now=now() + timedelta(days=400))
        assert first.certificate_file.read_bytes() == again.certificate_file.read_bytes()
        assert (tmp_path / "a" / "ca.key").stat().st_mode & 0o777 == 0o600
        certificate = x509.load_pem_x509_certificate(first.certificate_file.read_bytes())
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)

    def test_of_a_damaged_folder_is_not_replaced(self, tmp_path: Path) -> None:
        authority = CertificateAuthority.open(tmp_path / "a", now=now())
        (tmp_path / "a" / "ca.key").chmod(0o644)
        with pytest.raises(UnableToOpenAuthority, match="key_readable_by_others"):
            CertificateAuthority.open(tmp_path / "a", now=now())
        (tmp_path / "a" / "ca.key").unlink()
        with pytest.raises(UnableToOpenAuthority, match="authority_incomplete"):
            CertificateAuthority.open(tmp_path / "a", now=now())
        assert authority.certificate_file.exists()

    def test_names_the_person_and_hands_over_everything_to_install(self, tmp_path: Path) -> None:
        authority = CertificateAuthority.open(tmp_path / "a", now=now())
        person = UUID("0198f3c2-7c1e-7a55-9f10-0b6d5a4e3c21")
        issued = authority.issue_client_certificate(
            common_name="Zoë Okafor", person_id=person, days=90, now=now()
        )
        certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
            f"urn:warchest:administrator:{person}"
        ]
        assert issued.fingerprint == fingerprint_of(certificate.public_bytes(Encoding.DER))
        assert issued.serial == f"{certificate.serial_number:040x}"
        key, same, others = pkcs12.load_key_and_certificates(issued.pkcs12, issued.pkcs12_passphrase.encode())
        assert key is not None and same == certificate and len(others) == 1
        with pytest.raises(ValueError):
            pkcs12.load_key_and_certificates(issued.pkcs12, b"guess")

    @pytest.mark.parametrize(
        ("name", "days", "reason"),
        [(" ", 30, "name_missing"), ("x" * 65, 30, "name_too_long"), ("Noor", 0, "not_a_period")],
    )
    def test_refuses_what_makes_no_sense(self, tmp_path: Path, name: str, days: int, reason: str) -> None:
        authority = CertificateAuthority.open(tmp_path / "a", now=now())
        with pytest.raises(UnableToIssueCertificate, match=reason):
            authority.issue_client_certificate(common_name=name, person_id=uuid4(), days=days, now=now())

    def test_certifies_nothing_beyond_its_own_end(self, tmp_path: Path) -> None:
        authority = CertificateAuthority.open(tmp_path / "a", now=now())
        end = x509.load_pem_x509_certificate(authority.certificate_file.read_bytes()).not_valid_after_utc
        assert a_certificate(authority, days=30, at=end - timedelta(days=3)).not_after == end
        with pytest.raises(UnableToIssueCertificate, match="authority_expired"):
            a_certificate(authority, at=end)

    def test_renews_the_servers_certificate_only_when_due(self, tmp_path: Path) -> None:
        authority, begun = CertificateAuthority.open(tmp_path / "a", now=now()), now()

        def kept(*, after_days: int = 0, names: tuple[str, ...] = ("localhost",)) -> bytes:
            at = begun + timedelta(days=after_days)
            return authority.keep_server_certificate(names=names, addresses=[HOST], now=at).read_bytes()

        first = kept()
        assert kept(after_days=360) == first
        second = kept(after_days=370)
        assert second != first
        assert kept(after_days=371, names=("localhost", "office.example")) != second
        assert (tmp_path / "a" / "backoffice.pem").stat().st_mode & 0o777 == 0o600

    def test_loses_no_revocation_when_two_processes_revoke_at_once(self, tmp_path: Path) -> None:
        folder = tmp_path / "a"
        CertificateAuthority.open(folder, now=now())
        program = (
            "import pathlib, sys; from datetime import UTC, datetime\n"
            "from warchest.runtime.authority import CertificateAuthority\n"
            "authority = CertificateAuthority.open(pathlib.Path(sys.argv[1]), now=datetime.now(UTC))\n"
            "for n in range(40): authority.revoke([f'{int(sys.argv[2]) + n:x}'], now=datetime.now(UTC))\n"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(folder), str(first)],
                env={**os.environ, "PYTHONPATH": str(SOURCES)},
            )
            for first in (1000, 2000, 3000)
        ]
        assert [process.wait(60) for process in processes] == [0, 0, 0]
        authority = CertificateAuthority.open(folder, now=now())
        expected = {f"{first + n:040x}" for first in (1000, 2000, 3000) for n in range(40)}
        assert authority.revoked_serials() == expected
        assert sorted(file.name for file in folder.iterdir()) == ["ca.key", "ca.pem", "crl.pem", "lock"]

    def test_keeps_the_first_moment_of_a_revocation(self, tmp_path: Path) -> None:
        authority, first = CertificateAuthority.open(tmp_path / "a", now=now()), now().replace(microsecond=0)
        authority.revoke(["0a"], now=first)
        authority.revoke(["0a", "0b"], now=first + timedelta(days=2))
        revoked = x509.load_pem_x509_crl(authority.revocation_file.read_bytes())
        assert {e.serial_number: e.revocation_date_utc for e in revoked} == {
            10: first,
            11: first + timedelta(days=2),
        }

    def test_issues_its_list_anew_once_a_day(self, tmp_path: Path) -> None:
        authority, begun = CertificateAuthority.open(tmp_path / "a", now=now()), now()
        assert not authority.reissue_revocation_list(now=begun + timedelta(hours=23))
        assert authority.reissue_revocation_list(now=begun + timedelta(hours=25))
        assert not authority.reissue_revocation_list(now=begun + timedelta(hours=26))


class TestTheBooksAreAskedOnEveryRequest:
    """The middleware, with Django's own requests, sessions and settings, and a directory of two people."""

    @pytest.fixture(autouse=True)
    def _django(self) -> Iterator[None]:
        import django
        from django.conf import settings

        if not settings.configured:
            settings.configure(SECRET_KEY="for tests only", USE_I18N=False)
            django.setup()
        from django.test.utils import override_settings

        with override_settings(
            SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
            LOGIN_URL="/sign-in/",
            ROOT_URLCONF=(),
            USE_I18N=False,
        ):
            yield

    @pytest.fixture
    def people(self) -> SimpleNamespace:
        return SimpleNamespace(noor=uuid4(), zoe=uuid4())

    @pytest.fixture
    def directory(self, people: SimpleNamespace) -> dict[str, UUID]:
        return {"aa": people.noor, "bb": people.zoe, "cc": people.noor}

    def visit(self, directory, *, fingerprint=None, session=None, view=None):
        from django.contrib.sessions.backends.signed_cookies import SessionStore
        from django.http import HttpResponse
        from django.test import RequestFactory

        def administrator_for(fingerprint: str) -> door.CertificateHolder | None:
            person = directory.get(fingerprint)
            return person and door.CertificateHolder(person_id=person, administrator_id=uuid4())

        request = RequestFactory().get("/players/")
        if fingerprint is not None:
            request.META.update({door.FINGERPRINT_KEY: fingerprint, door.SERIAL_KEY: "01"})
        request.session = session if session is not None else SessionStore()
        middleware = door.ClientCertificateMiddleware(
            view or (lambda request: HttpResponse("the page")),
            get_directory=lambda: SimpleNamespace(administrator_for=administrator_for),
        )
        return request, middleware(request)

    def signed_in(self, directory, *, fingerprint, person):
        def sign_in(request):
            from django.contrib.auth import SESSION_KEY
            from django.http import HttpResponse

            request.session[SESSION_KEY] = str(person)
            door.bind_session(request)
            return HttpResponse("welcome")

        request, _ = self.visit(directory, fingerprint=fingerprint, view=sign_in)
        return request.session

    def test_without_a_certificate_there_is_no_page(self, directory) -> None:
        _, answer = self.visit(directory)
        assert answer.status_code == 403 and b"the page" not in answer.content

    def test_a_certificate_that_the_books_do_not_know_opens_nothing(self, directory) -> None:
        _, answer = self.visit(directory, fingerprint="ff")
        assert answer.status_code == 403 and b"the page" not in answer.content

    def test_a_known_certificate_comes_with_its_holder(self, directory, people) -> None:
        request, answer = self.visit(directory, fingerprint="aa")
        assert answer.content == b"the page"
        assert request.client_certificate.holder.person_id == people.noor
        assert door.may_sign_in(request, people.noor) and not door.may_sign_in(request, people.zoe)

    def test_a_bound_session_goes_on(self, directory, people) -> None:
        session = self.signed_in(directory, fingerprint="aa", person=people.noor)
        _, answer = self.visit(directory, fingerprint="aa", session=session)
        assert answer.content == b"the page"

    @pytest.mark.parametrize("other", ["bb", "cc"])
    def test_a_session_is_dead_with_another_certificate_even_the_same_persons(
        self, directory, people, other
    ) -> None:
        session = self.signed_in(directory, fingerprint="aa", person=people.noor)
        request, answer = self.visit(directory, fingerprint=other, session=session)
        assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")
        assert request.session.is_empty()

    def test_a_certificate_revoked_in_the_books_ends_the_session(self, directory, people) -> None:
        session = self.signed_in(directory, fingerprint="aa", person=people.noor)
        del directory["aa"]
        _, answer = self.visit(directory, fingerprint="aa", session=session)
        assert answer.status_code == 403

    def test_nobody_signs_in_with_somebody_elses_certificate(self, directory, people) -> None:
        with pytest.raises(door.UnableToBindSession):
            self.signed_in(directory, fingerprint="bb", person=people.noor)

    def test_a_session_that_was_never_bound_is_dead(self, directory, people) -> None:
        from django.contrib.auth import SESSION_KEY
        from django.contrib.sessions.backends.signed_cookies import SessionStore

        session = SessionStore()
        session[SESSION_KEY] = str(people.noor)
        _, answer = self.visit(directory, fingerprint="aa", session=session)
        assert answer.status_code == 302

    def test_a_certificate_given_to_somebody_else_ends_the_session(self, directory, people) -> None:
        session = self.signed_in(directory, fingerprint="aa", person=people.noor)
        directory["aa"] = people.zoe
        _, answer = self.visit(directory, fingerprint="aa", session=session)
        assert answer.status_code == 302

    def test_without_wiring_every_request_fails(self) -> None:
        from django.http import HttpResponse
        from django.test import RequestFactory

        request = RequestFactory().get("/")
        request.META.update({door.FINGERPRINT_KEY: "aa", door.SERIAL_KEY: "01"})
        if door._directory is None:
            with pytest.raises(RuntimeError, match="use_directory"):
                door.ClientCertificateMiddleware(lambda request: HttpResponse("the page"))(request)
