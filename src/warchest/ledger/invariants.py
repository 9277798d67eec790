"""What must hold of the books at any moment, whoever wrote to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from warchest.ledger import seal_checks
from warchest.runtime.invariants import Invariant
from warchest.runtime.services import services

# Said anew, not by the function that the constraint calls: that could be another by now.
_UNBALANCED = """
    SELECT e.id::text FROM ledger_everyentry AS e
     WHERE cardinality(e.amounts) < 2 OR cardinality(e.accounts) <> cardinality(e.amounts)
        OR length(e.sides) <> cardinality(e.amounts) OR e.sides ~ '[^DC]'
        OR length(e.currencies) NOT IN (3, 3 * cardinality(e.amounts))
        OR EXISTS (SELECT FROM unnest(e.amounts) WITH ORDINALITY AS l(amount, leg)
                    GROUP BY CASE WHEN length(e.currencies) = 3 THEN e.currencies
                                  ELSE substr(e.currencies, 3 * l.leg::int - 2, 3) END
                   HAVING sum(CASE substr(e.sides, l.leg::int, 1) WHEN 'D' THEN l.amount ELSE -l.amount END) <> 0
                       OR min(l.amount) < 1)
     ORDER BY e.position"""

_CURRENCIES_OF_LEGS = """
    SELECT DISTINCT leg.entry_id::text
      FROM ledger_leg AS leg LEFT JOIN ledger_account AS a ON a.id = leg.account_id
     WHERE a.id IS NULL OR a.currency <> leg.currency"""

_UNFOLDED = """
    SELECT coalesce(leg.entry_id, p.entry_id)::text
      FROM (SELECT * FROM ledger_leg WHERE position <= (SELECT position FROM ledger_watermark)) AS leg
      FULL JOIN ledger_everyposting AS p
        ON p.account_id = leg.account_id AND p.position = leg.position AND p.leg = leg.leg
     WHERE (leg.entry_id, leg.side, leg.amount_minor, leg.occurred_at)
           IS DISTINCT FROM (p.entry_id, p.side, p.amount_minor, p.occurred_at)
     ORDER BY coalesce(leg.position, p.position)"""

_RUNNING = """
    SELECT entry_id::text
      FROM (SELECT p.entry_id, p.position, p.net_after_minor,
                   sum(CASE p.side WHEN 'D' THEN p.amount_minor ELSE -p.amount_minor END)
                       OVER (PARTITION BY p.account_id ORDER BY p.position, p.leg) AS net
              FROM ledger_everyposting AS p) AS run
     WHERE net <> net_after_minor ORDER BY position"""

_SUMS = """
    SELECT a.book_id || '/' || a.owner || '/' || a.currency
      FROM ledger_account AS a
      LEFT JOIN (SELECT p.account_id, sum(p.amount_minor) FILTER (WHERE p.side = 'D') AS debit,
                        sum(p.amount_minor) FILTER (WHERE p.side = 'C') AS credit
                   FROM ledger_everyposting AS p GROUP BY p.account_id) AS sums ON sums.account_id = a.id
     WHERE (a.debit_minor, a.credit_minor) <> (coalesce(sums.debit, 0), coalesce(sums.credit, 0))
     ORDER BY 1"""

_DAYS = """
    SELECT coalesce(sums.book_id, d.book_id) || ' ' || coalesce(sums.currency, d.currency) || ' '
           || coalesce(sums.day, d.day)
      FROM (SELECT a.book_id, a.currency, (p.occurred_at AT TIME ZONE 'UTC')::date AS day,
                   coalesce(sum(p.amount_minor) FILTER (WHERE p.side = 'D'), 0) AS debit,
                   coalesce(sum(p.amount_minor) FILTER (WHERE p.side = 'C'), 0) AS credit
              FROM ledger_everyposting AS p JOIN ledger_account AS a ON a.id = p.account_id
             GROUP BY 1, 2, 3) AS sums
      FULL JOIN ledger_daysum AS d USING (book_id, currency, day)
     WHERE (sums.debit, sums.credit) IS DISTINCT FROM (d.debit_minor, d.credit_minor)
     ORDER BY 1"""

_BALANCES = """
    SELECT a.book_id || '/' || a.owner || '/' || a.currency
      FROM ledger_balance AS b
      JOIN ledger_account AS a ON a.id = b.account_id
      LEFT JOIN (SELECT t.account_id, sum(CASE t.side WHEN 'D' THEN t.amount_minor ELSE -t.amount_minor END) AS net
                   FROM ledger_tail AS t GROUP BY t.account_id) AS tail ON tail.account_id = a.id
      LEFT JOIN (SELECT h.account_id, sum(h.amount_minor) AS held
                   FROM ledger_hold AS h WHERE h.state = 'open' GROUP BY h.account_id) AS holds ON holds.account_id = a.id
     WHERE b.posted_minor <> CASE b.side WHEN 'D' THEN 1 ELSE -1 END
                             * (a.debit_minor - a.credit_minor + coalesce(tail.net, 0))
        OR b.held_minor <> coalesce(holds.held, 0)
        OR b.posted_minor - b.held_minor < 0
        OR b.short
     ORDER BY 1"""

_CURRENCIES = """
    SELECT leg.currency FROM ledger_leg AS leg GROUP BY leg.currency
    HAVING sum(CASE leg.side WHEN 'D' THEN leg.amount_minor ELSE -leg.amount_minor END) <> 0"""

_KEYS = """
    SELECT coalesce(k.entry_id, e.id)::text
      FROM ledger_postedkey AS k
      FULL JOIN ledger_everyentry AS e
        ON e.id = k.entry_id
       AND substr(uuid_send(k.digest), 7) = substr(sha256(convert_to(e.key, 'UTF8')), 1, 10)
       AND substr(uuid_send(k.digest), 1, 6) = substr(sha256(convert_to(
               left(e.key, CASE WHEN length(e.key) < 36 THEN -3 ELSE -28 END), 'UTF8')), 1, 6)
     WHERE k.digest IS NULL OR e.id IS NULL"""

_REVERSALS = """
    SELECT coalesce(r.entry_id, undone.reverses_id)::text
      FROM ledger_reversed AS r
      FULL JOIN (SELECT e.reverses_id, leg.account_id, CASE leg.side WHEN 'D' THEN 'C' ELSE 'D' END AS side,
                        sum(leg.amount_minor) AS amount
                   FROM ledger_everyentry AS e JOIN ledger_leg AS leg ON leg.entry_id = e.id
                  WHERE e.reverses_id IS NOT NULL GROUP BY 1, 2, 3) AS undone
        ON undone.reverses_id = r.entry_id AND undone.account_id = r.account_id AND undone.side = r.side
     WHERE coalesce(r.reversed_minor, 0) <> coalesce(undone.amount, 0)
        OR r.entry_minor IS DISTINCT FROM (SELECT sum(leg.amount_minor) FROM ledger_leg AS leg
                                            WHERE leg.entry_id = r.entry_id AND leg.account_id = r.account_id
                                              AND leg.side::text = r.side)
     ORDER BY 1"""


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
        "legs_in_their_currency",
        "Every leg is in the currency of an account that exists",
        _rows(_CURRENCIES_OF_LEGS, "entry {}: a leg has no account in its currency"),
    ),
    Invariant(
        "postings_follow",
        "The postings are the journal's legs, up to the watermark",
        _rows(_UNFOLDED, "entry {}: its postings differ"),
    ),
    Invariant(
        "running_balances",
        "Each posting's balance is that of the one before and its own amount",
        _rows(_RUNNING, "entry {}: the balance after it differs"),
    ),
    Invariant(
        "account_sums",
        "The sums of each account are those of its postings",
        _rows(_SUMS, "account {}: its sums differ"),
    ),
    Invariant(
        "day_sums",
        "The trial balance's sums of days are those of the postings",
        _rows(_DAYS, "{}: the sum of the day differs"),
    ),
    Invariant(
        "balances_exact",
        "Every exact balance is the sum of its entries, its holds are what is set aside, and neither breaks the floor",
        _rows(_BALANCES, "account {}: its balance or what is held differs"),
    ),
    Invariant(
        "books_balance", "All debits equal all credits", _rows(_CURRENCIES, "{}: debits and credits differ")
    ),
    Invariant(
        "keys_match", "Every entry has its key, every key its entry", _rows(_KEYS, "entry {}: key missing")
    ),
    Invariant(
        "reversals_within",
        "What was reversed of each entry is what its reversals say, and no more than it has",
        _rows(_REVERSALS, "entry {}: what is counted as reversed differs"),
    ),
    *seal_checks.INVARIANTS,
)
