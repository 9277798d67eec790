"""Doors: ports of a host's own that lead to a server elsewhere, for as long as the line is not cut."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress


class Door:
    """A port that leads to another. While it is cut nothing passes, and nobody is told; afterwards what waited is broken off."""

    def __init__(self, target: Callable[[], int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = asyncio.Event()
        self._open.set()
        self._pipes: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        server = await asyncio.start_server(self._enter, sock=self._listener)
        async with server:
            await server.serve_forever()

    def cut(self) -> None:
        self._open.clear()

    def heal(self) -> None:
        for pipe in self._pipes:
            pipe.cancel()
        self._open.set()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        there: asyncio.StreamWriter | None = None
        try:
            await self._open.wait()
            back, there = await asyncio.open_connection("127.0.0.1", self._target())
            ways = [
                asyncio.create_task(self._carry(reader, there)),
                asyncio.create_task(self._carry(back, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._pipes.discard(task)
            for end in (writer, there):
                if end is not None:
                    # Broken off, not bidden farewell: the other side must not wait for more.
                    end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()


class Line:
    """All doors of one host, in a thread of their own."""

    def __init__(self, **targets: Callable[[], int]) -> None:
        self._loop = asyncio.new_event_loop()
        self._doors: dict[str, Door] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._make(targets), self._loop).result(10)

    async def _make(self, targets: dict[str, Callable[[], int]]) -> None:
        for name, target in targets.items():
            door = self._doors[name] = Door(target)
            # Kept, or it would be collected while it serves.
            door.task = asyncio.create_task(door.serve())  # type: ignore[attr-defined]

    def port(self, name: str) -> int:
        return self._doors[name].port

    def cut(self) -> None:
        for door in self._doors.values():
            self._loop.call_soon_threadsafe(door.cut)

    def heal(self) -> None:
        for door in self._doors.values():
            self._loop.call_soon_threadsafe(door.heal)
