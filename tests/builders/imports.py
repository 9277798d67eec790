"""Cards of an older system: ``imported(guildhall(*some_codes(3)))`` orders, approves and takes them in, as people would.

Whoever uses them has ``SCHEMES`` in the configuration.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha1

from tests.builders.cards import TEN_EUROS, an_order
from tests.builders.people import acting_as, an_administrator
from warchest.cards.contract import Batch, Cards
from warchest.journeys.approve_batch import approve_batch
from warchest.journeys.import_cards import import_cards
from warchest.members.contract import Role
from warchest.runtime.services import services

SCHEMES = {
    "guildhall": {"algorithm": "sha1", "form": "digits"},
    "tavern": {"algorithm": "sha256", "form": "ours"},
    "castle": {"algorithm": "hmac-sha256", "secret": "drawbridge", "form": "lower", "group": 4},
    "abbey": {"algorithm": "md5", "prefix": "ora:", "suffix": ":labora", "form": "as_printed"},
}


def some_codes(count: int, *, first: int = 1) -> list[str]:
    return [f"{number * 7_654_321_987:016}" for number in range(first, first + count)]


def guildhall(*codes: str, prefix: str = "GH") -> bytes:
    """The table of a system that kept SHA-1 of the digits. The serials are not in the order of the lines."""
    lines = [
        f"{prefix}-{(number * 7919) % 100_000:05},{sha1(code.encode()).hexdigest()},{code[-4:]}"
        for number, code in enumerate(codes, 1)
    ]
    return "\n".join(["Serial,Hash,LastFour", *lines, ""]).encode()


def an_import(file: bytes, *, scheme: str = "guildhall", **changes: object) -> Batch:
    """The order of a file, approved by the owner."""
    seen = services.get(Cards).check_import(scheme=scheme, file=file)
    terms = replace(
        TEN_EUROS, quantity=seen.cards, serial_prefix="OLD", import_digest=seen.digest, import_scheme=scheme
    )
    ordered = an_order(terms=terms, **changes)
    owner = an_administrator(Role.OWNER)
    return approve_batch(acting_as(owner), batch=ordered.id, digest=ordered.digest).answer


def imported(file: bytes, **changes: object) -> Batch:
    batch = an_import(file, **changes)  # type: ignore[arg-type]
    return import_cards(acting_as(an_administrator()), batch=batch.id, file=file).answer.batch
