"""The broker that the configuration means, and how this host runs it."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import structlog

from warchest.kernel.clock import SystemClock
from warchest.runtime import clusters
from warchest.runtime.authority import CertificateAuthority
from warchest.runtime.broker import layout
from warchest.runtime.broker.embedded import (
    EmbeddedBroker,
    UnableToStartBroker,
    find_binary,
    reach,
    remembered_port,
    unable,
)
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

__all__ = ["EmbeddedBroker", "UnableToStartBroker", "find_binary", "reach", "remembered_port"]

log = structlog.get_logger(__name__)

ROUTES_SECRET, GATEWAY_SECRET = "broker-routes", "broker-gateway"


@contextmanager
def running_broker(services: Sequence[str]) -> Iterator[None]:
    """This host's broker, if the configuration gives it one: started where it does not run already, and again whenever it
    ends. Whoever started it stops it at the end; another that is in its ``with`` block then takes over.

    Raises UnableToStartBroker.
    """
    if not configuration().broker.embedded:
        yield
        return
    brokers = [embedded_broker(services).start()]
    if configuration().broker.gateway_port:
        brokers.append(embedded_line().start())
    stop = threading.Event()
    keeper = threading.Thread(target=_keep_running, args=(brokers, stop), name="broker-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()
        for broker in reversed(brokers):
            broker.stop()


def _keep_running(brokers: Sequence[EmbeddedBroker], stop: threading.Event) -> None:
    from django.db import connections

    while not stop.wait(0.5):
        for broker in brokers:
            try:
                broker.look_after()
                broker.follow_settings()
            except UnableToStartBroker:
                log.exception("broker_not_started", folder=str(broker.folder))
                stop.wait(5)
    connections.close_all()


def broker_folder() -> Path:
    return home() / "broker"


def line_folder() -> Path:
    return home() / "line"


def embedded_broker(services: Sequence[str]) -> EmbeddedBroker:
    """The server that this host runs; ``services`` are the names of all that may ever sign in."""
    wanted = configuration()
    return EmbeddedBroker(
        broker_folder(), describe=lambda port: layout_of(wanted, services, port), port=wanted.broker.port
    )


def embedded_line() -> EmbeddedBroker:
    """The server with the gateways to other clusters. They change as clusters are merged and parted from, and it is started
    anew each time, which is nothing to the services' own broker."""
    wanted = configuration()
    return EmbeddedBroker(
        line_folder(), describe=lambda port: line_layout(wanted, port), port=wanted.broker.line_port
    )


def layout_of(
    wanted: Configuration, services: Sequence[str], port: int, *, folder: Path | None = None
) -> Layout:
    """What the configuration says of this host's server, in its folder (None: the deployment's).

    Raises UnableToStartBroker (``no_certificate``).
    """
    broker = wanted.broker
    cluster = wanted.community.cluster
    routes = leaves = None
    if broker.route_port:
        routes = Routes(
            Listener(broker.route_port, broker.host, _advertised(broker.advertise, broker.route_port)),
            Credentials("route", text_secret(ROUTES_SECRET)),
            broker.routes,
        )
    tls = Tls(certificate=_certificate(wanted), authority=authority_file(wanted))
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
        leaves=leaves,
        monitor_port=broker.monitor_port,
    )


def line_layout(wanted: Configuration, port: int, *, folder: Path | None = None) -> Layout:
    """What is configured and known of the line to other clusters. Raises UnableToStartBroker (``no_certificate``)."""
    broker, cluster, folder = wanted.broker, wanted.community.cluster, folder or line_folder()
    tls = Tls(certificate=_certificate(wanted), authority=authority_file(wanted))
    return Layout(
        name=_server_name(cluster, folder),
        cluster=cluster,
        folder=folder,
        listen=Listener(port, broker.host, _advertised(broker.advertise, port)),
        tls=tls,
        users=(layout.line_user(cluster=cluster, password=text_secret(f"broker-{layout.LINE}")),),
        system=Credentials("system", text_secret("broker-system")),
        gateways=_gateways(wanted, tls, folder),
        account=layout.LINE_ACCOUNT,
    )


def has_line(wanted: Configuration) -> bool:
    """Whether this cluster can be merged with others."""
    return bool(wanted.broker.gateway_port or wanted.broker.line_urls)


def _gateways(wanted: Configuration, tls: Tls, folder: Path) -> Gateways | None:
    """To the clusters that the configuration names server by server, and to those whose letters were taken in. None where
    there are none: then nobody is let in."""
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
        raise unable("no_certificate", f"[broker] certificate names {given}, which does not exist.")
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
