"""A player's statement: every change of the wallet, newest first, each in a sentence of the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from warchest.charging.contract import WALLET_BOOK
from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger, StatementFilter
from warchest.runtime.services import services

# What an entry's kind is called. Texts may mention the entry's details by name.
_DESCRIPTIONS: dict[str, str | Promise] = {
    "top_up": _("Top-up by {provider}"),
    "card_activated": _("Card {serial} activated"),
    "card_bought": _("Card {serial} bought"),
    "card_bought_back": _("Card {serial} given back"),
    "subscription": ngettext_lazy("{plan}, {periods} period", "{plan}, {periods} periods", "periods"),
    "charge": _("Charge: {purpose}"),
    "transfer": _("Sent to another player"),
    "intercluster_settlement": _("Settled with the cluster {cluster}"),
    "expiry": _("Expired"),
    "opening": _("Brought along from before"),
    "reversal": _("Reversal"),
}
# The kinds that a player may ask for, as many of them are called.
KINDS: dict[str, str | Promise] = {
    "top_up": _("Top-ups"),
    "card_activated": _("Cards"),
    "card_bought": _("Cards bought"),
    "subscription": _("Subscriptions"),
    "charge": _("Charges in games"),
    "transfer": _("Sent and received"),
    "expiry": _("What expired"),
    "reversal": _("Reversals"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """``amount`` and ``balance_after`` are in units; ``amount`` is negative where it took away.

    ``sequence`` orders the lines: the next page is what lies before the last one's.
    """

    sequence: int
    at: datetime
    kind: str
    amount: Money
    balance_after: Money | None
    reference: str
    description: str
    entry_id: UUID


_INCOMING: dict[str, str | Promise] = {"transfer": _("Received from another player")}


def describe(*, kind: str, details: Mapping[str, str | int], is_incoming: bool = False) -> str:
    """What an entry of this kind is called in the language that is active now; its kind where it has no text."""
    text: Any = (_INCOMING.get(kind) if is_incoming else None) or _DESCRIPTIONS.get(kind)
    if text is None:
        return kind.replace("_", " ").capitalize()
    if kind == "subscription":
        text = text % {"periods": details.get("periods", 1)}
    return str(text).format_map(_Details(details))


def statement(
    *, player: UUID, before: int | None = None, limit: int = 50, only: StatementFilter | None = None
) -> tuple[Line, ...]:
    """A page of the statement, newest first: ``limit`` lines that are asked for, below the sequence number ``before``.

    The balance after each line is that of the whole wallet, whatever lines were asked for.
    """
    account = AccountRef(WALLET_BOOK, INNER.code, str(player))
    return tuple(
        Line(
            sequence=line.sequence,
            at=line.occurred_at,
            kind=line.kind,
            amount=line.amount,
            balance_after=line.balance_after,
            reference=line.reference,
            description=describe(kind=line.kind, details=line.details, is_incoming=line.amount.minor > 0),
            entry_id=line.entry_id,
        )
        for line in services.get(Ledger).statement(account=account, before=before, limit=limit, only=only)
    )


class _Details(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "…"
