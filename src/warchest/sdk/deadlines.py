"""Connections that end at a moment: httpx's time-outs hold for each read, and a head that drips is read for ever.

Within ``within(seconds)``, whatever a thread sends and receives over ``transport()`` ends in time, however slowly it drips.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

_of_thread = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let this thread wait no longer for its connections, all of them together."""
    before: float | None = getattr(_of_thread, "ends_at", None)
    ends_at = time.monotonic() + seconds
    _of_thread.ends_at = ends_at if before is None else min(before, ends_at)
    try:
        yield
    finally:
        _of_thread.ends_at = before


def transport(*, verify: ssl.SSLContext, limits: httpx.Limits) -> httpx.BaseTransport:
    """httpx's own transport over connections that keep the time of ``within``."""
    return _PunctualTransport(verify=verify, limits=limits)


class _PunctualTransport(httpx.HTTPTransport):
    def __init__(self, *, verify: ssl.SSLContext, limits: httpx.Limits) -> None:
        super().__init__(verify=verify, limits=limits, trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(),
        )


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left_s(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left_s(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left_s(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left_s(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left_s(timeout: float | None, over: type[Exception]) -> float | None:
    ends_at: float | None = getattr(_of_thread, "ends_at", None)
    if ends_at is None:
        return timeout
    left = ends_at - time.monotonic()
    if left <= 0:
        raise over("the time of this call is over")
    return left if timeout is None else min(left, timeout)
