"""Servers that each host some services, for the recipe that spreads them: real processes of ``warchest serve --services``."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from django.db import connection

from tests.builders.broker import HostProcess, a_broker, wait_until
from warchest.runtime.services import Instance, services


class Servers:
    """A broker, and servers that come and go. From now on this process has no service of its own, and asks them."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="warchest-servers-"))
        self._broker = self._stack.enter_context(a_broker(Path(folder)))
        self._directory = self._broker.directory()
        self._stack.callback(self._directory.close)
        self._servers: dict[str, HostProcess] = {}
        self._host_nothing()

    def _host_nothing(self) -> None:
        placed = {name: services.place(name) for name in services.contracts()}
        services.configure(cluster=services.cluster, databases=placed, hosted=())
        services.connect(self._directory)
        self._stack.callback(services.connect, None)
        self._stack.callback(services.configure, cluster=services.cluster, databases=placed)

    def start(self, server: str, *, hosts: str) -> None:
        """``warchest serve --services`` on another machine; comes back when it is registered."""
        process = HostProcess(
            self._broker,
            hosts.split(","),
            database=str(connection.settings_dict["NAME"]),
            environment={},
            command=("-m", "warchest.cli.main", "serve", "--services", hosts),
        )
        self._stack.callback(process.end)
        process.wait_until_registered()
        self._servers[server] = process

    def lose(self, server: str) -> None:
        self._servers[server].lose_power()

    def find(self, service: str) -> None:
        """What ``services.find`` knows now, by our servers' names."""
        known = sorted((self._server_of(found), found) for found in self._found(service))
        for server, found in known:
            out = ", taken out" if found.taken_out else ""
            print(f"{found.name} of cluster {found.cluster} on {server}, database {found.database}{out}")

    def take_out(self, service: str, *, server: str) -> None:
        self._directory.take_out(self._instance(service, server).id)

    def put_back(self, service: str, *, server: str) -> None:
        self._directory.put_back(self._instance(service, server).id)

    def wait_until_gone(self, server: str) -> None:
        """The list refreshes by itself: it takes some seconds until who died is not in it any more."""
        wait_until(lambda: all(self._server_of(found) != server for found in services.all()))

    def calls(self, service: str, *, server: str) -> int:
        return self._instance(service, server).calls

    def close(self) -> None:
        self._stack.close()

    def _found(self, service: str) -> tuple[Instance, ...]:
        self._directory.refresh()
        return services.find(service)

    def _instance(self, service: str, server: str) -> Instance:
        return next(found for found in self._found(service) if self._server_of(found) == server)

    def _server_of(self, found: Instance) -> str:
        for name, process in self._servers.items():
            if found.process in process.pids:
                return name
        return "another"
