"""Serves the back office: gunicorn's threaded worker behind TLS that nobody without a valid client
certificate passes.

What is refused is refused in the handshake, before the application runs: no certificate, another authority's,
one that is out of date, one for another purpose, a revoked one. Three things make that hold in practice.

*Revocation counts at once.* Every handshake gets a TLS context of its own, read from the files as they are
then (0.8 ms), so a newer revocation list or server certificate needs no signal and no restart; and every
further request on an open connection is checked against the newest list. The context's own life also rules
out resumption: a ticket or session id from one handshake means nothing to the next, so nobody slips past the
check with an old session.

*Silent clients cost nothing.* Gunicorn shakes hands in its threads, where as many silent clients as threads
stall everyone. Here handshakes advance in the worker's event loop, without blocking; a thread is taken only
once a certified client has begun to send a request. A handshake has a deadline, and a newcomer from an
address with too many connections takes the place of its oldest one that has not shown a certificate yet.

*Nothing fails open.* A file that is missing or broken, or a revocation list that ran out, lets nobody in.

The server leans on the inside of gunicorn's ``gthread`` worker (its connection class and its queues), so a
new version of gunicorn has to pass ``tests/services/test_client_certificates.py`` before it is taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import selectors
import signal
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.http import get_parser
from gunicorn.workers.gthread import TConn, ThreadWorker

from warchest.web.backoffice.certificates import FINGERPRINT_KEY, SERIAL_KEY

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

FAREWELL_SECONDS = 2.0
"""How long a connection that we ended stays half open, so that the other side can read why."""


@dataclass(frozen=True, kw_only=True)
class BackOfficeServer:
    """Everything that one back office listener is told. Files are read anew at every handshake."""

    host: str
    port: int
    authority_certificate: Path
    revocation_list: Path
    server_certificate: Path
    server_key: Path
    threads: int = 8
    handshake_seconds_max: float = 5.0
    request_seconds_max: float = 30.0
    keepalive_seconds: int = 15
    graceful_stop_seconds: int = 10
    connections_max: int = 1000
    connections_per_address_max: int = 64
    uncapped_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = field(default=())
    log_level: str = "warning"


def serve(
    application_loader: Callable[[], WSGIApplication],
    host: str,
    port: int,
    authority_folder: Path,
    server_certificate: Path,
    server_key: Path | None = None,
    *,
    threads: int = 8,
    handshake_seconds_max: float = 5.0,
    request_seconds_max: float = 30.0,
    keepalive_seconds: int = 15,
    graceful_stop_seconds: int = 10,
    connections_max: int = 1000,
    connections_per_address_max: int = 64,
    uncapped_addresses: Collection[str] = (),
    log_level: str = "warning",
) -> None:
    """Serve until SIGTERM, or until the process that started this one is gone. Ends the process (SystemExit).

    Run it as the main thread of a process of its own. ``application_loader`` is called in the worker, after
    the fork. ``server_key`` may be left out when ``server_certificate`` holds both. ``request_seconds_max``
    is the longest pause between two pieces of a request or an answer; it is also how long a connected client
    may take to begin. ``uncapped_addresses`` are addresses or networks of proxies that pass TLS through
    untouched, and whose one address therefore stands for many clients. A proxy that ends TLS itself cannot be
    put in front of this server. ``log_level`` "info" tells of each refused handshake, which on a public address would be
    all that is told.
    """
    configuration = BackOfficeServer(
        host=host,
        port=port,
        authority_certificate=authority_folder / "ca.pem",
        revocation_list=authority_folder / "crl.pem",
        server_certificate=server_certificate,
        server_key=server_key or server_certificate,
        threads=threads,
        handshake_seconds_max=handshake_seconds_max,
        request_seconds_max=request_seconds_max,
        keepalive_seconds=keepalive_seconds,
        graceful_stop_seconds=graceful_stop_seconds,
        connections_max=connections_max,
        connections_per_address_max=connections_per_address_max,
        uncapped_networks=tuple(ipaddress.ip_network(address) for address in uncapped_addresses),
        log_level=log_level,
    )
    mutual_tls_context(configuration)  # a missing or broken file is better said now than at the first visit
    _Application(configuration, application_loader).run()


# TLS


def mutual_tls_context(server: BackOfficeServer) -> ssl.SSLContext:
    """A context for one handshake that asks for a certificate of the authority, and for nothing less.

    Raises OSError (ssl.SSLError among them) when a file is missing or broken.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_X509_STRICT
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0
    context.load_cert_chain(server.server_certificate, server.server_key)
    context.load_verify_locations(server.authority_certificate)
    context.load_verify_locations(server.revocation_list)
    return context


