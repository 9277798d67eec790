"""Which services run where and how they fare, over which databases, what is in doubt, and how far readers are behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.db import connections
from django.db.utils import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from warchest.journeys.control_instance import put_instance_back, take_instance_out
from warchest.runtime import feed, two_phase
from warchest.runtime.command import now
from warchest.runtime.databases import aliases, reader
from warchest.runtime.models import ParkedEvent
from warchest.runtime.services import COORDINATOR, Instance, services
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page

_PARKED_MAX = 20


@dataclass(frozen=True, slots=True)
class Serving:
    """An instance, and how it shares the work with the others of its service, in per cent of their calls.

    ``can_be_controlled``: from here; those of other clusters from their own back office.
    """

    instance: Instance
    share: int
    can_be_controlled: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    code: str
    is_ours: bool
    serving: tuple[Serving, ...]
    hosts: int
    processes: int


@dataclass(frozen=True, slots=True)
class Doubt:
    gid: str
    database: str
    since: datetime
    age_s: int


@dataclass(frozen=True, slots=True)
class Database:
    """``replica``: it follows another server and takes no writes. ``error``: it does not answer."""

    alias: str
    name: str = ""
    role: str = ""
    address: str = ""
    version: str = ""
    replica: bool = False
    connections: int = 0
    size_bytes: int = 0
    error: bool = False


@dataclass(frozen=True, slots=True)
class Consumer:
    name: str
    behind: int
    parked: int


@needs()
def live_services(request: HttpRequest) -> HttpResponse:
    doubts, unreachable = _doubts()
    standings = [(name, feed.standing(name)) for name in feed.consumers()]
    return page(
        request,
        "services",
        _("Services"),
        clusters=_clusters(services.all()),
        is_distributed=services.is_distributed,
        doubts=doubts,
        unreachable=unreachable,
        several_databases=len(aliases()) > 1,
        databases=[_database(alias) for one in aliases() for alias in (one, reader(one))],
        consumers=[Consumer(name, standing.behind, standing.parked) for name, standing in standings],
        parked=_parked(),
        asked_at=now(),
    )


@only_sent("backoffice:services")
@needs("instance.control")
def take_out(request: HttpRequest, instance_id: str) -> HttpResponse:
    return _control(request, instance_id, out=True)


@only_sent("backoffice:services")
@needs("instance.control")
def put_back(request: HttpRequest, instance_id: str) -> HttpResponse:
    return _control(request, instance_id, out=False)


def _control(request: HttpRequest, instance_id: str, *, out: bool) -> HttpResponse:
    service = request.POST.get("service", "")[:60]
    control = take_instance_out if out else put_instance_back

    def act() -> bool:
        control(command(request), instance=instance_id, service=service)
        return True

    if attempt(request, act):
        if out:
            done = _("{service} is taken out: this instance finishes what it does and takes no more calls.")
        else:
            done = _("{service} is back: this instance takes calls again.")
        messages.success(request, done.format(service=service))
    return redirect("backoffice:services")


def _clusters(instances: Iterable[Instance]) -> list[Cluster]:
    """This cluster first, then those merged with it."""
    by_cluster: dict[str, list[Instance]] = defaultdict(list)
    for instance in instances:
        by_cluster[instance.cluster].append(instance)
    codes = sorted(by_cluster, key=lambda code: (code != services.cluster, code))
    return [_cluster(code, by_cluster[code]) for code in codes]


def _cluster(code: str, instances: list[Instance]) -> Cluster:
    calls: dict[str, int] = defaultdict(int)
    for instance in instances:
        calls[instance.name] += instance.calls
    is_ours = code == services.cluster
    return Cluster(
        code,
        is_ours,
        tuple(
            Serving(
                instance,
                round(100 * instance.calls / calls[instance.name]) if calls[instance.name] else 0,
                is_ours and bool(instance.id),
            )
            for instance in instances
        ),
        len({instance.host for instance in instances}),
        len({(instance.host, instance.process) for instance in instances}),
    )


def _doubts() -> tuple[list[Doubt], list[str]]:
    """Promises that are open, and the databases that could not be asked."""
    found: list[two_phase.InDoubt] = []
    unreachable = []
    for alias in two_phase.further_databases():
        try:
            found += two_phase.in_doubt(databases=[alias])
        except DatabaseError:
            connections[alias].close()
            unreachable.append(alias)
    doubts = [Doubt(one.gid, one.database, one.since, round(one.age_s)) for one in found]
    return doubts, unreachable


def _parked() -> list[ParkedEvent]:
    """What consumers set aside, in every database that consumers are in."""
    found = [
        event
        for alias in aliases()
        for event in ParkedEvent.objects.using(reader(alias)).order_by("-parked_at")[:_PARKED_MAX]
    ]
    return sorted(found, key=lambda event: event.parked_at, reverse=True)[:_PARKED_MAX]


def _database(alias: str) -> Database:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("""
                SELECT current_database(), current_user, coalesce(host(inet_server_addr()), ''), inet_server_port(),
                       current_setting('server_version'), pg_is_in_recovery(),
                       (SELECT numbackends FROM pg_stat_database WHERE datname = current_database()),
                       pg_database_size(current_database())""")
            name, role, host, port, version, replica, open_now, size = cursor.fetchone()
    except DatabaseError:
        connections[alias].close()
        if alias in (COORDINATOR, reader(COORDINATOR)):
            raise
        return Database(alias, error=True)
    return Database(alias, name, role, f"{host}:{port}", version, replica, open_now, size)
