"""The pretended stores, as the conformance kit plays with them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from warchest.sdk.store_conformance import NOW, StoreRig
from warchest.sdk.stores import Asked, RawCall, Reply
from warchest_softkey.dialects import Allsoft, Fastspring
from warchest_softkey.simulator import DIALECTS, SIGNATURE_HEADER, Message, PretendedStore

SECRET = "a secret that both of us know"
_EVENTS = {Asked.CODE: "sale", Asked.CANCEL: "cancel", Asked.CLOSE: "close"}
_UNSIGNED = "No signature of answers is documented for this dialect, and none is assumed."


class SoftkeyRig(StoreRig):
    store: ClassVar[str] = "softkey"
    dialects: ClassVar[Sequence[str]] = DIALECTS
    skips: ClassVar[Mapping[tuple[str, str], str]] = {
        **{
            (dialect, "answer_is_signed"): _UNSIGNED
            for dialect in ("softkey", "softkey-get", "allsoft", "fastspring")
        },
        **{
            (dialect, "changed_call_is_refused"): (
                "With a shared secret in a field nothing is signed: what comes over TLS with the secret is believed."
            )
            for dialect in ("softkey", "softkey-get")
        },
    }

    def settings(self, dialect: str, **changes: Any) -> Mapping[str, Any]:
        return {**PretendedStore(dialect=dialect, secret=SECRET).settings, **changes}

    def call(
        self,
        dialect: str,
        asked: Asked,
        *,
        secret: str = "",
        order: str = "A-1",
        line: str = "1",
        product: str = "credits-10",
        quantity: int = 1,
    ) -> RawCall:
        store = PretendedStore(dialect=dialect, secret=secret or SECRET)
        return _raw(store.message(_EVENTS[asked], order, line=line, product=product, quantity=quantity))

    def unsigned(self, dialect: str, call: RawCall) -> RawCall:
        headers = {
            name: value for name, value in call.headers.items() if name not in (SIGNATURE_HEADER, "signature")
        }
        bare = replace(call, headers=headers)
        if dialect == "allsoft":
            return bare
        return _with_fields(bare, lambda fields: _without(fields, "secret", Fastspring.HASH))

    def changed(self, dialect: str, call: RawCall) -> RawCall:
        if dialect == "allsoft":
            told = json.loads(call.body)
            return replace(call, body=json.dumps({**told, "order_id": "A-2"}).encode())
        name = "reference" if dialect == "fastspring" else "order_id"
        return _with_fields(call, lambda fields: {**fields, name: "A-2"})

    def with_event(self, dialect: str, event: str) -> RawCall:
        store = PretendedStore(dialect=dialect, secret=SECRET)
        call = self.call(dialect, Asked.CODE)
        if dialect == "allsoft":
            told = {**json.loads(call.body), "event": event}
            flat = {name: str(told.get(name, "")) for name in Allsoft.SIGNED} | {
                "customer.email": told["customer"]["email"]
            }
            headers = {**call.headers, "signature": Allsoft.signature(flat, SECRET)}
            return replace(call, headers=headers, body=json.dumps(told).encode())
        if dialect == "fastspring":
            fields = dict(parse_qsl(call.body.decode(), keep_blank_values=True)) | {"event": event}
            fields[Fastspring.HASH] = Fastspring.signature(fields, SECRET)
            return replace(call, body=urlencode(fields).encode())
        return _raw(store.message(event, "A-1", line="1", product="credits-10"))

    def codes(self, dialect: str, reply: Reply) -> Sequence[str]:
        store = PretendedStore(
            dialect=dialect, secret=SECRET, send=lambda _message: (reply.status, {}, reply.body)
        )
        return store.sell("A-1", product="credits-10").codes

    def is_signed(self, dialect: str, reply: Reply) -> bool:
        store = PretendedStore(
            dialect=dialect, secret=SECRET, send=lambda _message: (reply.status, reply.headers, reply.body)
        )
        return store.sell("A-1", product="credits-10").is_signed


def _raw(message: Message) -> RawCall:
    headers = {name.lower(): value for name, value in message.headers.items()}
    return RawCall(message.method, message.query, headers, message.body, NOW)


def _with_fields(call: RawCall, change: Any) -> RawCall:
    told = call.query if call.method == "GET" else call.body.decode()
    encoded = urlencode(change(dict(parse_qsl(told, keep_blank_values=True))))
    if call.method == "GET":
        return replace(call, query=encoded)
    return replace(call, body=encoded.encode())


def _without(fields: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in names}
