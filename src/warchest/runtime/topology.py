"""What the configuration means for where everything is: databases, the services in them, broker, other clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from warchest.runtime.configuration import Configuration
from warchest.runtime.databases import ROOTED, UnableToPlaceService, database_name, placed
from warchest.runtime.services import COORDINATOR

_SAYS = {
    "database_unknown": "[services] puts {service} into {database}, but there is no [databases.{database}].",
    "service_unknown": "[services] names {service}, which is no service. Services are: {known}.",
    "service_rooted": "{service} lives in the coordinator's database, where money is moved; it cannot be put into {database}.",
    "database_name_reserved": "[databases.{database}]: this name is taken by a connection of Warchest's own. Choose another.",
    "database_name_malformed": "[databases.{database}]: a name has at most forty letters, digits, - and _.",
    "cluster_malformed": "[community] cluster is {cluster!r}: a cluster's code has at most twenty letters, digits, - and _.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A database: where it is, without any password, and who lives in it."""

    alias: str
    server: str
    name: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """``hosted``: what the processes of this host answer for; None: all services. ``broker`` empty: there is none."""

    cluster: str
    entity: str
    places: tuple[Place, ...]
    hosted: tuple[str, ...] | None
    broker: str
    merged: tuple[str, ...]


def known_services() -> tuple[str, ...]:
    """The names of all services there are: of the packages that keep a contract."""
    package = Path(__file__).parent.parent
    contracts = (*package.glob("*/contract.py"), *package.glob("*/contract/__init__.py"))
    return tuple(sorted({found.relative_to(package).parts[0] for found in contracts}))


def topology(wanted: Configuration, *, known: Sequence[str], hosted: Sequence[str] | None) -> Topology:
    """``known`` are all services there are. Raises UnableToPlaceService."""
    where = placed(wanted, known=tuple(known))
    aliases = (COORDINATOR, *sorted(wanted.databases))
    return Topology(
        cluster=wanted.community.cluster,
        entity=wanted.community.entity,
        places=tuple(
            Place(
                alias,
                _server(wanted, alias),
                wanted.database.name if alias == COORDINATOR else database_name(wanted, alias),
                tuple(sorted(name for name in known if where.get(name, COORDINATOR) == alias)),
            )
            for alias in aliases
        ),
        hosted=None if hosted is None else tuple(sorted(hosted)),
        broker=_broker(wanted),
        merged=tuple(sorted({*wanted.clusters, *wanted.broker.gateways})),
    )


def problems(wanted: Configuration, *, known: Sequence[str], hosted: Sequence[str] | None) -> Iterator[str]:
    """A sentence for each thing that cannot work, or that nobody can mean."""
    try:
        found = topology(wanted, known=known, hosted=hosted)
    except UnableToPlaceService as refusal:
        yield _SAYS[refusal.reason].format(known=", ".join(sorted(known)), **refusal.details)
        return
    seen: dict[tuple[str, str], str] = {}
    for place in found.places:
        if other := seen.get((place.server, place.name)):
            yield (
                f"The databases {other} and {place.alias} are the same one: {place.name} on {place.server}. Services that share"
                " a database are put there by [services]."
            )
        seen[place.server, place.name] = place.alias
        if not place.services:
            yield f"Nobody lives in [databases.{place.alias}]: put a service there by [services], or take it out."
    for name in hosted or ():
        if name not in known:
            yield f"WARCHEST_SERVICES names {name}, which is no service. Services are: {', '.join(sorted(known))}."
    if hosted is not None and not wanted.broker.wanted:
        yield (
            "WARCHEST_SERVICES leaves services to other processes, but without [broker] nobody can call them: embedded = true,"
            " or urls of one that runs."
        )
    for url in wanted.broker.urls:
        if urlsplit(url).scheme not in ("nats", "tls") or not urlsplit(url).hostname:
            yield f"broker.urls has {url!r}, which is no address like nats://host:4222."
    if found.merged and not wanted.broker.wanted:
        yield f"Merged clusters ({', '.join(found.merged)}) are reached through a broker, and there is none: see [broker]."
    if wanted.community.cluster in found.merged:
        yield f"{wanted.community.cluster} is this cluster's own name: it cannot be merged with itself."


def drawn(found: Topology) -> Iterator[str]:
    """As lines for a terminal."""
    yield f"cluster {found.cluster} ({found.entity})"
    for place in found.places:
        role = ", decides" if place.alias == COORDINATOR and len(found.places) > 1 else ""
        yield f"├─ database {place.alias}: {place.name} on {place.server}{role}"
        last = len(place.services) - 1
        for number, service in enumerate(place.services):
            stays = " (always here)" if service in ROOTED and len(found.places) > 1 else ""
            yield f"│  {'└' if number == last else '├'}─ {service}{stays}"
    yield f"├─ broker: {found.broker or 'none; every process has all services itself'}"
    yield f"├─ answered for on this host: {_hosted(found)}"
    yield f"└─ merged with: {', '.join(found.merged) or 'nobody'}"


def as_mermaid(found: Topology) -> Iterator[str]:
    """As the text that many programs draw (mermaid.js.org, flowchart)."""
    yield "flowchart LR"
    yield f'  subgraph {found.cluster}["cluster {found.cluster}"]'
    for place in found.places:
        yield f'    {place.alias}[("{place.alias}<br>{place.name}<br>{place.server}")]'
        for service in place.services:
            yield f"    {service}([{service}]) --- {place.alias}"
    if found.broker:
        yield f'    broker{{{{"NATS {found.broker}"}}}}'
    yield "  end"
    for other in found.merged:
        yield f'  broker <-. gateway .-> other_{other}["cluster {other}"]'


def _hosted(found: Topology) -> str:
    return "all services" if found.hosted is None else ", ".join(found.hosted) or "none"


def _server(wanted: Configuration, alias: str) -> str:
    if alias != COORDINATOR and wanted.databases[alias].own_server:
        return f"an embedded server of its own (servers/{alias})"
    url = (wanted.databases[alias].url if alias != COORDINATOR else "") or wanted.database.url
    if not url:
        return "the embedded server"
    parts = conninfo_to_dict(url)
    hosts = str(parts.get("host", "localhost")).split(",")
    ports = str(parts.get("port", "5432")).split(",")
    return ",".join(
        f"{host}:{ports[number] if number < len(ports) else ports[-1]}" for number, host in enumerate(hosts)
    )


def _broker(wanted: Configuration) -> str:
    if not wanted.broker.wanted:
        return ""
    return ", ".join(
        f"{urlsplit(url).hostname}:{urlsplit(url).port or 4222}" for url in wanted.broker.urls
    ) or (f"embedded, {wanted.broker.host}:{wanted.broker.port or 'a free port'}")
