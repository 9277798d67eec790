"""This process's connections to the broker: calls, subscriptions and broadcasts for ordinary threads.

The client library lives on an event loop; one thread of ours runs it, for all connections of the process. A connection is
made when first needed and kept for ever after: whatever ends it, it comes again. A process that is forked begins anew with
connections of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import queue
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from warchest.runtime.broker import server
from warchest.runtime.broker.layout import CALLER, LINE
from warchest.runtime.configuration import configuration
from warchest.runtime.secrets import text_secret

log = structlog.get_logger(__name__)

# asyncio warns of this at every end of an encrypted connection; nothing is wrong with it.
logging.getLogger("asyncio").addFilter(
    lambda record: "eof_received() has no effect" not in record.getMessage()
)

T = TypeVar("T")

WORKING_HEADER = "Warchest-Working"
"""Set on what is no answer yet: the one who was called says that it is still at it."""

_CONNECT_S_MAX = 2
_RECONNECT_PAUSE_S = 0.1
_PING_S = 1
_NO_RESPONDERS = "503"


class Unreachable(Exception):
    """The call surely was not delivered: there is no connection, or nobody who listens."""


class Silent(Exception):
    """The call was sent, and nobody knows what became of it: no answer came in time, or the line broke."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the broker is, whom to trust there, and as whom to sign in."""

    urls: tuple[str, ...]
    authority: Path
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    data: bytes
    headers: Mapping[str, str]


_NONE: Mapping[str, str] = {}
_BEAT = object()


class Subscription:
    """What a connection listens to; it lasts over reconnections."""

    def __init__(self, link: Link, subject: str, queue_group: str, heard: Callable[[Msg], None]) -> None:
        self.subject = subject
        self.queue_group = queue_group
        self.heard = heard
        self.live: NatsSubscription | None = None
        self.known_to: Client | None = None
        self._link = link

    def leave(self, *, timeout_s: float = 5.0) -> None:
        """Take no more; what had come before is passed on. Returns once the server knows."""
        self._link.leave(self, timeout_s=timeout_s)


