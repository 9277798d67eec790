"""Answers requests through the broker with nothing but its client library: the yardstick for calls of services."""

from __future__ import annotations

import asyncio
import os
import sys

from bench.runtime import connected


async def answer(data: bytes) -> None:
    client = await connected("accounting")

    async def heard(message: object) -> None:
        await message.respond(data)  # type: ignore[attr-defined]

    await client.subscribe("warchest.main.accounting.bare", cb=heard)
    await client.flush()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warchest.config.settings")
    asyncio.run(answer(sys.argv[1].encode()))
