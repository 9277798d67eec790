"""Warchest's ledger at its own door: ``services.get(Ledger)``, in a deployment's own tables and roles.

Purchases one at a time go through ``post`` outside any transaction, where the callers of one process are joined; those in sets
through ``post_set``. All keys are unique and answered again, all six wallets exact and never below zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from time import perf_counter, sleep

from bench.contenders.warchest_home import let_go, set_up
from bench.purchase import (
    COMMISSIONS_MINOR,
    CURRENCY,
    OPENING_MINOR,
    POSTINGS,
    REVENUE_MINOR,
    TAX_MINOR,
    Purchase,
)
from bench.worker import Place, serve
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Book, BookKind, EntryDraft, Ledger, Leg, Refused, Side, credit, debit

WALLET, REVENUE, TAX, COMMISSION, BANK = (
    f"bench_{name}" for name in ("wallet", "revenue", "tax", "commission", "bank")
)
BOOKS = (
    Book(WALLET, BookKind.LIABILITY, Side.CREDIT, floored=True),
    Book(REVENUE, BookKind.INCOME, Side.CREDIT),
    Book(TAX, BookKind.LIABILITY, Side.CREDIT),
    Book(COMMISSION, BookKind.EXPENSE, Side.DEBIT),
    Book(BANK, BookKind.ASSET, Side.DEBIT),
)
WALLETS_AN_OPENING = 500
_PAUSE_S = 0.05
_TRIALS = 10
JOURNAL = ("ledger_journalentry", "ledger_postedkey")
"""What a posting takes: the source of truth and its keys, with their indexes. All else can be made anew from it."""


def prepare(place: Place) -> None:
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)
    ledger = _ledger()
    ledger.define_books(books=BOOKS)
    for first in range(0, place.players, WALLETS_AN_OPENING):
        wallets = range(first, min(first + WALLETS_AN_OPENING, place.players))
        ledger.post(
            entry=EntryDraft(
                id=new_id(),
                key=f"opening:{first}",
                kind="opening",
                occurred_at=datetime.now(UTC),
                legs=(
                    debit(BANK, _money(OPENING_MINOR * len(wallets))),
                    *(credit(WALLET, _money(OPENING_MINOR), owner=_owner(number)) for number in wallets),
                ),
            )
        )
    _vacuum(place)


class _Caller:
    def __init__(self, _: Place) -> None:
        self._ledger = _ledger()
        self._revenue = (credit(REVENUE, _money(REVENUE_MINOR)), credit(TAX, _money(TAX_MINOR)))
        self._paid = (_money(REVENUE_MINOR), _money(TAX_MINOR))
        self._earned = [(debit(COMMISSION, _money(minor)), _money(minor)) for minor in COMMISSIONS_MINOR]

    def buy(self, wanted: Sequence[Purchase]) -> None:
        if len(wanted) == 1:
            self._ledger.post(entry=self._entry(wanted[0]))
            return
        outcomes = self._ledger.post_set(entries=[self._entry(purchase) for purchase in wanted])
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                raise ValueError(f"refused: {outcome.reason}")

    def _entry(self, purchase: Purchase) -> EntryDraft:
        payer = _owner(purchase.payer)
        legs: list[Leg] = []
        for paid, received in zip(self._paid, self._revenue, strict=True):
            legs += (Leg(Side.DEBIT, WALLET, paid, payer), received)
        for sponsor, (cost, earned) in zip(purchase.sponsors, self._earned, strict=True):
            legs += (cost, Leg(Side.CREDIT, WALLET, earned, _owner(sponsor)))
        return EntryDraft(
            id=new_id(), key=purchase.key, kind="purchase", occurred_at=datetime.now(UTC), legs=tuple(legs)
        )

    def close(self) -> None:
        let_go()


def fold(_: Place, *, seconds: float = 0.0) -> Mapping[str, float]:
    """How fast the projector folds what is not folded yet: all of it, and going on for ``seconds`` where more may come."""
    ledger = _ledger()
    begun, entries = perf_counter(), 0
    while ledger.folding().behind or perf_counter() < begun + seconds:
        folded = ledger.fold()
        entries += folded
        if not folded:
            # Nothing new, or somebody's transaction is still open before it.
            sleep(_PAUSE_S)
    return {"entries": entries, "seconds": perf_counter() - begun}


def footprint(place: Place) -> Mapping[str, int]:
    """Bytes on disk, and the postings (legs) in the journal. Partitions count with their table."""
    import psycopg

    _vacuum(place)
    with psycopg.connect(place.dsn, autocommit=True) as connection:
        sizes: dict[str, int] = dict(
            connection.execute(
                "SELECT coalesce(above.relname, own.relname),"
                " sum(pg_total_relation_size(own.oid))::bigint FROM pg_class own"
                " LEFT JOIN pg_inherits ON inhrelid = own.oid LEFT JOIN pg_class above ON above.oid = inhparent"
                " WHERE own.relname LIKE 'ledger\\_%' AND own.relkind = 'r' GROUP BY 1"
            ).fetchall()
        )
        ((entries,),) = connection.execute(
            "SELECT count(*) FROM ledger_journalentry WHERE kind = 'purchase'"
        ).fetchall()
    journal = sum(sizes.get(table, 0) for table in JOURNAL)
    return {"journal": journal, "beside": sum(sizes.values()) - journal, "postings": entries * POSTINGS}


def trial_balance(place: Place) -> Mapping[str, float]:
    """Seconds from the roll-ups, and by summing each leg, in the quicker of two ways; raises where they differ by a cent."""
    ledger = _ledger()
    ledger.count_entries()  # connects
    begun = perf_counter()
    for _ in range(_TRIALS):
        lines = ledger.trial_balance()
    rolled_up_s = (perf_counter() - begun) / _TRIALS
    rolled_up = {(line.book, line.currency): (line.debit_minor, line.credit_minor) for line in lines}
    scans = []
    for table in ("ledger_leg", "ledger_posting"):
        begun = perf_counter()
        scanned = _scan(place, table)
        scans.append(perf_counter() - begun)
        if scanned != rolled_up:
            raise AssertionError(f"the roll-ups say {rolled_up}, {table} {scanned}")
    return {"rolled_up_s": rolled_up_s, "scanned_s": min(scans)}


def _scan(place: Place, legs: str) -> dict[tuple[str, str], tuple[int, int]]:
    import psycopg

    with psycopg.connect(place.dsn, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT account.book_id, account.currency, sum(part.debit)::bigint, sum(part.credit)::bigint"
            " FROM (SELECT account_id, sum(amount_minor) FILTER (WHERE side = 'D') AS debit,"
            f" sum(amount_minor) FILTER (WHERE side = 'C') AS credit FROM {legs} GROUP BY account_id) AS part"
            " JOIN ledger_account AS account ON account.id = part.account_id GROUP BY 1, 2"
        ).fetchall()
    return {(book, unit): (debits or 0, credits or 0) for book, unit, debits, credits in rows}


def _ledger() -> Ledger:
    from warchest.runtime.services import services

    return services.get(Ledger)


def _money(minor: int) -> Money:
    return Money(minor, currency(CURRENCY))


def _owner(player: int) -> str:
    """As long as a player's id is."""
    return f"01900000-0000-7000-8000-{player:012x}"


def _vacuum(place: Place) -> None:
    import psycopg

    with psycopg.connect(place.dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    serve(prepare, _Caller, fold, footprint, trial_balance, set_up=set_up, let_go=let_go)
