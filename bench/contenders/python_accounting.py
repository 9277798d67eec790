"""python-accounting: a general ledger on SQLAlchemy, with reports as its aim.

A purchase is two journal entries, one for the payer and one for the commissions, since each has one main account and its
``post()`` commits by itself; a compound entry would commit fourteen times. The wallet's row is locked and its balance asked for.
It numbers its documents by counting them, so callers collide, and a caller tries again. No idempotency key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bench.purchase import COMMISSIONS_MINOR, OPENING_MINOR, PRICE_MINOR, REVENUE_MINOR, TAX_MINOR, Purchase
from bench.worker import Place, serve

HOUSE = (("revenue", "OPERATING_REVENUE"), ("tax", "CONTROL"), ("commission", "DIRECT_EXPENSE"))
ATTEMPTS_MAX = 50


def _engine(place: Place) -> Any:
    from psycopg.conninfo import conninfo_to_dict
    from sqlalchemy import URL, create_engine

    parts = conninfo_to_dict(place.dsn)
    url = URL.create(
        "postgresql+psycopg2",
        username=parts["user"],
        password=parts.get("password"),
        host=parts["host"],
        port=int(parts["port"] or 5432),
        database=parts["dbname"],
    )
    return create_engine(url, pool_size=1)


def prepare(place: Place) -> None:
    from python_accounting.database.session import get_session
    from python_accounting.models import Account, Base, Currency, Entity
    from sqlalchemy import text

    engine = _engine(place)
    Base.metadata.create_all(engine)
    with get_session(engine) as session:
        entity = Entity(name="Bench")
        session.add(entity)
        session.commit()
        currency = Currency(name="Euro", code="EUR", entity_id=entity.id)
        session.add(currency)
        session.commit()
        ids: dict[str, int] = {"entity": entity.id, "currency": currency.id}
        for name, kind in (*HOUSE, ("bank", "BANK")):
            account = Account(
                name=name,
                account_type=getattr(Account.AccountType, kind),
                currency_id=currency.id,
                entity_id=entity.id,
            )
            session.add(account)
            session.commit()
            ids[name] = account.id
        opening = _entry(session, ids, debit=ids["bank"], credits=[(ids["revenue"], 1)], at=datetime.now())
    # One by one its accounts would take an hour to make, since each counts those before.
    with engine.begin() as connection:
        for statement in _PLAYERS_SQL:
            connection.execute(
                text(statement),
                ids | {"players": place.players, "amount": OPENING_MINOR / 100, "opening": opening},
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


_PLAYERS_SQL = (
    """INSERT INTO recyclable (id, recycled_type, created_at, updated_at)
       SELECT 1000000 + number, 'Account', now(), now() FROM generate_series(0, :players - 1) AS number""",
    """INSERT INTO account (id, name, account_code, account_type, currency_id, entity_id)
       SELECT 1000000 + number, 'player-' || number, 20000 + number, 'PAYABLE', :currency, :entity
       FROM generate_series(0, :players - 1) AS number""",
    """INSERT INTO recyclable (id, recycled_type, created_at, updated_at)
       SELECT 5000000 + number, 'Ledger', now(), now() FROM generate_series(0, :players - 1) AS number""",
    """INSERT INTO ledger (id, transaction_date, entry_type, amount, transaction_id, currency_id,
                           post_account_id, folio_account_id, entity_id)
       SELECT 5000000 + number, now(), 'CREDIT', :amount, :opening, :currency, 1000000 + number, :bank, :entity
       FROM generate_series(0, :players - 1) AS number""",
    "SELECT setval(pg_get_serial_sequence('recyclable', 'id'), 9000000)",
)


def _entry(
    session: Any, ids: dict[str, int], *, debit: int, credits: Sequence[tuple[int, float]], at: datetime
) -> int:
    from python_accounting.models import LineItem
    from python_accounting.transactions import JournalEntry

    entry = JournalEntry(
        narration="purchase",
        transaction_date=at,
        account_id=debit,
        credited=False,
        entity_id=ids["entity"],
    )
    entry.credited = False
    session.add(entry)
    session.flush()
    lines = [
        LineItem(narration="part", account_id=account, amount=amount, entity_id=ids["entity"], credited=True)
        for account, amount in credits
    ]
    session.add_all(lines)
    session.flush()
    entry.line_items.update(lines)
    session.add(entry)
    entry.post(session)
    return entry.id


class _Caller:
    def __init__(self, place: Place) -> None:
        from sqlalchemy import text

        self._engine = _engine(place)
        with self._engine.connect() as connection:
            self._ids = dict(
                connection.execute(text("SELECT lower(name), id FROM account WHERE id < 1000000")).fetchall()
            )
            self._ids["entity"] = connection.execute(text("SELECT id FROM entity")).scalar_one()

    def buy(self, wanted: Sequence[Purchase]) -> None:
        from sqlalchemy.exc import DBAPIError

        for purchase in wanted:
            for step in (self._pay, self._commission):
                for attempt in range(ATTEMPTS_MAX):
                    try:
                        step(purchase)
                        break
                    except DBAPIError:
                        if attempt == ATTEMPTS_MAX - 1:
                            raise

    def _pay(self, purchase: Purchase) -> None:
        from python_accounting.database.session import get_session
        from python_accounting.models import Account, Entity
        from sqlalchemy import select

        wallet = 1_000_000 + purchase.payer
        with get_session(self._engine) as session:
            session.entity = session.get(Entity, self._ids["entity"])
            account = session.scalar(select(Account).where(Account.id == wallet).with_for_update(of=Account))
            if -account.closing_balance(session) < PRICE_MINOR / 100:
                raise ValueError(f"account {wallet} has not enough")
            credits = [
                (self._ids["revenue"], REVENUE_MINOR / 100),
                (self._ids["tax"], TAX_MINOR / 100),
            ]
            _entry(session, self._ids, debit=wallet, credits=credits, at=datetime.now())

    def _commission(self, purchase: Purchase) -> None:
        from python_accounting.database.session import get_session
        from python_accounting.models import Entity

        with get_session(self._engine) as session:
            session.entity = session.get(Entity, self._ids["entity"])
            credits = [
                (1_000_000 + sponsor, minor / 100)
                for sponsor, minor in zip(purchase.sponsors, COMMISSIONS_MINOR, strict=True)
            ]
            _entry(session, self._ids, debit=self._ids["commission"], credits=credits, at=datetime.now())

    def close(self) -> None:
        self._engine.dispose()


if __name__ == "__main__":
    serve(prepare, _Caller)
