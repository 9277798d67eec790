"""What must hold of the books at any moment, whoever wrote to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from warchest.runtime.invariants import Invariant
from warchest.runtime.services import services

_UNBALANCED = """
    SELECT id::text FROM ledger_journalentry
     WHERE NOT ledger_is_balanced(sides, amounts, currencies) ORDER BY recorded_at, id"""

_UNFOLDED = """
    SELECT entry.id::text
      FROM ledger_journalentry AS entry
     WHERE (SELECT array_agg((p.account_id, p.side::text, p.amount_minor)::text ORDER BY p.leg)
              FROM ledger_posting AS p WHERE p.entry_id = entry.id)
           IS DISTINCT FROM
           (SELECT array_agg((l.account, l.side, l.amount)::text ORDER BY l.number)
              FROM unnest(entry.accounts, entry.sides, entry.amounts)
                   WITH ORDINALITY AS l(account, side, amount, number))
     ORDER BY entry.recorded_at, entry.id"""

_BALANCES = """
    SELECT a.book_id || '/' || a.owner || '/' || a.currency
      FROM ledger_balance AS b
      JOIN ledger_account AS a ON a.id = b.account_id
      JOIN ledger_book AS book ON book.code = a.book_id
     WHERE b.posted_minor <> coalesce((SELECT sum(CASE WHEN p.side = book.side THEN p.amount_minor
                                                       ELSE -p.amount_minor END)
                                         FROM ledger_posting AS p WHERE p.account_id = b.account_id), 0)
        OR b.held_minor <> coalesce((SELECT sum(h.amount_minor) FROM ledger_hold AS h
                                      WHERE h.account_id = b.account_id AND h.state = 'open'), 0)
        OR b.posted_minor - b.held_minor < 0
     ORDER BY 1"""

_CURRENCIES = """
    SELECT a.currency
      FROM ledger_posting AS p JOIN ledger_account AS a ON a.id = p.account_id
     GROUP BY a.currency
    HAVING sum(CASE p.side WHEN 'D' THEN p.amount_minor ELSE -p.amount_minor END) <> 0"""

_KEYS = """
    SELECT coalesce(k.entry_id, e.id)::text
      FROM ledger_entrykey AS k FULL JOIN ledger_journalentry AS e ON e.id = k.entry_id AND e.key = k.key
     WHERE k.key IS NULL OR e.id IS NULL"""


def _rows(query: str, sentence: str) -> Callable[[], Iterator[str]]:
    def violations() -> Iterator[str]:
        with services.database("ledger").cursor() as cursor:
            cursor.execute(query)
            for (place,) in cursor.fetchall():
                yield sentence.format(place)

    return violations


INVARIANTS = (
    Invariant(
        "entries_balance",
        "Every entry balances in each currency",
        _rows(_UNBALANCED, "entry {} does not balance"),
    ),
    Invariant(
        "postings_follow",
        "The postings are the journal's legs",
        _rows(_UNFOLDED, "entry {}: its postings differ"),
    ),
    Invariant(
        "balances_exact",
        "Every exact balance is the sum of its postings, its holds are what is set aside, and neither breaks the floor",
        _rows(_BALANCES, "account {}: its balance or what is held differs"),
    ),
    Invariant(
        "books_balance", "All debits equal all credits", _rows(_CURRENCIES, "{}: debits and credits differ")
    ),
    Invariant(
        "keys_match", "Every entry has its key, every key its entry", _rows(_KEYS, "entry {}: key missing")
    ),
)
