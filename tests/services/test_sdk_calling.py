"""A plug-in's calls end within their time, whatever the other side does with each byte."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from warchest.sdk import deadlines
from warchest.sdk.calling import Caller, NoAnswer

_BETWEEN_BYTES_S = 0.05
_ALLOWED_S = 0.5


@contextmanager
def a_server(begun: bytes, *, secured_by: ssl.SSLContext | None = None) -> Iterator[int]:
    """Sends ``begun`` and then one byte after the other, for ever; whole answers to those who ask for ``/well``."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        try:
            if secured_by:
                connection = secured_by.wrap_socket(connection, server_side=True)
            while asked := connection.recv(65536):
                if b"/well" in asked:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell")
                    continue
                connection.sendall(begun)
                while True:
                    time.sleep(_BETWEEN_BYTES_S)
                    connection.sendall(b"x")
        except OSError:
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Filler: ", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", id="body"),
        pytest.param(b"HTTP/1.1 2", id="status line"),
    ],
)
def test_an_answer_that_drips_is_none(begun: bytes) -> None:
    with a_server(begun) as port:
        caller = Caller(base_url=f"http://127.0.0.1:{port}", timeout_s=_ALLOWED_S)
        with pytest.raises(NoAnswer) as silence:
            caller.ask("GET", "/slow")
        assert (silence.value.reason, silence.value.was_sent) == ("timeout", True)
        assert caller.ask("GET", "/well").text == "well"
        caller.close()


def test_one_call_may_have_less_time_than_the_others() -> None:
    with a_server(b"HTTP/1.1 200 OK\r\nX-Filler: ") as port:
        caller = Caller(base_url=f"http://127.0.0.1:{port}", timeout_s=60)
        with pytest.raises(NoAnswer) as silence:
            caller.ask("GET", "/slow", timeout_s=_ALLOWED_S)
        assert silence.value.reason == "timeout"
        caller.close()


def test_a_deadline_holds_under_tls_too(tmp_path: Path) -> None:
    certificate = _certificate(tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    trusted = ssl.create_default_context(cafile=str(certificate))
    with a_server(b"HTTP/1.1 200 OK\r\nX-Filler: ", secured_by=served) as port:
        limits = httpx.Limits(max_connections=2)
        with httpx.Client(
            base_url=f"https://127.0.0.1:{port}",
            transport=deadlines.transport(verify=trusted, limits=limits),
            timeout=60,
        ) as client:
            for _ in range(2):
                assert client.get("/well").text == "well"
            with pytest.raises(httpx.ReadTimeout), deadlines.within(_ALLOWED_S):
                client.get("/slow")


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "loopback.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
