"""The line to other clusters over the brokers' gateways, and who answers what comes over it.

A call goes to ``warchest.<cluster>.line.<asker>``, sealed for that cluster alone; any of its processes that answer calls takes
it, and its answer is sealed for the asker and for this call. What is not sealed by whom it says it is from is not answered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from nats.aio.msg import Msg

from warchest.kernel.clock import SystemClock
from warchest.kernel.errors import TryAgain
from warchest.kernel.ids import new_id
from warchest.runtime import cluster_line, clusters, wire
from warchest.runtime.broker import client
from warchest.runtime.broker.client import WORKING_HEADER, Link, Silent, Subscription, Unreachable
from warchest.runtime.broker.host import QUEUE_GROUP
from warchest.runtime.broker.layout import LINE
from warchest.runtime.cluster_letters import UnableToUnseal
from warchest.runtime.cluster_line import LINE_CUT, read_by_clusters
from warchest.runtime.clusters import OtherCluster, Standing
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import Instance, services

log = structlog.get_logger(__name__)

SILENCE_S, CALL_S_MAX = 3.0, 60.0
BEAT_S = 0.5
AGE_S_MAX = 120.0
"""What was sealed longer ago, by our clock, is refused: nobody repeats what they overheard."""

_PATIENCE_S, _PAUSE_S = 1.0, 0.1
_ALWAYS = "clusters."
"""What begins so may be asked by whoever is known; all else only between clusters that have both merged."""

NOT_MERGED = "cluster_not_merged"
_clock = SystemClock()


def _subject(*, to: str, asker: str) -> str:
    return f"warchest.{to}.line.{asker}"


class _Named(msgspec.Struct):
    name: str


class NatsLine:
    """This process's way to other clusters."""

    def __init__(self, link_of: Callable[[str], Link] = client.link) -> None:
        self._link_of = link_of

    def clusters(self) -> tuple[str, ...]:
        return clusters.lately_merged()

    def call(self, cluster: str, name: str, command: Command, **arguments: Any) -> Any:
        other = clusters.find_lately(cluster)
        if other is None or not other.is_connected:
            raise TryAgain(LINE_CUT, cluster=cluster)
        if other.standing is Standing.KNOWN and not name.startswith(_ALWAYS):
            raise TryAgain(NOT_MERGED, cluster=cluster)
        data = self._ask(other, cluster_line.written_call(name, command, arguments))
        return cluster_line.read_answer(name, data)

    def _ask(self, other: OtherCluster, data: bytes) -> bytes:
        key, ours = other.shared_key, services.cluster
        asked = key.seal(data, purpose=f"ask {ours} {other.code}", at=_clock.now())
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                link = self._link_of(LINE)
                answer = link.call(
                    _subject(to=other.code, asker=ours), asked, {}, silence_s=SILENCE_S, timeout_s=CALL_S_MAX
                )
                return key.unseal(
                    answer.data, purpose=_answering(asked), at=_clock.now(), age_s_max=AGE_S_MAX
                )
            except Unreachable as error:
                # Surely not heard: it may just have come up, here or there.
                if time.monotonic() > until:
                    raise TryAgain(LINE_CUT, retry_after_s=2, cluster=other.code) from error
                time.sleep(_PAUSE_S)
            except (Silent, UnableToUnseal) as error:
                if isinstance(error, UnableToUnseal):
                    log.warning("answer_not_unsealed", cluster=other.code, reason=error.reason)
                raise TryAgain(LINE_CUT, retry_after_s=2, cluster=other.code) from error


def _answering(asked: bytes) -> str:
    # The start of what is sealed is a number used once.
    return f"answer {asked[:12].hex()}"


class LineHost:
    """Answers other clusters, in a process that answers calls anyway."""

    def __init__(self, *, link_of: Callable[[str], Link] = client.link, threads: int = 8) -> None:
        self._link_of = link_of
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="line")
        self._subscription: Subscription | None = None
        self._running: set[str] = set()
        self._guard = threading.Lock()
        self._left = False

    def start(self) -> LineHost:
        link = self._link_of(LINE)
        self._subscription = link.subscribe(
            _subject(to=services.cluster, asker="*"), self._heard, queue_group=QUEUE_GROUP
        )
        link.later(BEAT_S, self._beat)
        return self

    def stop(self) -> None:
        """Take no more, and finish what runs."""
        self._left = True
        if self._subscription is not None:
            with suppress(TimeoutError):
                self._subscription.leave()
        self._pool.shutdown(wait=True, cancel_futures=True)

    # On the event loop's thread: nothing here waits.

    def _heard(self, message: Msg) -> None:
        if message.reply:
            with self._guard:
                self._running.add(message.reply)
            self._pool.submit(self._answer, message)

    def _beat(self) -> None:
        with self._guard:
            waiting = tuple(self._running)
        link = self._link_of(LINE)
        for reply in waiting:
            link.publish_here(reply, b"", {WORKING_HEADER: "1"})
        if not self._left:
            link.later(BEAT_S, self._beat)

    # In a thread of the pool.

    def _answer(self, message: Msg) -> None:
        from django.db import close_old_connections

        answer = b""
        try:
            close_old_connections()
            answer = self._work(message)
        except UnableToUnseal as refusal:
            log.warning("call_not_unsealed", subject=message.subject[:200], reason=refusal.reason)
        except Exception:
            log.exception("line_call_failed", subject=message.subject[:200])
        finally:
            close_old_connections()
            with self._guard:
                self._running.discard(message.reply)
            # Nothing at all says only that it is not known here whether anything was done.
            self._link_of(LINE).publish(message.reply, answer)

    def _work(self, message: Msg) -> bytes:
        asker = message.subject.rpartition(".")[2]
        other = clusters.find_lately(asker)
        if other is None or not other.is_connected:
            log.warning("unknown_cluster_asks", cluster=asker[:40])
            return b""
        key = other.shared_key
        data = key.unseal(
            message.data, purpose=f"ask {asker} {services.cluster}", at=_clock.now(), age_s_max=AGE_S_MAX
        )
        if other.standing is Standing.KNOWN and not _name_in(data).startswith(_ALWAYS):
            answer = cluster_line.told_again(TryAgain(NOT_MERGED, retry_after_s=5))
        else:
            answer = cluster_line.answer_call(data, cluster=asker)
        return key.seal(answer, purpose=_answering(message.data), at=_clock.now())


def _name_in(data: bytes) -> str:
    try:
        return wire.decode(data, _Named).name
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


# What each knows of the other's services.


@read_by_clusters("clusters.services")
def services_here() -> tuple[Instance, ...]:
    """This cluster's instances, as its own directory has them."""
    return tuple(found for found in services.all() if found.cluster == services.cluster)


def services_there(cluster: str) -> tuple[Instance, ...]:
    """Another cluster's instances, as it tells. Raises TryAgain."""
    command = Command(
        actor=Actor(ActorKind.JOB, "directory"), key=str(new_id()), at=_clock.now(), channel=Channel.JOB
    )
    told: tuple[Instance, ...] = cluster_line.line().call(cluster, "clusters.services", command)
    # It speaks for itself only.
    return tuple(found for found in told if found.cluster == cluster)
