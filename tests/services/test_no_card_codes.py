"""Codes of cards are in the printer's encrypted file, in one answer and one mail, and nowhere else: a run of everything that is
done with cards, and then a search of all that was kept of it, written and handed out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import psycopg
import pytest

from tests.builders.api import an_api_client
from tests.builders.cards import a_batch, a_made_batch, a_print_house, asked
from tests.builders.databases import aliases, named
from tests.builders.people import a_player
from tests.builders.searching import searched
from tests.builders.watched import Process, a_process
from warchest.audit.contract import Audit, OperationFilter
from warchest.kernel import codes
from warchest.kernel.ids import new_id
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services
from warchest.views.journal_export import By, Extent, Format, export

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("CRD-02"), pytest.mark.slow]


def finder(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Finds these codes however they are written: in groups of any size, in either case, in hexadecimal too."""
    plain = {codes.normalise(code) for code in known}
    spaced = "|".join(r"[^0-9A-Za-z]{0,2}".join(code) for code in sorted(plain))
    pattern = re.compile(spaced, re.IGNORECASE)
    in_hexadecimal = {code.encode().hex() for code in plain}

    def hits(text: str) -> list[str]:
        lower = text.lower()
        return pattern.findall(text) + [one for one in in_hexadecimal if one in lower]

    return hits


def activate(portal: Process, key: str, player: str, code: str) -> int:
    body = {"player": player, "code": code, "client_address": "203.0.113.9"}
    sent = {"Idempotency-Key": f"key-{new_id()}"}
    return portal.api(key, "POST", "/cards/activations", body, **sent).status_code


def nearly(code: str) -> str:
    """A slip of the finger: what was typed is no code, and tells all but one of its characters."""
    last = codes.ALPHABET[codes.ALPHABET.index(code[-1]) - 1]
    return code[:-1] + last


def test_none_is_kept_written_or_handed_out(
    database: str, server_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    batch, player = a_batch(quantity=12), str(a_player().id)
    right = [card.code for card in batch.cards]
    typed = [nearly(code) for code in right[:3]]
    unread = a_made_batch(quantity=5)
    asked(unread.id, a_print_house())
    settings = 'log_level = "debug"\n[[webhooks]]\nurl = "http://127.0.0.1:9/hear"\n'
    with (
        a_process("portal", database=database, folder=tmp_path, configuration=settings) as portal,
        a_process("worker", database=database, folder=tmp_path, configuration=settings) as worker,
    ):
        key = an_api_client()
        for code in typed:
            assert activate(portal, key, player, code) == 422
        for code in (right[0], right[1].lower(), right[2].replace("-", " ")):
            assert activate(portal, key, player, code) == 201
        assert activate(portal, key, player, right[0]) == 409
    hits = finder([*right, *typed])
    found = {
        alias: searched(server_dsn(named(database, alias)), lambda _table, _kind, value: hits(value))
        for alias in aliases()
    }
    assert {alias: where for alias, where in found.items() if where} == {}
    for process in (portal, worker):
        assert hits(process.output()) == []
    assert "journey_ended" in portal.output()
    assert services.get(Audit).operations(where=OperationFilter(name="cards.activate")).items
    files = exported()
    assert batch.cards[0].serial in files
    assert hits(files) == []


def exported() -> str:
    folding = services.get(Ledger).folding()
    extent = Extent(upto=folding.position + folding.behind, after=0, by=By("occurred"))
    while services.get(Ledger).fold():
        pass
    return "".join(piece for one in Format for piece in export(extent=extent, format=one))


def test_the_search_finds_what_is_planted(superuser_dsn: str) -> None:
    code = codes.grouped(codes.random_code(length=16))
    hits = finder([code])
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE planted (a text, b jsonb, c bytea, d text[])")
        connection.execute(
            "INSERT INTO planted VALUES (%s, to_jsonb(%s::text), convert_to(%s, 'UTF8'), ARRAY[%s])",
            [code, code.lower(), code.replace("-", ""), code.replace("-", "").encode().hex()],
        )
    found = searched(superuser_dsn, lambda _table, _kind, value: hits(value))
    assert set(found) == {f"planted.{column}" for column in "abcd"}
