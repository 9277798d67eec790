"""What the rows of an older system may refer to here."""

from __future__ import annotations

from datetime import datetime

from warchest.accounting.contract import Accounting
from warchest.catalogue.contract import Catalogue
from warchest.cli.move_in.rows import House
from warchest.kernel.currency import currency
from warchest.runtime.services import services


def house(*, cutover_at: datetime, at: datetime) -> House:
    """As it stands ``at`` this moment."""
    accounting, catalogue = services.get(Accounting), services.get(Catalogue)
    functional = accounting.functional_currency()
    rates = accounting.currency_rates(at=at)
    return House(
        cutover_at=cutover_at,
        functional=currency(functional),
        online_services={one.code: one.id for one in catalogue.online_services()},
        plans={
            one.id: {plan.code: plan.id for plan in catalogue.plans_of(online_service_id=one.id, at=at)}
            for one in catalogue.online_services()
        },
        books={book.code: book for book in accounting.opening_books()},
        currencies=frozenset(
            {
                functional,
                *accounting.accepted_currencies(at=at),
                *(code for rate in rates for code in (rate.base, rate.quote)),
            }
        ),
    )