class Link:
    """One connection, for any number of threads."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._loop = _loop()
        self._client: Client | None = None
        self._subscriptions: list[Subscription] = []
        self._waiting: dict[str, queue.SimpleQueue[Any]] = {}
        self._tokens = itertools.count()
        self._inbox = f"_INBOX.{place.user}.{uuid4().hex}"
        self._connected = threading.Event()
        self._closing = False
        self._told = ""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._gone = asyncio.Event()
        self._loop.call_soon_threadsafe(self._spawn, self._keep())

    @property
    def is_connected(self) -> bool:
        return self._connected.is_set()

    def wait_until_connected(self, timeout_s: float) -> bool:
        return self._connected.wait(timeout_s)

    def call(
        self, subject: str, data: bytes, headers: Mapping[str, str], *, silence_s: float, timeout_s: float
    ) -> Answer:
        """Ask whoever listens, and wait for the answer: as long as the one who has it says that it is at work.

        Raises Unreachable, and Silent where nothing at all was heard for ``silence_s``, or no answer within ``timeout_s``.
        """
        until = time.monotonic() + timeout_s
        token = format(next(self._tokens), "x")
        heard = self._waiting[token] = queue.SimpleQueue()
        try:
            self._loop.call_soon_threadsafe(self._ask, subject, data, token, headers, heard)
            while True:
                try:
                    what = heard.get(timeout=max(0.0, min(silence_s, until - time.monotonic())))
                except queue.Empty:
                    raise Silent(subject) from None
                if isinstance(what, Answer):
                    return what
                if isinstance(what, Exception):
                    raise what
                if time.monotonic() > until:
                    raise Silent(subject)
        finally:
            del self._waiting[token]

    def gather(self, subject: str, data: bytes = b"", *, within_s: float) -> list[Answer]:
        """Ask everybody who listens, and answer what was heard in that time. Raises Unreachable without a connection."""
        until = time.monotonic() + within_s
        token = format(next(self._tokens), "x")
        heard = self._waiting[token] = queue.SimpleQueue()
        answers: list[Answer] = []
        try:
            self._loop.call_soon_threadsafe(self._ask, subject, data, token, _NONE, heard)
            while (left := until - time.monotonic()) > 0:
                try:
                    what = heard.get(timeout=left)
                except queue.Empty:
                    break
                if isinstance(what, Answer):
                    answers.append(what)
                elif not self.is_connected:
                    raise what
                else:
                    break
        finally:
            del self._waiting[token]
        return answers

    def publish(self, subject: str, data: bytes, headers: Mapping[str, str] = _NONE) -> None:
        """Send, without an answer and without a promise."""
        self._loop.call_soon_threadsafe(self.publish_here, subject, data, headers)

    def publish_here(self, subject: str, data: bytes, headers: Mapping[str, str] = _NONE) -> None:
        """As ``publish``, for who is on the event loop's thread already."""
        if subject and self._client is not None and self._client.is_connected:
            self._spawn(self._publish(self._client, subject, data, headers))

    def subscribe(self, subject: str, heard: Callable[[Msg], None], *, queue_group: str = "") -> Subscription:
        """Have ``heard`` called for each message, on the event loop's thread: it must be quick. Returns once the server knows,
        where there is a connection; else it will be told when there is."""
        subscription = Subscription(self, subject, queue_group, heard)
        self._run(self._add(subscription), timeout_s=10)
        return subscription

    def leave(self, subscription: Subscription, *, timeout_s: float) -> None:
        self._run(self._remove(subscription), timeout_s=timeout_s)

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Have ``call`` called on the event loop's thread in so many seconds."""
        self._loop.call_soon_threadsafe(self._loop.call_later, delay_s, call)

    def close(self) -> None:
        """Send what is to be sent, and end the connection for good."""
        self._closing = True
        with suppress(TimeoutError):
            self._run(self._close(), timeout_s=5)

    # On the event loop's thread.

    def _ask(
        self,
        subject: str,
        data: bytes,
        token: str,
        headers: Mapping[str, str],
        heard: queue.SimpleQueue[Any],
    ) -> None:
        if self._client is None or not self._client.is_connected:
            heard.put(Unreachable(subject))
            return
        self._spawn(self._publish_request(subject, data, f"{self._inbox}.{token}", headers, heard))

    @staticmethod
    async def _publish(client: Client, subject: str, data: bytes, headers: Mapping[str, str]) -> None:
        # Where the connection broke just now, nobody promised anything.
        with suppress(nats.errors.Error):
            await client.publish(subject, data, headers=dict(headers) or None)

    async def _publish_request(
        self, subject: str, data: bytes, inbox: str, headers: Mapping[str, str], heard: queue.SimpleQueue[Any]
    ) -> None:
        assert self._client is not None
        try:
            await self._client.publish(subject, data, reply=inbox, headers=dict(headers) or None)
        except nats.errors.Error:
            heard.put(Unreachable(subject))

    async def _answered(self, message: Msg) -> None:
        heard = self._waiting.get(message.subject.rpartition(".")[2])
        if heard is None:
            return
        headers = message.headers or _NONE
        if WORKING_HEADER in headers:
            heard.put(_BEAT)
        elif not message.data and headers.get("Status") == _NO_RESPONDERS:
            heard.put(Unreachable("nobody listens"))
        else:
            heard.put(Answer(message.data, headers))

    async def _keep(self) -> None:
        """Be connected, for ever. The library reconnects by itself after most failures, but not after all."""
        while not self._closing:
            self._gone.clear()
            client = Client()
            try:
                await client.connect(
                    servers=list(self._place.urls),
                    name=f"{self._place.user}:{os.getpid()}",
                    user=self._place.user,
                    password=self._place.password,
                    tls=_tls_context(self._place.authority),
                    tls_handshake_first=True,
                    connect_timeout=_CONNECT_S_MAX,
                    reconnect_time_wait=_RECONNECT_PAUSE_S,  # type: ignore[arg-type]
                    max_reconnect_attempts=-1,
                    ping_interval=_PING_S,
                    max_outstanding_pings=2,
                    # Nothing is kept for later: who calls without a connection is told so, and decides.
                    pending_size=0,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnected,
                    reconnected_cb=self._on_reconnected,
                    closed_cb=self._on_closed,
                )
                await client.subscribe(f"{self._inbox}.*", cb=self._answered)
                # From here on what is added is told to this one at once; what was added before, by the loop.
                self._client = client
                for subscription in list(self._subscriptions):
                    await self._listen(client, subscription)
                await client.flush()
            except (TimeoutError, nats.errors.Error, OSError) as error:
                log.warning("broker_not_connected", user=self._place.user, error=str(error))
                await asyncio.sleep(1)
                continue
            self._connected.set()
            self._told = ""
            await self._gone.wait()
            await asyncio.sleep(_RECONNECT_PAUSE_S)

    async def _add(self, subscription: Subscription) -> None:
        self._subscriptions.append(subscription)
        if self._client is not None and not self._client.is_closed:
            await self._listen(self._client, subscription)
            if self._client.is_connected:
                await self._client.flush()

    async def _remove(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        if subscription.live is not None:
            live, subscription.live = subscription.live, None
            with suppress(nats.errors.Error):
                await live.drain()

    @staticmethod
    async def _listen(client: Client, subscription: Subscription) -> None:
        if subscription.known_to is client:
            return
        subscription.known_to = client

        async def heard(message: Msg) -> None:
            subscription.heard(message)

        subscription.live = await client.subscribe(
            subscription.subject, queue=subscription.queue_group, cb=heard
        )

    async def _close(self) -> None:
        if self._client is not None and not self._client.is_closed:
            with suppress(nats.errors.Error):
                await self._client.flush()
            await self._client.close()

    async def _on_error(self, error: Exception) -> None:
        if self._closing:
            return
        told = f"{type(error).__name__}: {error}"
        if self._connected.is_set():
            log.info("broker_error", user=self._place.user, error=told)
        elif told != self._told:
            # While the broker is away the library tells so at every attempt: said once, and again when it is another error.
            self._told = told
            log.warning("broker_not_connected", user=self._place.user, error=told)

    async def _on_disconnected(self) -> None:
        self._connected.clear()
        # What was asked may have been heard or not; waiting longer tells nobody more.
        for heard in list(self._waiting.values()):
            heard.put(Silent("the connection broke"))
        if not self._closing:
            log.warning("broker_connection_lost", user=self._place.user)

    async def _on_reconnected(self) -> None:
        self._connected.set()
        self._told = ""
        log.info("broker_connected_again", user=self._place.user)

    async def _on_closed(self) -> None:
        self._connected.clear()
        self._gone.set()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        # The loop itself keeps only weak references to tasks.
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _run(self, work: Coroutine[Any, Any, T], *, timeout_s: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)


def _tls_context(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


# This process's own.

_guard = threading.RLock()
_running: asyncio.AbstractEventLoop | None = None
_links: dict[Place, Link] = {}
_inherited: list[object] = []


def link(user: str = CALLER) -> Link:
    """This process's connection as this user, to the broker that the configuration means. Raises Unreachable as ``place``."""
    return link_to(place(user))


def link_to(place: Place) -> Link:
    """This process's connection there, the same for all who ask."""
    with _guard:
        if place not in _links:
            _links[place] = Link(place)
        return _links[place]


def place(user: str) -> Place:
    """Where the configuration says that the broker is. Raises Unreachable while the embedded one has no port yet."""
    wanted = configuration()
    if user == LINE:
        urls, port, folder = wanted.broker.line_urls, wanted.broker.line_port, server.line_folder()
    else:
        urls, port, folder = wanted.broker.urls, wanted.broker.port, server.broker_folder()
    if not urls:
        port = port or server.remembered_port(folder) or 0
        if not port:
            raise Unreachable("the embedded broker was never started")
        urls = (f"nats://{server.reach(wanted.broker.host)}:{port}",)
    return Place(urls, server.authority_file(wanted), user, text_secret(f"broker-{user}"))


def close_links() -> None:
    """End all of this process's connections."""
    with _guard:
        closing = list(_links.values())
        _links.clear()
    for each in closing:
        each.close()


def _loop() -> asyncio.AbstractEventLoop:
    global _running
    with _guard:
        if _running is None:
            _running = asyncio.new_event_loop()
            threading.Thread(target=_running.run_forever, name="broker", daemon=True).start()
        return _running


def _begin_anew() -> None:
    """A forked child has the parent's connections but none of its threads. They are not the child's to close."""
    global _guard, _running, _links
    _inherited.append((_running, _links))
    _guard, _running, _links = threading.RLock(), None, {}


os.register_at_fork(after_in_child=_begin_anew)
