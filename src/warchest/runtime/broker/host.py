"""Answers the calls of other processes: what this process hosts, offered as NATS services.

Each service signs in as itself, listens to its own subjects in one queue group with all its copies, and answers who asks
``$SRV.PING``, ``$SRV.INFO`` and ``$SRV.STATS``, so that every tool that knows NATS services sees it. Calls run in threads; a
caller whose call takes long hears meanwhile that it is at work. Only the contract's methods are called, with arguments of
exactly their types.

The client library has services too, but one that answers a single call at a time, and tells callers an error's text; its
messages are used here.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from nats.aio.msg import Msg
from nats.micro.service import (
    EndpointInfo,
    EndpointStats,
    ServiceInfo,
    ServicePing,
    ServiceStats,
    ServiceVerb,
    control_subject,
)

from warchest.kernel.ids import new_id
from warchest.runtime import observed, wire
from warchest.runtime.broker import carried, failures, methods
from warchest.runtime.broker.client import WORKING_HEADER, Link, Subscription, link
from warchest.runtime.broker.failures import Failure, Kind
from warchest.runtime.broker.layout import PAYLOAD_BYTES_MAX
from warchest.runtime.broker.methods import REQUEST_BYTES_MAX, Method, methods_of
from warchest.runtime.services import Instance, ServiceManager

log = structlog.get_logger(__name__)

QUEUE_GROUP = "warchest"
NAME_PREFIX = "warchest-"
TAKE_OUT, PUT_BACK = b"take_out", b"put_back"

BEAT_S = 0.5
"""So often a caller hears that its call is at work."""


@dataclass(slots=True)
class _Figures:
    """Of one method, since the start. A refusal is an answer, not an error."""

    calls: int = 0
    errors: int = 0
    refused: int = 0
    elapsed_ns: int = 0
    last_error: str = ""


@dataclass(eq=False, slots=True)
class _Call:
    message: Msg
    method: Method
    arrived: float = field(default_factory=time.monotonic)


class HostedService:
    """One service of this process, under an id of its own."""

    def __init__(
        self, instance: Instance, contract: type, implementation: Any, link: Link, pool: ThreadPoolExecutor
    ) -> None:
        self.instance = instance
        self.id = new_id().hex
        self.taken_out = False
        self._implementation = implementation
        self._methods = {
            name: method for name, method in methods_of(contract).items() if method.arguments is not None
        }
        self._figures = {name: _Figures() for name in self._methods}
        self._link = link
        self._pool = pool
        self._calls: Subscription | None = None
        self._left = False
        self._told: list[Subscription] = []
        self._running: set[_Call] = set()
        self._guard = threading.Lock()
        self._idle = threading.Condition(self._guard)

    def start(self) -> None:
        """Register, and take calls."""
        for verb, answer in (
            (ServiceVerb.PING, self._ping),
            (ServiceVerb.INFO, self._info),
            (ServiceVerb.STATS, self._stats),
        ):
            for name, id in ((None, None), (self._name, None), (self._name, self.id)):
                heard = _answering(self._link, answer)
                self._told.append(self._link.subscribe(control_subject(verb, name, id), heard))
        self._told.append(
            self._link.subscribe(
                methods.control_subject(cluster=self.instance.cluster, instance=self.id), self._controlled
            )
        )
        self._listen()
        self._link.later(BEAT_S, self._beat)

    def _listen(self) -> None:
        everything = methods.subject(cluster=self.instance.cluster, service=self.instance.name, method="*")
        self._calls = self._link.subscribe(everything, self._called, queue_group=QUEUE_GROUP)

    def take_out(self) -> None:
        """Take no more calls; what runs is finished."""
        with self._guard:
            self.taken_out = True
            calls, self._calls = self._calls, None
        if calls is not None:
            calls.leave()

    def put_back(self) -> None:
        with self._guard:
            if not self.taken_out:
                return
            self.taken_out = False
        self._listen()

    def leave(self, *, within_s: float) -> bool:
        """Take no more calls, finish what runs, and be forgotten; whether all was finished in that time."""
        until = time.monotonic() + within_s
        with suppress(TimeoutError):
            self.take_out()
        with self._idle:
            finished = self._idle.wait_for(
                lambda: not self._running, timeout=max(0.0, until - time.monotonic())
            )
        self._left = True
        for subscription in self._told:
            with suppress(TimeoutError):
                subscription.leave(timeout_s=2)
        return finished

    # On the event loop's thread: nothing here waits.

    def _called(self, message: Msg) -> None:
        name = message.subject.rpartition(".")[2]
        method = self._methods.get(name)
        if method is None:
            self._refuse(message, failures.misunderstood("method_unknown", name))
        elif len(message.data) > REQUEST_BYTES_MAX:
            self._figures[name].errors += 1
            self._refuse(message, failures.misunderstood("request_too_large", str(REQUEST_BYTES_MAX)))
        elif message.reply:
            call = _Call(message, method)
            with self._guard:
                self._running.add(call)
            self._pool.submit(self._answer, call)

    def _refuse(self, message: Msg, failure: Failure) -> None:
        self._link.publish_here(message.reply, wire.encode(failure), failure.headers)

    def _beat(self) -> None:
        """Tell those who wait for long that their call is at work."""
        with self._guard:
            waiting = [
                call.message.reply
                for call in self._running
                if time.monotonic() - call.arrived > BEAT_S
                and time.monotonic() - call.arrived < carried.CALL_S_MAX
            ]
        for reply in waiting:
            self._link.publish_here(reply, b"", {WORKING_HEADER: "1"})
        if not self._left:
            self._link.later(BEAT_S, self._beat)

    def _controlled(self, message: Msg) -> None:
        command = {TAKE_OUT: self.take_out, PUT_BACK: self.put_back}.get(message.data)

        def obey() -> None:
            if command is not None:
                command()
                log.info("instance_controlled", service=self.instance.name, command=message.data.decode())
            self._link.publish(message.reply, b"done" if command is not None else b"unknown")

        # In a thread of its own: the pool may be busy, and that may be why.
        threading.Thread(target=obey, name="control", daemon=True).start()

    # In a thread of the pool.

    def _answer(self, call: _Call) -> None:
        from django.db import close_old_connections

        begun = time.perf_counter_ns()
        figures = self._figures[call.method.name]
        headers = call.message.headers or {}
        try:
            # Who has stopped waiting would only ask again.
            left = carried.seconds_brought(headers) - (time.monotonic() - call.arrived)
            if left <= 0:
                figures.errors += 1
                figures.last_error = "too_late"
                return
            # Those that broke since this thread's last call.
            close_old_connections()
            data, told = self._work(call.method, call.message.data, headers, figures)
            self._link.publish(call.message.reply, data, told)
        except BaseException as error:
            log.exception("answer_not_sent", service=self.instance.name, method=call.method.name)
            figures.errors += 1
            figures.last_error = type(error).__name__
        finally:
            figures.calls += 1
            figures.elapsed_ns += time.perf_counter_ns() - begun
            with self._idle:
                self._running.discard(call)
                self._idle.notify_all()

    def _work(
        self, method: Method, data: bytes, headers: Mapping[str, str], figures: _Figures
    ) -> tuple[bytes, Mapping[str, str]]:
        assert method.arguments is not None and method.answer is not None
        try:
            with (
                observed.answering(
                    self.instance.name,
                    method.name,
                    headers=headers,
                    request_id=carried.request_id_of(headers),
                    actor=carried.actor_of(headers),
                ),
                carried.carrying(headers),
            ):
                try:
                    arguments = method.arguments.decode(data)
                    answer = method.answer.encode(getattr(self._implementation, method.name)(**arguments))
                    if len(answer) > PAYLOAD_BYTES_MAX - 64 * 1024:
                        raise ValueError(f"an answer of {len(answer)} bytes is too long to be sent")
                except Exception as error:
                    if failures.of(error).kind is Kind.FAILED:
                        # Here, so that the line says whose request it was.
                        log.exception("call_failed", method=method.name)
                    raise
                return answer, {}
        except Exception as error:
            failure = failures.of(error)
            if failure.kind is Kind.REFUSED:
                figures.refused += 1
            else:
                figures.errors += 1
                figures.last_error = failure.reason or failure.error
            return wire.encode(failure), failure.headers

    # What it says of itself.

    @property
    def _name(self) -> str:
        return f"{NAME_PREFIX}{self.instance.name}"

    @property
    def metadata(self) -> dict[str, str]:
        """What everybody who may ask is told: never a secret, an address or a password."""
        return {
            "cluster": self.instance.cluster,
            "host": self.instance.host,
            "process": str(self.instance.process),
            "version": self.instance.version,
            "database": self.instance.database,
            "since": self.instance.since.isoformat(),
            "taken_out": "yes" if self.taken_out else "no",
        }

    def _ping(self) -> ServicePing:
        return ServicePing(id=self.id, name=self._name, version=self.instance.version, metadata=self.metadata)

    def _info(self) -> ServiceInfo:
        return ServiceInfo(
            id=self.id,
            name=self._name,
            version=self.instance.version,
            description=f"Warchest's {self.instance.name}",
            metadata=self.metadata,
            endpoints=[
                EndpointInfo(name, self._subject(name), QUEUE_GROUP, metadata={}) for name in self._methods
            ],
        )

    def _stats(self) -> ServiceStats:
        return ServiceStats(
            id=self.id,
            name=self._name,
            version=self.instance.version,
            metadata=self.metadata,
            started=self.instance.since,
            endpoints=[
                EndpointStats(
                    name=name,
                    subject=self._subject(name),
                    queue_group=QUEUE_GROUP,
                    num_requests=figures.calls,
                    num_errors=figures.errors,
                    processing_time=figures.elapsed_ns,
                    average_processing_time=figures.elapsed_ns // max(1, figures.calls),
                    last_error=figures.last_error,
                    data={"refused": figures.refused},
                )
                for name, figures in self._figures.items()
                # Those that nobody called say nothing.
                if figures.calls or figures.errors
            ],
        )

    def _subject(self, method: str) -> str:
        return methods.subject(cluster=self.instance.cluster, service=self.instance.name, method=method)


class Host:
    """All services that a process hosts."""

    def __init__(
        self, services: ServiceManager, *, threads: int = 0, link_of: Callable[[str], Link] = link
    ) -> None:
        """``threads`` answer at the same time, each with connections of its own; 0: four for each core."""
        threads = threads or min(32, 4 * (os.cpu_count() or 1))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="call")
        contracts = services.contracts()
        self.services = tuple(
            HostedService(
                instance,
                contracts[instance.name],
                services.local(contracts[instance.name]),
                link_of(instance.name),
                self._pool,
            )
            for instance in services.hosted()
        )

    def start(self) -> Host:
        """Register them all. Where the broker is away, that happens as soon as it is there."""
        for service in self.services:
            service.start()
        return self

    def stop(self, *, within_s: float = 10.0) -> None:
        """Leave the directory, finish what runs, and end."""
        until = time.monotonic() + within_s
        for service in self.services:
            if not service.leave(within_s=max(0.0, until - time.monotonic())):
                log.warning("calls_left", service=service.instance.name)
        self._pool.shutdown(wait=False, cancel_futures=True)


def _answering(link: Link, answer: Any) -> Any:
    def heard(message: Msg) -> None:
        if message.reply:
            link.publish_here(message.reply, json.dumps(answer().to_dict()).encode())

    return heard
