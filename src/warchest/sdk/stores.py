"""The contract between Warchest and a store that sells our card codes, and fetches each at the moment of its sale.

A plug-in of this kind is a distribution of its own that names a factory under the entry-point group ``warchest.stores``::

    [project.entry-points."warchest.stores"]
    softkey = "warchest_softkey.store:SoftkeyStore"

The store calls Warchest (``/api/v1/stores/{name}``), not the other way round. The plug-in reads the call and writes the answer
in the store's own words; what is sold, to whom it is booked, and which code it is, is Warchest's. Three rules:

* *No call is believed unsigned.* ``read`` raises UnableToTrustCall unless the signature, or the shared secret, is right; it
  compares in constant time.
* *The same line of the same order is the same sale*, however often it is asked for.
* *A plug-in keeps nothing* and moves no money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from warchest.kernel.errors import UnableTo

__all__ = [
    "NAME_CHARACTERS_MAX",
    "QUANTITY_MAX",
    "Asked",
    "CallRead",
    "Outcome",
    "RawCall",
    "Reply",
    "Store",
    "StoreDescription",
    "UnableToTrustCall",
]

NAME_CHARACTERS_MAX = 100
"""Of an order's, a line's and a product's name in the store."""

QUANTITY_MAX = 50
"""So many codes one line of an order may ask for."""


class UnableToTrustCall(UnableTo):
    """A call that nobody knows to be the store's, or that can't be understood. Nothing follows from it."""

    reasons = frozenset({"store_signature_wrong", "store_call_malformed"})


@dataclass(frozen=True, slots=True)
class RawCall:
    """A call as it came: ``query`` is what stands behind the question mark, headers' names are in lower case."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


class Asked(StrEnum):
    CODE = "code"  # a line of an order was sold: its codes are wanted
    CANCEL = "cancel"  # an order, or a line of it, was cancelled or refunded
    CLOSE = "close"  # an order is over: its codes are asked for no more
    NOTHING = "nothing"  # rightly signed, and of no concern to us


@dataclass(frozen=True, slots=True)
class CallRead:
    """What a store asks. ``line`` is empty where it speaks of the whole order (not for ``CODE``)."""

    asked: Asked
    order: str
    line: str = ""
    product: str = ""
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it. ``refused`` is our stable code for why not; ``passing``: the same call may succeed later."""

    codes: Sequence[str] = field(default=(), repr=False)
    refused: str = ""
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer in the store's own words."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoreDescription:
    """How a store presents itself. ``assumptions`` are sentences on what no document of the store's says."""

    label: str
    dialect: str
    assumptions: tuple[str, ...] = ()


@runtime_checkable
class Store(Protocol):
    """One configured store. An instance is shared by threads, and neither asks anybody nor waits."""

    settings_type: ClassVar[type[Any]]
    """A frozen dataclass or msgspec struct; fields of type ``payments.Secret`` are never shown."""

    @property
    def description(self) -> StoreDescription: ...

    def read(self, call: RawCall) -> CallRead:
        """Check whose call it is, and read it. Raises UnableToTrustCall."""
        ...

    def reply(self, call: CallRead, outcome: Outcome) -> Reply:
        """The answer, signed where the dialect signs answers."""
        ...
