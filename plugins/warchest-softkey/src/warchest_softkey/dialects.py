"""How each store speaks: where its fields are, and how a call is signed.

What a vendor has documented is marked [D], what is our own assumption because no document says it, [A].
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec

from warchest.sdk.stores import RawCall, UnableToTrustCall

Fields = Mapping[str, str]
_FIELDS_MAX = 100


class Dialect(Protocol):
    """``fields`` raises UnableToTrustCall (``call_malformed``); ``is_signed`` compares in constant time."""

    def fields(self, call: RawCall) -> Fields: ...

    def is_signed(self, call: RawCall, fields: Fields, secret: str) -> bool: ...

    def signature_of_reply(self, body: bytes, secret: str) -> Mapping[str, str]: ...


class Softkey:
    """GET or POST of form fields; the secret in a field, or an HMAC in a header [A].

    That a generator has an address, a method and a list of fields is documented [D]; names and signature are not.
    """

    def __init__(self, *, secret_field: str, signature_header: str) -> None:
        self._secret_field = secret_field
        self._header = signature_header.lower()

    def fields(self, call: RawCall) -> Fields:
        return _form(call.query.encode() if call.method == "GET" else call.body)

    def is_signed(self, call: RawCall, fields: Fields, secret: str) -> bool:
        if self._header:
            signed = call.query.encode() if call.method == "GET" else call.body
            given = call.headers.get(self._header, "").strip().lower()
            return _same(given, hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest())
        return _same(fields.get(self._secret_field, ""), secret)

    def signature_of_reply(self, body: bytes, secret: str) -> Mapping[str, str]:
        """The answer is signed as the call is, where that is by HMAC [A]."""
        if not self._header:
            return {}
        return {self._header: hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


class Allsoft:
    """JSON by POST; header ``signature`` is a SHA-512 over some of the fields, and one message comes for each product [D].

    The product, the line and the quantity are not signed. So whoever can read one message on the way can ask for more in its
    name: the address must be reached by TLS only.
    """

    SIGNED = ("event", "order_id", "create_date", "payment_method", "currency", "customer.email")

    def fields(self, call: RawCall) -> Fields:
        if call.method != "POST":
            raise UnableToTrustCall("store_call_malformed")
        try:
            told = msgspec.json.decode(call.body, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise UnableToTrustCall("store_call_malformed") from None
        return dict(_flat(told))

    def is_signed(self, call: RawCall, fields: Fields, secret: str) -> bool:
        return _same(call.headers.get("signature", "").strip().lower(), self.signature(fields, secret))

    @classmethod
    def signature(cls, fields: Fields, secret: str) -> str:
        signed = ";".join([secret, *(fields.get(name, "") for name in cls.SIGNED)])
        return hashlib.sha512(signed.encode()).hexdigest()

    def signature_of_reply(self, body: bytes, secret: str) -> Mapping[str, str]:
        return {}


class Fastspring:
    """Form fields by POST; ``security_request_hash`` is the MD5 of all other values, sorted by their names, and the private
    key [D]. MD5 is the store's choice: it is good for nothing but this."""

    HASH = "security_request_hash"

    def fields(self, call: RawCall) -> Fields:
        if call.method != "POST":
            raise UnableToTrustCall("store_call_malformed")
        return _form(call.body)

    def is_signed(self, call: RawCall, fields: Fields, secret: str) -> bool:
        return _same(fields.get(self.HASH, "").strip().lower(), self.signature(fields, secret))

    @classmethod
    def signature(cls, fields: Fields, secret: str) -> str:
        values = "".join(value for name, value in sorted(fields.items()) if name != cls.HASH)
        return hashlib.md5((values + secret).encode(), usedforsecurity=False).hexdigest()

    def signature_of_reply(self, body: bytes, secret: str) -> Mapping[str, str]:
        return {}


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _form(encoded: bytes) -> Fields:
    """Fields, each once: where a name came twice, nobody knows which of the two was signed or meant."""
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(encoded),
            encoding="utf-8",
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except (ValueError, UnicodeDecodeError):
        raise UnableToTrustCall("store_call_malformed") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise UnableToTrustCall("store_call_malformed")
    return fields


def _flat(told: Mapping[str, object], within: str = "") -> Iterator[tuple[str, str]]:
    """``{"customer": {"email": …}}`` as ``customer.email``. Lists are passed over: nothing in them is asked for."""
    for name, value in told.items():
        match value:
            case Mapping():
                yield from _flat(value, f"{within}{name}.")
            case bool():
                yield within + name, "true" if value else "false"
            case str() | int():
                yield within + name, str(value)
            case None:
                yield within + name, ""
