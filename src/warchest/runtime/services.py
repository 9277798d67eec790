"""The ServiceManager: services register themselves, and are found by contract or by name.

A *service* is an app's contract, a ``Protocol`` in its ``contract.py``. A process registers those that it hosts; whoever
needs one asks for the contract and gets an implementation, and may ask for the connection of that service's database.
Here all services live in this process; which database each has comes from the configuration.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

S = TypeVar("S")

COORDINATOR = "default"
"""The alias of the ledger's database, which also holds keys, the record of operations and jobs."""


class UnknownService(LookupError):
    """No service of this name or contract is registered: a mistake in the wiring, never a user's."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One registered service: where it runs, since when, and the alias of its database."""

    name: str
    cluster: str
    host: str
    process: int
    version: str
    database: str
    since: datetime


class ServiceManager:
    """The services of this process. Filled once by ``config.wiring``; reading needs no lock."""

    def __init__(self) -> None:
        self._implementations: dict[type, Any] = {}
        self._instances: dict[str, Instance] = {}
        self._databases: Mapping[str, str] = {}
        self.cluster = "main"

    def configure(self, *, cluster: str, databases: Mapping[str, str]) -> None:
        """Name the cluster, and the database alias of each service that does not live in the coordinator's."""
        self.cluster = cluster
        self._databases = dict(databases)

    def register(self, contract: type[S], implementation: S, *, name: str) -> None:
        """Offer ``implementation`` under its contract and its name; registering again replaces it."""
        self._implementations[contract] = implementation
        self._instances[name] = Instance(
            name=name,
            cluster=self.cluster,
            host=socket.gethostname(),
            process=os.getpid(),
            version=version("warchest"),
            database=self.alias(name),
            since=datetime.now(UTC),
        )

    def get(self, contract: type[S]) -> S:
        """The implementation of a contract.

        Raises UnknownService.
        """
        try:
            return cast(S, self._implementations[contract])
        except KeyError:
            raise UnknownService(f"no service is registered for {contract.__qualname__}") from None

    def find(self, name: str) -> tuple[Instance, ...]:
        """All instances of the service of this name; none is an empty answer, not an error."""
        return tuple(found for found in self._instances.values() if found.name == name)

    def all(self) -> tuple[Instance, ...]:
        """All registered instances, by name."""
        return tuple(self._instances[name] for name in sorted(self._instances))

    def alias(self, name: str) -> str:
        """The Django database alias of a service."""
        return self._databases.get(name, COORDINATOR)

    def database(self, name: str) -> BaseDatabaseWrapper:
        """The connection of this service's database, this thread's own."""
        from django.db import connections

        return connections[self.alias(name)]


services = ServiceManager()
"""The one ServiceManager of this process."""
