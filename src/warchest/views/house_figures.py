"""How the house stands, as figures of now for those who watch it: the books' background work, payments without an end."""

from __future__ import annotations

from collections.abc import Iterable

from warchest.ledger.contract import Ledger
from warchest.payments.contract import Payments
from warchest.runtime.command import now
from warchest.runtime.metrics import Figure
from warchest.runtime.services import services


def books() -> Iterable[Figure]:
    """How far the books' background work is behind."""
    ledger = services.local(Ledger)
    folding, sealing = ledger.folding(), ledger.sealing()
    oldest = sealing.oldest_unsealed_at
    yield Figure(
        "warchest_ledger_unfolded_positions", "Positions that are not folded into postings", folding.behind
    )
    yield Figure(
        "warchest_ledger_unsealed_positions", "Positions that are not sealed into the chain", sealing.behind
    )
    yield Figure(
        "warchest_ledger_unsealed_age_seconds",
        "Age of the oldest entry that is not sealed",
        max((now() - oldest).total_seconds(), 0) if oldest else 0,
    )
    yield Figure(
        "warchest_ledger_unsigned_blocks",
        "Sealed blocks behind the newest signed head",
        sealing.number - sealing.signed,
    )


def payments() -> Iterable[Figure]:
    """Payments whose end nobody told us, by how they stand."""
    moment = now()
    for status, waiting in services.local(Payments).waiting().items():
        labels = (("status", status.value),)
        age_s = max((moment - waiting.since).total_seconds(), 0) if waiting.since else 0
        yield Figure("warchest_payments_waiting", "Payments without an end", waiting.count, labels)
        yield Figure(
            "warchest_payments_waiting_oldest_age_seconds",
            "Age of the oldest payment without an end",
            age_s,
            labels,
        )
