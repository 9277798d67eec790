"""The ServiceManager: services register themselves, and are found by contract or by name.

A *service* is an app's contract, a ``Protocol`` in its ``contract.py``. A process registers those that it hosts; whoever
needs one asks for the contract and gets something that keeps it: the implementation itself where this process hosts it,
else a stub that asks a process which does. Whoever has a service may also have the connection of its database.

Without a broker a process hosts everything and asks nobody. With one, a *directory* lists what is registered anywhere,
in this cluster and in those merged with it. Which database a service has comes from the configuration.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

S = TypeVar("S")

COORDINATOR = "default"
"""The alias of the ledger's database, which also holds keys, the record of operations and jobs."""


class UnknownService(LookupError):
    """No service of this name or contract is registered: a mistake in the wiring, never a user's."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One registered service: where it runs, since when, and the alias of its database.

    ``id`` is empty where no directory knows it. ``calls``, ``errors`` and ``latency_ms`` (of a call, on average) are since its
    start. ``taken_out``: it lives and takes no calls.
    """

    name: str
    cluster: str
    host: str
    process: int
    version: str
    database: str
    since: datetime
    id: str = ""
    calls: int = 0
    errors: int = 0
    latency_ms: float = 0.0
    taken_out: bool = False


class Directory(Protocol):
    """What a broker offers a ServiceManager: who is registered anywhere, and a way to call them."""

    def instances(self) -> tuple[Instance, ...]:
        """All registered instances, of all clusters, as last heard of."""
        ...

    def stub(self, contract: type[S], *, name: str, cluster: str) -> S:
        """What keeps the contract by calling an instance of this service in that cluster."""
        ...

    def take_out(self, instance_id: str) -> None:
        """Have an instance finish what it does and take no more calls, while it lives on."""
        ...

    def put_back(self, instance_id: str) -> None:
        """Have an instance take calls again."""
        ...


class Work(Protocol):
    """An open business transaction, as far as the ServiceManager knows of it."""

    def join(self, alias: str) -> None:
        """Have this database take part."""
        ...


open_work: ContextVar[Work | None] = ContextVar("warchest_open_work", default=None)
"""The business transaction that is open in this thread. Set by ``transactions``."""


class ServiceManager:
    """The services of this process. Filled once by ``config.wiring``; reading needs no lock."""

    def __init__(self) -> None:
        self._local: dict[type, Any] = {}
        self._offered: dict[type, Any] = {}
        self._contracts: dict[str, type] = {}
        self._databases: Mapping[str, str] = {}
        self._hosted: Collection[str] | None = None
        self._directory: Directory | None = None
        self._since = datetime.now(UTC)
        self.cluster = "main"

    def configure(
        self, *, cluster: str, databases: Mapping[str, str], hosted: Collection[str] | None = None
    ) -> None:
        """Name the cluster, the database alias of each service that does not live in the coordinator's, and the services
        that this process hosts (None: all)."""
        self.cluster = cluster
        self._databases = dict(databases)
        self._hosted = hosted

    def register(self, contract: type[S], implementation: S, *, name: str) -> None:
        """Have the code of a service under its contract and its name; registering again replaces it.

        Every process has the code of all, since journeys run it over the service's database; offered to others are those
        that the process hosts.
        """
        self._local[contract] = implementation
        self._contracts[name] = contract
        self._offer(name)

    def connect(self, directory: Directory | None) -> None:
        """Ask this directory for what this process does not host; None: there is none (any more)."""
        self._directory = directory
        for name in self._contracts:
            self._offer(name)

    def _offer(self, name: str) -> None:
        contract = self._contracts[name]
        if self._directory is None or self.hosts(name):
            self._offered[contract] = self._local[contract]
        else:
            self._offered[contract] = self._directory.stub(contract, name=name, cluster=self.cluster)

    def hosts(self, name: str) -> bool:
        """Whether this process answers for the service of this name."""
        return self._hosted is None or name in self._hosted

    def get(self, contract: type[S]) -> S:
        """What keeps a contract: in a business transaction the code itself, which takes part in it; else the code where
        this process hosts the service, or a stub.

        Raises UnknownService.
        """
        if self._directory is not None and open_work.get() is not None:
            return self.local(contract)
        try:
            return cast(S, self._offered[contract])
        except KeyError:
            raise UnknownService(f"no service is registered for {contract.__qualname__}") from None

    def local(self, contract: type[S]) -> S:
        """The code of a service, to be run here over that service's database. Raises UnknownService."""
        try:
            return cast(S, self._local[contract])
        except KeyError:
            raise UnknownService(f"no service is registered for {contract.__qualname__}") from None

    def find(self, name: str) -> tuple[Instance, ...]:
        """All instances of the service of this name, over all clusters; none is an empty answer, not an error."""
        return tuple(found for found in self.all() if found.name == name)

    def all(self) -> tuple[Instance, ...]:
        """All registered instances, over all clusters, by name."""
        if self._directory is not None:
            return tuple(
                sorted(
                    self._directory.instances(), key=lambda found: (found.name, found.cluster, found.since)
                )
            )
        return self.hosted()

    @property
    def is_distributed(self) -> bool:
        """Whether there is a directory, so that services may be elsewhere."""
        return self._directory is not None

    def take_out(self, instance_id: str) -> None:
        """Have an instance finish what it does and take no more calls. Raises what the directory raises."""
        self._control().take_out(instance_id)

    def put_back(self, instance_id: str) -> None:
        """Have an instance take calls again. Raises what the directory raises."""
        self._control().put_back(instance_id)

    def _control(self) -> Directory:
        if self._directory is None:
            raise UnknownService(
                "without a broker each process answers for itself: there is nobody to take out"
            )
        return self._directory

    def hosted(self) -> tuple[Instance, ...]:
        """What this process itself answers for, by name."""
        return tuple(
            Instance(
                name=name,
                cluster=self.cluster,
                host=socket.gethostname(),
                process=os.getpid(),
                version=version("warchest"),
                database=self.place(name),
                since=self._since,
            )
            for name in sorted(self._contracts)
            if self.hosts(name)
        )

    def contracts(self) -> Mapping[str, type]:
        """The contract of each service, by name."""
        return dict(self._contracts)

    def place(self, name: str) -> str:
        """The alias of a service's database, for who wants to know and not to use it."""
        return self._databases.get(name, COORDINATOR)

    def alias(self, name: str) -> str:
        """The alias of a service's database, to be used now: in a business transaction that database takes part in it."""
        alias = self._databases.get(name, COORDINATOR)
        if alias != COORDINATOR and (work := open_work.get()) is not None:
            work.join(alias)
        return alias

    def reader(self, name: str) -> str:
        """The alias of the connection that may only read a service's database, outside of any business transaction."""
        alias = self._databases.get(name, COORDINATOR)
        return "reader" if alias == COORDINATOR else f"reader_{alias}"

    def database(self, name: str) -> BaseDatabaseWrapper:
        """The connection of this service's database, this thread's own."""
        from django.db import connections

        return connections[self.alias(name)]


services = ServiceManager()
"""The one ServiceManager of this process."""
