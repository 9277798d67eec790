"""How a broker's server shall run, in dataclasses, and its configuration written from them.

Subjects are ``warchest.<cluster>.<service>.<method>`` for calls, ``warchest.<cluster>.control.<instance>`` for what is told to
one instance, and ``warchest.<cluster>.line.<asker>`` for what another cluster asks; ``$SRV.>`` is the discovery of NATS
services. Every user may do what it is for, and no more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ACCOUNT, LINE_ACCOUNT = "WARCHEST", "WARCHEST_LINE"
"""The account all our users are in; and that of the line, which has the same name in every cluster, so that gateways join
them. A server that is let in through a gateway may be in any account it can name, so gateways are on a server of their own,
where there is nothing but the line."""

CALLER, CONTROL, FEED, LINE = "caller", "control", "feed", "line"
"""Users beside those of the services: who calls them, who takes instances out and in, who carries published facts, and who
asks other clusters and is asked by them."""

PAYLOAD_BYTES_MAX = 8 * 1024 * 1024
"""The longest message; the server's authors advise against longer ones."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class User:
    """Who may sign in, and what about. ``answers``: may answer whoever asked, and so needs no right to publish there."""

    name: str
    password: str = field(repr=False)
    publishes: tuple[str, ...] = ()
    subscribes: tuple[str, ...] = ()
    answers: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a server listens. ``advertise`` is how others reach it, ``host:port``, where that is another address."""

    port: int
    host: str = "127.0.0.1"
    advertise: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """By which servers know each other, beside their certificates."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tls:
    """``certificate`` is a PEM file with certificate and key, ``authority`` one with those whom to trust."""

    certificate: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class Routes:
    """Servers that are one broker together: three of them bear the loss of one. ``peers`` are ``host:port``."""

    listen: Listener
    credentials: Credentials
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gateway:
    """Another cluster's gateway: its ``servers`` as ``host:port``, and what it wants to hear from us."""

    cluster: str
    servers: tuple[str, ...]
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Gateways:
    """Joins clusters, each of which stays a broker of its own: only the line goes over. ``credentials`` are what others must
    present here.

    ``tls`` may trust the authorities of all the clusters; None: as clients are served.
    """

    listen: Listener
    credentials: Credentials
    others: tuple[Gateway, ...] = ()
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Leaves:
    """Where small servers far away may hang on, each under one of our users' names."""

    listen: Listener


@dataclass(frozen=True, slots=True)
class Layout:
    """One server. ``name`` is its own, no other's anywhere; ``folder`` is where it keeps what it stores.

    ``monitor_port`` 0: nobody can ask it how it is; else on loopback, without a password.
    """

    name: str
    cluster: str
    folder: Path
    listen: Listener
    tls: Tls
    users: tuple[User, ...]
    system: Credentials
    routes: Routes | None = None
    gateways: Gateways | None = None
    leaves: Leaves | None = None
    monitor_port: int = 0
    account: str = ACCOUNT


def users(*, cluster: str, services: Sequence[str], passwords: Mapping[str, str]) -> tuple[User, ...]:
    """A user for each service, who may hear calls of its own and nobody else's; and those who call, control and feed.

    ``passwords`` are by user. An answer goes to the inbox of whoever asked, which nobody else may listen to.
    """
    ours = f"warchest.{cluster}"
    return (
        *(
            User(
                name,
                passwords[name],
                # To any inbox, since for each answer that it may give the server would keep a note, minutes long. An inbox's
                # name is random, and known to nobody but who is asked.
                publishes=("_INBOX.>",),
                subscribes=(f"{ours}.{name}.>", f"{ours}.control.*", "$SRV.>", f"_INBOX.{name}.>"),
            )
            for name in services
        ),
        User(
            CALLER,
            passwords[CALLER],
            publishes=(*(f"{ours}.{name}.*" for name in services), "$SRV.>"),
            subscribes=(f"_INBOX.{CALLER}.>",),
        ),
        User(
            CONTROL,
            passwords[CONTROL],
            publishes=(f"{ours}.control.*",),
            subscribes=(f"_INBOX.{CONTROL}.>",),
        ),
        User(
            FEED,
            passwords[FEED],
            publishes=(f"{ours}.feed.>", "$JS.>"),
            subscribes=(f"{ours}.feed.>", f"_INBOX.{FEED}.>"),
        ),
    )


