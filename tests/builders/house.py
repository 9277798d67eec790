"""The house that every test finds: a chart of accounts, rates, tax rates and a small catalogue."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.catalogue.contract import Catalogue
from warchest.kernel.money import Money
from warchest.kernel.period import Term, TermUnit
from warchest.runtime.services import services

FOUNDED_AT = datetime(2020, 1, 1, tzinfo=UTC)
ARENA = UUID("01900000-0000-7000-8000-000000000001")
ARENA_MONTH = UUID("01900000-0000-7000-8000-000000000011")
ARENA_YEAR = UUID("01900000-0000-7000-8000-000000000012")


def furnish() -> None:
    """One euro is 100 units, the tax in Germany 19 per cent, and 'Arena' costs 500 units a month."""
    accounting = services.get(Accounting)
    accounting.define_chart()
    for code, units in (("EUR", "100"), ("USD", "92"), ("JPY", "0.61"), ("KWD", "300")):
        accounting.set_rate(
            currency=code, units_per_major=Decimal(units), valid_from=FOUNDED_AT, at=FOUNDED_AT
        )
    accounting.set_tax_rates(rates_bps={"DE": 1900, "FR": 2000, "JP": 1000}, valid_from=FOUNDED_AT)
    catalogue = services.get(Catalogue)
    catalogue.add_online_service(
        online_service_id=ARENA,
        code="arena",
        names={"en": "Arena", "de": "Arena"},
        texts={"en": "Ranked matches.", "de": "Gewertete Spiele."},
    )
    for plan, code, term, prices in (
        (ARENA_MONTH, "arena-month", Term(1, TermUnit.MONTH), ("500 XCR", "5.00 EUR", "5.50 USD", "820 JPY")),
        (
            ARENA_YEAR,
            "arena-year",
            Term(1, TermUnit.YEAR),
            ("5000 XCR", "50.00 EUR", "55.00 USD", "8200 JPY"),
        ),
    ):
        catalogue.add_plan(
            plan_id=plan, online_service_id=ARENA, code=code, names={"en": code, "de": code}, term=term
        )
        for price in prices:
            amount, currency = price.split()
            catalogue.add_price(
                plan_id=plan, amount=Money.parse(amount, currency), valid_from=FOUNDED_AT, at=FOUNDED_AT
            )