class _RevocationList:
    """The newest revocation list, parsed once for each change of its file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, int, int] | None = None
        self._list: x509.CertificateRevocationList | None = None

    def permits(self, serial: int) -> bool:
        """Whether an open connection with this certificate may go on; raises OSError or ValueError without a
        list.
        """
        status = self._file.stat()
        seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        if self._list is None or seen != self._seen:
            # Two threads may both parse it: harmless, the list is set before the mark that says it is
            # current.
            self._list = x509.load_pem_x509_crl(self._file.read_bytes())
            self._seen = seen
        next_update = self._list.next_update_utc
        ran_out = next_update is not None and next_update.timestamp() <= time.time()
        return not ran_out and self._list.get_revoked_certificate_by_serial_number(serial) is None


def with_client_certificate(application: WSGIApplication) -> WSGIApplication:
    """Tell the application which certificate the handshake accepted, from the connection itself and nowhere
    else.
    """

    def certified(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        connection: ssl.SSLSocket = environ["gunicorn.socket"]
        environ[FINGERPRINT_KEY] = hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
        environ[SERIAL_KEY] = format(_serial_of(connection), "040x")
        return application(environ, start_response)

    return certified


def _serial_of(connection: ssl.SSLSocket) -> int:
    return int((connection.getpeercert() or {})["serialNumber"], 16)  # type: ignore[arg-type]


# Gunicorn


class _Application(BaseApplication):
    def __init__(self, server: BackOfficeServer, application_loader: Callable[[], WSGIApplication]) -> None:
        self.server = server
        self.application_loader = application_loader
        super().__init__(prog="warchest back office")

    def load_config(self) -> None:
        server = self.server
        host = f"[{server.host}]" if ":" in server.host else server.host
        options: dict[str, Any] = {
            "bind": f"{host}:{server.port}",
            "worker_class": _MutualTlsWorker,
            "workers": 1,
            "threads": server.threads,
            "worker_connections": server.connections_max,
            "keepalive": server.keepalive_seconds,
            "graceful_timeout": server.graceful_stop_seconds,
            # Only says that the scheme is https: the worker makes its own TLS contexts.
            "certfile": str(server.server_certificate),
            "keyfile": str(server.server_key),
            # No proxy is believed about scheme, address or path: none stands between the client's TLS and
            # this server.
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
            "loglevel": server.log_level,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        return with_client_certificate(self.application_loader())

    def run(self) -> None:
        _Arbiter(self).run()


class _Arbiter(Arbiter):
    """Stops when its supervisor is gone, within about a second. (The worker watches its arbiter by itself.)

    Not by PR_SET_PDEATHSIG: that fires when the supervisor's *thread* ends, and exists on Linux only.
    """

    def __init__(self, application: _Application) -> None:
        self._supervisor = os.getppid()
        super().__init__(application)

    def murder_workers(self) -> None:
        """Called by gunicorn once a second."""
        super().murder_workers()
        if os.getppid() != self._supervisor:
            self.log.info("The supervisor is gone: stopping.")
            self.SIG_QUEUE.put_nowait(signal.SIGTERM)


class _MutualTlsConnection(TConn):
    """A connection that is certified before gunicorn's threads ever see it."""

    sock: Any  # a plain socket until the client speaks, then an ssl.SSLSocket

    def __init__(self, worker: _MutualTlsWorker, client: socket.socket, address: Any, server: Any) -> None:
        super().__init__(worker.cfg, client, address, server)
        self.worker = worker
        self.host = _counted_as(address[0])
        self.deadline = time.monotonic() + worker.server.handshake_seconds_max
        self.shaking_hands = True
        self.leaving = False
        self.closed = False
        # So that gunicorn neither waits for data in a thread nor wraps the socket itself.
        self.initialized = True
        self._serial = 0
        self._not_after = 0.0

    def begin_tls(self, context: ssl.SSLContext) -> None:
        self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)

    def finish_handshake(self) -> None:
        self._serial = _serial_of(self.sock)
        self._not_after = ssl.cert_time_to_seconds(self.sock.getpeercert()["notAfter"])
        self.shaking_hands = False
        self.parser = get_parser(self.cfg, self.sock, self.client)

    def init(self) -> None:
        """Called by gunicorn in a thread at the start of each request, also the later ones of a kept
        connection.
        """
        self.sock.settimeout(self.worker.server.request_seconds_max)
        if self._not_after <= time.time() or not self.worker.revocations.permits(self._serial):
            self.worker.log.info("Ended a connection from %s: its certificate is no longer valid.", self.host)
            raise StopIteration

    def close(self, graceful: bool = False) -> None:
        """Gunicorn's own graceful end waits up to two seconds in the event loop; here the loop itself waits
        for it.
        """
        if graceful and not self.closed:
            self.worker.bid_farewell(self)
        elif not self.closed:
            self.closed = True
            super().close()
            self.worker.forget(self)