def line_user(*, cluster: str, password: str) -> User:
    """Who asks other clusters, and answers them: the one user of the server with the gateways."""
    return User(
        LINE,
        password,
        # The last word is who asks.
        publishes=(f"warchest.*.line.{cluster}",),
        subscribes=(f"warchest.{cluster}.line.*", f"_INBOX.{LINE}.>"),
        answers=True,
    )


def everybody(services: Sequence[str]) -> tuple[str, ...]:
    """The names of all users."""
    return (*services, CALLER, CONTROL, FEED)


def render(layout: Layout) -> str:
    """The server's configuration file. It holds passwords: for its owner's eyes only."""
    written: dict[str, object] = {
        "server_name": layout.name,
        **_listens(layout.listen),
        "max_payload": PAYLOAD_BYTES_MAX,
        # A frozen client or server is noticed within three seconds, where the default takes minutes.
        "ping_interval": "1s",
        "ping_max": 2,
        "write_deadline": "5s",
        # Clients begin with the handshake, so that nobody on the way can talk them out of it.
        "tls": {**_tls(layout.tls), "handshake_first": True},
        "accounts": {
            layout.account: {**_stores(layout), "users": [_user(each) for each in layout.users]},
            # Gateways and leaf nodes tell each other of interest through it.
            "SYS": {"users": [{"user": layout.system.name, "password": layout.system.password}]},
        },
        "system_account": "SYS",
    }
    if _stores(layout):
        written["jetstream"] = {"store_dir": str(layout.folder / "jetstream")}
    if layout.monitor_port:
        written["http"] = f"127.0.0.1:{layout.monitor_port}"
    if routes := layout.routes:
        written["cluster"] = {
            "name": _checked(layout.cluster),
            **_listens(routes.listen, advertise="advertise"),
            "authorization": _authorization(routes.credentials),
            "tls": _tls(layout.tls),
            "routes": [_url(peer, routes.credentials) for peer in routes.peers],
        }
    if gateways := layout.gateways:
        written["gateway"] = {
            "name": _checked(layout.cluster),
            **_listens(gateways.listen, advertise="advertise"),
            "authorization": _authorization(gateways.credentials),
            "tls": _tls(gateways.tls or layout.tls),
            # Only clusters that were named may join.
            "reject_unknown_cluster": True,
            "gateways": [
                {
                    "name": _checked(other.cluster),
                    "urls": [_url(server, other.credentials) for server in other.servers],
                }
                for other in gateways.others
            ],
        }
    if leaves := layout.leaves:
        written["leafnodes"] = {**_listens(leaves.listen, advertise="advertise"), "tls": _tls(layout.tls)}
    return "# Written by Warchest at each start.\n" + "".join(
        f"{name}: {json.dumps(value, indent=2)}\n" for name, value in written.items()
    )


def _stores(layout: Layout) -> dict[str, object]:
    """The line keeps nothing: JetStream's servers that gateways join want one leader over all clusters, and with the line cut
    nobody would have a majority."""
    return {} if layout.gateways or layout.account == LINE_ACCOUNT else {"jetstream": "enabled"}


def _listens(listener: Listener, *, advertise: str = "client_advertise") -> dict[str, object]:
    told = {advertise: listener.advertise} if listener.advertise else {}
    return {"host": listener.host, "port": listener.port, **told}


def _tls(tls: Tls) -> dict[str, object]:
    # Versions below 1.2 are refused by the server itself.
    return {
        "cert_file": str(tls.certificate),
        "key_file": str(tls.certificate),
        "ca_file": str(tls.authority),
        "timeout": 5,
    }


def _user(user: User) -> dict[str, object]:
    permissions: dict[str, object] = {
        "publish": {"allow": list(user.publishes)} if user.publishes else {"deny": [">"]},
        "subscribe": {"allow": list(user.subscribes)} if user.subscribes else {"deny": [">"]},
    }
    if user.answers:
        # More than one, since whoever works for long says so meanwhile.
        permissions["allow_responses"] = {"max": 1000, "expires": "1m"}
    return {"user": user.name, "password": user.password, "permissions": permissions}


def _authorization(credentials: Credentials) -> dict[str, object]:
    return {"user": credentials.name, "password": credentials.password, "timeout": 5}


def _url(place: str, credentials: Credentials) -> str:
    return f"nats://{credentials.name}:{credentials.password}@{place}"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"a cluster's code is letters, digits, '-' and '_', not {name!r}")
    return name
