"""Keys are found again by their digests: short, near to each other where the keys are, and never taken for the key itself."""

from __future__ import annotations

from hashlib import sha256

import psycopg
import pytest
from django.db import connection

from tests.services.test_ledger import issue, ledger, purse, units
from warchest.kernel.ids import new_ids
from warchest.ledger.contract import Ledger, Posted, Refused

__all__ = ["ledger"]

pytestmark = pytest.mark.usefixtures("database")

_ALL_ALIKE = """
    CREATE OR REPLACE FUNCTION ledger_key_digest(key text) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT '11111111-1111-1111-1111-111111111111'::uuid $$"""


def digests(keys: list[str]) -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_key_digest(key) FROM unnest(%s::text[]) AS key", [keys])
        return [digest.bytes for (digest,) in cursor.fetchall()]


@pytest.mark.parametrize(
    "keys",
    [
        # Identifiers share what is left of them for 65 seconds: those made here may see one such moment go by.
        [f"hold:{one}" for one in new_ids(50)],
        [f"order-{number}" for number in range(17000, 17050)],
    ],
)
def test_digests_of_what_is_made_in_turn_lie_together(keys: list[str]) -> None:
    found = digests(keys)

    assert len(set(found)) == len(keys)
    assert len({digest[:6] for digest in found}) <= 2


@pytest.mark.parametrize("keys", [["a", "b"], ["ab", "ba"], ["hold:" + "x" * 40, "void:" + "x" * 40]])
def test_digests_of_other_keys_are_others(keys: list[str]) -> None:
    one, other = digests(keys)

    assert one[6:] != other[6:]


def test_digests_never_change() -> None:
    """Of the SHA-256 of all but the last characters, and of that of the whole: what was posted must be found again."""
    keys = ["order-17", "hold:01a20796-4bcd-77e8-a753-827a92c74aa5", "größe-3"]
    beginnings = ["order", "hold:01a20796", "größ"]

    assert digests(keys) == [
        sha256(beginning.encode()).digest()[:6] + sha256(key.encode()).digest()[:10]
        for beginning, key in zip(beginnings, keys, strict=True)
    ]


def test_another_key_of_the_same_digest_is_refused(ledger: Ledger, superuser_dsn: str) -> None:
    """Nobody is known to have found one; who does must not be answered as if he had asked for the other entry."""
    with psycopg.connect(superuser_dsn, autocommit=True) as superuser:
        superuser.execute(_ALL_ALIKE)
    first = issue("anna", 5)

    assert ledger.post(entry=first) == Posted(first.id)
    again, other = ledger.post_set(entries=[first, issue("anna", 5)])

    assert again == Posted(first.id, replayed=True)
    assert other == Refused("entry_key_reused")
    assert ledger.balance(account=purse("anna")).posted == units(5)
