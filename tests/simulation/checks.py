"""What must be true when the callers have gone home."""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID

from tests.builders.books import assert_books_prove
from tests.simulation import callers
from warchest.cli.prove import prove
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services

Answer = tuple[str, UUID]
"""A key that is in the books (empty: whatever it is), and the id of its entry."""


def assert_everything_is_as_answered(answers: Sequence[Answer], *, holds: Sequence[UUID] = ()) -> None:
    ledger = services.get(Ledger)
    entries = ledger.entries(entry_ids=list({entry_id for _, entry_id in answers}))
    lost = [
        answer
        for answer in answers
        if answer[1] not in entries or answer[0] not in ("", entries[answer[1]].key)
    ]
    assert not lost, f"{len(lost)} were acknowledged and are not in the books: {lost[:3]}"
    for hold in holds:
        ledger.find_hold(hold_id=hold)

    journal = _whole_journal(ledger)
    keys = [entry.key for entry in journal]
    assert len(keys) == len(set(keys)) == ledger.count_entries(), "a key was posted twice"
    wholly = [entry.reverses for entry in journal if entry.key.startswith("reversal:")]
    assert len(wholly) == len(set(wholly)), "an entry was reversed twice"
    sums = ledger.book_sums_by_owner(book="purse")
    assert sum(sums.values()) == ledger.balance(account=callers.ISSUED).posted.minor
    assert min(sums.values()) >= 0

    assert_books_prove()
    while ledger.seal():
        pass
    assert prove() == 0


def _whole_journal(ledger: Ledger):
    """The journal in the order of the books, once the projector has caught up."""
    until = time.monotonic() + 20
    while ledger.folding().behind:
        ledger.fold()
        assert time.monotonic() < until, "the projector does not catch up"
    return ledger.journal(limit=10**6)
