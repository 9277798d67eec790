"""How a plug-in calls its provider over HTTP: within a time, over TLS, never by way of somewhere else, and never too long.

Use it where the provider has no client library of its own that can be trusted to do the same::

    caller = Caller(base_url=settings.base_url, timeout_s=settings.timeout_s)
    try:
        answer = caller.ask("POST", "/v2/orders", body=document, headers={"content-type": "application/json"})
    except NoAnswer as silence:
        return Report(Standing.UNKNOWN, reason=silence.reason)
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from warchest.sdk import deadlines
from warchest.sdk.masking import mask_card_numbers

ANSWER_BYTES_MAX = 4 * 1024 * 1024
"""An answer that is longer is none."""

RAW_CHARACTERS_MAX = 20_000
"""So much of an answer is kept for people to read."""


class NoAnswer(Exception):
    """Nobody knows whether the other side did what it was asked to: ``timeout``, ``unreachable`` or ``answer_too_long``.

    ``was_sent`` is False where it certainly never heard of it: no connection was made.
    """

    def __init__(self, reason: str, *, was_sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the headers' names in lower case. ``raw`` is the text for the books, card numbers masked."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def raw(self) -> str:
        return mask_card_numbers(self.text)[:RAW_CHARACTERS_MAX]


class Caller:
    """Calls one provider. Shared by threads; ``timeout_s`` holds for a whole call, however slowly the answer drips."""

    def __init__(
        self,
        *,
        base_url: str,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> None:
        trusted = ssl.create_default_context()
        trusted.minimum_version = ssl.TLSVersion.TLSv1_2
        self._timeout_s = timeout_s
        # Proxies that the environment names are left aside, and no redirect is followed: what is said here is for the
        # provider, and a setting says where that is.
        self._client = httpx.Client(
            base_url=base_url,
            headers=dict(headers or {}),
            auth=auth,
            timeout=timeout_s,
            transport=deadlines.transport(
                verify=trusted,
                limits=httpx.Limits(max_connections=50, max_keepalive_connections=10, keepalive_expiry=20),
            ),
            trust_env=False,
            follow_redirects=False,
        )

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """One call. Raises NoAnswer; an answer of any status is an answer.

        ``timeout_s`` holds for this call, where several share the time of one method.
        """
        allowed_s = self._timeout_s if timeout_s is None else timeout_s
        asked = self._client.stream(
            method,
            path,
            content=body,
            headers=dict(headers or {}),
            params=dict(params) if params else None,
            timeout=allowed_s,
        )
        try:
            with deadlines.within(allowed_s), asked as response:
                read = bytearray()
                for piece in response.iter_bytes():
                    read += piece
                    if len(read) > ANSWER_BYTES_MAX:
                        raise NoAnswer("answer_too_long", was_sent=True)
                return Answer(response.status_code, dict(response.headers), bytes(read))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol):
            raise NoAnswer("unreachable", was_sent=False) from None
        except httpx.TimeoutException:
            raise NoAnswer("timeout", was_sent=True) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise NoAnswer("unreachable", was_sent=True) from None

    def close(self) -> None:
        self._client.close()
