"""How the house stands, as figures of now for those who watch it: the books' background work, payments without an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from warchest.cards.contract import Cards, Guessing
from warchest.ledger.contract import Ledger
from warchest.payments.contract import Payments, Status
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
    """Payments whose end nobody told us, by how they stand; those that wait too long; which providers answer."""
    moment = now()
    overdue = Counter(payment.status for payment in services.local(Payments).overdue(at=moment))
    for status in (Status.REVIEW, Status.UNKNOWN, Status.CREATED):
        yield Figure(
            "warchest_payments_overdue",
            "Payments of unknown outcome, or under review, for longer than the house bears",
            overdue[status],
            (("status", status.value),),
        )
    for state in services.local(Payments).provider_states(at=moment):
        if state.well is not None or state.circuit_open:
            yield Figure(
                "warchest_provider_up",
                "Whether a provider answered when it was last asked",
                int(bool(state.well) and not state.circuit_open),
                (("provider", state.provider),),
            )
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


def cards() -> Iterable[Figure]:
    """Guessed codes: how many lately, who is locked out, and whether the alarm rings."""
    moment = now()
    found = services.local(Cards)
    yield Figure(
        "warchest_card_guess_alarm",
        "Whether codes are guessed on a large scale",
        int(found.alarm() is not None),
    )
    locked = Counter(lock.who for lock in found.locks(at=moment))
    for who in Guessing:
        yield Figure("warchest_card_locks", "Who may not try codes now", locked[who], (("who", who.value),))
