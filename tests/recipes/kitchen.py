"""What every recipe finds on the table: people, a moment, and a way to show an entry as an accountant reads it."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any
from uuid import UUID

from tests.builders.api import an_api_client, call
from tests.builders.house import ARENA, ARENA_MONTH
from tests.builders.lots import a_lot, a_promotion
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from tests.builders.tampering import COMPUTE_THE_CHAIN_ANEW, with_all_rights
from tests.recipes.accounting_system import GpCompany
from tests.recipes.command_line import warchest
from tests.recipes.neighbour import another_cluster
from tests.recipes.operator import Operator
from tests.recipes.sandbox import Sandbox
from tests.recipes.servers import Servers
from tests.recipes.two_operators import two_operators
from tests.recipes.watcher import Watched
from warchest.cli import prove as proving
from warchest.ledger import heads
from warchest.ledger.contract import Ledger
from warchest.runtime.postgres import EmbeddedPostgres
from warchest.runtime.secrets import home
from warchest.runtime.services import services

__all__ = [
    "ARENA",
    "ARENA_MONTH",
    "COMPUTE_THE_CHAIN_ANEW",
    "NOW",
    "GpCompany",
    "Operator",
    "Sandbox",
    "Servers",
    "Shop",
    "Watched",
    "a_command",
    "a_lot",
    "a_player",
    "a_promotion",
    "acting_as",
    "an_administrator",
    "another_cluster",
    "do_background_work",
    "prove",
    "services",
    "show",
    "tamper",
    "two_operators",
    "warchest",
]


def show(entry_id: UUID, **names: object) -> None:
    """Print an entry's legs; ``names`` stand for owners: ``anna=player.id``."""
    known = {str(value): name for name, value in names.items()}
    entry = services.get(Ledger).entry(entry_id=entry_id)
    assert entry is not None
    for leg in entry.legs:
        account = leg.book + (f" ({known.get(leg.owner, leg.owner)})" if leg.owner else "")
        side = "Dr" if leg.side == "D" else "   Cr"
        print(f"{side} {account}".ljust(40) + f"{leg.amount.major:>10} {leg.amount.currency}")


def do_background_work() -> None:
    """What the worker does every few seconds: fold, seal, sign."""
    ledger = services.get(Ledger)
    while ledger.folding().behind:
        ledger.fold()
    ledger.seal()
    ledger.sign_head(at=NOW)


def tamper(*statements: str) -> None:
    """Do to the database what nobody may."""
    database = services.database("ledger").settings_dict["NAME"]
    with_all_rights(EmbeddedPostgres(home()).superuser_dsn(database=database), *statements)


def prove(**names: object) -> None:
    """Print what ``warchest prove`` prints, less the rules that hold and what changes from run to run."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        proving.prove()
    text = re.sub(
        r"  \(\d+ ms\)| of \d+ rules| All \d+ rules hold.|, the oldest .*$| at 2\d{3}-\S+ \S+ UTC$",
        "",
        output.getvalue(),
        flags=re.MULTILINE,
    )
    for name, value in names.items():
        text = text.replace(str(value), name)
    text = text.replace(f"{heads.own_file()}", "HOST.jsonl")
    print("\n".join(line for line in text.splitlines() if not line.startswith("holds")))


class Shop:
    """A program with an API key: ``shop.post("/players", {...})`` answers what the API answered."""

    def __init__(self) -> None:
        self._key = an_api_client()

    def get(self, path: str) -> Any:
        return self._read(call(self._key, "GET", path))

    def post(self, path: str, body: dict[str, Any], *, key: str | None = None) -> Any:
        return self._read(call(self._key, "POST", path, body, key=key))

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self._read(call(self._key, "PUT", path, body))

    def delete(self, path: str) -> Any:
        return self._read(call(self._key, "DELETE", path))

    def _read(self, response: Any) -> Any:
        self.status = response.status_code
        self.replayed = response.headers.get("Idempotent-Replayed", "")
        return response.json()
