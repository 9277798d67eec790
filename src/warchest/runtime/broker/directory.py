"""Who is there: all instances of all services in this cluster, as they tell of themselves, and in those merged with it, as
these clusters tell over the line.

Nobody keeps a register that could be wrong: everybody who lives answers when asked, so who died is gone with the next
answers. The list is asked for anew every two seconds, in a thread of its own, once somebody has wanted to see it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog

from warchest.kernel.errors import TryAgain, UnableTo
from warchest.runtime import cluster_line
from warchest.runtime.broker import client, line, methods, remote
from warchest.runtime.broker.client import Answer, Link, Unreachable
from warchest.runtime.broker.host import NAME_PREFIX, PUT_BACK, TAKE_OUT
from warchest.runtime.broker.layout import CALLER, CONTROL
from warchest.runtime.services import Instance, UnknownService, services

log = structlog.get_logger(__name__)

S = TypeVar("S")

REFRESH_S = 2.0
GATHER_S = 0.6
"""So long answers are waited for: other clusters may be far away."""
FORGET_S = 4.0
"""Who was not heard of for so long is gone; one lost answer is not enough."""


class UnableToControlInstance(UnableTo):
    """The instance stays as it is."""

    reasons = frozenset({"instance_unknown"})


@dataclass(frozen=True, slots=True)
class _Heard:
    instance: Instance
    at: float


class NatsDirectory:
    """What the broker offers the ServiceManager of this process. Nothing is connected before it is needed."""

    def __init__(self, link_of: Callable[[str], Link] = client.link) -> None:
        self._link_of = link_of
        self._heard: dict[str, _Heard] = {}
        self._guard = threading.Lock()
        self._refreshing_in = 0
        self._closed = threading.Event()
        self._others = OtherClusters()

    def stub(self, contract: type[S], *, name: str, cluster: str) -> S:
        if cluster != services.cluster:
            raise UnknownService(f"services of {cluster} are called over the line only: see cluster_line")
        return remote.stub(contract, name=name, cluster=cluster, link=self._link)

    def instances(self) -> tuple[Instance, ...]:
        """As last heard of; the first time it waits for answers. None where the broker is away."""
        if self._refreshing_in != os.getpid():
            with self._guard:
                if self._refreshing_in != os.getpid():
                    with suppress(Unreachable):
                        self._link().wait_until_connected(2)
                    self.refresh()
                    self._refreshing_in = os.getpid()
                    threading.Thread(target=self._keep_refreshing, name="directory", daemon=True).start()
        own = tuple(heard.instance for heard in self._heard.values())
        return own + self._others.instances()

    def refresh(self) -> tuple[Instance, ...]:
        """Ask everybody of this cluster now."""
        try:
            answers = self._link().gather("$SRV.STATS", within_s=GATHER_S)
        except Unreachable:
            answers = []
        now = time.monotonic()
        heard = {known: each for known, each in list(self._heard.items()) if now - each.at < FORGET_S} | {
            found.id: _Heard(found, now) for answer in answers if (found := _instance(answer))
        }
        self._heard = heard
        return tuple(each.instance for each in heard.values())

    def take_out(self, instance_id: str) -> None:
        """Have an instance finish what it does and take no more calls, while it lives on.

        Raises UnableToControlInstance, and TryAgain where it does not answer.
        """
        self._control(instance_id, TAKE_OUT)

    def put_back(self, instance_id: str) -> None:
        """Have an instance take calls again. Raises as ``take_out`` does."""
        self._control(instance_id, PUT_BACK)

    def _control(self, instance_id: str, command: bytes) -> None:
        found = next((each for each in self.instances() if each.id == instance_id), None)
        if found is None:
            raise UnableToControlInstance("instance_unknown")
        subject = methods.control_subject(cluster=found.cluster, instance=instance_id)
        try:
            link = self._link_of(CONTROL)
            link.wait_until_connected(2)
            link.call(subject, command, {}, silence_s=6, timeout_s=6)
        except (client.Unreachable, client.Silent) as error:
            raise TryAgain("service_unavailable", service=found.name) from error
        self.refresh()

    def close(self) -> None:
        """Ask nobody any more."""
        self._closed.set()

    def _link(self) -> Link:
        return self._link_of(CALLER)

    def _keep_refreshing(self) -> None:
        failing = False
        while not self._closed.wait(REFRESH_S):
            try:
                self.refresh()
                failing = False
            except Exception:
                # Told once, not every other second for as long as it lasts.
                if not failing:
                    log.exception("directory_not_refreshed")
                failing = True


class OtherClusters:
    """Instances of the clusters that this one is merged with, as they told last. Who can't be asked is not there."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[Instance, ...]] = {}
        self._guard = threading.Lock()
        self._refreshing_in = 0

    def instances(self) -> tuple[Instance, ...]:
        merged = cluster_line.line().clusters()
        if merged and self._refreshing_in != os.getpid():
            with self._guard:
                if self._refreshing_in != os.getpid():
                    self.refresh()
                    self._refreshing_in = os.getpid()
                    threading.Thread(target=self._keep_refreshing, name="other clusters", daemon=True).start()
        return tuple(found for code in merged for found in self._told.get(code, ()))

    def refresh(self) -> None:
        told = {}
        for code in cluster_line.line().clusters():
            try:
                told[code] = line.services_there(code)
            except (TryAgain, UnableTo) as error:
                log.info("cluster_not_listed", cluster=code, reason=error.reason)
        self._told = told

    def _keep_refreshing(self) -> None:
        from django.db import close_old_connections

        while True:
            time.sleep(REFRESH_S)
            try:
                close_old_connections()
                self.refresh()
            except Exception:
                log.exception("other_clusters_not_refreshed")


directory = NatsDirectory()
"""This process's own."""


def _instance(answer: Answer) -> Instance | None:
    """What one told of itself; None where it is no service of ours, or says what makes no sense."""
    try:
        told: dict[str, Any] = json.loads(answer.data)
        name, metadata, endpoints = told["name"], told["metadata"], told["endpoints"]
        if not name.startswith(NAME_PREFIX):
            return None
        calls = sum(int(each["num_requests"]) for each in endpoints)
        elapsed_ns = sum(int(each["processing_time"]) for each in endpoints)
        return Instance(
            name=name.removeprefix(NAME_PREFIX),
            cluster=metadata["cluster"],
            host=metadata["host"],
            process=int(metadata["process"]),
            version=metadata["version"],
            database=metadata["database"],
            since=datetime.fromisoformat(metadata["since"]),
            id=told["id"],
            calls=calls,
            errors=sum(int(each["num_errors"]) for each in endpoints),
            latency_ms=round(elapsed_ns / 1_000_000 / calls, 3) if calls else 0.0,
            taken_out=metadata.get("taken_out") == "yes",
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
