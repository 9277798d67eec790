"""The balance: what each charge, refund and dispute does to it, what Stripe keeps, and what it pays out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from warchest_stripe import minor_units
from warchest_stripe.simulator.book import Book, Object

DISPUTE_FEE = {0: 2000, 2: 2000, 3: 20000}
_NOON_S = 12 * 3600


def fee_of(amount: int, code: str) -> int:
    """1.5 % and a quarter of a major unit: the shape of a card's fee, in the order of size that it has in Europe."""
    fee = amount * 15 // 1000 + {0: 30, 2: 25, 3: 250}[minor_units.decimals(code.upper())]
    return fee - fee % 100 if code in {"isk", "ugx"} else fee


def move(
    book: Book,
    kind: str,
    source: Object | None,
    amount: int,
    code: str,
    *,
    fee: int = 0,
    category: str = "",
    description: str = "",
) -> Object:
    """Book a movement of the balance: ``amount`` less ``fee``."""
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": code,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    moved = book.new(
        "balance_transaction",
        "txn",
        amount=amount,
        balance_type="payments",
        currency=code,
        description=description or None,
        exchange_rate=None,
        fee=fee,
        fee_details=details if fee else [],
        net=amount - fee,
        reporting_category=category or kind,
        source=source["id"] if source else None,
        status="available",
        type=kind,
        _payout="",
    )
    moved["available_on"] = moved["created"]
    return book.keep(moved)


def settle(book: Book, day: date) -> list[Object]:
    """Let everything that was not paid out yet have happened on ``day``, and pay it out: one payout a currency."""
    begins = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    open_by_currency: dict[str, list[Object]] = {}
    for moved in reversed(book.all("balance_transaction")):
        if not moved["_payout"]:
            open_by_currency.setdefault(moved["currency"], []).append(moved)
    payouts = []
    for code, movements in sorted(open_by_currency.items()):
        total = sum(moved["net"] for moved in movements)
        if total <= 0:
            # Stripe waits until there is something to pay out.
            continue
        payout = _pay_out(book, total, code, at=begins + _NOON_S)
        payouts.append(payout)
        for moved in movements:
            book.keep(moved | {"_payout": payout["id"], "created": min(moved["created"], begins + _NOON_S)})
    return payouts


def _pay_out(book: Book, total: int, code: str, *, at: int) -> Object:
    payout = book.new(
        "payout",
        "po",
        amount=total,
        arrival_date=at + 86400,
        automatic=True,
        currency=code,
        description="STRIPE PAYOUT",
        metadata={},
        method="standard",
        reconciliation_status="completed",
        statement_descriptor="WARCHEST TEST",
        status="paid",
        type="bank_account",
    )
    moved = move(book, "payout", payout, -total, code, description="STRIPE PAYOUT")
    book.keep(moved | {"_payout": payout["id"], "created": at})
    return book.keep(payout | {"balance_transaction": moved["id"], "created": at})


def balance(book: Book) -> dict[str, Any]:
    sums: dict[str, int] = {}
    for moved in book.all("balance_transaction"):
        sums[moved["currency"]] = sums.get(moved["currency"], 0) + moved["net"]
    available = [
        {"amount": amount, "currency": code, "source_types": {"card": amount}}
        for code, amount in sorted(sums.items())
    ]
    return {"object": "balance", "available": available, "livemode": book.is_live, "pending": []}
