"""Which services run where, over which databases, and how far readers of the outbox are behind."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from warchest.runtime import feed
from warchest.runtime.models import ParkedEvent
from warchest.runtime.services import services
from warchest.web.backoffice.frame import needs, page
from warchest.web.backoffice.reading import rows_of


@dataclass(frozen=True, slots=True)
class Database:
    """``replica``: it follows another server and takes no writes."""

    alias: str
    name: str
    role: str
    address: str
    version: str
    replica: bool
    connections: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Consumer:
    name: str
    behind: int
    parked: int


@needs()
def live_services(request: HttpRequest) -> HttpResponse:
    instances = services.all()
    aliases = sorted({instance.database for instance in instances} | {"reader"})
    standings = [(name, feed.standing(name)) for name in feed.consumers()]
    return page(
        request,
        "services",
        _("Services"),
        instances=instances,
        databases=[_database(alias) for alias in aliases],
        consumers=[Consumer(name, standing.behind, standing.parked) for name, standing in standings],
        parked=rows_of(ParkedEvent).order_by("-parked_at")[:20],
    )


def _database(alias: str) -> Database:
    with connections[alias].cursor() as cursor:
        cursor.execute("""
            SELECT current_database(), current_user, coalesce(host(inet_server_addr()), ''), inet_server_port(),
                   current_setting('server_version'), pg_is_in_recovery(),
                   (SELECT numbackends FROM pg_stat_database WHERE datname = current_database()),
                   pg_database_size(current_database())""")
        name, role, host, port, version, replica, open_now, size = cursor.fetchone()
    return Database(alias, name, role, f"{host}:{port}", version, replica, open_now, size)