class _MutualTlsWorker(ThreadWorker):
    """Gunicorn's threaded worker with handshakes in its event loop. All but ``handle`` runs on the main
    thread.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.server: BackOfficeServer = self.app.server
        self.revocations = _RevocationList(self.server.revocation_list)
        self._per_host: Counter[str] = Counter()
        # In order of arrival: those that shake hands, and those that only wait for the other side to hang up.
        self._waiting: dict[_MutualTlsConnection, None] = {}

    def accept(self, listener: Any) -> None:
        try:
            client, address = listener.accept()
        except OSError:
            return  # gone before we looked, or out of descriptors: the event loop comes back
        host = _counted_as(address[0])
        if self._per_host[host] >= self._connections_max(address[0]) and not self._make_room(host):
            self.log.warning("Refused a connection from %s: it has %s already.", host, self._per_host[host])
            client.close()
            return
        connection = _MutualTlsConnection(self, client, address, listener.getsockname())
        self.nr_conns += 1
        self._per_host[host] += 1
        self._waiting[connection] = None
        # The TLS context is made when the client has said something, so that silence costs a descriptor and
        # no more.
        self.poller.register(
            connection.sock, selectors.EVENT_READ, partial(self._begin_handshake, connection)
        )

    def _connections_max(self, address: str) -> int:
        client = ipaddress.ip_address(address.partition("%")[0])
        exempt = any(client in network for network in self.server.uncapped_networks)
        return self.server.connections_max if exempt else self.server.connections_per_address_max

    def _make_room(self, host: str) -> bool:
        """End the host's oldest connection that has no certificate to show yet: silence must not lock others
        out.
        """
        oldest = next((one for one in self._waiting if one.host == host), None)
        if oldest is not None:
            self._drop(oldest)
        return oldest is not None

    def _begin_handshake(self, connection: _MutualTlsConnection, _readable: Any) -> None:
        if connection.closed:
            return
        self._unwatch(connection)
        try:
            context = mutual_tls_context(self.server)
        except (OSError, ValueError) as error:
            self.log.error("Nobody gets in, the TLS files cannot be used: %s", error)
            self._drop(connection)
            return
        try:
            connection.begin_tls(context)
        except (OSError, ValueError):
            self._drop(connection)  # hung up already
            return
        self._shake_hands(connection, None)

    def _shake_hands(self, connection: _MutualTlsConnection, _ready: Any) -> None:
        if connection.closed:
            return
        self._unwatch(connection)
        try:
            connection.sock.do_handshake()
            connection.finish_handshake()
        except ssl.SSLWantReadError:
            self.poller.register(
                connection.sock, selectors.EVENT_READ, partial(self._shake_hands, connection)
            )
        except ssl.SSLWantWriteError:
            self.poller.register(
                connection.sock, selectors.EVENT_WRITE, partial(self._shake_hands, connection)
            )
        except (OSError, ValueError) as error:
            self.log.info("Refused %s in the handshake: %s", connection.host, error)
            self.nr_conns -= 1
            self.bid_farewell(connection)
        else:
            self._await_request(connection)

    def _await_request(self, connection: _MutualTlsConnection) -> None:
        del self._waiting[connection]
        if connection.sock.pending():
            self.enqueue_req(connection)
            return
        connection.timeout = time.monotonic() + self.server.request_seconds_max
        self.pending_conns.append(connection)
        self.poller.register(
            connection.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, connection)
        )

    def on_pending_socket_readable(self, conn: _MutualTlsConnection, client: Any) -> None:
        if not conn.closed:
            super().on_pending_socket_readable(conn, client)

    def bid_farewell(self, connection: _MutualTlsConnection) -> None:
        """Say that nothing follows and let the other side hang up, so that it reads our last words.

        Closing with something still unread would reset the connection, and a browser would show 'connection
        reset' instead of 'your certificate was refused'. The caller, often gunicorn, has already taken it out
        of ``nr_conns``.
        """
        connection.leaving = True
        try:
            connection.sock.setblocking(False)
            if not connection.shaking_hands:
                with contextlib.suppress(OSError, ValueError):
                    connection.sock.unwrap()
            connection.sock.shutdown(socket.SHUT_WR)
            self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._hear_out, connection))
        except (OSError, ValueError, KeyError):
            connection.close()
            return
        connection.deadline = time.monotonic() + FAREWELL_SECONDS
        self._waiting[connection] = None

    def _hear_out(self, connection: _MutualTlsConnection, _readable: Any) -> None:
        if connection.closed:
            return
        try:
            hung_up = not connection.sock.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            hung_up = True
        if hung_up:
            self._unwatch(connection)
            connection.close()

    def _unwatch(self, connection: _MutualTlsConnection) -> None:
        with contextlib.suppress(KeyError, ValueError, OSError):
            self.poller.unregister(connection.sock)

    def _drop(self, connection: _MutualTlsConnection) -> None:
        self._unwatch(connection)
        if not connection.leaving:
            self.nr_conns -= 1
        connection.close()

    def finish_request(self, conn: _MutualTlsConnection, fs: Future[Any]) -> None:
        super().finish_request(conn, fs)
        if not self.alive:
            self.murder_pending()

    def murder_pending(self) -> None:
        """Called by gunicorn once a second: end what overstayed, and when stopping all that has not begun a
        request.
        """
        if not self.alive:
            for connection in self.pending_conns:
                connection.timeout = 0.0
        super().murder_pending()
        now = time.monotonic()
        for connection in [one for one in self._waiting if one.deadline <= now or not self.alive]:
            self._drop(connection)

    def forget(self, connection: _MutualTlsConnection) -> None:
        """The one place where a closed connection leaves the books."""
        self._waiting.pop(connection, None)
        self._per_host[connection.host] -= 1
        if self._per_host[connection.host] <= 0:
            del self._per_host[connection.host]


def _counted_as(address: str) -> str:
    """Whom a connection counts for: an IPv4 address, or the IPv6 network of sixty-four bits that a household
    is given.
    """
    client = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(client, ipaddress.IPv4Address):
        return str(client)
    if client.ipv4_mapped is not None:
        return str(client.ipv4_mapped)
    return str(ipaddress.ip_network((client, 64), strict=False))
