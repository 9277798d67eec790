"""The plug-in: a store's call read, and answered in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from warchest.sdk.payments import Secret
from warchest.sdk.stores import (
    NAME_CHARACTERS_MAX,
    QUANTITY_MAX,
    Asked,
    CallRead,
    Outcome,
    RawCall,
    Reply,
    Store,
    StoreDescription,
    UnableToTrustCall,
)
from warchest_softkey.dialects import Allsoft, Dialect, Fastspring, Fields, Softkey

Method = Literal["GET", "POST", "ANY"]
DialectName = Literal["softkey", "allsoft", "fastspring"]

# Where the fields are unless the settings say otherwise. All of these names are assumptions [A], except those that Allsoft's
# signature documents (order_id, event).
_USUAL_FIELDS: dict[str, dict[str, str]] = {
    "softkey": {
        "order": "order_id",
        "line": "item_id",
        "product": "product_id",
        "quantity": "quantity",
        "event": "event",
    },
    "allsoft": {
        "order": "order_id",
        "line": "product.order_item_id",
        "product": "product.id",
        "quantity": "product.quantity",
        "event": "event",
    },
    "fastspring": {
        "order": "reference",
        "line": "item_reference",
        "product": "product",
        "quantity": "quantity",
        "event": "event",
    },
}
_USUAL_EVENTS: dict[str, Asked] = {
    "": Asked.CODE,
    "sale": Asked.CODE,
    "order_paid": Asked.CODE,
    "cancel": Asked.CANCEL,
    "refund": Asked.CANCEL,
    "order_canceled": Asked.CANCEL,
    "order_refunded": Asked.CANCEL,
    "close": Asked.CLOSE,
    "order_closed": Asked.CLOSE,
}
_ASSUMPTIONS = {
    "softkey": (
        "SoftKey documents that a key generator has an address, a method and a list of fields. The fields' names, the shared"
        " secret or signature, and messages about cancelled orders are our assumptions.",
    ),
    "allsoft": (
        "Allsoft documents the signature of its messages. The product's fields, the form of our answer and the names of"
        " events are our assumptions. The product is not signed: the address must be reached by TLS only.",
    ),
    "fastspring": (
        "FastSpring documents the hash over the fields. The fields' names and messages about refunds are our assumptions.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftkeySettings:
    """How the store speaks. ``fields`` and ``events`` add to what the dialect has usually, or replace it.

    While the secret is being changed, ``previous_secret`` is believed too. Of the dialect softkey, ``signature_header`` names
    the header with an HMAC-SHA256; empty: the secret itself comes in ``secret_field``.
    """

    dialect: DialectName = "softkey"
    secret: Annotated[Secret, Meta(min_length=16)] = field(repr=False)
    previous_secret: Secret = field(default="", repr=False)
    method: Method = "ANY"
    fields: dict[str, str] = field(default_factory=dict)
    events: dict[str, Literal["code", "cancel", "close", "nothing"]] = field(default_factory=dict)
    secret_field: str = "secret"
    signature_header: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        unknown = self.fields.keys() - _USUAL_FIELDS["softkey"].keys()
        if unknown:
            raise ValueError(f"fields: there is no {sorted(unknown)[0]}")
        if self.previous_secret and len(self.previous_secret) < 16:
            raise ValueError("previous_secret: at least 16 characters")
        if not (self.signature_header or self.secret_field):
            raise ValueError("a signature_header or a secret_field is needed")


class SoftkeyStore(Store):
    """Reads a store's call by its dialect. Keeps nothing."""

    settings_type: ClassVar[type[SoftkeySettings]] = SoftkeySettings

    def __init__(self, settings: SoftkeySettings) -> None:
        self._settings = settings
        self._secrets = tuple(filter(None, (settings.secret, settings.previous_secret)))
        self._fields = _USUAL_FIELDS[settings.dialect] | settings.fields
        self._events = _USUAL_EVENTS | {name: Asked(asked) for name, asked in settings.events.items()}
        self._dialect = _dialect(settings)

    @property
    def description(self) -> StoreDescription:
        dialect = self._settings.dialect
        return StoreDescription(
            label=self._settings.label or dialect.capitalize(),
            dialect=dialect,
            assumptions=_ASSUMPTIONS[dialect],
        )

    def read(self, call: RawCall) -> CallRead:
        if self._settings.method not in ("ANY", call.method):
            raise UnableToTrustCall("store_call_malformed")
        fields = self._dialect.fields(call)
        # All secrets are compared, so the time tells nothing of which was right.
        if not any([self._dialect.is_signed(call, fields, secret) for secret in self._secrets]):
            raise UnableToTrustCall("store_signature_wrong")
        return self._read(fields)

    def _read(self, fields: Fields) -> CallRead:
        said = {ours: fields.get(theirs, "").strip() for ours, theirs in self._fields.items()}
        # An event that nobody told us of is none of our concern; to guess would sell or cancel something.
        asked = self._events.get(said["event"].lower(), Asked.NOTHING)
        if any(len(said[name]) > NAME_CHARACTERS_MAX for name in ("order", "line", "product")):
            raise UnableToTrustCall("store_call_malformed")
        if asked is not Asked.NOTHING and not said["order"]:
            raise UnableToTrustCall("store_call_malformed")
        if asked is Asked.CODE and not said["product"]:
            raise UnableToTrustCall("store_call_malformed")
        line = said["line"]
        if asked is Asked.CODE and not line:
            # A store without lines sells each product once in an order.
            line = said["product"]
        return CallRead(
            asked=asked,
            order=said["order"],
            line=line,
            product=said["product"],
            quantity=_quantity(said["quantity"]),
        )

    def reply(self, call: CallRead, outcome: Outcome) -> Reply:
        if outcome.refused:
            # Stores repeat what was answered with a server's error, and give up on all else.
            status, text = 503 if outcome.passing else 422, f"ERROR {outcome.refused}"
        else:
            status, text = 200, "\n".join(outcome.codes) if call.asked is Asked.CODE else "OK"
        if self._settings.dialect == "allsoft":
            body = msgspec.json.encode(_as_json(call, outcome))
            return Reply(status, body, "application/json")
        body = text.encode()
        return Reply(status, body, headers=self._dialect.signature_of_reply(body, self._settings.secret))


def _as_json(call: CallRead, outcome: Outcome) -> Mapping[str, object]:
    if outcome.refused:
        return {"status": "error", "error": outcome.refused}
    return {"status": "ok", "order_id": call.order, "keys": list(outcome.codes)}


def _quantity(said: str) -> int:
    if not said:
        return 1
    if not (said.isascii() and said.isdecimal() and len(said) < 4 and 1 <= int(said) <= QUANTITY_MAX):
        raise UnableToTrustCall("store_call_malformed")
    return int(said)


def _dialect(settings: SoftkeySettings) -> Dialect:
    match settings.dialect:
        case "allsoft":
            return Allsoft()
        case "fastspring":
            return Fastspring()
        case _:
            return Softkey(secret_field=settings.secret_field, signature_header=settings.signature_header)
