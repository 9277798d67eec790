"""What each thing that a card gives costs by itself, and how what was paid for all of it is shared among them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from math import lcm
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import BatchTerms, UnableToOrderBatch, Worth
from warchest.catalogue.contract import Catalogue, Plan, Tournament
from warchest.kernel.currency import INNER, Currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


class UnableToPrice(UnableTo):
    """One of several things has no price by itself, so that nobody can say which part of the whole is for it."""

    reasons = frozenset({"worth_without_price"})


def stand_alone_prices(
    accounting: Accounting, catalogue: Catalogue, gives: Sequence[Worth], *, within: Currency, at: datetime
) -> tuple[Fraction, ...]:
    """What each would have cost by itself at this moment, in exact minor units of the currency ``within``.

    Observable prices (IFRS 15.77): money is worth itself, units what they are sold for, time and passes what the catalogue asks
    for them, in this currency or else in units. Raises UnableToPrice, UnableToFindInCatalogue.
    """
    rates = {rate.currency: Fraction(rate.units_per_major) for rate in accounting.rates(at=at)}

    def price(worth: Worth) -> Fraction:
        for amount in _prices(catalogue, worth, within=within, at=at):
            if amount.currency == within:
                return Fraction(amount.minor)
            units = Fraction(1) if amount.currency == INNER else rates.get(amount.currency.code)
            if units is not None and within.code in rates:
                major = Fraction(amount.minor, amount.currency.minor_per_major) * units / rates[within.code]
                return major * within.minor_per_major
        raise UnableToPrice("worth_without_price")

    return tuple(map(price, gives))


def _prices(catalogue: Catalogue, worth: Worth, *, within: Currency, at: datetime) -> list[Money]:
    """The price in this currency first, then in units, as far as there are any."""
    if worth.money is not None:
        return [worth.money]
    if worth.tournament is not None:
        sold: Plan | Tournament = catalogue.tournament(tournament_id=worth.tournament, at=at)
    else:
        assert worth.plan is not None
        sold = catalogue.plan(plan_id=worth.plan, at=at)
    found = [sold.price_in(within.code), sold.price_in(INNER.code)]
    return [price * (worth.periods or 1) for price in found if price is not None]


def in_proportion(paid: Money, prices: Sequence[Fraction]) -> tuple[Money, ...]:
    """What was paid for the whole, in parts in proportion to the stand-alone prices, to the last minor unit (IFRS 15.76 and
    15.81: whatever the whole is cheaper than its parts is shared in the same proportion)."""
    whole = lcm(*(price.denominator for price in prices))
    return paid.split([int(price * whole) for price in prices])


def check_worth(accounting: Accounting, catalogue: Catalogue, terms: BatchTerms, *, at: datetime) -> None:
    """Whether all that a batch's cards are to give can be given, and where several are paid for in one, each has its price.

    Raises UnableToQuote, UnableToFindInCatalogue, UnableToPrice, UnableToOrderBatch.
    """
    for worth in terms.gives:
        if worth.money is not None and worth.money.currency != INNER:
            accounting.quote(paid=worth.money, at=at)
        place = _place(catalogue, worth, at=at)
        if place is not None and terms.online_service not in (None, place):
            raise UnableToOrderBatch("worth_of_other_service")
    if terms.online_service is not None:
        catalogue.online_service(online_service_id=terms.online_service)
    if terms.is_for_sale and len(terms.gives) > 1:
        stand_alone_prices(accounting, catalogue, terms.gives, within=terms.face.currency, at=at)


def _place(catalogue: Catalogue, worth: Worth, *, at: datetime) -> UUID | None:
    """The online service that time or a pass is for. Raises UnableToFindInCatalogue, UnableToOrderBatch."""
    if worth.plan is not None:
        return catalogue.plan(plan_id=worth.plan, at=at).online_service
    if worth.tournament is None:
        return None
    tournament = catalogue.tournament(tournament_id=worth.tournament, at=at)
    if not tournament.is_open(at):
        raise UnableToOrderBatch("worth_is_over")
    return tournament.online_service
