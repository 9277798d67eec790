"""Webhooks: each event is written once and sent until it is taken; who wants to know whether we sent it asks us.

A transmission is signed over its id, its time, the webhook's id and a checksum of the body, as PayPal signs it; where PayPal
signs with the key of a certificate, we take an HMAC, since nobody but ourselves checks it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import httpx
import msgspec
from msgspec import Raw, Struct

from warchest_paypal.simulator.book import Book, Order
from warchest_paypal.simulator.shapes import Shapes

_TRIES = 6
_BETWEEN_TRIES_S = 0.5
_POST_TIMEOUT_S = 10
_WRONG_KEY = b"a key that nobody was given"


class VerifyAsked(Struct):
    auth_algo: str
    cert_url: str
    transmission_id: str
    transmission_sig: str
    transmission_time: str
    webhook_id: str
    webhook_event: Raw


@dataclass(frozen=True, slots=True)
class Written:
    reference: str
    body: bytes


class Hooks:
    def __init__(self, book: Book, shapes: Shapes, *, webhook_id: str, url: str) -> None:
        self._book = book
        self._shapes = shapes
        self._webhook_id = webhook_id
        self.url = url
        self._key = secrets.token_bytes(32)
        self._written: list[Written] = []
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="hook")
        self._client = httpx.Client(timeout=_POST_TIMEOUT_S, follow_redirects=False, trust_env=False)
        self._stopped = threading.Event()

    def tell(self, kind: str, order: Order, about: object) -> None:
        resource_type, resource = self._shapes.of(order, about)
        event = {
            "id": f"WH-{uuid4().hex[:17].upper()}-{uuid4().hex[:17].upper()}",
            "event_version": "1.0",
            "create_time": self._book.clock.now().isoformat(),
            "resource_type": resource_type,
            "event_type": kind,
            "summary": f"{kind} — simulated",
            "resource": resource,
        }
        self._written.append(Written(order.reference, msgspec.json.encode(event)))
        if self.url and not self._book.switches.lose_notices:
            for _ in range(self._book.switches.notice_copies):
                self._pool.submit(self._send, self._written[-1].body)

    def send_again(self, reference: str) -> bool:
        """The last one about a payment once more, under its old id, also where it was lost."""
        ours = [written for written in self._written if written.reference == reference]
        if ours:
            self._pool.submit(self._send, ours[-1].body)
        return bool(ours)

    def written(self, reference: str) -> list[tuple[dict[str, str], bytes]]:
        """All about a payment, each with the headers of a transmission, for who wants to carry them by hand."""
        return [(self._headers(one.body), one.body) for one in self._written if one.reference == reference]

    def verify(self, asked: VerifyAsked) -> bool:
        signed = self._signature(
            self._key,
            asked.transmission_id,
            asked.transmission_time,
            asked.webhook_id,
            bytes(asked.webhook_event),
        )
        return asked.webhook_id == self._webhook_id and hmac.compare_digest(
            signed.encode(), asked.transmission_sig.encode()
        )

    def _send(self, body: bytes) -> None:
        for _ in range(_TRIES):
            try:
                answer = self._client.post(self.url, content=body, headers=dict(self._headers(body)))
                if answer.is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(_BETWEEN_TRIES_S)

    def _headers(self, body: bytes) -> dict[str, str]:
        id, at = str(uuid4()), f"{self._book.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        key = _WRONG_KEY if self._book.switches.wrong_signature else self._key
        headers: Mapping[str, str] = {
            "content-type": "application/json",
            "paypal-auth-algo": "SHA256withRSA",
            "paypal-cert-url": f"{self._shapes.url}/v1/notifications/certs/CERT-simulated",
            "paypal-transmission-id": id,
            "paypal-transmission-time": at,
            "paypal-transmission-sig": self._signature(key, id, at, self._webhook_id, body),
        }
        return dict(headers)

    @staticmethod
    def _signature(key: bytes, id: str, at: str, webhook_id: str, body: bytes) -> str:
        signed = f"{id}|{at}|{webhook_id}|{zlib.crc32(body)}"
        return hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()
