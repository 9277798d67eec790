"""Requests to a server at a steady rate, whether it keeps up or not, or as many as it answers; and how long each took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    def encoded(self, host: str) -> bytes:
        lines = {"host": host, "content-length": str(len(self.body)), **self.headers}
        told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST {self.path} HTTP/1.1\r\n{told}\r\n".encode() + self.body


class UnansweredError(RuntimeError):
    """The server did not answer with 200 or 201."""


class Connections:
    """As many as are needed at once, each kept open for the next request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: Request) -> None:
        """Raises UnansweredError."""
        reader, writer = (
            self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
        )
        writer.write(request.encoded(f"127.0.0.1:{self._port}"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        status, *lines = head.decode("latin-1").lower().split("\r\n")
        (length,) = [int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")]
        body = await reader.readexactly(length)
        if " 20" not in status:
            raise UnansweredError(f"{status}: {body.decode(errors='replace')[:300]}")
        self._free.append((reader, writer))

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def at_a_rate(port: int, make: Callable[[], Request], *, per_second: float, count: int) -> list[float]:
    """Seconds from the moment at which each request was due, so that a server that falls behind is not spared."""
    connections, began = Connections(port), time.perf_counter() + 0.05
    requests = [make() for _ in range(count)]

    async def one(number: int) -> float:
        due = began + number / per_second
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        await connections.ask(requests[number])
        return time.perf_counter() - due

    try:
        return list(await asyncio.gather(*(one(number) for number in range(count))))
    finally:
        connections.close()


async def as_many_as_answered(
    port: int, requests: Iterator[Request], *, callers: int, seconds: float, count_max: int
) -> float:
    """How many a second, by callers who ask again as soon as they were answered."""
    connections, began = Connections(port), time.perf_counter()
    left, answered = islice(requests, count_max), 0

    async def caller() -> None:
        nonlocal answered
        with suppress(StopIteration):
            while time.perf_counter() - began < seconds:
                await connections.ask(next(left))
                answered += 1

    try:
        await asyncio.gather(*(caller() for _ in range(callers)))
        return answered / (time.perf_counter() - began)
    finally:
        connections.close()
