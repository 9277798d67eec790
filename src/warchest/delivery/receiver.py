"""Speaking to an endpoint, with the care that somebody else's server asks for.

Only configured addresses are called. No redirect is followed (it could lead into our own network), no proxy is
taken from the environment, and nothing that the receiver writes is read beyond its headers.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import timedelta
from functools import cache

import httpx

from warchest.delivery.rules import Answer

TIMEOUT_S = 15
"""For the whole exchange. Standard Webhooks asks for 15 to 30 seconds."""


def post(url: str, *, content: bytes, headers: Mapping[str, str]) -> Answer:
    """Send once. Whatever goes wrong is an answer with status 0."""
    try:
        return asyncio.run(_post(url, content, headers))
    except TimeoutError:
        return Answer(0, f"no answer within {TIMEOUT_S} seconds")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Answer(0, type(error).__name__)


async def _post(url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
    # httpx's own time-outs count each read anew; this one counts the exchange.
    async with (
        asyncio.timeout(TIMEOUT_S),
        httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=TIMEOUT_S, verify=_tls()
        ) as client,
        client.stream("POST", url, content=content, headers=dict(headers)) as response,
    ):
        error = "" if response.is_success else response.reason_phrase
        return Answer(response.status_code, error, _seconds(response.headers.get("retry-after", "")))


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _seconds(retry_after: str) -> timedelta | None:
    """RFC 9110 also allows a date there; then our own pause does."""
    # A number too long to be meant is capped by the pause's own bound.
    return (
        timedelta(seconds=int(retry_after[:6])) if retry_after.isascii() and retry_after.isdigit() else None
    )
