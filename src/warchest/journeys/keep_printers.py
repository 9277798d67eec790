"""Print houses and their public keys: who may get codes, and under which key."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Cards, Printer
from warchest.members.contract import Administrator, Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.add_printer")
def add_printer(tx: Transaction, *, name: str, title: str, key: str) -> Printer:
    """``key`` is a public key of age, as ``age-keygen`` writes it. Raises UnableToAdminister and UnableToKeepPrinter."""
    clerk = _clerk(tx)
    added = tx.get(Cards).add_printer(name=name, title=title, key=key, added_by=clerk.id, at=tx.command.at)
    tx.about("printer", added.name, fingerprint=added.fingerprint)
    return added


@journey("cards.change_printer_key")
def change_printer_key(tx: Transaction, *, name: str, key: str) -> Printer:
    """Raises UnableToAdminister and UnableToKeepPrinter."""
    clerk = _clerk(tx)
    changed = tx.get(Cards).change_printer_key(name=name, key=key, changed_by=clerk.id, at=tx.command.at)
    tx.about("printer", name, fingerprint=changed.fingerprint)
    return changed


@journey("cards.retire_printer")
def retire_printer(tx: Transaction, *, name: str) -> Printer:
    """Raises UnableToAdminister and UnableToKeepPrinter."""
    tx.about("printer", name)
    _clerk(tx)
    return tx.get(Cards).retire_printer(name=name, at=tx.command.at)


def _clerk(tx: Transaction) -> Administrator:
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "printer.keep")
    return clerk
