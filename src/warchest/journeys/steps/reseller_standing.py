"""How a reseller stands with whom it gets its cards from: the house by the books, a reseller above by what lies between them."""

from __future__ import annotations

from datetime import datetime, timedelta

from warchest.cards.contract import RECEIVABLE_BOOK, Cards, Reseller, Standing
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger, StatementFilter

_LINES_AT_ONCE = 500


def account_of(reseller: Reseller) -> AccountRef:
    return AccountRef(RECEIVABLE_BOOK, reseller.terms.credit_limit.currency.code, reseller.name)


def standing_of(cards: Cards, ledger: Ledger, reseller: Reseller, *, at: datetime) -> Standing:
    on_the_way = cards.on_the_way_to(reseller_id=reseller.id)
    if not reseller.is_top:
        return Standing(
            owed=cards.owed_to_parent(reseller_id=reseller.id, at=at),
            overdue=cards.overdue_to_parent(reseller_id=reseller.id, at=at),
            on_the_way=on_the_way,
        )
    owed = ledger.balance(account=account_of(reseller)).posted
    due_before = at - timedelta(days=reseller.terms.payment_days)
    return Standing(
        owed=owed, overdue=_overdue(ledger, reseller, owed, due_before=due_before), on_the_way=on_the_way
    )


def _overdue(ledger: Ledger, reseller: Reseller, owed: Money, *, due_before: datetime) -> Money:
    """The oldest is paid first: what is owed, less what came to be owed since. Read only as far back as that takes."""
    left, before = owed, None
    lately = StatementFilter(occurred_from=due_before, incoming=True)
    while left.minor > 0:
        lines = ledger.statement(
            account=account_of(reseller), before=before, limit=_LINES_AT_ONCE, only=lately
        )
        for line in lines:
            left -= line.amount
        if len(lines) < _LINES_AT_ONCE:
            break
        before = lines[-1].sequence
    return left if left.minor > 0 else Money.zero(owed.currency)
